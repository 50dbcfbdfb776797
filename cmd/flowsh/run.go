package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// maxScript is the longest script that is read.
const maxScript = 16 << 20

// run is the main path: it reads and loads the script, runs its job here, and says how it went. before are the
// flags in front of the script; rest is the script (unless --expr gave it) and what follows it.
func (c *cli) run(before, rest []string) error {
	resumed, err := c.resumes(before, rest)
	if err != nil {
		return err
	}
	if resumed != nil {
		defer resumed.unlock()
		c.now = resumed.state.Now
	}
	job, line, err := c.load(before, rest)
	if err != nil {
		return err
	}
	if job.Help {
		return c.print(builtins.Usage(job))
	}
	options, err := c.options(line, job)
	if err != nil {
		return err
	}
	defer limitCores(options.Cores)()
	if resumed != nil {
		return c.resume(resumed, job, options, line.Trace)
	}
	return c.execute(job.Program, options, line.Trace, nil)
}

// execute runs a program on this machine until it is done, fails, or is interrupted; trace is the file for what its
// workers did, or "".
func (c *cli) execute(program *engine.Program, options engine.Options, trace string, elsewhere tasksMaker) (err error) {
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	progress := startProgress(c.console, c.host.Clock)
	h := *c.host
	h.Emit = progress.event
	options.Host = &h
	if trace != "" {
		t, err := newTrace(trace, c.host.Clock.Now())
		if err != nil {
			progress.finish()
			return err
		}
		h.Emit, options.Trace = t.event(progress.event), true
		defer t.close(c.console)
	}

	hooks := newInterceptors(c.hooks, h.FS, progress.event, c.console.masked, c.host.Clock)
	if hooks != nil {
		emit := h.Emit
		h.Emit = func(e host.Event) {
			emit(e)
			hooks.event(e)
		}
		hooks.tell("on_step_start", starlark.StringDict{"job": starlark.String(program.Graph.Name)})
	}

	if elsewhere != nil {
		tasks, end, failed := elsewhere(program, options)
		if failed != nil {
			progress.finish()
			return failed
		}
		defer func() {
			if failed := end(); err == nil {
				err = failed
			}
		}()
		options.Tasks = tasks
	}
	summary, err := engine.Run(ctx, program, options)
	for _, warning := range hooks.finish(summary, err) {
		c.console.warn(warning)
	}
	progress.finish()
	if interrupted := context.Cause(ctx); err != nil && interrupted != nil {
		return interrupted
	}
	if err != nil {
		return err
	}
	c.console.summary(summary.Audit())
	return c.printSamples(summary.Samples)
}

// A tasksMaker makes what does the tasks of a run; end ends it.
type tasksMaker func(*engine.Program, engine.Options) (tasks engine.Tasks, end func() error, err error)

// printSamples shows the first records of each stage, which is what a dry run is for.
func (c *cli) printSamples(samples []engine.Sample) error {
	for _, s := range samples {
		text := s.Stage + "\n"
		for _, record := range s.Records {
			text += "  " + record + "\n"
		}
		if err := c.print(text); err != nil {
			return err
		}
	}
	return nil
}

// load reads the command line and the script. The script's own arguments decide which of the flags behind it are
// flowsh's, so those are known only after it was loaded.
func (c *cli) load(before, rest []string) (*builtins.Job, *runLine, error) {
	line := new(runLine)
	g := newGrammar(line)
	more, rest := g.split(rest)
	before = slices.Concat(before, more)
	if err := g.parse(before); err != nil {
		return nil, nil, err
	}
	c.console = newConsole(c.host, line.messageFlags)
	script, args, err := c.script(line, rest)
	if err != nil {
		return nil, nil, err
	}
	memory, err := line.Mem.resolve(machineMemory)
	if err != nil {
		return nil, nil, err
	}
	if c.loading.memory > 0 {
		memory = min(memory, c.loading.memory)
	}
	after := sync.OnceValue(func() *grammar { return newGrammar(new(afterLine)) })
	o := builtins.Options{
		Host:     c.host,
		Args:     args,
		Now:      c.began(),
		MaxSteps: line.MaxSteps,
		Memory:   memory,
		LoadTime: c.loading.time,
		RunFlags: func(name string) (takesValue, known bool) { return after().known(name) },
		EarlyFlag: func(flag string) bool {
			_, known := newGrammar(new(loadFlags)).known(flag)
			return known
		},
		Expr: line.Expr != nil,
	}
	job, err := builtins.Load(script.path, script.text, o)
	if err != nil {
		return nil, nil, err
	}
	if len(job.RunFlags) > 0 {
		line = new(runLine)
		if err := newGrammar(line).parse(slices.Concat(before, job.RunFlags)); err != nil {
			return nil, nil, err
		}
		c.console = newConsole(c.host, line.messageFlags)
	}
	c.console.mask(job.Secrets)
	for _, warning := range job.Warnings {
		c.console.warn(warning)
	}
	if !job.Help {
		c.hooks, err = c.loadHooks(line, job, o)
	}
	return job, line, err
}

