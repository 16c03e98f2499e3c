package lanecast

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

const spec = "../../spec/vectors/"

type object = map[string]any

func load(t testing.TB, path string) (vectors []object) {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &vectors)
	}
	if err != nil {
		t.Fatal(err)
	}
	return vectors
}

// A vector's column as a program would have it.
func column(given any) any {
	values := given.([]any)
	if len(values) == 0 {
		return []uint32{}
	}
	if _, ok := values[0].(string); ok {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.(string)
		}
		return texts
	}
	whole := true
	numbers := make([]float64, len(values))
	ids := make([]uint32, len(values))
	for i, v := range values {
		numbers[i] = v.(float64)
		ids[i] = uint32(numbers[i])
		whole = whole && float64(ids[i]) == numbers[i]
	}
	if whole {
		return ids
	}
	return numbers
}

func columns(given any) Columns {
	out := Columns{}
	for name, values := range given.(object) {
		out[name] = column(values)
	}
	return out
}

func numbers(given any) map[string]float64 {
	out := map[string]float64{}
	for name, value := range given.(object) {
		out[name] = value.(float64)
	}
	return out
}

func path(given any) *Path {
	if given == nil {
		return nil
	}
	part := given.(object)
	p := &Path{}
	for _, v := range part["points"].([]any) {
		p.Points = append(p.Points, v.(float64))
	}
	for _, v := range part["starts"].([]any) {
		p.Starts = append(p.Starts, uint32(v.(float64)))
	}
	if width, ok := part["width"].([]any); ok {
		for _, v := range width {
			p.Width = append(p.Width, v.(float64))
		}
	}
	if ids, ok := part["id"].([]any); ok {
		for _, v := range ids {
			p.ID = append(p.ID, v.(string))
		}
	}
	return p
}

// encoded is what a run publishes for a vector's payload; nil for kinds that it sends by itself.
func encoded(kind string, p object) ([]byte, error) {
	number := func(name string) float64 { n, _ := p[name].(float64); return n }
	text := func(name string) string { s, _ := p[name].(string); return s }
	switch kind {
	case "frame":
		f := Frame{Step: int64(number("step")), TimeS: number("time_s"), Layers: Layers{}, Gone: object{}, Phases: numbers(p["phases"])}
		f.Partial, _ = p["partial"].(bool)
		for name, layer := range p["layers"].(object) {
			f.Layers[name] = columns(layer)
		}
		for name, ids := range p["gone"].(object) {
			f.Gone[name] = column(ids)
		}
		return packFrame(f)
	case "events":
		return packEvents(text("type"), columns(p["items"]), number("time_s"))
	case "metrics":
		return packMetrics(numbers(p["values"]), int64(number("step")), number("time_s"))
	case "status", "log":
		return packStatus(text("level"), text("text"), number("time_s"))
	case "scene":
		scene := Scene{Kind: text("kind"), Lines: path(p["lines"]), Areas: path(p["areas"])}
		for i, bound := range p["bounds"].([]any) {
			scene.Bounds[i] = bound.(float64)
		}
		return packScene(scene)
	case "image":
		data, _ := hex.DecodeString(p["data"].(object)["hex"].(string))
		if text("mime") == "image/x-raw" {
			return packPixels(text("camera"), Pixels{int(number("width")), int(number("height")), int(number("channels")), data}, int64(number("step")), number("time_s"))
		}
		return packImage(text("camera"), text("mime"), data, int64(number("step")), number("time_s"))
	}
	return nil, nil
}

