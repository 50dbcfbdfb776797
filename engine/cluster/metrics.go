package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine"
)

// A Metric is a number for those who watch a node.
type Metric struct {
	Name    string // in Prometheus' form, with labels
	Value   uint64
	Counter bool // it only grows
}

// tally counts what has happened at a node since it began. The zero value is ready; it is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	counts map[string]uint64
	// scripts are the counters of scripts by name, of all jobs together.
	scripts map[string]uint64
}

func (t *tally) add(name string, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]uint64{}
	}
	t.counts[name] += n
}

func (t *tally) metrics() (all []Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		all = append(all, Metric{name, t.counts[name], true})
	}
	for _, name := range slices.Sorted(maps.Keys(t.scripts)) {
		all = append(all, Metric{`flowsh_counted_total{counter="` + labels.Replace(name) + `"}`, t.scripts[name], true})
	}
	return all
}

// receipt counts a chunk that came to a place on its way.
func (t *tally) receipt(r *Receipt) {
	t.add(fmt.Sprintf("flowsh_chunks_total{event=%q}", r.Kind), 1)
	if r.Kind == ReceiptReturned {
		t.add("flowsh_returned_bytes_total", uint64(max(0, r.Bytes)))
	}
}

// mostCounted is how many names of counters of scripts are told apart; those that come later share one.
const (
	mostCounted   = 1000
	othersCounted = "(others)"
)

// counted adds what the functions of a job have counted.
func (t *tally) counted(counters []engine.Counter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.scripts == nil {
		t.scripts = map[string]uint64{}
	}
	for _, c := range counters {
		name := c.Name
		if _, known := t.scripts[name]; !known && len(t.scripts) >= mostCounted {
			name = othersCounted
		}
		t.scripts[name] += uint64(max(0, c.Value))
	}
}

// labels writes the value of a label in Prometheus' form.
var labels = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// Metrics are the master's: jobs by state, workers and their cores, what became of chunks, and what scripts have
// counted.
func (m *Master) Metrics() []Metric {
	states := map[JobState]uint64{}
	var workers, cores uint64
	m.mu.Lock()
	for _, j := range m.queue.jobs {
		states[j.State]++
	}
	for _, w := range m.workers {
		workers++
		cores += uint64(w.slots)
	}
	m.mu.Unlock()
	all := []Metric{{"flowsh_workers", workers, false}, {"flowsh_worker_cores", cores, false}}
	for _, s := range []JobState{Queued, Running, Complete, CompleteWithRetries, Failed, Cancelled} {
		all = append(all, Metric{fmt.Sprintf("flowsh_jobs{state=%q}", s), states[s], false})
	}
	return append(all, m.tally.metrics()...)
}

// Metrics are the worker's: its executors, and how those have ended.
func (w *WorkerAgent) Metrics() []Metric {
	w.mu.Lock()
	running, joined := uint64(w.running), uint64(w.joined)
	w.mu.Unlock()
	return append([]Metric{{"flowsh_executors", running, false}, {"flowsh_joins_total", joined, true}}, w.tally.metrics()...)
}
