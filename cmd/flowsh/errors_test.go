package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/spill"
)

func TestExitStatus(t *testing.T) {
	path := func(err error) error { return &fs.PathError{Op: "open", Path: "x", Err: err} }
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{&kernel.ScriptError{Message: "no"}, 1},
		{&connector.RecordError{Err: errors.New("bad")}, 1},
		{&connector.ReadError{File: "x", Err: path(syscall.ENOENT)}, 1},
		{&connector.ReadError{File: "x", Err: path(syscall.EISDIR)}, 1},
		{usagef("no"), 2},
		{&builtins.LoadError{Message: "no"}, 2},
		{fmt.Errorf("a: %w", &builtins.LoadError{Message: "no"}), 2},
		{&connector.ReadError{File: "x", Err: path(syscall.EIO)}, 3},
		{path(syscall.ENOSPC), 3},
		{fmt.Errorf("spill: %w", spill.ErrFull), 3},
		{&engine.NotYetError{}, 2},
		{fmt.Errorf("a task could not be done: %w", &cluster.DeathError{Cause: cluster.Lost}), 3},
		{&cluster.DeathError{Cause: cluster.Died}, 3},
		{fmt.Errorf("a task could not be done: %w", &cluster.DeathError{Cause: cluster.OutOfMemory}), 4},
		{&operator.LimitError{}, 4},
		{fmt.Errorf("spill: %w", chunk.ErrTooLarge), 4},
		{&connector.ReadError{File: "x", Err: connector.ErrTooLong}, 4},
		{&kernel.ScriptError{Err: kernel.ErrLimit}, 4},
		{&builtins.LoadError{Err: kernel.ErrLimit}, 4},
		{fmt.Errorf("job: %w", engine.ErrTimeout), 4},
		{&interruption{syscall.SIGINT}, 130},
		{&interruption{syscall.SIGTERM}, 143},
		{fmt.Errorf("stdout: %w", connector.ErrClosedOutput), 141},
	} {
		if got := exitStatus(tt.err); got != tt.want {
			t.Errorf("%v: status %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestDescribeJoined(t *testing.T) {
	err := errors.Join(usagef("one"), errors.Join(errors.New("two"), &kernel.ScriptError{Position: "a.star:1:2", Message: "three"}))
	messages := describe(err)
	if len(messages) != 3 || messages[0].Text != "flowsh: one" || messages[1].Text != "flowsh: two" || messages[2].Position != "a.star:1:2" {
		t.Errorf("%+v", messages)
	}
}
