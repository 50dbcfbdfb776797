package builtins

import (
	"errors"
	"fmt"
	"math"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// timeFloor is the start of the minute, hour, day or other unit in which a time falls, by the clocks of a location.
func timeFloor(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var t, unit starlark.Value
	location := "UTC"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "t", &t, "unit", &unit, "location?", &location); err != nil {
		return nil, err
	}
	at, ok := t.(startime.Time)
	if !ok {
		return nil, fmt.Errorf("%s: want a time, not %s: make one with time.parse_time or time.from_timestamp", b.Name(), t.Type())
	}
	zone, err := time.LoadLocation(location)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	floored, err := floor(time.Time(at).In(zone), unit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return startime.Time(floored), nil
}

var errUnit = errors.New(`unit must be a duration over 0 like "15m" or "1h", or "day", "week", "month" or "year"`)

func floor(t time.Time, unit starlark.Value) (time.Time, error) {
	if name, ok := unit.(starlark.String); ok {
		year, month, day := t.Date()
		switch name {
		case "day":
			return wall(t, year, month, day, 0), nil
		case "week": // begins on Monday
			return wall(t, year, month, day-(int(t.Weekday())+6)%7, 0), nil
		case "month":
			return wall(t, year, month, 1, 0), nil
		case "year":
			return wall(t, year, time.January, 1, 0), nil
		}
	}
	var d startime.Duration
	if err := d.Unpack(unit); err != nil || d <= 0 {
		return time.Time{}, errUnit
	}
	return floorDuration(t, time.Duration(d))
}

// floorDuration counts units from the start of 1970 by local clocks.
func floorDuration(t time.Time, unit time.Duration) (time.Time, error) {
	switch {
	case time.Second%unit == 0:
		return t.Add(-(time.Duration(t.Nanosecond()) % unit)), nil
	case unit%time.Second != 0:
		return floorNanoseconds(t, unit)
	}
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	seconds := int64(unit / time.Second)
	local -= modulo(local, seconds)
	floored := time.Unix(local-int64(offset), 0).In(t.Location())
	if _, now := floored.Zone(); now == offset {
		return floored, nil
	}
	// The clocks were changed in between: what counts is what they showed.
	shown := time.Unix(local, 0).UTC()
	clock := shown.Hour()*3600 + shown.Minute()*60 + shown.Second()
	return wall(t, shown.Year(), shown.Month(), shown.Day(), clock), nil
}

// floorNanoseconds is for units that are neither a part nor a multiple of a second.
func floorNanoseconds(t time.Time, unit time.Duration) (time.Time, error) {
	if s := t.Unix(); s <= math.MinInt64/int64(time.Second) || s >= math.MaxInt64/int64(time.Second) {
		return time.Time{}, fmt.Errorf("%s is too far from 1970 for a unit of %v", startime.Time(t), unit)
	}
	return t.Add(-time.Duration(modulo(t.UnixNano(), int64(unit)))), nil
}

// wall is the first time at which the clocks of t's location show a date and so many seconds after midnight.
// Where they never show it, because they were put forward, it is the moment of the change.
func wall(t time.Time, year int, month time.Month, day, clock int) time.Time {
	wanted := time.Date(year, month, day, 0, 0, clock, 0, time.UTC).Unix()
	w := time.Date(year, month, day, 0, 0, clock, 0, t.Location())
	start, end := w.ZoneBounds()
	switch shown := shownAt(w); {
	case shown < wanted:
		return end
	case shown > wanted:
		return start
	}
	if start.IsZero() {
		return w
	}
	before := start.Add(-1)
	if earlier := w.Add(time.Duration(shownAt(w)-w.Unix()-(shownAt(before)-before.Unix())) * time.Second); earlier.Before(start) {
		return earlier
	}
	return w
}

// shownAt is what the clocks of t's location show, as seconds since they showed 1970.
func shownAt(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

// modulo is the remainder that is never negative.
func modulo(x, y int64) int64 { return (x%y + y) % y }
