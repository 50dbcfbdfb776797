package chunk

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	gotime "time"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// A time is its seconds since 1970, 8 bytes, its nanoseconds, 4 bytes, and unless it is in UTC: its offset in
// seconds, 4 bytes, the name of its location, the zone's abbreviation, and 1 if the zone is all there is to the
// location.
func (e *rowEncoder) time(t time.Time) {
	start := e.beginExt(extTime)
	g := gotime.Time(t)
	e.dst = binary.BigEndian.AppendUint64(e.dst, uint64(g.Unix()))
	e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(g.Nanosecond()))
	if g.Location() != gotime.UTC {
		abbreviation, offset := g.Zone()
		e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(offset))
		e.dst = appendString(e.dst, g.Location().String())
		e.dst = appendString(e.dst, abbreviation)
		e.dst = append(e.dst, isFixed(g, abbreviation))
	}
	e.endExt(start)
}

// isFixed is 1 for what time.FixedZone makes: one zone for ever, called like its location.
func isFixed(t gotime.Time, abbreviation string) byte {
	from, until := t.ZoneBounds()
	if from.IsZero() && until.IsZero() && t.Location().String() == abbreviation {
		return 1
	}
	return 0
}

// readTime reads the rest of r.
func readTime(r *reader) starlark.Value {
	seconds, nanoseconds := int64(r.bigEndian(8)), r.bigEndian(4)
	if nanoseconds >= uint64(gotime.Second) {
		r.fail()
		return starlark.None
	}
	t := gotime.Unix(seconds, int64(nanoseconds))
	if len(r.rest) == 0 {
		return time.Time(t.UTC())
	}
	zone := zone{offset: int(int32(r.bigEndian(4))), location: r.string(), abbreviation: r.string(), fixed: r.byte() == 1}
	if r.failed {
		return starlark.None
	}
	l, err := zone.load(t)
	if err != nil {
		r.failWith(err)
		return starlark.None
	}
	return time.Time(t.In(l))
}

// A zone is what a time says of its location.
type zone struct {
	offset                 int
	location, abbreviation string
	fixed                  bool
}

// load finds the location, which must have this zone at t.
func (z zone) load(t gotime.Time) (*gotime.Location, error) {
	if z.fixed {
		return gotime.FixedZone(strings.Clone(z.abbreviation), z.offset), nil
	}
	l, err := locations.load(z.location)
	if err != nil {
		return nil, fmt.Errorf("chunk: record with a time in zone %.40q: %w", z.location, err)
	}
	if name, offset := t.In(l).Zone(); name != z.abbreviation || offset != z.offset {
		return nil, fmt.Errorf("chunk: record with a time in zone %.40q, which is %s%+d here: time zone data differ", z.location, name, offset)
	}
	return l, nil
}

var locations locationCache

// A locationCache keeps locations, which are read from files. Only those that exist are kept: there are some
// hundred.
type locationCache struct{ known sync.Map }

func (c *locationCache) load(name string) (*gotime.Location, error) {
	if l, ok := c.known.Load(name); ok {
		return l.(*gotime.Location), nil
	}
	l, err := gotime.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	c.known.Store(strings.Clone(name), l)
	return l, nil
}
