package lanecast

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const alive = 3 * time.Second

// listener hears a run's commands, and says every second that somebody does. The cursor is ours: no command is missed
// after a lost connection.
type listener struct {
	run, producer string
	client        *redis.Client
	handle        func(command, float64)
	cursor        string
	cancel        context.CancelFunc
	done          chan struct{}
}

func (l *listener) start() {
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.done = make(chan struct{})
	go l.work(ctx)
}

// stop ends the listening; the alive key may be deleted afterwards.
func (l *listener) stop() {
	l.cancel()
	<-l.done
}

func (l *listener) work(ctx context.Context) {
	defer close(l.done)
	var pause backoff
	for ctx.Err() == nil {
		if err := l.round(ctx); err != nil {
			pause.wait(ctx) // the publisher tells the user
		} else {
			pause = backoff{}
		}
	}
}

func (l *listener) round(ctx context.Context) error {
	key := "lc:{" + l.run + "}:ctl"
	newest, err := l.client.XRevRangeN(ctx, key, "+", "-", 1).Result()
	if err != nil {
		return err
	}
	last := "0-0"
	if len(newest) > 0 {
		last = newest[0].ID
	}
	if l.cursor == "" {
		l.cursor = last
	} else if before(last, l.cursor) {
		l.cursor = "0-0" // the server has lost something; what comes twice is known by its id
	}
	// Only now that the cursor stands: whoever sees the key may send at once.
	err = l.client.Set(ctx, "lc:{"+l.run+"}:alive", l.producer, alive).Err()
	if isOOM(err) { // a server without memory refuses to set it, but not to keep it
		err = l.client.PExpire(ctx, "lc:{"+l.run+"}:alive", alive).Err()
	}
	if err != nil {
		return err
	}
	streams, err := l.client.XRead(ctx, &redis.XReadArgs{Streams: []string{key, l.cursor}, Count: 100, Block: time.Second}).Result()
	if err == redis.Nil {
		return nil
	} else if err != nil {
		return err
	}
	for _, entry := range streams[0].Messages {
		if ctx.Err() != nil {
			return nil
		}
		l.cursor = entry.ID
		fields := map[string]string{}
		for name, value := range entry.Values {
			fields[name], _ = value.(string)
		}
		if c, err := readCommand(fields); err == nil { // an entry that cannot be read cannot be answered
			l.handle(c, float64(time.Now().UnixMilli()))
		}
	}
	return nil
}

func before(a, b string) bool {
	aMS, aN := parts(a)
	bMS, bN := parts(b)
	return aMS < bMS || (aMS == bMS && aN < bN)
}

func parts(id string) (ms, n uint64) {
	left, right, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(left, 10, 64)
	n, _ = strconv.ParseUint(right, 10, 64)
	return ms, n
}

func isOOM(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "OOM") }
