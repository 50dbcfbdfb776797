package cluster

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/transport"
)

// What the tasks of a job have given at a worker stays in a folder of the job until its head has ended: so the head gets it
// of an executor that comes after the one that has made it, even of another agent of the same name. The agent removes
// the folder when the head ends while the agent hears the master, and otherwise when it hears the master again.

// tidy removes what tasks have given of jobs that do not run any more, after the own executor of a job has ended.
func (w *WorkerAgent) tidy(ctx context.Context, key executionKey, d Death) {
	w.mu.Lock()
	s := w.session
	w.mu.Unlock()
	if w.Outputs == "" || key.part != "" || s == nil || ctx.Err() != nil || s.Ping() != nil {
		return
	}
	if d.Cause == Ended { // the head was done with it
		_ = w.Host.FS.RemoveAll(filepath.Join(w.Outputs, filepath.Base(key.job))) // what is left goes with the agent
	}
	w.sweep(s)
}

// sweep asks the master which jobs run, and removes what there is of others.
func (w *WorkerAgent) sweep(s *transport.Session) {
	if w.Outputs == "" {
		return
	}
	var held []string
	folders, _ := w.Host.FS.ReadDir(w.Outputs) // there may be none
	for _, f := range folders {
		held = append(held, f.Name())
	}
	if len(held) == 0 {
		return
	}
	var run []string
	if s.Call(request{Op: "held", Jobs: held}, &run) != nil {
		return // it is asked again when there is a master
	}
	for _, job := range held {
		if !slices.Contains(run, job) {
			_ = w.Host.FS.RemoveAll(filepath.Join(w.Outputs, job)) // what is left goes with the agent
		}
	}
}

// workerRequest does what a worker asks for.
func (m *Master) workerRequest(name string, stream transport.Stream) {
	var r request
	if transport.ReadMessage(stream, &r) != nil {
		return
	}
	switch r.Op {
	case "drain":
		_ = m.drain(name)
	case "held":
		_ = transport.WriteMessage(stream, m.leading()) // the worker may be gone
	}
}

// leading are the jobs that run, by the names that workers know.
func (m *Master) leading() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []string{}
	for _, h := range slices.SortedFunc(maps.Values(m.heads), func(a, b *head) int { return strings.Compare(a.run, b.run) }) {
		all = append(all, h.run)
	}
	return all
}
