package cluster

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
)

func TestWorkerReturns(t *testing.T) {
	s, now := new(Scheduler), time.Unix(0, 0)
	step := func(e Event) string { return fmt.Sprint(s.Step(now, e)) }
	first, second := TaskKey{0, 0}, TaskKey{0, 1}
	s.Step(now, WorkerJoined{"a", 2})
	s.Step(now, TasksAdded{Group: 0, N: 2})
	s.Step(now, TaskDone{first, 1})
	s.Step(now, TaskDone{second, 1})
	s.Step(now, WorkerJoined{"b", 1})
	s.Step(now, WorkerLost{"a", Death{Cause: Lost}}) // b does the first again
	holds := []Attempt{{first, 1}, {second, 1}, {second, 7}, {TaskKey{0, 9}, 1}, {first, 2}}
	want := fmt.Sprint([]Command{
		CancelTask{"b", first, 2},
		Accept{"a", first, 1},
		Accept{"a", second, 1},
		Release{"a", second, 7},
		Release{"a", TaskKey{0, 9}, 1},
		Release{"a", first, 2},
	})
	if got := step(WorkerReturned{"a", 2, holds}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := step(WorkerReturned{"a", 2, holds[:1]}); got != fmt.Sprint([]Command{Release{"a", first, 1}}) {
		t.Errorf("what counts is offered again: %s", got)
	}
	if s.groups[0].tasks[0].losses != 0 {
		t.Error("what has come back counts as lost")
	}
}

// What an executor leaves is offered by the next one if it is whole, and nothing else stays.
func TestRetained(t *testing.T) {
	h := host.NewMemory()
	open := func() *spill.Segments {
		s, err := spill.OpenSegments(h, "/tmp/job", nil)
		must(t, err)
		return s
	}
	r := newRetained(open())
	whole, short, begun := Attempt{TaskKey{0, 1}, 2}, Attempt{TaskKey{0, 2}, 1}, Attempt{TaskKey{1, 0}, 1}
	for _, a := range []Attempt{whole, short, begun} {
		for i, piece := range []string{a.piece(0, 0), a.piece(2, 0), a.piece(2, 1)} {
			if a != short || i != 1 {
				must(t, r.Put(piece, []byte(piece)))
			}
		}
	}
	output := Output{Pieces: 1, Hash: 7, Ranges: []Part{{Number: 1}, {Number: 2, Pieces: 2, Hash: 8}}}
	r.keep(whole, output)
	r.keep(short, output)
	must(t, r.Put(commitOutput+"0/5/1", []byte("no commit")))

	r = newRetained(open())
	if len(r.offers) != 1 || r.offers[0].Attempt != whole || !r.offers[0].Output.same(&output) {
		t.Errorf("%+v is offered", r.offers)
	}
	want := []string{whole.commit(), whole.piece(0, 0), whole.piece(2, 0), whole.piece(2, 1)}
	if ids := r.IDs(); !slices.Equal(ids, want) {
		t.Errorf("%q stay", ids)
	}
	runner := NewRunner(nil, spill.NewMem(), nil, nil)
	runner.retain(r)
	runner.Release(whole)
	if ids := r.IDs(); len(ids) > 0 {
		t.Errorf("%q stay when they are released", ids)
	}
}

// What cannot be written where it outlives the executor stays with it, and is not offered.
func TestNothingRetained(t *testing.T) {
	h := host.NewMemory()
	disk, err := spill.OpenSegments(h, "/tmp/job", nil)
	must(t, err)
	runner := NewRunner(nil, spill.NewMem(), nil, nil)
	runner.retain(newRetained(disk))
	a := Attempt{TaskKey{0, 0}, 1}
	must(t, runner.put(a.piece(0, 0), []byte("first")))
	h.Inject = func(host.Point) error { return errors.New("injected") }
	must(t, runner.put(a.piece(0, 1), []byte("second")))
	h.Inject = nil
	must(t, runner.put(a.piece(0, 2), []byte("third")))
	runner.retained.keep(a, Output{Pieces: 3})
	for i, want := range []string{"first", "second", "third"} {
		if got, err := runner.get(a.piece(0, i), nil); err != nil || string(got) != want {
			t.Errorf("piece %d is %q, %v", i, got, err)
		}
	}
	again, err := spill.OpenSegments(h, "/tmp/job", nil)
	must(t, err)
	if r := newRetained(again); len(r.offers) > 0 {
		t.Errorf("%+v is offered", r.offers)
	}
}

// A job has no folder outside that of its node.
func TestRetainNames(t *testing.T) {
	var asked []string
	x := &Executor{Retain: func(job string) (Retained, error) {
		asked = append(asked, job)
		return nil, errors.New("no disk")
	}}
	for _, job := range []string{"", ".", "..", "../job", "a/b", "/job"} {
		if x.retain(job) != nil || len(asked) > 0 {
			t.Errorf("%q is a name of a folder", job)
		}
	}
	if x.retain("life-job-1-1") != nil || len(asked) != 1 {
		t.Errorf("%q", asked)
	}
}
