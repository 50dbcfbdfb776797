package builtins

import (
	"fmt"
	"maps"
	"strings"
	"time"
	_ "time/tzdata" // zones must be there on machines without them

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// The zone of the machine must not reach a script, and the library hands out time.Local in places.
func init() { time.Local = time.UTC }

// times is the library's time module with the job's start as now, everything in UTC, and floor.
func (e *Env) times() *starlarkstruct.Module {
	members := maps.Clone(startime.Module.Members)
	delete(members, "now")
	return module("time", map[string]function{
		"floor":          timeFloor,
		"from_timestamp": timeFromTimestamp,
		"now":            e.now,
		"parse_time":     timeParse,
	}, members)
}

func (e *Env) now(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	return startime.Time(e.Now.UTC()), nil
}

func timeFromTimestamp(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var seconds, nanoseconds int64
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "sec", &seconds, "nsec?", &nanoseconds); err != nil {
		return nil, err
	}
	return startime.Time(time.Unix(seconds, nanoseconds).UTC()), nil
}

func timeParse(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	layout, location := time.RFC3339, "UTC"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "x", &text, "format?", &layout, "location?", &location); err != nil {
		return nil, err
	}
	if strings.Contains(layout, "%") {
		return nil, layoutError(b.Name(), layout)
	}
	zone, err := time.LoadLocation(location)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return startime.Time(t), nil
}

// strftime is what the letters of C's strftime are in Go's layouts.
var strftime = strings.NewReplacer(
	"%Y", "2006", "%y", "06", "%m", "01", "%B", "January", "%b", "Jan", "%h", "Jan",
	"%d", "02", "%e", "_2", "%j", "002", "%A", "Monday", "%a", "Mon",
	"%H", "15", "%I", "03", "%M", "04", "%S", "05", "%p", "PM", "%f", "000000", "%N", "000000000", "%L", "000",
	"%z", "-0700", "%Z", "MST", "%F", "2006-01-02", "%T", "15:04:05", "%R", "15:04", "%D", "01/02/06",
	"%c", "Mon Jan _2 15:04:05 2006", "%%", "%",
)

func layoutError(function, layout string) error {
	return fmt.Errorf("%s: layouts show the time 2006-01-02 15:04:05: write %q, not %q", function, strftime.Replace(layout), layout)
}
