package lanecast

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed append.lua
var appendSource string

var appendScript = redis.NewScript(appendSource)

const (
	tickEvery    = time.Second
	fullWait     = 50 * time.Millisecond
	noMemoryWait = 250 * time.Millisecond
)

// Stats is what became of all that was published.
type Stats struct {
	Published  map[string]int64 // lane -> messages that Redis has acknowledged
	Dropped    map[string]int64 // lane:cause -> messages given up
	Buffered   int
	Reconnects int
	Connected  bool
	Epoch      int64
	Fenced     bool // a newer producer of the same name has taken over: this one sends nothing any more
}

var errFenced = errors.New("a newer producer has taken over")

type lane struct {
	name      string
	bound     int
	replay    replay
	notBefore time.Time
}

// publisher carries messages from the buffers to Redis on a goroutine of its own, through everything that may happen to
// the server. Nothing that is put here waits or fails. critical and normal arrive once and in order; of frames and images
// the newest.
type publisher struct {
	run, producer string
	client        *redis.Client
	announce      func() []message
	onFenced      func()

	mu         sync.Mutex // guards what follows, never held over I/O
	critical   lane
	normal     lane
	frames     newest
	images     map[string]message
	published  map[string]int64
	dropped    map[string]int64
	shedLow    bool
	epoch      int64
	reconnects int
	connected  bool
	fenced     bool

	// the goroutine's own
	greeted   bool
	away      bool
	frameSeq  int64
	nextTick  time.Time
	nextFrame time.Time
	rateHz    float64
	closing   chan struct{}
	deadline  time.Time
	wake      chan struct{}
	done      chan struct{}
}

func newPublisher(run, producer string, client *redis.Client, announce func() []message, onFenced func()) *publisher {
	return &publisher{
		run: run, producer: producer, client: client, announce: announce, onFenced: onFenced,
		critical: lane{name: "critical", bound: 100_000, replay: replay{limit: maxWaiting}},
		normal:   lane{name: "normal", bound: 50_000, replay: replay{limit: maxWaiting}},
		images:   map[string]message{}, published: map[string]int64{}, dropped: map[string]int64{},
		rateHz: math.Inf(1), closing: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

func (p *publisher) put(l *lane, kind string, data []byte) {
	p.mu.Lock()
	if p.fenced {
		p.drop(l.name+":fenced", 1)
	} else {
		p.drop(l.name+":buffer_full", l.replay.put(message{kind, data, time.Now().UnixMilli()}))
	}
	p.mu.Unlock()
	p.rouse()
}

func (p *publisher) putFrame(data []byte, layers []string, partial bool) {
	p.mu.Lock()
	if p.fenced {
		p.drop("high:fenced", 1)
	} else {
		p.drop("high:superseded", p.frames.put(&outgoing{message{"frame", data, time.Now().UnixMilli()}, layers, partial}))
	}
	p.mu.Unlock()
	p.rouse()
}

func (p *publisher) putImage(camera string, data []byte) {
	p.mu.Lock()
	switch {
	case p.fenced:
		p.drop("low:fenced", 1)
	case p.shedLow:
		p.drop("low:flow", 1)
	default:
		if _, there := p.images[camera]; there {
			p.drop("low:superseded", 1)
		}
		p.images[camera] = message{"image", data, time.Now().UnixMilli()}
	}
	p.mu.Unlock()
	p.rouse()
}

// close sends what is left, for flush at most; false if something stayed behind.
func (p *publisher) close(flush time.Duration) bool {
	p.deadline = time.Now().Add(flush)
	close(p.closing)
	<-p.done
	return p.stats().Buffered == 0
}

func (p *publisher) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{maps.Clone(p.published), maps.Clone(p.dropped), p.buffered(), p.reconnects, p.connected, p.epoch, p.fenced}
}

func (p *publisher) buffered() int {
	return p.critical.replay.len() + p.normal.replay.len() + len(p.frames.frames) + len(p.images)
}

func (p *publisher) drop(cause string, n int64) {
	if n > 0 {
		p.dropped[cause] += n
	}
}

func (p *publisher) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *publisher) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

func (p *publisher) over() bool {
	stats := p.stats()
	if stats.Fenced || !p.isClosing() {
		return stats.Fenced
	}
	return (stats.Buffered == 0 && stats.Epoch > 0) || !time.Now().Before(p.deadline)
}

func (p *publisher) work() {
	defer close(p.done)
	ctx := context.Background()
	var pause backoff
	for !p.over() {
		sent, err := p.turn(ctx)
		switch {
		case errors.Is(err, errFenced):
			p.stopForGood()
		case err != nil:
			p.lost(ctx, err, &pause)
		case !sent:
			pause = backoff{}
			p.rest()
		}
	}
	if stats := p.stats(); stats.Connected && !stats.Fenced {
		p.client.Del(ctx, "lc:{"+p.run+"}:alive") // only tidies up: the key runs out by itself
	}
}

