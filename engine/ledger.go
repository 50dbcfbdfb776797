package engine

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

var pointManifest = host.NewPoint("manifest.accept")

// A TaskID names a piece of a stage: its records of one split, or all of them where it reads other stages.
type TaskID struct {
	Stage int `json:"stage"`
	Task  int `json:"task"`
}

// A Manifest is what an attempt of a task has done: its commit. Only the records of accepted manifests count.
type Manifest struct {
	TaskID
	Attempt int            `json:"attempt"`
	Read    int64          `json:"read"`            // records taken from the input
	Bad     int64          `json:"bad,omitempty"`   // records that the source could not decode
	Counts  []kernel.Count `json:"counts"`          // per op of the stage's chain
	Emitted int64          `json:"emitted"`         // records that left the chain
	Bytes   int64          `json:"bytes,omitempty"` // input bytes
}

func (m *Manifest) add(n *Manifest) {
	m.Read += n.Read
	m.Bad += n.Bad
	m.Emitted += n.Emitted
	m.Bytes += n.Bytes
	for i := range n.Counts {
		m.Counts[i].Add(n.Counts[i])
	}
}

// A stageLedger sums the manifests of a stage's tasks. Each is accepted once, when its last unit was delivered.
type stageLedger struct {
	total Manifest
	task  Manifest
	tasks int
}

// add counts a unit of a task; a unit of another task than before completes the one before.
func (l *stageLedger) add(h *host.Host, id TaskID, m Manifest) error {
	if l.task.Counts != nil && l.task.TaskID != id {
		if err := l.accept(h); err != nil {
			return err
		}
	}
	if l.task.Counts == nil {
		l.task = Manifest{TaskID: id, Counts: make([]kernel.Count, len(m.Counts))}
	}
	l.task.add(&m)
	return nil
}

// accept commits the task that is open, if any.
func (l *stageLedger) accept(h *host.Host) error {
	if l.task.Counts == nil {
		return nil
	}
	if err := h.Fault(pointManifest); err != nil {
		return err
	}
	if l.total.Counts == nil {
		l.total.Counts = make([]kernel.Count, len(l.task.Counts))
	}
	l.total.add(&l.task)
	l.task = Manifest{}
	l.tasks++
	return nil
}

// OpTotal is what an op did with the records of a job.
type OpTotal struct {
	Op   int    `json:"op"`
	Name string `json:"name"`
	kernel.Count
}

// A Summary says what a run did.
type Summary struct {
	Read    int64     `json:"read"`           // records read from sources, but from those that a take stopped
	Bytes   int64     `json:"bytes"`          // bytes read from the same
	Written int64     `json:"written"`        // records written to all outputs
	Dead    int64     `json:"dead"`           // records dropped or written as dead letters
	Late    int64     `json:"late,omitempty"` // records that came too late for their windows, written to a file
	Stopped int64     `json:"stopped"`        // sources that a take stopped: how far they were read is a matter of timing
	Ops     []OpTotal `json:"ops"`
	Outputs []Output  `json:"outputs"`
	Counted []Counter `json:"counted,omitempty"` // by counter(), by name
	Notes   []string  `json:"notes,omitempty"`   // what the user should know about the result
	Samples []Sample  `json:"samples,omitempty"`

	Stages []StageTotal `json:"stages,omitempty"` // with Options.Analyze
}

// An Output is one output of the job.
type Output struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// A Sample is the first records of a stage, for a dry run.
type Sample struct {
	Stage   string   `json:"stage"`
	Records []string `json:"records"`
}

// Audit is the ledger in one line.
func (s *Summary) Audit() string {
	var b strings.Builder
	b.WriteString(s.intake())
	for _, o := range s.Outputs {
		fmt.Fprintf(&b, ", wrote %d to %s", o.Records, o.Name)
	}
	if s.Dead > 0 {
		fmt.Fprintf(&b, ", %d failed", s.Dead)
	}
	if s.Late > 0 {
		fmt.Fprintf(&b, ", %d late", s.Late)
	}
	b.WriteString("; every edge balances")
	if len(s.Counted) > 0 {
		b.WriteString("; counted " + countersText(s.Counted))
	}
	for _, n := range s.Notes {
		b.WriteString("; " + n)
	}
	return b.String()
}

// intake is what was read. It depends on the data alone, as all of the line does.
func (s *Summary) intake() string {
	whole := fmt.Sprintf("read %d records (%d bytes)", s.Read, s.Bytes)
	switch {
	case s.Stopped == 0:
		return whole
	case s.Read == 0:
		return "read what take wanted"
	}
	return whole + ", and what take wanted"
}

// A groupLedger counts what happens to records that meet in groups.
type groupLedger struct {
	folded  atomic.Int64 // records
	copies  atomic.Int64 // records of windows more than came: one is in several windows, or late and in none
	sum     int64        // of results that are ints
	settled bool         // all records were folded
	emitted bool         // all results were handed on
}

// count adds up results.
func (l *groupLedger) count(results *chunk.Column) {
	for _, n := range results.Ints {
		l.sum += n
	}
}

// check tests that every record that came was folded, and that counts add up to them.
func (l *groupLedger) check(name string, came int64, counts bool) error {
	if folded := l.folded.Load(); l.settled && folded != came {
		return &LedgerError{Law: fmt.Sprintf("%s: %d records came, %d were folded", name, came, folded)}
	}
	if counts && l.emitted && l.sum != came {
		return &LedgerError{Law: fmt.Sprintf("%s: %d records came, the counts add up to %d", name, came, l.sum)}
	}
	return nil
}

// A balancer is an end that tests that none of the records that came was lost.
type balancer interface{ balance(came int64) error }

// A LedgerError says that records were lost or made between two places: a bug of flowsh. The outputs of the step
// are not committed.
type LedgerError struct{ Law string }

func (e *LedgerError) Error() string { return "the ledger does not balance: " + e.Law }

// check tests the laws of a stage: what it read went into the chain; what one op let out went into the next; map
// loses only dead records, a filter only filtered and dead ones; what came to groups was folded into them; what left
// the stage was consumed or left unread.
func (s *stageRun) check() error {
	l := &s.ledger.total
	in := l.Read
	for i, c := range l.Counts {
		op := &s.run.graph.Ops[s.Chain[i]]
		if c.In != in {
			return &LedgerError{Law: fmt.Sprintf("%s: %d records came, %d were handed on to it", s.run.opName(op.ID), c.In, in)}
		}
		if multiplies := op.Kind == OpFlatMap || op.Kind == OpMapBatch || op.Kind == OpThrough; !multiplies && c.In != c.Out+c.Filtered+c.Dead {
			return &LedgerError{Law: fmt.Sprintf("%s: %d in, %d out, %d filtered, %d dead", s.run.opName(op.ID), c.In, c.Out, c.Filtered, c.Dead)}
		}
		in = c.Out
	}
	if l.Emitted != in {
		return &LedgerError{Law: fmt.Sprintf("%s: %d records left its last op, %d were delivered", s.name, in, l.Emitted)}
	}
	if e, ok := s.end.(balancer); ok {
		if err := e.balance(l.Emitted); err != nil {
			return err
		}
	}
	for _, e := range s.outs {
		accepted, consumed, unread := e.balance()
		if accepted != consumed+unread {
			return &LedgerError{Law: fmt.Sprintf("after %s: %d accepted, %d consumed, %d unread", s.name, accepted, consumed, unread)}
		}
	}
	return nil
}