// plain is a decoded payload in the vectors' form: typed columns as lists, bytes as hex, numbers as JSON has them.
func plain(value any) any {
	switch v := value.(type) {
	case object:
		if dtype, ok := v["dtype"].(string); ok {
			return untyped(dtype, v["data"].([]byte))
		}
		out := object{}
		for name, item := range v {
			out[name] = plain(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	case []byte:
		return object{"hex": hex.EncodeToString(v)}
	case int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32:
		return reflect.ValueOf(v).Convert(reflect.TypeFor[float64]()).Interface()
	}
	return value
}

func untyped(dtype string, data []byte) any {
	size := int(dtype[1] - '0')
	out := []any{}
	for at := 0; at < len(data); at += size {
		var bits uint64
		for i := range size {
			bits |= uint64(data[at+i]) << (8 * i)
		}
		switch dtype {
		case "f8":
			out = append(out, math.Float64frombits(bits))
		case "u4":
			out = append(out, float64(bits))
		default:
			panic("unexpected dtype " + dtype)
		}
	}
	return out
}

func TestWhatIsPublishedSaysWhatTheVectorSays(t *testing.T) {
	for _, vector := range load(t, spec+"entries-good.json") {
		kind := vector["message"].(object)["kind"].(string)
		wanted := vector["payload"].(object)
		data, err := encoded(kind, wanted)
		if err != nil {
			t.Errorf("%s: %v", vector["name"], err)
		}
		if data == nil {
			continue
		}
		var decoded object
		if err := msgpack.Unmarshal(data, &decoded); err != nil {
			t.Errorf("%s: %v", vector["name"], err)
		}
		said := plain(decoded).(object)
		if kind == "frame" {
			for name, otherwise := range (object{"partial": false, "gone": object{}, "phases": object{}}) {
				if _, there := said[name]; !there {
					said[name] = otherwise
				}
			}
		}
		if !reflect.DeepEqual(said, wanted) {
			t.Errorf("%s: said %v, wanted %v", vector["name"], said, wanted)
		}
	}
}

func TestAMistakeNamesTheField(t *testing.T) {
	nan := math.NaN()
	frame := func(columns Columns) error {
		_, err := packFrame(Frame{Layers: Layers{"points": columns}})
		return err
	}
	second := func(_ any, err error) error { return err }
	for field, err := range map[string]error{
		"layers.points.id":    frame(Columns{"x": []float64{1}}),
		"layers.points.id[0]": frame(Columns{"id": []int{-1}}),
		"layers.points.x[1]":  frame(Columns{"id": []int{1, 2}, "x": []float64{1, nan}}),
		"values.loss":         second(packMetrics(map[string]float64{"loss": nan}, 0, 0)),
		"channels":            second(packPixels("front", Pixels{1, 1, 2, []byte{1, 2}}, 0, 0)),
		"data":                second(packPixels("front", Pixels{2, 1, 3, []byte{1, 2}}, 0, 0)),
		"level":               second(packStatus("fatal", "x", 0)),
		"text":                second(packStatus("info", strings.Repeat("x", 4097), 0)),
		"run":                 second(Start("no run id!", Options{})),
		"params.gain.value":   second(Start("sim", Options{Params: map[string]Param{"gain": {Value: 7.0, Max: Limit(5)}}})),
	} {
		var mistake *InvalidMessage
		if !errors.As(err, &mistake) || mistake.Field != field {
			t.Errorf("expected %s, got %v", field, err)
		}
	}
}

func params(given object) map[string]Param {
	out := map[string]Param{}
	for name, raw := range given {
		described := raw.(object)
		p := Param{Value: described["value"]}
		if described["type"] == "int" {
			p.Value = int(described["value"].(float64))
		}
		if low, ok := described["min"].(float64); ok {
			p.Min = &low
		}
		if high, ok := described["max"].(float64); ok {
			p.Max = &high
		}
		if choices, ok := described["choices"].([]any); ok {
			p.Choices = column(choices).([]string)
		}
		out[name] = p
	}
	return out
}

func fields(given any) map[string]string {
	out := map[string]string{}
	for name, value := range given.(object) {
		out[name], _ = value.(string)
	}
	return out
}

func TestASimulationAnswersAsTheDialogueSays(t *testing.T) {
	for _, vector := range load(t, spec+"steering.json") {
		var said []any
		s, err := newSteering(params(vector["params"].(object)), func(kind string, payload map[string]any) {
			if kind == "lifecycle" {
				return
			}
			text, _ := json.Marshal(payload)
			var copied object
			_ = json.Unmarshal(text, &copied)
			if _, there := copied["error"]; kind == "result" && there == copied["ok"].(bool) {
				t.Errorf("%s: whoever refuses says why", vector["name"])
			}
			delete(copied, "error")
			said = append(said, []any{kind, copied})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range vector["steps"].([]any) {
			step := raw.(object)
			said = nil
			c, err := readCommand(fields(step["hears"]))
			if err != nil {
				t.Fatal(err)
			}
			s.handle(c, step["now_ms"].(float64))
			if !reflect.DeepEqual(said, step["says"].([]any)) {
				t.Errorf("%s: said %v, wanted %v", vector["name"], said, step["says"])
			}
		}
	}
}

func TestCommandsAreReadAsTheVectorsSay(t *testing.T) {
	for _, vector := range load(t, spec+"commands-good.json") {
		c, err := readCommand(fields(vector["fields"]))
		wanted := vector["command"].(object)
		if err != nil || c.id != wanted["command_id"] || c.name != wanted["name"] || c.user != wanted["user"] {
			t.Errorf("%s: %v %v", vector["name"], c, err)
		}
		if expires, limited := wanted["expires_ms"].(float64); limited != !math.IsInf(c.expiresMS, 1) || limited && expires != c.expiresMS {
			t.Errorf("%s: expires %v", vector["name"], c.expiresMS)
		}
	}
	for _, vector := range load(t, spec+"commands-bad.json") {
		_, err := readCommand(fields(vector["fields"]))
		var mistake *InvalidMessage
		if !errors.As(err, &mistake) || mistake.Field != vector["field"] {
			t.Errorf("%s: %v", vector["name"], err)
		}
	}
}

func TestAChangeIsToldOnceInsideRunningAndIsSeenFromThere(t *testing.T) {
	s, err := newSteering(map[string]Param{"gain": {Value: 1.0}}, func(string, map[string]any) {})
	if err != nil {
		t.Fatal(err)
	}
	r := Run{steering: s}
	var told []any
	if err := r.OnParam("gain", func(value any) { told = append(told, value, r.Float("gain")) }); err != nil {
		t.Fatal(err)
	}
	if r.OnParam("speed", func(any) {}) == nil {
		t.Error("a parameter that the run does not have")
	}
	r.Running()
	c, _ := readCommand(map[string]string{"command_id": "a", "name": "set_params", "args": `{"params": {"gain": 2}}`})
	s.handle(c, 0)
	if r.Float("gain") != 1 || told != nil {
		t.Error("not before the next step")
	}
	r.Running()
	if r.Running(); !reflect.DeepEqual(told, []any{2.0, 2.0}) {
		t.Error(told)
	}
}

func TestTheNextFrameTellsHowLongAPhaseTook(t *testing.T) {
	r := Run{publisher: newPublisher("sim", "sim", nil, nil, nil)}
	for range 2 {
		r.Phase("planner")()
	}
	if err := r.Frame(Frame{Step: 1, Phases: map[string]float64{"physics": 2}}); err != nil {
		t.Fatal(err)
	}
	var said struct {
		Phases map[string]float64 `msgpack:"phases"`
	}
	if err := msgpack.NewDecoder(bytes.NewReader(r.publisher.frames.first().data)).Decode(&said); err != nil {
		t.Fatal(err)
	}
	if _, there := said.Phases["planner"]; !there || said.Phases["physics"] != 2 || len(r.phases) > 0 {
		t.Error(said)
	}
}

func filled(limit int, count byte) *replay {
	r := &replay{limit: limit}
	for n := byte(1); n <= count; n++ {
		r.put(message{data: []byte{n}})
	}
	return r
}

func held(messages []message) (numbers []byte) {
	for _, m := range messages {
		numbers = append(numbers, m.data[0])
	}
	return numbers
}

func TestMessagesAreNumberedSentAgainAndGivenUpInOrder(t *testing.T) {
	r := filled(10, 3)
	for range 2 { // the answer was lost
		if got := held(r.batch(2)); !slices.Equal(got, []byte{1, 2}) {
			t.Error(got)
		}
	}
	if r.acknowledge(2) != 2 || !slices.Equal(held(r.batch(9)), []byte{3}) {
		t.Error("the rest follows")
	}
	if r.rewind(2) != 0 || r.acked != 1 || !slices.Equal(held(r.batch(9)), []byte{2, 3}) {
		t.Error("after a gap it goes on from the number that the server expects")
	}
	if r.renumber(); r.acked != 0 || !slices.Equal(held(r.batch(9)), []byte{1, 2, 3}) {
		t.Error("a new epoch sends all that is kept")
	}
	full := filled(3, 2)
	full.batch(1)
	if full.put(message{data: []byte{3}}) != 0 || full.put(message{data: []byte{4}}) != 1 || !slices.Equal(held(full.batch(9)), []byte{1, 3, 4}) {
		t.Error("a full buffer gives up the oldest that were never sent")
	}
}

func TestAFullFrameReplacesOlderOnesOfItsLayers(t *testing.T) {
	var n newest
	put := func(partial bool, layers ...string) int64 { return n.put(&outgoing{layers: layers, partial: partial}) }
	if put(false, "a") != 0 || put(true, "a") != 0 || put(false, "a", "b") != 2 || put(false, "a") != 0 || len(n.frames) != 2 {
		t.Error(len(n.frames))
	}
}

// TestMain makes the test binary the program that the tests in Python drive; see tests/sdk/README.md.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "vectors":
		data, _ := os.ReadFile(filepath.Clean(os.Args[2]))
		var vectors []object
		_ = json.Unmarshal(data, &vectors)
		for _, vector := range vectors {
			kind := vector["message"].(object)["kind"].(string)
			text := "-"
			if data, err := encoded(kind, vector["payload"].(object)); err != nil {
				panic(err)
			} else if data != nil {
				text = hex.EncodeToString(data)
			}
			fmt.Println(kind, text)
		}
	case len(os.Args) == 4 && os.Args[1] == "simulate":
		os.Exit(rehearse(os.Args[2], os.Args[3]))
	default:
		os.Exit(m.Run())
	}
}

func rehearse(url, id string) int {
	run, err := Start(id, Options{
		Title: "A rehearsal", Kind: "test", URL: url, Flush: 5 * time.Second,
		Metadata: map[string]any{"seed": 42, "by": "me"},
		Params: map[string]Param{
			"gain": {Value: 1.0, Min: Limit(0), Max: Limit(5)}, "rain": {Value: false},
			"mode": {Value: "slow", Choices: []string{"slow", "fast"}},
		},
	})
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(err)
	must(run.Scene(Scene{Kind: "plain", Bounds: [4]float64{0, 0, 10, 10}}))
	must(run.Image("front", "image/png", []byte{1, 2, 3}))
	must(run.ImageRaw("top", Pixels{Width: 2, Height: 1, Channels: 3, Data: []byte{1, 2, 3, 4, 5, 6}}))
	must(run.OnParam("gain", func(any) { must(run.Log("info", "gain is set")) }))
	must(run.Events("traffic", Columns{"edge": []string{"a"}, "mean_speed": []float32{3}, "occupancy": []float64{0.5}}))
	must(run.Log("info", "begun"))
	for n := int64(1); run.Running() && !run.Stats().Fenced; n++ {
		ended := run.Phase("step")
		points := Columns{"id": []uint32{1, 2}, "x": []float32{0, float32(run.Float("gain"))}, "y": []int{0, 5}}
		ended()
		must(run.Frame(Frame{Step: n, TimeS: float64(n) / 10, Layers: Layers{"points": points}}))
		must(run.Metrics(map[string]float64{"n": float64(n)}))
		must(run.Status("info", fmt.Sprint(n)))
		run.Sleep(5 * time.Millisecond)
	}
	complete := run.Close()
	switch {
	case run.Stats().Fenced:
		return 3
	case !complete:
		return 1
	}
	return 0
}
