package lanecast

import "slices"

type message struct {
	kind string
	data []byte
	tMS  int64
}

const (
	maxWaiting      = 100_000
	maxWaitingBytes = 64 << 20
	maxKept         = 10_000
	maxKeptBytes    = 8 << 20
	batchMessages   = 500
	batchBytes      = 1 << 20
	maxFrames       = 32
)

// replay keeps the numbered messages of one lossless lane until the server has them, and some longer. A message gets its
// number when it is first sent, so that those never sent can be dropped from a full buffer without a gap.
// Not safe for several goroutines: the publisher's lock guards it.
type replay struct {
	kept    []message // acknowledged; the last one has the number acked
	flight  []message // numbered, outcome not known
	waiting []message // never sent
	acked   int64
	bytes   int
	keptB   int
	limit   int
}

func (r *replay) len() int { return len(r.flight) + len(r.waiting) }

// put returns how many of the oldest never sent had to go for the message.
func (r *replay) put(m message) (dropped int64) {
	for len(r.waiting) > 0 && (r.len() >= r.limit || r.bytes+len(m.data) > maxWaitingBytes) {
		r.bytes -= len(r.waiting[0].data)
		r.waiting = r.waiting[1:]
		dropped++
	}
	r.waiting = append(r.waiting, m)
	r.bytes += len(m.data)
	return dropped
}

// putFirst takes messages that come before all those never sent.
func (r *replay) putFirst(messages []message) {
	r.waiting = append(slices.Clone(messages), r.waiting...)
	for _, m := range messages {
		r.bytes += len(m.data)
	}
}

// batch is what to send now; the first message has the number acked + 1.
func (r *replay) batch(limit int) []message {
	if more := min(limit-len(r.flight), len(r.waiting)); more > 0 {
		r.flight = append(r.flight, r.waiting[:more]...)
		r.waiting = r.waiting[more:]
	}
	size := 0
	for i, m := range r.flight {
		size += len(m.data)
		if i == limit || (i > 0 && size > batchBytes) {
			return slices.Clone(r.flight[:i])
		}
	}
	return slices.Clone(r.flight)
}

// acknowledge: the server has all up to seq. It returns how many are news.
func (r *replay) acknowledge(seq int64) int64 {
	n := min(max(0, seq-r.acked), int64(len(r.flight)))
	for _, m := range r.flight[:n] {
		r.bytes -= len(m.data)
		r.keptB += len(m.data)
	}
	r.kept = append(r.kept, r.flight[:n]...)
	r.flight = slices.Clone(r.flight[n:])
	r.acked += n
	for len(r.kept) > maxKept || (r.keptB > maxKeptBytes && len(r.kept) > 1) {
		r.keptB -= len(r.kept[0].data)
		r.kept = r.kept[1:]
	}
	return n
}

// rewind: the server expects seq. It returns how many messages are not kept any more.
func (r *replay) rewind(seq int64) int64 {
	r.takeBack(min(max(0, r.acked+1-seq), int64(len(r.kept))))
	return max(0, r.acked+1-seq)
}

// renumber begins a new epoch: all that is kept is sent again, from number 1.
func (r *replay) renumber() {
	r.takeBack(int64(len(r.kept)))
	r.waiting = append(r.flight, r.waiting...)
	r.flight, r.acked = nil, 0
}

func (r *replay) takeBack(n int64) {
	from := int64(len(r.kept)) - n
	back := slices.Clone(r.kept[from:])
	for _, m := range back {
		r.keptB -= len(m.data)
		r.bytes += len(m.data)
	}
	r.kept = r.kept[:from]
	r.flight = append(back, r.flight...)
	r.acked -= n
}

type outgoing struct {
	message
	layers  []string
	partial bool
}

// newest keeps frames: a full one replaces unsent ones that tell nothing of any other layer.
type newest struct{ frames []*outgoing }

// put returns how many older frames were dropped.
func (n *newest) put(frame *outgoing) int64 {
	before := len(n.frames)
	if !frame.partial {
		n.frames = slices.DeleteFunc(n.frames, func(older *outgoing) bool {
			return !slices.ContainsFunc(older.layers, func(name string) bool { return !slices.Contains(frame.layers, name) })
		})
	}
	if len(n.frames) >= maxFrames {
		n.frames = n.frames[1:]
	}
	dropped := before - len(n.frames)
	n.frames = append(n.frames, frame)
	return int64(dropped)
}

func (n *newest) first() *outgoing {
	if len(n.frames) == 0 {
		return nil
	}
	return n.frames[0]
}

// sent takes the frame away, if a newer one has not taken its place meanwhile.
func (n *newest) sent(frame *outgoing) {
	if n.first() == frame {
		n.frames = n.frames[1:]
	}
}
