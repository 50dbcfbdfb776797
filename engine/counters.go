package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// A Counter is what the functions of a script have counted under a name.
type Counter struct {
	Name  string `json:"name"`
	Value int64  `json:"value"` // at the ends of int64 it stays
}

// mostCounters is how many names have counters of their own; those that come later share otherCounters.
const (
	mostCounters  = 1000
	otherCounters = "(others)"
)

// counters are those of a run. They are safe for concurrent use.
type counters struct {
	mu     sync.Mutex
	values map[string]int64
}

func (c *counters) add(name string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[string]int64{}
	}
	if _, known := c.values[name]; !known && len(c.values) >= mostCounters {
		name = otherCounters
	}
	c.values[name] = saturating(c.values[name], n)
}

func saturating(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

// all are the counters by name.
func (c *counters) all() (list []Counter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		list = append(list, Counter{name, c.values[name]})
	}
	return list
}

// countersText is the counters in a line.
func countersText(list []Counter) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.Value))
	}
	return strings.Join(parts, ", ")
}
