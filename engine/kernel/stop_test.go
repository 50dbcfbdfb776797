package kernel

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func TestStopAtLimitNamesTheRecord(t *testing.T) {
	e := env()
	e.MaxSteps = 1 << 60
	g := load(t, "def f(x):\n    for i in range(1 << 60):\n        pass\n")
	in := records(t, "['big']")
	r := NewInterpreter(&Chain{Steps: []Step{step(t, Map, g["f"])}}, e, true)
	done := make(chan error)
	go func() { done <- r.Run(in, new(Output)) }()
	for len(e.Inside()) == 0 {
		runtime.Gosched()
	}
	if s := e.Inside()[0]; s.Kind != Map {
		t.Errorf("inside step %v", s)
	}
	e.Stop(fmt.Errorf("%w: memory is full", ErrLimit))
	e.Stop(errors.New("too late"))
	var stopped *ScriptError
	if err := <-done; !errors.As(err, &stopped) || !errors.Is(err, ErrLimit) {
		t.Fatalf("got %v", err)
	}
	if !strings.HasPrefix(stopped.Position, "job.star:") || stopped.Record != `"big"` || !strings.Contains(stopped.Message, "memory is full") {
		t.Errorf("got %v", stopped)
	}
	if e.Blamed() != stopped || len(e.Inside()) != 0 {
		t.Errorf("blamed %v, inside %v", e.Blamed(), e.Inside())
	}
}

func TestStopReachesFolders(t *testing.T) {
	e := env()
	stop := starlark.NewBuiltin("stop", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		if s := e.Inside(); len(s) != 1 || s[0].Name != "reduce" {
			t.Errorf("inside %v", s)
		}
		e.Stop(fmt.Errorf("%w: memory is full", ErrLimit))
		return starlark.None, nil
	})
	src := "def add(state, x):\n    stop()\n    return state + x\n"
	g, err := starlark.ExecFileOptions(&syntax.FileOptions{}, new(starlark.Thread), "job.star", src, starlark.StringDict{"stop": stop})
	if err != nil {
		t.Fatal(err)
	}
	fn, err := Bind(g["add"], Signature{Op: "reduce", Param: "f", Own: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := NewFolder(&Reducer{Name: "reduce", Fn: fn, Initial: starlark.MakeInt(0)}, e)
	column := new(chunk.Column)
	column.Append(starlark.MakeInt(1))
	f.Open(column, func(int) chunk.Ordinal { return chunk.Ordinal{} })
	_, _, err = f.Fold(starlark.MakeInt(0), 0, 1)
	var stopped *ScriptError
	if !errors.As(err, &stopped) || !strings.HasPrefix(stopped.Position, "job.star:") || e.Blamed() != stopped {
		t.Errorf("got %v", err)
	}
}

func TestThreadsAddedLateAreStopped(t *testing.T) {
	var threads Threads
	threads.Stop()
	late := new(starlark.Thread)
	threads.Add(late)
	if _, err := starlark.EvalOptions(new(syntax.FileOptions), late, "late.star", "1 + 1", nil); err == nil {
		t.Error("a thread that was added after Stop runs")
	}
}
