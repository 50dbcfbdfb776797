package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A repl is a prompt: what is typed becomes a script, and its flows run here or on a cluster.
type repl struct {
	*cli
	line     *runLine
	lines    lineReader
	session  *builtins.Session
	cluster  *clientLine // nil: flows run here
	files    []string    // that :load has read
	packed   *bundle     // what the part at hand has read of files and the environment
	throttle engine.Throttle
	done     bool // :quit was typed
	prompted bool // a person types
}

// A lineReader gives one line after another, without the newline. The error is io.EOF at the end, and errInterrupted if the
// line was given up.
type lineReader interface {
	read(prompt string) (string, error)
	remember(text string)
	close() error
}

var errInterrupted = errors.New("interrupted")

const (
	prompt     = "flowsh> "
	promptMore = "    ... "
	// sessionName is what the cluster calls jobs of a prompt.
	sessionName = "<prompt>"
	// mostShown is how much of a value is shown, and mostPrinted how much of what a job prints, in bytes.
	mostShown   = 100 << 10
	mostPrinted = 1 << 20
	// mostCollected is the share of the budget that records at the prompt may take.
	mostCollected = 4
)

const greeting = `%s. Type Starlark; a flow shows its first records, help() and :help explain, :quit or Ctrl-D ends.
`

// repl opens a prompt whose flows run on this machine.
func (c *cli) repl(flags []string) error {
	line := new(runLine)
	if err := newGrammar(line).parse(flags); err != nil {
		return err
	}
	return c.prompt(line, nil)
}

// attach opens a prompt whose flows run on a cluster.
func (c *cli) attach(before, rest []string) error {
	line := new(clientLine)
	g := newGrammar(line)
	more, words := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	switch {
	case len(words) > 1:
		return usagef("attach to which master? flowsh attach HOST:PORT")
	case len(words) == 1:
		line.Master = words[0]
	}
	return c.prompt(&runLine{messageFlags: line.messageFlags}, line)
}

// prompt reads parts of a script until the input ends.
func (c *cli) prompt(line *runLine, on *clientLine) error {
	c.console = newConsole(c.host, line.messageFlags)
	r := &repl{cli: c, line: line, cluster: on, prompted: readsTerminal(c.host)}
	if err := r.begin(); err != nil {
		return err
	}
	if on != nil {
		if err := r.greetMaster(); err != nil {
			return err
		}
	}
	var err error
	if r.lines, err = r.newLines(); err != nil {
		return err
	}
	defer func() { _ = r.lines.close() }() // the prompt is over
	if r.prompted && !line.Quiet {
		fmt.Fprintf(c.host.Stderr, greeting, versionText())
	}
	for !r.done {
		text, err := r.read()
		switch {
		case errors.Is(err, errInterrupted):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := r.enter(text); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a session.
func (r *repl) begin() error {
	memory, err := r.line.Mem.resolve(machineMemory)
	if err != nil {
		return err
	}
	h := *r.host
	h.FS = packingFS{h.FS, r}
	h.LookupEnv = func(name string) (string, bool) {
		text, ok := r.host.LookupEnv(name)
		if ok && r.packed != nil {
			r.packed.Env[name] = text
		}
		return text, ok
	}
	h.Emit = func(e host.Event) {
		if p, ok := e.(engine.Printed); ok {
			r.print(p.Text)
		}
	}
	r.session = builtins.NewSession(builtins.SessionOptions{
		Options:   builtins.Options{Host: &h, Now: r.began(), MaxSteps: r.line.MaxSteps, Memory: memory},
		Run:       r.call,
		Collected: memory / mostCollected,
	})
	return nil
}

// A packingFS notes the files that a part reads.
type packingFS struct {
	host.FS
	repl *repl
}

func (p packingFS) Open(name string) (host.File, error) {
	if p.repl.packed == nil {
		return p.FS.Open(name)
	}
	return recordingFS{p.FS, p.repl.packed}.Open(name)
}

// greetMaster fails if there is no master.
func (r *repl) greetMaster() error {
	ctx, stop := r.interruptible()
	defer stop()
	client, err := r.connect(ctx, r.cluster)
	if err != nil {
		return err
	}
	return client.Close()
}

// read reads lines up to the end of a statement, or a command.
func (r *repl) read() (string, error) {
	var text strings.Builder
	ended := error(nil)
	next := func() ([]byte, error) {
		p := prompt
		if text.Len() > 0 {
			p = promptMore
		}
		line, err := r.lines.read(p)
		if err != nil {
			ended = err
			return nil, err
		}
		text.WriteString(line + "\n")
		if text.Len() > maxScript {
			ended = usagef("what was typed is longer than 16 MiB")
			return nil, ended
		}
		if isCommand(text.String()) {
			return nil, io.EOF
		}
		return []byte(line + "\n"), nil
	}
	options := &syntax.FileOptions{Set: true, TopLevelControl: true, Recursion: true, GlobalReassign: true}
	_, err := options.ParseCompoundStmt("<prompt>", next)
	if ended != nil && (!errors.Is(ended, io.EOF) || strings.TrimSpace(text.String()) == "") {
		return "", ended
	}
	_ = err // a mistake is found again, and explained, when the text is run
	return text.String(), nil
}

func isCommand(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), ":") }

// enter runs what was typed. Its error ends the prompt: a mistake does so only where nobody types.
func (r *repl) enter(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var err error
	if isCommand(text) {
		r.lines.remember(r.console.masked(strings.TrimSpace(text)))
		err = r.command(strings.Fields(strings.TrimSpace(text)[1:]))
	} else {
		err = r.eval(text)
		r.lines.remember(r.console.masked(strings.TrimRight(text, "\n")))
	}
	var stopped *interruption
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stopped) && stopped.signal != syscall.SIGINT:
		return err
	case !r.prompted:
		return err
	}
	r.console.exit(err)
	return nil
}

