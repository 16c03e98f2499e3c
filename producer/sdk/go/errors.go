package lanecast

import (
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"
)

// InvalidMessage is a mistake in a call: Field is the path of what is wrong.
type InvalidMessage struct {
	Field   string
	Problem string
}

func (e *InvalidMessage) Error() string { return e.Field + ": " + e.Problem }

func invalid(field, format string, args ...any) error {
	return &InvalidMessage{field, fmt.Sprintf(format, args...)}
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func checkID(value, field string) error {
	if !idForm.MatchString(value) {
		return invalid(field, "%q is not 1 to 64 characters of a-z A-Z 0-9 . _ - that start with a letter or digit", value)
	}
	return nil
}

func checkName(name, field string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > 64 {
		return invalid(field, "a name has 1 to 64 characters")
	}
	return nil
}

func checkNumber(value float64, field string) error {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return invalid(field, "expected a finite number, got %v", value)
	}
	return nil
}
