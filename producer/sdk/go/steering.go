package lanecast

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Param is what viewers may change. Its type follows from Value: float64, int, bool, or string with Choices.
type Param struct {
	Value    any
	Min, Max *float64
	Step     float64
	Unit     string
	Title    string
	Choices  []string
}

// Limit is a bound of a Param.
func Limit(value float64) *float64 { return &value }

const (
	maxSteps    = 100_000
	keptResults = 10_000
)

func (p Param) kind() string {
	switch p.Value.(type) {
	case float64:
		return "float"
	case int:
		return "int"
	case bool:
		return "bool"
	case string:
		if len(p.Choices) > 0 {
			return "choice"
		}
	}
	return ""
}

func (p Param) wire() map[string]any {
	out := map[string]any{"type": p.kind(), "value": p.Value}
	if p.Min != nil {
		out["min"] = *p.Min
	}
	if p.Max != nil {
		out["max"] = *p.Max
	}
	if p.Step != 0 {
		out["step"] = p.Step
	}
	if p.Unit != "" {
		out["unit"] = p.Unit
	}
	if p.Title != "" {
		out["title"] = p.Title
	}
	if len(p.Choices) > 0 {
		out["choices"] = p.Choices
	}
	return out
}

// check returns the value as the parameter holds it: given is what JSON says, numbers as json.Number.
func (p Param) check(given any, path string) (any, error) {
	wrong := invalid(path, "expected %s, got %v", p.kind(), given)
	var value any
	number := math.NaN()
	switch p.Value.(type) {
	case float64:
		n, ok := given.(json.Number)
		f, err := n.Float64()
		if !ok || err != nil || checkNumber(f, path) != nil {
			return nil, wrong
		}
		value, number = f, f
	case int:
		n, ok := given.(json.Number)
		i, err := n.Int64()
		if !ok || err != nil || i > maxInt || i < -maxInt {
			return nil, wrong
		}
		value, number = int(i), float64(i)
	case bool:
		b, ok := given.(bool)
		if !ok {
			return nil, wrong
		}
		value = b
	default:
		s, ok := given.(string)
		if !ok {
			return nil, wrong
		}
		if !slices.Contains(p.Choices, s) {
			return nil, invalid(path, "%q is not one of %s", s, strings.Join(p.Choices, ", "))
		}
		value = s
	}
	if p.Min != nil && number < *p.Min {
		return nil, invalid(path, "%v is below the minimum %v", number, *p.Min)
	}
	if p.Max != nil && number > *p.Max {
		return nil, invalid(path, "%v is above the maximum %v", number, *p.Max)
	}
	return value, nil
}

type command struct {
	id, name  string
	args      map[string]any
	user      string
	expiresMS float64
}

func readCommand(fields map[string]string) (command, error) {
	c := command{id: fields["command_id"], name: fields["name"], user: fields["user"], expiresMS: math.Inf(1)}
	if err := checkID(c.id, "command_id"); err != nil {
		return c, err
	}
	if c.name == "" {
		return c, invalid("name", "missing")
	}
	if text := fields["args"]; text != "" {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&c.args); err != nil || c.args == nil {
			return c, invalid("args", "expected a map in JSON")
		}
	}
	if text := fields["expires_ms"]; text != "" {
		expires, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(expires) {
			return c, invalid("expires_ms", "expected a number")
		}
		c.expiresMS = expires
	}
	return c, nil
}

type say func(kind string, payload map[string]any)

// steering is one run's control state. Commands take effect between two steps, inside turn.
type steering struct {
	mu       sync.Mutex
	params   map[string]Param
	values   map[string]any // as the simulation sees them
	asked    map[string]any // as viewers have set them
	state    string
	paused   bool
	stopping bool
	steps    int64
	commands int
	seen     int
	results  map[string]map[string]any
	order    []string
	changed  chan struct{} // closed at every change, and replaced
	say      say
	watched  map[string][]func(value any)
}

func newSteering(params map[string]Param, say say) (*steering, error) {
	s := &steering{
		params: params, values: map[string]any{}, asked: map[string]any{}, state: "created",
		results: map[string]map[string]any{}, changed: make(chan struct{}), say: say,
	}
	for name, param := range params {
		if param.kind() == "" {
			return nil, invalid("params."+name+".value", "expected float64, int, bool, or string with Choices, got %T", param.Value)
		}
		var first any = param.Value
		switch param.Value.(type) {
		case int, float64:
			first = json.Number(fmt.Sprint(param.Value))
		}
		if _, err := param.check(first, "params."+name+".value"); err != nil {
			return nil, err
		}
		s.values[name], s.asked[name] = param.Value, param.Value
	}
	return s, nil
}

