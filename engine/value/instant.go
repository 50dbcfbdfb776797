package value

import (
	gotime "time"

	"go.starlark.net/lib/time"
)

// instant counts from the year 1, where Go's own count begins, so that its order is the order of times however
// far away they are.
func instant(t time.Time) (seconds int64, nanoseconds uint32) {
	g := gotime.Time(t)
	return g.Unix() + yearOne, uint32(g.Nanosecond())
}

func fromInstant(seconds int64, nanoseconds uint32) time.Time {
	return time.Time(gotime.Unix(seconds-yearOne, int64(nanoseconds)).UTC())
}

func isUTC(t time.Time) bool { return gotime.Time(t).Location() == gotime.UTC }
