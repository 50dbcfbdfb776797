package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/google/renameio/v2"
)

// A trace is a file in Chrome's trace event format: a process for each stage, a thread for each of its workers.
// It appears under its name when it is closed, also behind a job that failed.
type trace struct {
	start time.Time

	mu     sync.Mutex
	file   *renameio.PendingFile
	out    *bufio.Writer
	stages map[int]bool // that have a name in the file
	err    error        // the first of the file
}

// A traceEvent is one event of the format; times are microseconds since the start.
type traceEvent struct {
	Name     string         `json:"name"`
	Phase    string         `json:"ph"` // X a span, M a name
	Begin    float64        `json:"ts"`
	Duration float64        `json:"dur"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Args     map[string]any `json:"args,omitempty"`
}

func newTrace(path string, start time.Time) (*trace, error) {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o666))
	if err != nil {
		return nil, fmt.Errorf("--trace: %w", err)
	}
	t := &trace{start: start, file: file, out: bufio.NewWriter(file), stages: map[int]bool{}}
	_, t.err = t.out.WriteString("[")
	return t, nil
}

// event writes the spans among the events of a run, and hands on the others.
func (t *trace) event(next func(host.Event)) func(host.Event) {
	return func(e host.Event) {
		w, ok := e.(engine.Worked)
		if !ok {
			next(e)
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.name(w.Stage, w.Name)
		span := traceEvent{
			Name: w.What, Phase: "X", Begin: microseconds(w.Began.Sub(t.start)), Duration: microseconds(w.Took),
			Process: w.Stage, Thread: w.Worker,
		}
		if w.Records > 0 {
			span.Args = map[string]any{"records": w.Records}
		}
		t.write(span)
	}
}

// name says once what a process is.
func (t *trace) name(process int, name string) {
	if !t.stages[process] {
		t.write(traceEvent{Name: "process_name", Phase: "M", Process: process, Args: map[string]any{"name": name}})
		t.stages[process] = true
	}
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func (t *trace) write(e traceEvent) {
	if t.err != nil {
		return
	}
	separator := ",\n"
	if len(t.stages) == 0 {
		separator = "\n"
	}
	text, err := json.Marshal(e)
	if err == nil {
		_, err = t.out.WriteString(separator + string(text))
	}
	t.err = err
}

// close completes the file. What goes wrong is no reason for a job to fail.
func (t *trace) close(c *console) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		_, t.err = t.out.WriteString("\n]\n")
	}
	if t.err == nil {
		t.err = t.out.Flush()
	}
	if t.err == nil {
		t.err = t.file.CloseAtomicallyReplace()
	}
	if t.err != nil {
		_ = t.file.Cleanup() // the warning says why
		c.warn("--trace: " + t.err.Error())
	}
}
