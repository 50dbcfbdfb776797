package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/spill"
)

// Exit statuses. Those of signals are 128 + the signal's number.
const (
	statusDone         = 0
	statusFailed       = 1 // the script or its data
	statusUsage        = 2 // the command line, or a script that does not load
	statusMachine      = 3 // disk, network, input and output
	statusLimit        = 4 // memory, steps, a record's length, time
	statusClosedOutput = 128 + int(syscall.SIGPIPE)
)

// exitStatus says which part of the world an error blames.
func exitStatus(err error) int {
	var stopped *interruption
	var ended *statusError
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &ended):
		return ended.status
	case errors.As(err, &stopped):
		return stopped.status()
	case isClosedOutput(err):
		return statusClosedOutput
	case isLimit(err):
		return statusLimit
	case isA[*usageError](err), isA[*builtins.LoadError](err), isA[*engine.NotYetError](err), isA[*cluster.UnknownJobError](err):
		return statusUsage
	case isMachine(err):
		return statusMachine
	}
	return statusFailed
}

func isA[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

func isClosedOutput(err error) bool { return errors.Is(err, connector.ErrClosedOutput) }

func isLimit(err error) bool {
	return errors.Is(err, kernel.ErrLimit) || errors.Is(err, connector.ErrTooLong) ||
		errors.Is(err, chunk.ErrTooLarge) || errors.Is(err, engine.ErrTimeout) || isA[*operator.LimitError](err)
}

// isMachine reports whether the machine failed. A file that is not there, or is a folder, is the data's fault. What an
// executor died of is the machine's if it is no limit: nothing is known that the script has done wrong.
func isMachine(err error) bool {
	if errors.Is(err, spill.ErrFull) || errors.Is(err, host.ErrNotGranted) || errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.ErrFrame) || isA[*unreachableError](err) || isA[*waitedError](err) || isA[*otherMasterError](err) || isA[*downError](err) ||
		isA[*cluster.RefusedError](err) || isA[*cluster.DeathError](err) || isA[*cluster.BundleError](err) {
		return true
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR) {
		return false
	}
	return isA[syscall.Errno](err) || isA[*fs.PathError](err)
}

// describe turns an error into messages: one for each of those that it joins.
func describe(err error) []message {
	if at, ok := err.(*engine.StageError); ok {
		all := describe(at.Err)
		for i := range all {
			all[i].Stage, all[i].Chunk, all[i].Attempt = &at.Stage, at.Chunk, at.Attempt
		}
		return all
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []message{describeOne(err)}
	}
	var all []message
	for _, e := range joined.Unwrap() {
		all = append(all, describe(e)...)
	}
	return all
}

func describeOne(err error) message {
	m := message{Event: "error", Text: err.Error()}
	var script *kernel.ScriptError
	var load *builtins.LoadError
	var usage *usageError
	switch {
	case errors.As(err, &script):
		m.Position, m.Name, m.Record = script.Position, script.Name, script.Record
		m.From, m.Backtrace = script.From(), script.Backtrace
	case errors.As(err, &load) && load.Pos.IsValid():
		m.Position, m.Backtrace = load.Pos.String(), load.Backtrace
	case errors.As(err, &usage) && usage.plain:
	default:
		m.Text = "flowsh: " + m.Text
	}
	return m
}