// turn waits while paused; false once the simulation has to stop.
func (s *steering) turn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.seen = s.commands
		var told []func()
		for name, value := range s.asked {
			if s.values[name] != value {
				for _, changed := range s.watched[name] {
					told = append(told, func() { changed(value) })
				}
			}
		}
		maps.Copy(s.values, s.asked)
		if len(told) > 0 { // not under the lock: the simulation may call us from there
			s.mu.Unlock()
			for _, tell := range told {
				tell()
			}
			s.mu.Lock()
			continue
		}
		switch {
		case s.stopping:
			return false
		case !s.paused:
			s.become("running")
			return true
		case s.steps > 0:
			s.steps--
			return true
		}
		s.become("paused")
		changed := s.changed
		s.mu.Unlock()
		<-changed
		s.mu.Lock()
	}
}

func (s *steering) onParam(name string, changed func(value any)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.params[name]; !known {
		return invalid("params."+name, "the run has no such parameter")
	}
	if s.watched == nil {
		s.watched = map[string][]func(value any){}
	}
	s.watched[name] = append(s.watched[name], changed)
	return nil
}

// sleep ends at once, with false, if a command comes or has come since the last turn.
func (s *steering) sleep(d time.Duration) bool {
	s.mu.Lock()
	changed, fresh := s.changed, s.seen == s.commands
	s.mu.Unlock()
	if !fresh {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
		return false
	}
}

func (s *steering) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	s.wake()
}

func (s *steering) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.become("ended")
	s.stopping = true
	s.wake()
}

// handle does a command or not: it says control if it was done, and always a result.
func (s *steering) handle(c command, nowMS float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result, known := s.results[c.id]
	if !known {
		result = map[string]any{"command_id": c.id, "ok": true}
		if err := s.obey(c, nowMS); err != nil {
			var refused *InvalidMessage
			errors.As(err, &refused)
			result = map[string]any{"command_id": c.id, "ok": false, "error": refused.Problem, "field": refused.Field}
		}
		s.results[c.id] = result
		if s.order = append(s.order, c.id); len(s.order) > keptResults {
			delete(s.results, s.order[0])
			s.order = s.order[1:]
		}
	}
	s.say("result", result)
}

func (s *steering) control() map[string]any {
	return map[string]any{"paused": s.paused, "stopping": s.stopping, "params": maps.Clone(s.asked)}
}

func (s *steering) obey(c command, nowMS float64) error {
	if nowMS > c.expiresMS {
		return invalid("expires_ms", "the command has expired by the simulation's clock")
	}
	if !slices.Contains([]string{"pause", "resume", "stop", "step", "set_params"}, c.name) {
		return invalid("name", "%q is not one of pause, resume, stop, step, set_params", c.name)
	}
	if s.state == "ended" {
		return invalid("name", "the simulation has ended")
	}
	if s.stopping && (c.name == "pause" || c.name == "resume" || c.name == "step") {
		return invalid("name", "the simulation is stopping")
	}
	var err error
	switch c.name {
	case "stop":
		s.stopping = true
	case "step":
		err = s.step(c.args)
	case "set_params":
		err = s.setParams(c.args)
	default:
		s.paused, s.steps = c.name == "pause", 0
	}
	if err != nil {
		return err
	}
	s.commands++
	s.say("control", s.control())
	if s.stopping {
		s.become("stopping")
	}
	s.wake()
	return nil
}

func (s *steering) step(args map[string]any) error {
	steps := int64(1)
	if given, ok := args["steps"]; ok {
		number, _ := given.(json.Number)
		n, err := number.Int64()
		if err != nil || n < 1 || n > maxSteps {
			return invalid("args.steps", "expected an integer from 1 to %d", maxSteps)
		}
		steps = n
	}
	s.paused, s.steps = true, min(maxSteps, s.steps+steps)
	return nil
}

func (s *steering) setParams(args map[string]any) error {
	given, _ := args["params"].(map[string]any)
	if len(given) == 0 {
		return invalid("args.params", "expected a map of parameter names to values")
	}
	checked := map[string]any{}
	for name, value := range given {
		param, known := s.params[name]
		if !known {
			return invalid("args.params."+name[:min(64, len(name))], "the run has no such parameter")
		}
		var err error
		if checked[name], err = param.check(value, "args.params."+name); err != nil {
			return err
		}
	}
	maps.Copy(s.asked, checked)
	return nil
}

func (s *steering) become(state string) {
	if s.state != state && s.state != "ended" {
		s.state = state
		s.say("lifecycle", map[string]any{"state": state})
	}
}

func (s *steering) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}