// eval runs a part of the script, and prints its value.
func (r *repl) eval(text string) error {
	ctx, stop := r.interruptible()
	defer stop()
	r.packed = r.pack()
	shown, err := r.session.Eval(ctx, text)
	r.console.mask(r.session.Secrets())
	if err != nil || shown == "" {
		return err
	}
	if len(shown) > mostShown {
		shown = fmt.Sprintf("%s... (%d bytes)", strings.ToValidUTF8(shown[:mostShown], ""), len(shown))
	}
	return r.cli.print(r.console.masked(shown))
}

// pack begins to note what a part reads.
func (r *repl) pack() *bundle {
	dir, _ := filepath.Abs(".") // a folder that is gone has no files either
	return newBundle(dir, r.began())
}

// print prints what the script says while it loads.
func (r *repl) print(text string) { _ = r.cli.print(r.console.masked(text)) }

// interruptible returns a context that a signal cancels, with an *interruption as its cause. Ctrl-C ends what runs, and
// not the prompt.
func (r *repl) interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, fatalSignals()...)
	go func() {
		select {
		case s := <-signals:
			cancel(&interruption{s.(syscall.Signal)})
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// call runs what the script asks for.
func (r *repl) call(ctx context.Context, c *builtins.Call) error {
	r.console.mask(slices.Concat(r.session.Secrets(), c.Job.Secrets))
	options, err := r.options(r.line, c.Job)
	if err != nil {
		return err
	}
	options.Host = r.host
	if c.Method == builtins.CallExplain {
		plan, err := engine.Explain(c.Program, options)
		if err != nil {
			return err
		}
		return r.cli.print(strings.TrimRight(plan.Text(), "\n"))
	}
	if r.cluster != nil {
		return r.submitCall(ctx, c)
	}
	if c.Receive != nil {
		options.Receive = onlyResult(c.Receive)
	}
	return r.runHere(ctx, c.Program, options, c.Method == builtins.CallRun)
}

// onlyResult leaves out what does not belong to the flow itself, such as failed records.
func onlyResult(receive func(*chunk.Column) error) func(string, *chunk.Column) error {
	return func(target string, records *chunk.Column) error {
		if target != "-" {
			return nil
		}
		return receive(records)
	}
}

// runHere runs a program on this machine.
func (r *repl) runHere(ctx context.Context, p *engine.Program, o engine.Options, audit bool) error {
	defer limitCores(o.Cores)()
	progress := startProgress(r.console, r.host.Clock)
	h := *r.host
	h.Stdin = strings.NewReader("")
	h.Emit = bounded(progress.event)
	o.Host, o.Throttle = &h, &r.throttle
	summary, err := engine.Run(ctx, p, o)
	progress.finish()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err == nil && (audit || r.line.Verbose) {
		r.console.summary(summary.Audit())
	}
	return err
}

// bounded passes on no more than mostPrinted bytes of what a job prints.
func bounded(emit func(host.Event)) func(host.Event) {
	var printed atomic.Int64
	return func(e host.Event) {
		if p, ok := e.(engine.Printed); ok {
			n := int64(len(p.Text)) + 1
			switch sum := printed.Add(n); {
			case sum > mostPrinted && sum-n <= mostPrinted:
				e = engine.Warning{Text: "the job prints more than 1 MiB: the rest is not shown"}
			case sum > mostPrinted:
				return
			}
		}
		emit(e)
	}
}

// submitCall runs what the script asks for on the cluster.
func (r *repl) submitCall(ctx context.Context, c *builtins.Call) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	b := *r.packed
	b.Prompt = state
	var out io.Writer = r.host.Stdout
	if c.Receive != nil {
		out = &recordReader{receive: c.Receive}
	}
	return r.submitBundle(ctx, &b, out, c.Method == builtins.CallRun)
}

// submitBundle runs a job on the cluster, and waits for its end.
func (r *repl) submitBundle(ctx context.Context, b *bundle, out io.Writer, audit bool) error {
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	client, err := r.connect(ctx, r.cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	progress := startProgress(r.console, r.host.Clock)
	emit := bounded(progress.clusterEvent)
	_, end, err := client.Submit(ctx, cluster.Submit{Bundle: data, Name: sessionName}, out, emit)
	progress.finish()
	if cause := context.Cause(ctx); cause != nil && (err != nil || end.Status != statusDone) {
		return cause
	}
	if err != nil {
		return err
	}
	if end.Status == statusDone && !audit {
		return nil
	}
	return r.ended(end)
}

// names are what completion offers for a word.
func (r *repl) names() []string {
	names := append(r.session.Names(), builtins.Predeclared()...)
	for name := range starlark.Universe {
		names = append(names, name)
	}
	names = append(names, "help")
	slices.Sort(names)
	return slices.Compact(names)
}
