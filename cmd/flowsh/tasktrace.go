package main

import (
	"context"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

// A taskTrace makes a trace of the receipts of a job: a process for each worker, in which threads are the tasks that it
// had at the same time, and one for the head of the job, which fetches what they gave.
type taskTrace struct {
	*trace
	nodes map[string]*tracedNode
	open  map[tracedSpan]tracedStart
}

// A tracedNode is a process of the trace.
type tracedNode struct {
	process int
	busy    []bool // by thread
}

// A tracedSpan is an attempt at a chunk, or the fetching of what that gave.
type tracedSpan struct {
	chunk   string
	attempt int
	fetch   bool
}

type tracedStart struct {
	at     time.Time
	node   *tracedNode
	thread int
}

// headProcess is the name of the process that fetches.
const headProcess = "head"

func newTaskTrace(path string, start time.Time) (*taskTrace, error) {
	t, err := newTrace(path, start)
	if err != nil {
		return nil, err
	}
	return &taskTrace{trace: t, nodes: map[string]*tracedNode{}, open: map[tracedSpan]tracedStart{}}, nil
}

// finish asks for the receipts of a job, and writes the file; a nil trace is none. What goes wrong is no reason for a job to fail.
func (t *taskTrace) finish(ctx context.Context, c *console, client *cluster.Client, job string) {
	if t == nil {
		return
	}
	if job != "" && ctx.Err() == nil {
		if _, err := client.Receipts(ctx, job, t.receipt); err != nil {
			c.warn("--trace: " + err.Error())
		}
	}
	t.close(c)
}

// receipt begins or ends a span.
func (t *taskTrace) receipt(r cluster.Receipt) error {
	task, fetch := tracedSpan{r.Chunk, r.Attempt, false}, tracedSpan{r.Chunk, r.Attempt, true}
	switch r.Kind {
	case cluster.ReceiptSent, cluster.ReceiptRetried:
		t.begin(task, r.Node, r.At)
	case cluster.ReceiptProcessed, cluster.ReceiptDuplicate, cluster.ReceiptFailed:
		t.end(task, r)
	case cluster.ReceiptReturned:
		t.begin(fetch, headProcess, r.At)
	case cluster.ReceiptReceived, cluster.ReceiptLost:
		t.end(fetch, r)
	}
	return nil
}

func (t *taskTrace) begin(span tracedSpan, name string, at time.Time) {
	node := t.nodes[name]
	if node == nil {
		node = &tracedNode{process: len(t.nodes)}
		t.nodes[name] = node
		t.name(node.process, name)
	}
	thread := 0
	for thread < len(node.busy) && node.busy[thread] {
		thread++
	}
	if thread == len(node.busy) {
		node.busy = append(node.busy, false)
	}
	node.busy[thread] = true
	t.open[span] = tracedStart{at, node, thread}
}

func (t *taskTrace) end(span tracedSpan, r cluster.Receipt) {
	start, ok := t.open[span]
	if !ok {
		return
	}
	delete(t.open, span)
	start.node.busy[start.thread] = false
	args := map[string]any{"attempt": r.Attempt, "bytes": r.Bytes}
	if r.Reason != "" {
		args["reason"] = r.Reason
	}
	t.write(traceEvent{
		Name: r.Chunk, Phase: "X", Begin: microseconds(start.at.Sub(t.start)), Duration: microseconds(r.At.Sub(start.at)),
		Process: start.node.process, Thread: start.thread, Args: args,
	})
}
