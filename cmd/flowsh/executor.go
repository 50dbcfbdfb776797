package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
)

// executorLine are the flags with which an agent starts an executor.
type executorLine struct {
	messageFlags `embed:""`
	Cores        coreCount `short:"j"`
	Mem          budget    `short:"m"`
	Data         string    // host at which the data link listens
	DataPorts    portRange // of the data link
	Scratch      string    // a folder of its own, which the agent removes, and the executor where the agent was killed
	Outputs      string    // folder of the node for what tasks give; "": that ends with the process
	AllowRead    []string  `sep:"none"`
	AllowWrite   []string  `sep:"none"`
	RealRead     []string  `sep:"none"` // the same without symbolic links, when they were granted
	RealWrite    []string  `sep:"none"`
}

// executorCommand is the first word by which an agent starts an executor. Nobody types it.
const executorCommand = "executor"

// executor runs scripts for the agent at the other end of stdin and stdout.
func (c *cli) executor(flags []string) error {
	line := new(executorLine)
	if err := newGrammar(line).parse(flags); err != nil {
		return err
	}
	memory, err := line.Mem.resolve(machineMemory)
	if err != nil {
		return err
	}
	h := *c.host
	h.Stdin, h.Stdout = noInput{}, io.Discard
	var job *builtins.Job
	limitExecutor(memory)
	note, err := newSpotNote(line.Scratch)
	if err != nil {
		return err
	}
	x := &cluster.Executor{
		Die: func(reason error) {
			var e *kernel.ScriptError
			if errors.As(reason, &e) {
				note.write(kernel.Spot{Op: e.Op, Position: e.Ordinal.Position, Sibling: e.Ordinal.Sibling})
			}
			fmt.Fprintf(c.host.Stderr, "%s%s\n", lastWord, c.console.masked(reason.Error()))
			os.Exit(statusLimit)
		},
		Host:    &h,
		Network: transport.TCP{},
		Listen: func() (net.Listener, error) {
			return transport.ListenFrom(transport.TCP{}, line.Data, line.DataPorts.first, line.DataPorts.last)
		},
		Mask: func(text string) string { return c.console.masked(text) },
		Keep: func(dir string) (spill.Store, error) {
			return spill.OpenSegments(c.host, dir, &spill.SegmentsOptions{Lock: true})
		},
		Retain: func(job string) (cluster.Retained, error) {
			return spill.OpenSegments(c.host, filepath.Join(line.Outputs, job), &spill.SegmentsOptions{Lock: spill.Locks()})
		},
		Open: c.host.FS.Open,
		Load: func(data []byte, out io.Writer) (*engine.Program, engine.Options, error) {
			var options engine.Options
			var b *bundle
			var err error
			limitCores(int(line.Cores)) // until the process ends; one that waits for a job needs but one
			c.loading = loadBounds{memory, mostLoadTime}
			if job, options, b, err = c.unpack(data, out); err != nil {
				return nil, options, err
			}
			h.FS, err = host.Granted(host.Grant{Dir: b.Dir, Read: folders(line.AllowRead, line.RealRead), Write: folders(line.AllowWrite, line.RealWrite), Temp: line.Scratch})
			if err != nil {
				return nil, options, err
			}
			b.unload(&h)
			options.Cores, options.Memory, options.StepTime = int(line.Cores), memory, mostStepTime
			options.Mark = note.write
			return job.Program, options, nil
		},
	}
	var hooks *interceptors
	if line.Outputs == "" {
		x.Retain = nil
	}
	x.Begin = func(job string, emit func(host.Event)) {
		hooks = newInterceptors(c.hooks, h.FS, emit, c.console.masked, c.host.Clock)
		hooks.tell("on_step_start", starlark.StringDict{"job": starlark.String(job)})
	}
	x.End = func(summary *engine.Summary, err error) cluster.End {
		var warnings []message
		for _, warning := range hooks.finish(summary, err) {
			warnings = append(warnings, message{Event: "warning", Text: warning})
		}
		return c.ending(summary, err, warnings...)
	}
	h.Emit = func(e host.Event) { hooks.event(e) }
	err = x.Run(context.Background(), duplex{c.host.Stdin, c.host.Stdout})
	return errors.Join(err, c.host.FS.RemoveAll(line.Scratch))
}

// folders are those that were granted.
func folders(names, reals []string) []host.Folder {
	all := make([]host.Folder, min(len(names), len(reals)))
	for i := range all {
		all[i] = host.Folder{Name: names[i], Real: reals[i]}
	}
	return all
}

// mostStepTime is how long a single step of a script may take on a cluster.
const mostStepTime = 4 * time.Second

// mostLoadTime is how long a script may take to load on a cluster.
const mostLoadTime = 5 * time.Second

// lastWord stands in front of what an executor says before it ends itself.
const lastWord = "flowsh executor: "

// ending words the end of a job for whoever submitted it.
func (c *cli) ending(summary *engine.Summary, err error, messages ...message) cluster.End {
	end := cluster.End{Status: exitStatus(err)}
	if summary != nil {
		for _, counter := range summary.Counted {
			counter.Name = c.console.masked(counter.Name)
			end.Counted = append(end.Counted, counter)
		}
	}
	switch {
	case err == nil:
		messages = append(messages, message{Event: "summary", Text: summary.Audit()})
	case !isClosedOutput(err):
		messages = append(messages, describe(err)...)
	}
	for _, m := range messages {
		m.Status = end.Status
		text, _ := json.Marshal(m.masked(c.console.secrets)) // strings and numbers cannot fail
		end.Messages = append(end.Messages, text)
	}
	return end
}

// A duplex is a connection made of two streams.
type duplex struct {
	io.Reader
	io.Writer
}

// Close ends nothing: the process ends soon.
func (duplex) Close() error { return nil }

// noInput is standard input on a cluster.
type noInput struct{}

func (noInput) Read([]byte) (int, error) {
	return 0, errors.New("standard input was a terminal, or nothing, where the job was submitted: name files that the workers can read")
}