func (p *publisher) turn(ctx context.Context) (bool, error) {
	if !p.greeted {
		if err := p.greet(ctx); err != nil {
			return false, err
		}
	}
	if !time.Now().Before(p.nextTick) {
		if err := p.tick(ctx); err != nil {
			return false, err
		}
	}
	sent := false
	for _, send := range []func(context.Context) (bool, error){
		func(ctx context.Context) (bool, error) { return p.sendLossless(ctx, &p.critical) },
		p.sendFrame,
		func(ctx context.Context) (bool, error) { return p.sendLossless(ctx, &p.normal) },
		p.sendImage,
	} {
		did, err := send(ctx)
		if err != nil {
			return false, err
		}
		sent = sent || did
	}
	return sent, nil
}

// greet says who we are on a new connection, and finds out what the server still has.
func (p *publisher) greet(ctx context.Context) error {
	if p.epoch == 0 {
		if err := p.client.SAdd(ctx, "lc:runs", p.run).Err(); err != nil {
			return err
		}
		epoch, err := p.client.HIncrBy(ctx, p.key("producers"), p.producer, 1).Result()
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.epoch = epoch
		p.mu.Unlock()
	} else {
		if err := p.tick(ctx); err != nil {
			return err
		}
		if err := p.ask(ctx); err != nil {
			return err
		}
		p.reconnects++
	}
	if p.away {
		slog.Info("lanecast: the server is back", "run", p.run)
	}
	p.away, p.greeted = false, true
	p.setConnected(true)
	return nil
}

func (p *publisher) tick(ctx context.Context) error {
	p.nextTick = time.Now().Add(tickEvery)
	// Asked first, for a server without memory left refuses even an SADD that changes nothing.
	known, err := p.client.SIsMember(ctx, "lc:runs", p.run).Result()
	if err == nil && !known {
		err = p.client.SAdd(ctx, "lc:runs", p.run).Err()
	}
	if err != nil {
		return err
	}
	newest, err := p.client.HGet(ctx, p.key("producers"), p.producer).Int64()
	forgotten := err == redis.Nil
	if err != nil && !forgotten {
		return err
	}
	if newest > p.epoch {
		return errFenced
	}
	if forgotten { // the server came back empty
		if err := p.beginEpoch(ctx, p.epoch+1); err != nil {
			return err
		}
	} else if !known { // an append was quicker than we: the other lane may have nothing to send
		if err := p.ask(ctx); err != nil {
			return err
		}
	}
	if forgotten || !known {
		told := p.announce()
		p.mu.Lock()
		p.critical.replay.putFirst(told)
		p.mu.Unlock()
	}
	flow, err := p.client.HGetAll(ctx, p.key("flow")).Result()
	if err != nil {
		return err
	}
	p.rateHz = math.Inf(1)
	stopped := flow["state"] == "stop_bulk"
	if rate, err := strconv.ParseFloat(flow["max_rate_hz"], 64); err == nil && flow["state"] == "slow" {
		p.rateHz = rate
	}
	if stopped {
		p.rateHz = 0
	}
	p.mu.Lock()
	p.shedLow = stopped || flow["shed_low"] == "1"
	p.mu.Unlock()
	return nil
}