// began is the time that a script sees.
func (c *cli) began() time.Time {
	if c.now.IsZero() {
		return c.host.Clock.Now().UTC()
	}
	return c.now
}

// A script is the text of a job and its name in messages.
type script struct {
	path string
	text []byte
}

// script finds the script and the arguments behind it.
func (c *cli) script(line *runLine, rest []string) (script, []string, error) {
	switch {
	case line.Expr != nil && strings.TrimSpace(*line.Expr) == "":
		return script{}, nil, usagef("the expression of -e is empty; write a flow, such as 'lines().count()'")
	case line.Expr != nil:
		return script{"-e", []byte(*line.Expr)}, rest, nil
	case len(rest) == 0:
		return script{}, nil, usagef("no script: give a file, or - to read one from stdin")
	case rest[0] == "-":
		text, err := readScript(c.host.Stdin, "<stdin>")
		return script{"<stdin>", text}, rest[1:], err
	}
	text, err := c.readFile(rest[0])
	return script{rest[0], text}, rest[1:], err
}

func (c *cli) readFile(path string) ([]byte, error) {
	f, err := c.host.FS.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	return readScript(f, path)
}

func readScript(r io.Reader, path string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(text) > maxScript {
		return nil, usagef("%s is longer than 16 MiB: is it a script?", path)
	}
	return text, nil
}

func unreadable(path string, err error) error {
	var reason *os.PathError
	if errors.As(err, &reason) {
		err = reason.Err
	}
	return usagef("cannot read the script %s: %v", path, err)
}

// options are the engine's options that the command line and the script's options() ask for; the command line
// comes first.
func (c *cli) options(line *runLine, job *builtins.Job) (engine.Options, error) {
	memory, err := line.Mem.resolve(machineMemory)
	if err != nil {
		return engine.Options{}, err
	}
	if int64(line.MaxRecord.size) > memory {
		return engine.Options{}, usagef("--max-record is %d bytes, and one such record does not fit into the memory of %d bytes; raise --mem", line.MaxRecord.size, memory)
	}
	rules, err := line.errorRules(job.Settings.OnError)
	if err != nil {
		return engine.Options{}, err
	}
	if err := c.isFolder("--spill", line.Spill); err != nil {
		return engine.Options{}, err
	}
	return engine.Options{
		Cores:     int(line.Cores),
		Memory:    memory,
		SpillDir:  line.Spill,
		Kernels:   line.Kernels,
		MaxSteps:  line.MaxSteps,
		MaxRecord: int64(line.MaxRecord.size),
		SplitSize: int64(line.Chunk.bytes),
		OnError:   rules,
		Output:    string(line.Output),
		Format:    cmp.Or(string(line.Format), job.Settings.Format),
		DryRun:    line.DryRun,
		Timeout:   time.Duration(line.Timeout),
		Mask:      builtins.NewMask(job.Secrets).Text,

		SplitRecords: line.Chunk.records,
		Linger:       line.Chunk.every,
		Compression:  compressions[line.Compress],
	}, nil
}

var compressions = map[string]chunk.Compression{"none": chunk.None, "s2": chunk.S2, "zstd": chunk.Zstd}

// isFolder refuses a flag's value that names no folder: one that is misspelt would be made, and stay.
func (c *cli) isFolder(flag, path string) error {
	if path == "" {
		return nil
	}
	if info, err := c.host.FS.Stat(path); err != nil || !info.IsDir() {
		return usagef("%s %s: there is no such folder", flag, path)
	}
	return nil
}

// limitCores gives this process so many cores, and returns how to give them back; 0 changes nothing.
func limitCores(n int) (restore func()) {
	before := runtime.GOMAXPROCS(n)
	return func() { runtime.GOMAXPROCS(before) }
}
