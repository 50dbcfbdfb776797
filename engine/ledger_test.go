package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

// balanced is a stage through which ten records went: a map that lost one, a filter that left six, a flat_map that
// made twelve of them, and an edge whose consumer left two unread.
func balanced(t *testing.T) *stageRun {
	t.Helper()
	graph := &Graph{Ops: []Op{{ID: 0, Kind: OpMap}, {ID: 1, Kind: OpFilter}, {ID: 2, Kind: OpFlatMap}, {ID: 3, Kind: OpCount}}}
	s := &stageRun{
		Stage: &Stage{Source: -1, Chain: []int{0, 1, 2}, Op: -1},
		run:   &stepRun{jobRun: &jobRun{graph: graph}},
		name:  "stage 0",
	}
	s.ledger.total = Manifest{
		Read: 10, Emitted: 12,
		Counts: []kernel.Count{{In: 10, Out: 9, Dead: 1}, {In: 9, Out: 6, Filtered: 3}, {In: 6, Out: 12}},
	}
	e := newEdge(10, nil)
	for i := range int64(6) {
		if err := e.push(context.Background(), numbers(2*i, 2*i+2)); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		if _, _, err := e.next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	e.stop()
	s.outs = []*edge{e}
	g := &groupEnd{stage: s, op: &graph.Ops[3]}
	g.ledger.folded.Store(12)
	g.ledger.sum, g.ledger.settled, g.ledger.emitted = 12, true, true
	s.end = g
	return s
}

func TestLedgerBalances(t *testing.T) {
	if err := balanced(t).check(); err != nil {
		t.Error(err)
	}
}

func TestLedgerFindsEveryLoss(t *testing.T) {
	for law, lose := range map[string]func(s *stageRun){
		"map: 10 records came, 11 were handed on to it":           func(s *stageRun) { s.ledger.total.Read++ },
		"filter: 9 records came, 8 were handed on to it":          func(s *stageRun) { s.ledger.total.Counts[0].Out--; s.ledger.total.Counts[0].Dead++ },
		"map: 10 in, 9 out, 0 filtered, 0 dead":                   func(s *stageRun) { s.ledger.total.Counts[0].Dead = 0 },
		"filter: 9 in, 6 out, 2 filtered, 0 dead":                 func(s *stageRun) { s.ledger.total.Counts[1].Filtered-- },
		"flat_map: 6 records came, 7 were handed on to it":        func(s *stageRun) { s.ledger.total.Counts[1] = kernel.Count{In: 9, Out: 7, Filtered: 2} },
		"stage 0: 12 records left its last op, 11 were delivered": func(s *stageRun) { s.ledger.total.Emitted-- },
		"count: 12 records came, 11 were folded":                  func(s *stageRun) { s.end.(*groupEnd).ledger.folded.Add(-1) },
		"count: 12 records came, the counts add up to 13":         func(s *stageRun) { s.end.(*groupEnd).ledger.sum++ },
		"after stage 0: 12 accepted, 9 consumed, 0 unread":        func(s *stageRun) { s.outs[0].stopped = false; s.outs[0].consumed-- },
		"after stage 0: 12 accepted, 10 consumed, 0 unread":       func(s *stageRun) { s.outs[0].stopped = false },
	} {
		s := balanced(t)
		lose(s)
		var e *LedgerError
		if err := s.check(); !errors.As(err, &e) || e.Law != law {
			t.Errorf("got %v, want %s", err, law)
		}
	}
}

// What a take leaves unread, and groups whose results nobody wanted, are no losses.
func TestLedgerAllowsForATake(t *testing.T) {
	s := balanced(t)
	g := &s.end.(*groupEnd).ledger
	g.sum, g.emitted = 3, false
	if err := s.check(); err != nil {
		t.Error(err)
	}
	g.settled = false
	g.folded.Store(0)
	if err := s.check(); err != nil {
		t.Error(err)
	}
}

// A sort hands on what came to it, or as many of it as are wanted.
func TestLedgerOfASort(t *testing.T) {
	three := int64(3)
	for _, c := range []struct {
		first            *int64
		came, emitted    int64
		settled, balance bool
	}{
		{nil, 12, 12, true, true},
		{nil, 12, 11, true, false},
		{nil, 12, 13, true, false},
		{nil, 12, 4, false, true}, // a take behind it has had enough
		{&three, 12, 3, true, true},
		{&three, 12, 2, true, false},
		{&three, 2, 2, true, true},
	} {
		s := balanced(t)
		s.First = c.first
		e := &sortEnd{stage: s, op: &s.run.graph.Ops[3], emitted: c.emitted, settled: c.settled}
		if err := e.balance(c.came); (err == nil) != c.balance {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestLedgerAcceptsEachTaskOnce(t *testing.T) {
	h := host.NewMemory()
	accepted := 0
	h.Inject = func(p host.Point) error {
		if p == pointManifest {
			accepted++
		}
		return nil
	}
	var l stageLedger
	for _, task := range []int{0, 0, 0, 1, 2, 2} {
		m := Manifest{Read: 1, Emitted: 1, Counts: []kernel.Count{{In: 1, Out: 1}}}
		if err := l.add(h, TaskID{Task: task}, m); err != nil {
			t.Fatal(err)
		}
	}
	if accepted != 2 || l.total.Read != 4 {
		t.Errorf("before the end: %d tasks accepted with %d records", accepted, l.total.Read)
	}
	for range 2 {
		if err := l.accept(h); err != nil {
			t.Fatal(err)
		}
	}
	if accepted != 3 || l.tasks != 3 || l.total.Read != 6 || l.total.Counts[0].Out != 6 {
		t.Errorf("at the end: %d tasks accepted, %+v", accepted, l.total)
	}
}

func TestAudit(t *testing.T) {
	s := &Summary{
		Read: 10, Bytes: 99, Dead: 1, Stopped: 2, Notes: []string{"a note"},
		Outputs: []Output{{Name: "stdout", Records: 3}, {Name: "a.csv", Records: 4}},
	}
	want := "read 10 records (99 bytes), and what take wanted, wrote 3 to stdout, wrote 4 to a.csv, 1 failed; every edge balances; a note"
	if got := s.Audit(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (&Summary{}).Audit(); strings.Contains(got, "failed") || strings.Contains(got, "take") {
		t.Errorf("of nothing: %s", got)
	}
}
