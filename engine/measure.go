package engine

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

// A StageTotal is what a stage did, with what only Options.Analyze measures.
type StageTotal struct {
	Stage   int            `json:"stage"`
	Read    int64          `json:"read"`    // records, with those that could not be decoded
	Emitted int64          `json:"emitted"` // records that the stage handed on or wrote
	Bytes   int64          `json:"bytes"`   // of input
	Counts  []kernel.Count `json:"counts"`  // per op of the stage's chain
	Kernels kernel.Report  `json:"kernels"` // how its functions were run
	Folds   []FoldTotal    `json:"folds,omitempty"`
	Chosen  string         `json:"chosen,omitempty"` // of a join: how the run did it
	// CPU time of the stage's workers. What others do for it, such as the collector, is not in it.
	Reading, Functions, Ending time.Duration
}

// A FoldTotal is how a function was run that gets a state.
type FoldTotal struct {
	Op      int           `json:"op"`
	Param   string        `json:"param"`
	Kernels kernel.Report `json:"kernels"`
}

// A measure is what the workers of a stage measure. The zero value measures nothing.
type measure struct {
	on    bool
	mu    sync.Mutex // guards total
	total StageTotal
}

// A stopwatch measures one goroutine's CPU time, which it locks to its thread. The nil stopwatch measures nothing.
type stopwatch struct {
	last  time.Duration
	total StageTotal
}

// watch begins to measure the calling goroutine; nil if nothing is measured.
func (m *measure) watch() *stopwatch {
	if !m.on {
		return nil
	}
	runtime.LockOSThread()
	return &stopwatch{last: host.ThreadTime()}
}

// A phase is where a stage spends its time.
type phase int

const (
	reading phase = iota
	inFunctions
	atEnd
)

// lap adds the time since the last call to a phase.
func (w *stopwatch) lap(p phase) {
	if w == nil {
		return
	}
	now := host.ThreadTime()
	switch spent := now - w.last; p {
	case reading:
		w.total.Reading += spent
	case inFunctions:
		w.total.Functions += spent
	default:
		w.total.Ending += spent
	}
	w.last = now
}

// stop ends a stopwatch and adds what it measured, and how a runner ran; runner may be nil.
func (m *measure) stop(w *stopwatch, runner kernel.Runner) {
	if w == nil {
		return
	}
	runtime.UnlockOSThread()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Reading += w.total.Reading
	m.total.Functions += w.total.Functions
	m.total.Ending += w.total.Ending
	if r, ok := kernel.ReportOf(runner); ok {
		m.total.Kernels.Add(r)
	}
}

// measured adds what the stages of a step did to the summary.
func (r *stepRun) measured() {
	for _, s := range r.stages {
		if !s.measure.on {
			continue
		}
		t, l := s.measure.total, s.ledger.total
		l.Counts = slices.Clone(l.Counts)
		if open := &s.ledger.task; l.Counts == nil {
			l = *open
		} else if open.Counts != nil {
			l.add(open) // of a run that failed
		}
		t.Folds = s.folds()
		if end, ok := s.end.(*joinEnd); ok {
			t.Chosen = end.chosen()
		}
		t.Stage, t.Read, t.Bytes, t.Emitted, t.Counts = s.ID, l.Read+l.Bad, l.Bytes, s.emitted.Load(), l.Counts
		r.summary.Stages = append(r.summary.Stages, t)
	}
}

// folds says how the functions of the stage's reducers were run.
func (s *stageRun) folds() (all []FoldTotal) {
	if s.Op < 0 {
		return nil
	}
	op := &s.run.graph.Ops[s.Op]
	_, called := paramsOf(op)
	for _, param := range append([]string{"f"}, called...) {
		fn := s.run.function(op, param)
		if fn == nil {
			continue
		}
		total := FoldTotal{Op: op.ID, Param: param}
		known := false
		for _, r := range s.reducers {
			if report, ok := r.Reports()[fn]; ok {
				total.Kernels.Add(report)
				known = true
			}
		}
		if known {
			all = append(all, total)
		}
	}
	return all
}

// StageTime is the CPU time of the workers of all stages.
func (s *Summary) StageTime() (total time.Duration) {
	for i := range s.Stages {
		total += s.Stages[i].Time()
	}
	return total
}
