package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
)

// submit runs a job on a cluster; what comes out and what is said is the same as of a run here.
func (c *cli) submit(before, rest []string) error {
	more, rest := newGrammar(new(submitLine)).split(rest)
	own, before, err := parseOwn(slices.Concat(before, more))
	if err != nil {
		return err
	}
	packed, err := c.packApart(packOrder{Before: before, Rest: rest, Ship: own.Ship})
	if err != nil {
		return err
	}
	if packed.Help {
		return c.run(before, rest)
	}
	c.console = newConsole(c.host, packed.Messages)
	c.console.mask(packed.Secrets)
	out, err := c.output(packed.Output)
	if err != nil {
		return err
	}
	defer out.drop()
	if packed.Trace != "" && own.Detach {
		return usagef("--trace is written when the job has ended, and with --detach nobody waits for that")
	}
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	client, err := c.connect(ctx, &clientLine{Master: own.Master, Keys: own.Keys, Wait: own.Wait})
	if err != nil {
		return err
	}
	defer client.Close()
	var tasks *taskTrace
	if packed.Trace != "" {
		if tasks, err = newTaskTrace(packed.Trace, c.host.Clock.Now()); err != nil {
			return err
		}
	}
	progress := startProgress(c.console, c.host.Clock)
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	job, end, err := client.Submit(ctx, own.job(packed, rest), out, c.awaitWorkers(progress, time.Duration(own.Wait), giveUp))
	progress.finish()
	tasks.finish(ctx, c.console, client, job.ID)
	if waited := context.Cause(ctx); isA[*waitedError](waited) {
		return waited
	}
	if err == nil && own.Detach && job.ID != "" {
		return c.print(job.ID)
	}
	if interrupted := context.Cause(ctx); interrupted != nil && (err != nil || end.Status != statusDone) {
		return interrupted
	}
	if err == nil && end.Status == statusDone {
		err = out.commit()
	}
	if err != nil {
		return err
	}
	return c.ended(end)
}

// job is what the master gets.
func (o *ownLine) job(packed *packing, rest []string) cluster.Submit {
	s := cluster.Submit{
		Bundle: packed.Bundle, Webhooks: packed.Webhooks, Name: "-e", Detached: o.Detach, Anyway: o.Anyway, StopsQueue: o.OnFailure == "stop",
		Distribute: cluster.Distribution(o.Distribute),
	}
	if len(rest) > 0 {
		s.Name = filepath.Base(rest[0])
	}
	if o.After != "" {
		s.After = strings.Split(o.After, ",")
	}
	return s
}

// A clientOutput is where the output of a job on a cluster goes: standard output, or a file that appears whole or not
// at all.
type clientOutput struct {
	io.Writer
	fs   host.FS
	file host.File // nil: standard output
	path string
}

func (c *cli) output(path string) (*clientOutput, error) {
	if path == "" || path == "-" {
		return &clientOutput{Writer: c.host.Stdout}, nil
	}
	if _, err := connector.PlainFormat(path); err != nil {
		return nil, usagef("--output: %v; a cluster's output comes here as one stream: write flowsh submit ... | gzip > FILE, or .write() in the script", err)
	}
	var nonce [4]byte
	c.host.Random(nonce[:])
	f, err := c.host.FS.Create(filepath.Join(filepath.Dir(path), ".flowsh-"+hex.EncodeToString(nonce[:])))
	if err != nil {
		return nil, err
	}
	return &clientOutput{Writer: f, fs: c.host.FS, file: f, path: path}, nil
}

// commit gives the file its name.
func (o *clientOutput) commit() error {
	if o.file == nil {
		return nil
	}
	if err := errors.Join(o.fs.Chmod(o.file.Name(), 0o666&^o.fs.Umask()), o.file.Sync(), o.fs.Rename(o.file.Name(), o.path)); err != nil {
		return err
	}
	return o.fs.SyncDir(filepath.Dir(o.path))
}

// drop closes the file, and removes it where it has no name yet.
func (o *clientOutput) drop() {
	if o.file != nil {
		_ = o.file.Close()             // it was synced, or is not wanted
		_ = o.fs.Remove(o.file.Name()) // it was renamed
	}
}

// awaitWorkers shows what comes of a job, and gives it up when no worker has come for so long; 0 is for ever.
func (c *cli) awaitWorkers(p *progress, limit time.Duration, giveUp func(error)) func(host.Event) {
	var since time.Time
	return func(e host.Event) {
		p.clusterEvent(e)
		now := c.host.Clock.Now()
		if _, waits := e.(cluster.WaitsForWorkers); !waits {
			since = time.Time{}
			return
		}
		if since.IsZero() {
			since = now.Add(-cluster.SayWaiting)
		}
		if limit > 0 && now.Sub(since) >= limit {
			giveUp(&waitedError{limit})
		}
	}
}

func (p *progress) clusterEvent(e host.Event) {
	if w, ok := e.(cluster.WaitsForWorkers); ok {
		p.console.warn(fmt.Sprintf("%d tasks wait, and there is no worker: flowsh worker --join adds one", w.Tasks))
		return
	}
	if k, ok := e.(cluster.TasksKept); ok {
		if p.console.flags.Quiet {
			return
		}
		p.console.say(dim, message{Event: k.Event(), Text: "flowsh: " + keptText(k)})
		return
	}
	if r, ok := e.(cluster.Receipt); ok {
		p.console.trouble(&r)
		return
	}
	p.event(e)
}

// trouble says what went wrong with a chunk.
func (c *console) trouble(r *cluster.Receipt) {
	m := message{Event: r.Kind, Chunk: r.Chunk, Attempt: r.Attempt, Node: r.Node, Text: "flowsh: chunk " + r.Chunk + " " + r.Kind}
	if stage, _, ok := parseChunk(r.Chunk); ok {
		m.Stage = &stage[1]
	}
	if r.Node != "" {
		m.Text += fmt.Sprintf(", attempt %d, %s", r.Attempt, r.Node)
	}
	if r.Reason != "" {
		m.Text += ": " + r.Reason
	}
	c.say(yellow, m)
}

func keptText(k cluster.TasksKept) string {
	text := fmt.Sprintf("%d of %s are not done again", k.Kept, counted(k.Tasks, "task"))
	if k.Of != "" {
		text += ": they are those of " + k.Of
	}
	return text
}

// ended says how a job ended on the cluster.
func (c *cli) ended(end cluster.End) error {
	for _, text := range end.Messages {
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		switch m.Event {
		case "summary":
			c.console.summary(m.Text)
		case "warning":
			c.console.warning(m)
		default:
			c.console.say(red, m)
		}
	}
	if end.Status == statusDone {
		return nil
	}
	return &statusError{end.Status}
}

// A statusError is the exit status of a job that has said what was wrong.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("the job ended with status %d", e.status) }