// ask finds out whether the server still has what it acknowledged; if not, it is sent again from there.
func (p *publisher) ask(ctx context.Context) error {
	for _, l := range []*lane{&p.critical, &p.normal} {
		p.mu.Lock()
		acked := l.replay.acked
		var last []message
		if n := len(l.replay.kept); n > 0 {
			last = []message{l.replay.kept[n-1]}
		}
		p.mu.Unlock()
		if last != nil {
			if _, err := p.append(ctx, l, acked, last); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *publisher) beginEpoch(ctx context.Context, by int64) error {
	epoch, err := p.client.HIncrBy(ctx, p.key("producers"), p.producer, by).Result()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch, p.frameSeq = epoch, 0
	p.critical.replay.renumber()
	p.normal.replay.renumber()
	return nil
}

func (p *publisher) sendLossless(ctx context.Context, l *lane) (bool, error) {
	if time.Now().Before(l.notBefore) {
		return false, nil
	}
	p.mu.Lock()
	batch, seq := l.replay.batch(batchMessages), l.replay.acked+1
	p.mu.Unlock()
	if len(batch) == 0 {
		return false, nil
	}
	return p.append(ctx, l, seq, batch)
}

func (p *publisher) append(ctx context.Context, l *lane, seq int64, batch []message) (bool, error) {
	words := []any{p.producer, p.epoch, l.name, l.bound, seq}
	for _, m := range batch {
		words = append(words, m.kind, "msgpack", m.tMS, m.data)
	}
	keys := []string{p.key("in:" + l.name), p.key("producers"), p.key("seq")}
	answer, err := appendScript.Run(ctx, p.client, keys, words...).Slice()
	if isOOM(err) {
		l.notBefore = time.Now().Add(noMemoryWait)
		return false, nil
	} else if err != nil {
		return false, err
	}
	word, _ := answer[0].(string)
	number, _ := answer[1].(int64)
	p.mu.Lock()
	switch word {
	case "fenced":
		p.mu.Unlock()
		return false, errFenced
	case "gap":
		lost := l.replay.rewind(number)
		p.mu.Unlock()
		if lost > 0 { // what is not kept cannot be sent again: only a new epoch goes on without it
			return true, p.beginEpoch(ctx, 1)
		}
		return true, nil
	case "full":
		l.notBefore = time.Now().Add(fullWait)
	}
	p.published[l.name] += l.replay.acknowledge(number)
	p.mu.Unlock()
	return word == "ok", nil
}

func (p *publisher) sendFrame(ctx context.Context) (bool, error) {
	now := time.Now()
	if !p.isClosing() && (p.rateHz == 0 || now.Before(p.nextFrame)) { // the last frame of a run always may
		return false, nil
	}
	p.mu.Lock()
	frame := p.frames.first()
	p.mu.Unlock()
	if frame == nil {
		return false, nil
	}
	p.frameSeq++
	sent, err := p.add(ctx, "high", 256, frame.message, "producer", p.producer, "epoch", p.epoch, "seq", p.frameSeq)
	if err != nil {
		return false, err
	}
	if !math.IsInf(p.rateHz, 1) {
		p.nextFrame = now.Add(time.Duration(float64(time.Second) / max(p.rateHz, 0.1)))
	}
	p.mu.Lock()
	p.frames.sent(frame)
	p.mu.Unlock()
	return sent, nil
}

func (p *publisher) sendImage(ctx context.Context) (bool, error) {
	p.mu.Lock()
	for camera, picture := range p.images {
		delete(p.images, camera) // at most once: whatever happens now, it is not sent again
		p.mu.Unlock()
		bound := min(64, max(4, (32<<20)/max(1, len(picture.data)))) // while pictures are large, fewer of them wait
		return p.add(ctx, "low", int64(bound), picture)
	}
	p.mu.Unlock()
	return false, nil
}

func (p *publisher) add(ctx context.Context, lane string, bound int64, m message, more ...any) (bool, error) {
	values := append([]any{"kind", m.kind, "t_ms", m.tMS, "data", m.data}, more...)
	args := &redis.XAddArgs{Stream: p.key("in:" + lane), MaxLen: bound, Approx: true, Values: values}
	err := p.client.XAdd(ctx, args).Err()
	p.mu.Lock()
	defer p.mu.Unlock()
	if isOOM(err) {
		p.drop(lane+":oom", 1)
		return false, nil
	} else if err != nil {
		return false, err
	}
	p.published[lane]++
	return true, nil
}

func (p *publisher) rest() {
	wait := time.Until(p.nextTick)
	if p.stats().Buffered > 0 {
		wait = 5 * time.Millisecond
	}
	select {
	case <-p.wake:
	case <-p.closing:
	case <-time.After(wait):
	}
	if p.isClosing() {
		time.Sleep(time.Millisecond)
	}
}

func (p *publisher) lost(ctx context.Context, err error, pause *backoff) {
	p.greeted = false
	p.setConnected(false)
	if !p.away {
		slog.Warn("lanecast: the server is away, messages are kept", "run", p.run, "error", err)
	}
	p.away = true
	if p.isClosing() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, p.deadline)
		defer cancel()
	}
	pause.wait(ctx)
}

func (p *publisher) stopForGood() {
	p.mu.Lock()
	p.fenced = true
	p.drop("critical:fenced", int64(p.critical.replay.len()))
	p.drop("normal:fenced", int64(p.normal.replay.len()))
	p.mu.Unlock()
	slog.Error("lanecast: another producer has taken over; give one of them another run id", "run", p.run, "producer", p.producer)
	p.onFenced()
}

func (p *publisher) setConnected(connected bool) {
	p.mu.Lock()
	p.connected = connected
	p.mu.Unlock()
}

func (p *publisher) key(name string) string { return "lc:{" + p.run + "}:" + name }

// backoff waits longer each time, from 50 ms to 1 s, with jitter.
type backoff struct{ next time.Duration }

func (b *backoff) wait(ctx context.Context) {
	b.next = min(time.Second, max(50*time.Millisecond, 2*b.next))
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(float64(b.next) * (0.5 + rand.Float64()/2))):
	}
}
