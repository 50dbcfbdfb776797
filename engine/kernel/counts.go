package kernel

import (
	"maps"
	"math"
	"math/bits"
	"slices"
)

// MostCounters is how many counters a job has.
const MostCounters = 1000

// OtherCounters is the name under which what has no counter of its own is added up.
const OtherCounters = "(others)"

// Counts are sums by name. Of more than MostCounters names the first in their order have sums of their own, and the others
// share that of OtherCounters: whoever has some counts can bound them, and whoever puts them together, in any order, bounds
// the whole, with the same sums as if nobody had done so before. The zero value is ready; it is used by one goroutine at a
// time.
type Counts struct {
	sums map[string]wide // but for OtherCounters no more than MostCounters
	last string          // of the names, when there are MostCounters
}

// Add adds n to the sum of a name, so many times.
func (c *Counts) Add(name string, n, times int64) {
	if c.sums == nil {
		c.sums = map[string]wide{}
	}
	s, known := c.sums[name]
	if !known && name != OtherCounters && !c.room(name) {
		name = OtherCounters
		s = c.sums[name]
	}
	c.sums[name] = s.plus(wideProduct(n, times))
}

// room makes room for a name, if it comes before one that has a sum.
func (c *Counts) room(name string) bool {
	names := len(c.sums)
	if c.Shared() {
		names--
	}
	if names < MostCounters {
		return true
	}
	if c.last == "" {
		c.last = c.greatest()
	}
	if name > c.last {
		return false
	}
	out := c.sums[c.last]
	delete(c.sums, c.last)
	c.sums[OtherCounters] = c.sums[OtherCounters].plus(out)
	c.last = ""
	return true
}

func (c *Counts) greatest() (last string) {
	for name := range c.sums {
		if name != OtherCounters && name > last {
			last = name
		}
	}
	return last
}

// Shared reports whether there are names without a sum of their own.
func (c *Counts) Shared() bool {
	_, shared := c.sums[OtherCounters]
	return shared
}

// Empty reports whether nothing was counted.
func (c *Counts) Empty() bool { return len(c.sums) == 0 }

// Each calls f for every name, in order, with its sum, which stays at the ends of int64.
func (c *Counts) Each(f func(name string, n int64)) {
	for _, name := range slices.Sorted(maps.Keys(c.sums)) {
		f(name, c.sums[name].clamped())
	}
}

// take gives f what was counted as Prints, in the order of the names, and forgets it. A sum of 0 is two, for its name has a
// counter.
func (c *Counts) take(f func(Print)) {
	for _, name := range slices.Sorted(maps.Keys(c.sums)) {
		s := c.sums[name]
		if s == (wide{}) {
			f(Print{Text: name, Add: 1})
			s.lo--
			s.hi--
		}
		for s != (wide{}) {
			n := s.clamped()
			f(Print{Text: name, Add: n})
			s = s.plus(wideProduct(n, -1))
		}
	}
	clear(c.sums)
	c.last = ""
}

// Prints is what was counted.
func (c *Counts) Prints() (prints []Print) {
	c.take(func(p Print) { prints = append(prints, p) })
	return prints
}

// A wide is an int of 128 bits.
type wide struct {
	hi int64
	lo uint64
}

func (s wide) plus(t wide) wide {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	return wide{s.hi + t.hi + int64(carry), lo}
}

// wideProduct is a * b; b may be any but the least.
func wideProduct(a, b int64) wide {
	if b < 0 {
		p := wideProduct(a, -b)
		return wide{^p.hi, ^p.lo}.plus(wide{0, 1})
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if a < 0 {
		hi -= uint64(b) // as a is 2**64 less than what was multiplied
	}
	return wide{int64(hi), lo}
}

// clamped is the sum, or the end of int64 that is nearest to it.
func (s wide) clamped() int64 {
	switch n := int64(s.lo); {
	case s.hi == n>>63:
		return n
	case s.hi < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
