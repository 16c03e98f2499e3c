// Package lanecast publishes a live simulation to Redis Streams and obeys its viewers.
package lanecast

import (
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options of a run; the zero value does.
type Options struct {
	Title    string // as viewers see it; default: the id
	Kind     string // what it simulates, such as "traffic"; default: "generic"
	Params   map[string]Param
	Metadata map[string]any // strings, numbers, booleans
	Producer string         // who publishes; default: the run's id. The younger of two with one name takes over
	URL      string         // default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0
	Flush    time.Duration  // how long Close may take; default: 2 s
}

// Run is one run. Publishing never waits, and never fails because of Redis; what it returns is an *InvalidMessage: a
// mistake in the call. All methods may be called from any goroutine; Running and Sleep belong to the simulation's own.
type Run struct {
	ID          string
	steering    *steering
	listener    *listener
	publisher   *publisher
	client      *redis.Client
	description map[string]any
	flush       time.Duration
	began       time.Time

	mu     sync.Mutex
	step   int64
	timeS  float64
	timed  bool
	frames int
	scene  []byte
	phases map[string]float64
	closed sync.Once
}

// Start starts a run; whether the server is there or not, it does not wait.
func Start(id string, o Options) (*Run, error) {
	o.Title, o.Kind, o.Producer = or(o.Title, id), or(o.Kind, "generic"), or(o.Producer, id)
	o.URL = or(o.URL, or(os.Getenv("LANECAST_REDIS_URL"), "redis://127.0.0.1:6379/0"))
	if o.Flush == 0 {
		o.Flush = 2 * time.Second
	}
	if err := checkID(id, "run"); err != nil {
		return nil, err
	}
	if err := checkID(o.Producer, "producer"); err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, invalid("url", "%v", err)
	}
	options.MaxRetries = -1 // a repeated command may be done twice: we repeat by number instead
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = 2*time.Second, 3*time.Second, 3*time.Second
	options.DialerRetries = 1
	params := map[string]any{}
	for name, param := range o.Params {
		params[name] = param.wire()
	}
	metadata := o.Metadata
	if metadata == nil {
		metadata = map[string]any{}
	}
	r := &Run{
		ID: id, flush: o.Flush, began: time.Now(), client: redis.NewClient(options),
		description: map[string]any{"title": o.Title, "kind": o.Kind, "metadata": metadata, "params": params},
	}
	r.publisher = newPublisher(id, o.Producer, r.client, r.announcement, func() { r.listener.cancel() })
	say := func(kind string, payload map[string]any) {
		if data, err := pack(payload); err == nil { // made of what was checked before
			r.publisher.put(&r.publisher.critical, kind, data)
		}
	}
	if r.steering, err = newSteering(o.Params, say); err != nil {
		return nil, err
	}
	r.listener = &listener{run: id, producer: o.Producer, client: r.client, handle: r.steering.handle}
	for _, m := range r.announcement() {
		r.publisher.put(&r.publisher.critical, m.kind, m.data)
	}
	r.listener.start()
	go r.publisher.work()
	return r, nil
}

// Running is to be asked before each step: it waits while paused, and is false once the run has to stop.
func (r *Run) Running() bool { return r.steering.turn() }

// Sleep keeps a pace between steps; false if a command came in, which ends the sleep at once.
func (r *Run) Sleep(d time.Duration) bool { return r.steering.sleep(d) }

// Interrupt makes Running answer false.
func (r *Run) Interrupt() { r.steering.interrupt() }

// Param is the value that viewers have set; it changes inside Running only.
func (r *Run) Param(name string) any {
	r.steering.mu.Lock()
	defer r.steering.mu.Unlock()
	return r.steering.values[name]
}

// Float is the value of a parameter of numbers.
func (r *Run) Float(name string) float64 {
	switch v := r.Param(name).(type) {
	case float64:
		return v
	case int:
		return float64(v)
	}
	return 0
}

// State is created, running, paused, stopping or ended.
func (r *Run) State() string {
	r.steering.mu.Lock()
	defer r.steering.mu.Unlock()
	return r.steering.state
}

// Stats is what became of everything so far.
func (r *Run) Stats() Stats { return r.publisher.stats() }

