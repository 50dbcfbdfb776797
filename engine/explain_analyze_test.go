package engine

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/kernel"
)

func TestAnalyzedStage(t *testing.T) {
	var b strings.Builder
	total := &StageTotal{
		Read: 1000, Bytes: 5000, Emitted: 1, Counts: []kernel.Count{{In: 1000, Out: 900, Filtered: 98, Dead: 2}},
		Reading: 1e9, Functions: 5e8, Ending: 25e7,
		Kernels: kernel.Report{
			Deopts: []kernel.Deopts{{Reason: "an int over 64 bits", Line: 7, Count: 63}, {Reason: "many steps", Count: 1}},
			Storms: 1, Interpreted: 800, Bugs: 2, Bug: "index out of range\n[3]",
		},
		Folds: []FoldTotal{
			{Param: "f", Kernels: kernel.Report{Records: 12, Deopts: []kernel.Deopts{{Reason: "a missing key", Line: 2, Count: 1}}}},
			{Param: "merge", Kernels: kernel.Report{Interpreted: 5}},
		},
	}
	total.begin(&b)
	b.WriteString("  filter" + total.through(0) + "\n")
	total.finish(&b, Pass)
	const want = `  read 1000 records, 5000 bytes; CPU 1.75 s: 1.00 s reading, 0.50 s in functions, 0.25 s at the end
  filter: 1000 in, 900 out, 98 filtered, 2 failed
  ! 63 records given up to the interpreter: an int over 64 bits, line 7
  ! 1 record given up to the interpreter: many steps
  ! too many of them: the interpreter took 800 records more
  ! a bug of flowsh: compiled code panicked 2 times and was replaced by the interpreter: index out of range [3]
  f: 12 calls compiled
  ! f: 1 record given up to the interpreter: a missing key, line 2
  handed on 1 record
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}

	b.Reset()
	var none *StageTotal // of a plan that was not run
	none.begin(&b)
	none.finish(&b, Pass)
	if b.String()+none.through(0) != "" {
		t.Errorf("got %s", b.String())
	}
}
