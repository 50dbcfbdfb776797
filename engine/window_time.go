package engine

import (
	"fmt"
	"strconv"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// The times that windows take, in nanoseconds since 1970: so far from the ends of 64 bits that the start of no
// window leaves them.
var (
	leastTime = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	mostTime  = time.Date(2250, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
)

const perMilli = int64(time.Millisecond)

// instantOf is the time of record i: an int is milliseconds since 1970, a string is RFC 3339.
func instantOf(times *chunk.Column, i int) (int64, error) {
	switch times.Kind {
	case chunk.Int:
		return instantOfInt(times.Ints[i])
	case chunk.String:
		return instantOfText(times.Strings[i])
	}
	switch v := times.At(i).(type) {
	case starlark.Int:
		n, ok := v.Int64()
		if !ok {
			return 0, intOutOfRange(value.Cut(v, 60))
		}
		return instantOfInt(n)
	case starlark.String:
		return instantOfText(string(v))
	case startime.Time:
		return instantOfTime(time.Time(v))
	default:
		return 0, fmt.Errorf("the time of a record must be an int (milliseconds since 1970), a time, or RFC 3339 text, not %s: %s", v.Type(), value.Cut(v, 60))
	}
}

func instantOfInt(n int64) (int64, error) {
	if n < leastTime/perMilli || n > mostTime/perMilli {
		return 0, intOutOfRange(strconv.FormatInt(n, 10))
	}
	return n * perMilli, nil
}

func intOutOfRange(n string) error {
	return fmt.Errorf("the time %s is out of range: an int is milliseconds since 1970, from the year 1700 to 2249", n)
}

func instantOfText(s string) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("the time %s is not RFC 3339, as 2026-01-02T15:04:05Z is: read other forms with time.parse_time", value.Cut(starlark.String(s), 60))
	}
	return instantOfTime(t)
}

func instantOfTime(t time.Time) (int64, error) {
	if t.Year() < 1700 || t.Year() > 2249 {
		return 0, fmt.Errorf("the time %s is out of range: years from 1700 to 2249 are in it", t.Format(time.RFC3339))
	}
	return t.UnixNano(), nil
}

// isInt says that a record's time was given as an int, so that windows come out as ints too.
func isInt(times *chunk.Column, i int) bool {
	if times.Kind == chunk.Any {
		_, ok := times.Values[i].(starlark.Int)
		return ok
	}
	return times.Kind == chunk.Int
}

// floorTo is the greatest multiple of step that is not over t.
func floorTo(t, step int64) int64 {
	rest := t % step
	if rest < 0 {
		rest += step
	}
	return t - rest
}
