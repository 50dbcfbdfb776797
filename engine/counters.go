package engine

import (
	"fmt"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine/kernel"
)

// A Counter is what the functions of a script have counted under a name.
type Counter struct {
	Name  string `json:"name"`
	Value int64  `json:"value"` // at the ends of int64 it stays
}

// counters are those of a run. They are safe for concurrent use.
type counters struct {
	mu     sync.Mutex
	counts kernel.Counts
}

// add adds n to a counter, so many times.
func (c *counters) add(name string, n, times int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Add(name, n, times)
}

// all are the counters by name. shared says that there were more names than counters.
func (c *counters) all() (list []Counter, shared bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Each(func(name string, n int64) { list = append(list, Counter{name, n}) })
	return list, c.counts.Shared()
}

// count says what the functions of the script have counted.
func (r *jobRun) count() {
	var shared bool
	if r.summary.Counted, shared = r.counters.all(); shared {
		r.host.Send(Warning{Text: fmt.Sprintf("functions count under more than %d names: those that come first in the order of names have counters, and what the others count is %s",
			kernel.MostCounters, kernel.OtherCounters)})
	}
}

// countersText is the counters in a line.
func countersText(list []Counter) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.Value))
	}
	return strings.Join(parts, ", ")
}
