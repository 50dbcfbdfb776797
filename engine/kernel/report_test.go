package kernel

import (
	"errors"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// panicking is a runner of a chain whose compiled code has a bug: it panics on records that a test chooses.
func panicking(t *testing.T, chain *Chain, in *chunk.Batch, verify bool, on func(row int) bool) *compiled {
	t.Helper()
	r := newCompiled(chain, env(), NewInterpreter(chain, env(), true), verify)
	p := r.program(in)
	if p == nil {
		t.Fatal(r.report.Refusal)
	}
	run := p.run
	p.run = func(f *frame) {
		run(f)
		if on(f.row) {
			panic("a bug")
		}
	}
	return r
}

// TestKernelPanics checks that a bug in compiled code costs nothing but time, is counted, and fails under verify.
func TestKernelPanics(t *testing.T) {
	g, source := script(t, "def f(l): return [w + '!' for w in l.split()]\ndef g(w): return w.upper()\n")
	chain := &Chain{Steps: []Step{sourced(t, FlatMap, g["f"], source), sourced(t, Map, g["g"], source)}}
	in := records(t, "['a b', 'c', 'd e f', '', 'g'] * 60")
	third := func(row int) bool { return row%30 == 3 }

	var want, got Output
	if err := NewInterpreter(chain, env(), false).Run(in, &want); err != nil {
		t.Fatal(err)
	}
	r := panicking(t, chain, in, false, third)
	if err := r.Run(in, &got); err != nil {
		t.Fatal(err)
	}
	v := verifier{chain: chain}
	if diff := v.compare(&got, &want); diff != nil {
		t.Error(diff)
	}
	report, ok := ReportOf(r)
	if !ok || report.Bugs != 10 || !strings.Contains(report.Bug, "a bug") || report.Records != 290 {
		t.Errorf("report %+v", report)
	}

	v = verifier{chain: chain, fast: panicking(t, chain, in, true, third), reference: NewInterpreter(chain, env(), false)}
	var bug *MismatchError
	if err := v.Run(in, new(Output)); !errors.As(err, &bug) || bug.What != "panic" || bug.Record != `""` || bug.Position != 1003 {
		t.Errorf("verify gives %v", err)
	}
}

// TestPanicsBecomeAStorm checks that a kernel that panics all the time is switched off.
func TestPanicsBecomeAStorm(t *testing.T) {
	g, source := script(t, "def f(l): return l + 'x'")
	chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
	in := records(t, "['a'] * 300")
	r := panicking(t, chain, in, false, func(int) bool { return true })
	var out Output
	for range 2 {
		if err := r.Run(in, &out); err != nil || out.N != 300 {
			t.Fatal(err, out.N)
		}
	}
	if report, _ := ReportOf(r); report.Bugs != stormDeopts || report.Storms != 1 || report.Interpreted != 600-stormDeopts || report.Records != 0 {
		t.Errorf("report %+v", report)
	}
}

// TestPanicOfAFailingRecord checks that a bug on a record that fails anyway is reported as the record's failure.
func TestPanicOfAFailingRecord(t *testing.T) {
	g, source := script(t, "def f(n): return 10 // n")
	chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
	in := records(t, "[1, 2, 0, 4]")
	r := panicking(t, chain, in, false, func(row int) bool { return row == 1 })
	var out Output
	if err := r.Run(in, &out); err == nil || !strings.Contains(err.Error(), "division by zero") || out.N != 2 {
		t.Errorf("%v after %d records", err, out.N)
	}
}

func TestReportsAddUp(t *testing.T) {
	refusal := &Refusal{What: "uses print"}
	a := Report{Records: 1, Deopts: []Deopts{{"an error", 3, 2}}, Bugs: 1, Bug: "first"}
	a.Add(Report{Compiled: true, Refusal: refusal, Records: 4, Direct: 5, Interpreted: 6, Deopts: []Deopts{{"an error", 4, 1}, {"an error", 3, 5}}, Storms: 1, Bugs: 2, Bug: "second"})
	if !a.Compiled || a.Refusal != refusal || a.Records != 5 || a.Direct != 5 || a.Interpreted != 6 || a.Storms != 1 || a.Bugs != 3 || a.Bug != "first" {
		t.Errorf("%+v", a)
	}
	if len(a.Deopts) != 2 || a.Deopts[0].Count != 7 || a.Deopts[1].Count != 1 {
		t.Errorf("%+v", a.Deopts)
	}
}
