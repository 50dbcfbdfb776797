package cluster

import (
	"fmt"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// A Receipt notes what became of a task's chunk at one place on its way.
type Receipt struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"event"`
	Chunk   string    `json:"chunk"` // STEP.STAGE.TASK; the same for every attempt and in every run of the job
	Attempt int       `json:"attempt,omitempty"`
	Node    string    `json:"node,omitempty"`
	Pieces  int       `json:"pieces,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"`
	Hash    string    `json:"hash,omitempty"`    // XXH3 of what it gave, but for ranges of state by key
	Records int64     `json:"records,omitempty"` // that the task has read
	Failed  int64     `json:"failed,omitempty"`  // of them
	Reason  string    `json:"reason,omitempty"`

	Task TaskKey `json:"-"`
}

// The kinds of receipts, in the order in which a chunk meets them. A chunk that was distributed or recalled is open until
// it is aggregated or dead.
const (
	ReceiptDistributed = "distributed" // it is to be done
	ReceiptRecalled    = "recalled"    // an earlier head of the job, or the job that it retries, had it done
	ReceiptSent        = "sent"        // to a worker
	ReceiptRetried     = "retried"     // sent once more
	ReceiptFailed      = "failed"      // the worker's machine
	ReceiptProcessed   = "processed"   // the worker has done it
	ReceiptDuplicate   = "duplicate"   // and so had another
	ReceiptReturned    = "returned"    // it counts: what it gave is fetched
	ReceiptLost        = "lost"        // what it gave could not be fetched, or was corrupt
	ReceiptReceived    = "received"    // what it gave is here, whole
	ReceiptAggregated  = "aggregated"  // the job has read all of it
	ReceiptDead        = "dead"        // nothing can do it
)

// Ends says that the chunk is not open any more.
func (r *Receipt) Ends() bool { return r.Kind == ReceiptAggregated || r.Kind == ReceiptDead }

// Trouble says that something went wrong on the chunk's way.
func (r *Receipt) Trouble() bool {
	switch r.Kind {
	case ReceiptRetried, ReceiptFailed, ReceiptLost, ReceiptDead:
		return true
	}
	return false
}

// Event implements host.Event.
func (Receipt) Event() string { return "receipt" }

// Masked implements host.Maskable.
func (r Receipt) Masked(mask func(string) string) host.Event {
	r.Reason = mask(r.Reason)
	return r
}

// note sends a receipt. The lock is held.
func (j *Job) note(r Receipt) {
	t := &j.groups[r.Task.Group].tasks[r.Task.Index]
	r.At, r.Chunk = j.host.Clock.Now().UTC(), chunkName(t)
	j.host.Send(r)
}

// chunkName is what people call what a task does.
func chunkName(t *engine.Task) string { return fmt.Sprintf("%d.%d.%d", t.Step, t.Stage, t.Task) }

// noteOutput sends a receipt of what an attempt gave.
func (j *Job) noteOutput(kind string, task TaskKey, a *acceptedAttempt) {
	pieces := a.output.Pieces
	for i := range a.output.Ranges {
		pieces += a.output.Ranges[i].Pieces
	}
	j.note(Receipt{
		Kind: kind, Task: task, Attempt: a.number, Node: a.worker,
		Pieces: pieces, Bytes: a.output.Bytes + a.output.divided(), Hash: fmt.Sprintf("%016x", a.output.Hash), Records: a.output.Read, Failed: a.output.Failed,
	})
}
