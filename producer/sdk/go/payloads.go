package lanecast

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
)

// Columns is a layer: a column of values for each name, all of one length. A column is a slice of numbers (which travels
// typed, as it is), of string or of bool. "id" is needed: integers 0 to 4294967295, or strings.
type Columns map[string]any

// Layers is what a frame shows, by name.
type Layers map[string]Columns

// Path is lines or areas of a scene: Points has x, y, x, y, … of all after one another, Starts the index (in points) of
// each first point. Width (lines only) is in metres.
type Path struct {
	Points []float64
	Starts []uint32
	Width  []float64
	ID     []string
}

// Scene is the static map.
type Scene struct {
	Kind   string
	Bounds [4]float64 // x0, y0, x1, y1
	Lines  *Path
	Areas  *Path
}

// Frame is the state at one step. Step and TimeS (simulation seconds) must not go back.
type Frame struct {
	Step    int64
	TimeS   float64
	Layers  Layers
	Partial bool               // only updates the entities and columns that it names
	Gone    map[string]any     // of a partial frame: layer -> []uint32 or []string, who has left
	Phases  map[string]float64 // how long parts of the step took, milliseconds
}

const (
	maxBytes = 4 * 1024 * 1024
	maxInt   = 1<<53 - 1
)

type typed struct {
	DType string `msgpack:"dtype"`
	Data  []byte `msgpack:"data"`
}

func pack(payload any) ([]byte, error) {
	var out bytes.Buffer
	encoder := msgpack.NewEncoder(&out)
	encoder.UseCompactInts(true)
	if err := encoder.Encode(payload); err != nil {
		return nil, invalid("data", "%v", err)
	}
	if out.Len() > maxBytes {
		return nil, invalid("data", "%d bytes are over the limit of %d", out.Len(), maxBytes)
	}
	return out.Bytes(), nil
}

func packFrame(f Frame) ([]byte, error) {
	if err := checkMoment(f.Step, f.TimeS); err != nil {
		return nil, err
	}
	layers := make(map[string]any, len(f.Layers))
	for name, columns := range f.Layers {
		if err := checkName(name, "layers"); err != nil {
			return nil, err
		}
		layer, err := packLayer(columns, "layers."+name, true)
		if err != nil {
			return nil, err
		}
		layers[name] = layer
	}
	payload := map[string]any{"step": f.Step, "time_s": f.TimeS, "layers": layers}
	if f.Partial {
		payload["partial"] = true
	}
	if len(f.Gone) > 0 {
		if !f.Partial {
			return nil, invalid("gone", "a full frame has none: who is missing in it has left")
		}
		payload["gone"] = f.Gone
	}
	if len(f.Phases) > 0 {
		if err := checkNumbers(f.Phases, "phases"); err != nil {
			return nil, err
		}
		payload["phases"] = f.Phases
	}
	return pack(payload)
}

func packEvents(kind string, items Columns, timeS float64) ([]byte, error) {
	layer, err := packLayer(items, "items", false)
	if err == nil {
		err = checkName(kind, "type")
	}
	if err != nil {
		return nil, err
	}
	return pack(map[string]any{"type": kind, "time_s": timeS, "items": layer})
}

func packMetrics(values map[string]float64, step int64, timeS float64) ([]byte, error) {
	if err := checkMoment(step, timeS); err != nil {
		return nil, err
	}
	if err := checkNumbers(values, "values"); err != nil {
		return nil, err
	}
	return pack(map[string]any{"step": step, "time_s": timeS, "values": values})
}

func packStatus(level, text string, timeS float64) ([]byte, error) {
	if !slices.Contains([]string{"info", "warning", "error", "complete"}, level) {
		return nil, invalid("level", "%q is not one of info, warning, error, complete", level)
	}
	if utf8.RuneCountInString(text) > 4096 {
		return nil, invalid("text", "over 4096 characters")
	}
	return pack(map[string]any{"level": level, "text": text, "time_s": timeS})
}

func packImage(camera, mime string, data []byte, step int64, timeS float64) ([]byte, error) {
	if err := checkName(camera, "camera"); err != nil {
		return nil, err
	}
	if err := checkName(mime, "mime"); err != nil {
		return nil, err
	}
	return pack(map[string]any{"camera": camera, "mime": mime, "step": step, "time_s": timeS, "data": data})
}

// Pixels is a picture as it is in memory: rows from the top, unsigned bytes, Channels 1 (grey), 3 (RGB) or 4 (RGBA).
type Pixels struct {
	Width, Height, Channels int
	Data                    []byte
}

func packPixels(camera string, p Pixels, step int64, timeS float64) ([]byte, error) {
	if err := checkName(camera, "camera"); err != nil {
		return nil, err
	}
	if p.Width < 1 || p.Width > 8192 {
		return nil, invalid("width", "%d is not from 1 to 8192 pixels", p.Width)
	}
	if p.Height < 1 || p.Height > 8192 {
		return nil, invalid("height", "%d is not from 1 to 8192 pixels", p.Height)
	}
	if p.Channels != 1 && p.Channels != 3 && p.Channels != 4 {
		return nil, invalid("channels", "%d is not 1, 3 or 4", p.Channels)
	}
	if expected := p.Width * p.Height * p.Channels; len(p.Data) != expected {
		return nil, invalid("data", "expected %d bytes, got %d", expected, len(p.Data))
	}
	return pack(map[string]any{
		"camera": camera, "mime": "image/x-raw", "step": step, "time_s": timeS,
		"width": p.Width, "height": p.Height, "channels": p.Channels, "data": p.Data,
	})
}