// Frame publishes the state at one step; newest wins. The slices are copied.
func (r *Run) Frame(f Frame) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frames > 0 && f.Step < r.step {
		return invalid("step", "goes back from %d to %d", r.step, f.Step)
	}
	if r.frames > 0 && f.TimeS < r.timeS {
		return invalid("time_s", "goes back from %v to %v", r.timeS, f.TimeS)
	}
	if len(r.phases) > 0 {
		phases := r.phases
		r.phases = nil
		maps.Copy(phases, f.Phases)
		f.Phases = phases
	}
	data, err := packFrame(f)
	if err != nil {
		return err
	}
	r.step, r.timeS, r.timed = f.Step, f.TimeS, true
	r.frames++
	r.publisher.putFrame(data, slices.Collect(maps.Keys(f.Layers)), f.Partial)
	return nil
}

// Metrics publishes named numbers, at the step of the last frame.
func (r *Run) Metrics(values map[string]float64) error {
	step, timeS := r.moment()
	data, err := packMetrics(values, step, timeS)
	return r.put(&r.publisher.normal, "metrics", data, err)
}

// Events publishes a batch of events of one type.
func (r *Run) Events(kind string, items Columns) error {
	_, timeS := r.moment()
	data, err := packEvents(kind, items, timeS)
	return r.put(&r.publisher.normal, "events", data, err)
}

// Status tells every viewer something; level is info, warning, error or complete.
func (r *Run) Status(level, text string) error {
	_, timeS := r.moment()
	data, err := packStatus(level, text, timeS)
	return r.put(&r.publisher.critical, "status", data, err)
}

// Log publishes a line of the simulation's log, less urgent than Status.
func (r *Run) Log(level, text string) error {
	_, timeS := r.moment()
	data, err := packStatus(level, text, timeS)
	return r.put(&r.publisher.normal, "log", data, err)
}

// Scene publishes the static map.
func (r *Run) Scene(scene Scene) error {
	data, err := packScene(scene)
	if err == nil {
		r.mu.Lock()
		r.scene = data
		r.mu.Unlock()
	}
	return r.put(&r.publisher.critical, "scene", data, err)
}

// Image publishes one picture of one camera, encoded as mime says; newest wins.
func (r *Run) Image(camera, mime string, picture []byte) error {
	step, timeS := r.moment()
	data, err := packImage(camera, mime, picture, step, timeS)
	if err == nil {
		r.publisher.putImage(camera, data)
	}
	return err
}

// ImageRaw publishes one picture of one camera as it is in memory; newest wins.
func (r *Run) ImageRaw(camera string, pixels Pixels) error {
	step, timeS := r.moment()
	data, err := packPixels(camera, pixels, step, timeS)
	if err == nil {
		r.publisher.putImage(camera, data)
	}
	return err
}

// Phase measures a part of the step until what it returns is called, as in `defer run.Phase("planner")()`; the next frame
// tells how long it took.
func (r *Run) Phase(name string) func() {
	began := time.Now()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.phases == nil {
			r.phases = map[string]float64{}
		}
		r.phases[name] += time.Since(began).Seconds() * 1000
	}
}

// OnParam has changed called inside Running when viewers have set the parameter, before the step that sees the new value.
func (r *Run) OnParam(name string, changed func(value any)) error {
	return r.steering.onParam(name, changed)
}

// Close ends the run and sends what is left; false if that did not all arrive in time. Safe to repeat.
func (r *Run) Close() (complete bool) {
	complete = true
	r.closed.Do(func() {
		r.steering.end()
		r.listener.stop()
		complete = r.publisher.close(r.flush)
		_ = r.client.Close()
	})
	return complete
}

func (r *Run) put(l *lane, kind string, data []byte, err error) error {
	if err == nil {
		r.publisher.put(l, kind, data)
	}
	return err
}

func (r *Run) moment() (int64, float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timed {
		return r.step, r.timeS
	}
	return r.step, time.Since(r.began).Seconds()
}

// announcement is what a server is told first that does not know the run (any more).
func (r *Run) announcement() []message {
	r.steering.mu.Lock()
	state, control := r.steering.state, r.steering.control()
	r.steering.mu.Unlock()
	lifecycle := maps.Clone(r.description)
	lifecycle["state"] = state
	r.mu.Lock()
	scene := r.scene
	r.mu.Unlock()
	var told []message
	for _, m := range []struct {
		kind    string
		payload any
	}{{"lifecycle", lifecycle}, {"control", control}} {
		if data, err := pack(m.payload); err == nil {
			told = append(told, message{m.kind, data, time.Now().UnixMilli()})
		}
	}
	if scene != nil {
		told = append(told, message{"scene", scene, time.Now().UnixMilli()})
	}
	return told
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