func packScene(scene Scene) ([]byte, error) {
	payload := map[string]any{"kind": scene.Kind, "bounds": scene.Bounds[:]}
	for i, bound := range scene.Bounds {
		if err := checkNumber(bound, fmt.Sprintf("bounds[%d]", i)); err != nil {
			return nil, err
		}
	}
	for name, path := range map[string]*Path{"lines": scene.Lines, "areas": scene.Areas} {
		if path == nil {
			continue
		}
		if len(path.Points)%2 != 0 {
			return nil, invalid(name+".points", "expected pairs of x and y")
		}
		columns := Columns{"points": path.Points, "starts": path.Starts}
		if path.Width != nil {
			columns["width"] = path.Width
		}
		if path.ID != nil {
			columns["id"] = path.ID
		}
		part := map[string]any{}
		for column, values := range columns {
			packed, _, err := packColumn(values, name+"."+column)
			if err != nil {
				return nil, err
			}
			part[column] = packed
		}
		payload[name] = part
	}
	return pack(payload)
}

func packLayer(columns Columns, path string, ids bool) (map[string]any, error) {
	if ids {
		if err := checkIDs(columns["id"], path+".id"); err != nil {
			return nil, err
		}
	}
	layer := make(map[string]any, len(columns))
	length := -1
	for name, values := range columns {
		if err := checkName(name, path); err != nil {
			return nil, err
		}
		column, n, err := packColumn(values, path+"."+name)
		if err != nil {
			return nil, err
		}
		if length >= 0 && n != length {
			return nil, invalid(path+"."+name, "has %d values, other columns have %d", n, length)
		}
		layer[name], length = column, n
	}
	return layer, nil
}

// packColumn copies: the simulation may reuse its slices at once.
func packColumn(values any, path string) (any, int, error) {
	dtype := ""
	n := 0
	switch v := values.(type) {
	case []uint8:
		dtype, n = "u1", len(v)
	case []int8:
		dtype, n = "i1", len(v)
	case []uint16:
		dtype, n = "u2", len(v)
	case []int16:
		dtype, n = "i2", len(v)
	case []uint32:
		dtype, n = "u4", len(v)
	case []int32:
		dtype, n = "i4", len(v)
	case []float32:
		dtype, n = "f4", len(v)
		for i, x := range v {
			if err := checkNumber(float64(x), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return nil, 0, err
			}
		}
	case []float64:
		dtype, n = "f8", len(v)
		for i, x := range v {
			if err := checkNumber(x, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return nil, 0, err
			}
		}
	case []int:
		for i, x := range v {
			if x > maxInt || x < -maxInt {
				return nil, 0, invalid(fmt.Sprintf("%s[%d]", path, i), "%d is over 53 bits", x)
			}
		}
		return v, len(v), nil
	case []string:
		return v, len(v), nil
	case []bool:
		return v, len(v), nil
	default:
		return nil, 0, invalid(path, "a column is a slice of numbers, strings or booleans, this is %T", values)
	}
	data, err := binary.Append([]byte{}, binary.LittleEndian, values) // not nil, which would be packed as such
	if err != nil {
		return nil, 0, invalid(path, "%v", err)
	}
	return typed{dtype, data}, n, nil
}

func checkIDs(ids any, path string) error {
	switch v := ids.(type) {
	case nil:
		return invalid(path, "missing: every entity needs an id")
	case []uint32:
		return checkUnique(v, path)
	case []uint16:
		return checkUnique(v, path)
	case []uint8:
		return checkUnique(v, path)
	case []string:
		return checkUnique(v, path)
	case []int:
		for i, id := range v {
			if id < 0 || id > math.MaxUint32 {
				return invalid(fmt.Sprintf("%s[%d]", path, i), "%d is not from 0 to 4294967295", id)
			}
		}
		return checkUnique(v, path)
	default:
		return invalid(path, "ids are []uint32, []int or []string, this is %T", ids)
	}
}

func checkUnique[T comparable](ids []T, path string) error {
	seen := make(map[T]struct{}, len(ids))
	for _, id := range ids {
		seen[id] = struct{}{}
	}
	if len(seen) < len(ids) {
		return invalid(path, "an id is there twice")
	}
	return nil
}

func checkNumbers(values map[string]float64, path string) error {
	for name, value := range values {
		if err := checkName(name, path); err != nil {
			return err
		}
		if err := checkNumber(value, path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func checkMoment(step int64, timeS float64) error {
	if step > maxInt || step < -maxInt {
		return invalid("step", "%d is over 53 bits", step)
	}
	return checkNumber(timeS, "time_s")
}
