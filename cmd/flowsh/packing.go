package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"golang.org/x/term"
)

// packCommand is the first word by which submit has another process load the script: what a script takes while it loads
// ends that one. Nobody types it.
const packCommand = "pack"

// Bounds of loading a script that is to be submitted, and of what goes along with it in bytes.
const (
	packMemory  = 256 << 20
	mostShipped = 16 << 20
)

// A packOrder says what to pack.
type packOrder struct {
	Before, Rest []string
	Ship         bool
}

// A packing is a job that is ready to be sent.
type packing struct {
	Help     bool // it is only asked what it does
	Messages messageFlags
	Secrets  []string
	Output   string
	Trace    string
	Webhooks []string // URLs
	Bundle   []byte
}

// packApart packs a job in a process of its own.
func (c *cli) packApart(o packOrder) (*packing, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	order, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var out, said bytes.Buffer
	cmd := exec.Command(self, packCommand, string(order))
	cmd.Env = append(os.Environ(), oneCore)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.host.Stdin, &out, &said
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if d := describeDeath(exit.ProcessState, said.String()); d.Cause == cluster.OutOfMemory {
			return nil, &cluster.DeathError{Text: "the script does not load: it makes too much at once, and its process ran out of memory", Cause: d.Cause}
		}
	}
	_, _ = c.host.Stderr.Write(said.Bytes()) // a console that is gone is no reason to stop
	switch {
	case exit != nil && exit.ExitCode() > 0:
		return nil, &statusError{exit.ExitCode()}
	case err != nil:
		return nil, err
	}
	p := new(packing)
	return p, json.Unmarshal(out.Bytes(), p)
}

// packing is the process that packApart starts.
func (c *cli) packing(words []string) error {
	var o packOrder
	if len(words) != 1 || json.Unmarshal([]byte(words[0]), &o) != nil {
		return usagef("%s is not for people", packCommand)
	}
	limitData(packMemory)
	c.loading = loadBounds{packMemory, mostLoadTime}
	job, run, b, err := c.pack(o.Before, o.Rest)
	if err != nil {
		return err
	}
	p := packing{Help: job.Help, Messages: run.messageFlags, Secrets: job.Secrets, Output: string(run.Output), Trace: run.Trace, Webhooks: webhooksOf(run.Intercept)}
	if !job.Help {
		if err := b.load(c.host, job.Program.Graph, o.Ship); err != nil {
			return err
		}
		if p.Bundle, err = json.Marshal(b); err != nil {
			return err
		}
	}
	return json.NewEncoder(c.host.Stdout).Encode(p)
}

// load adds what goes along with the job: its standard input if it reads that, and the files that it reads if they are
// to be shipped.
func (b *bundle) load(h *host.Host, g *engine.Graph, ship bool) error {
	room := int64(mostShipped)
	for _, op := range g.Ops {
		if op.Kind != engine.OpSource || op.Source == nil {
			continue
		}
		for _, path := range op.Source.Paths {
			var err error
			switch {
			case path == "-" && !b.HasInput && !readsTerminal(h):
				b.HasInput = true
				b.Input, err = readAtMost(h.Stdin, "standard input", &room)
			case path != "-" && ship:
				err = b.ship(h, path, &room)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ship adds the files that a path of a source names.
func (b *bundle) ship(h *host.Host, path string, room *int64) error {
	names, err := connector.Expand(h.FS, path)
	if err != nil {
		return err
	}
	if b.Shipped == nil {
		b.Shipped = map[string][]byte{}
	}
	for _, name := range names {
		full, err := filepath.Abs(name)
		if err != nil {
			return err
		}
		if b.Shipped[full] != nil {
			continue
		}
		f, err := h.FS.Open(name)
		if err != nil {
			return err
		}
		b.Shipped[full], err = readAtMost(f, name, room)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// A tooMuchError says that the input of a job is too long to go along with it.
type tooMuchError struct{ name string }

func (e *tooMuchError) Error() string {
	return e.name + ": more than 16 MiB of input do not go along with a job: put it where the nodes can read it, under a folder that they grant by --allow-read"
}

func (e *tooMuchError) Unwrap() error { return kernel.ErrLimit }

// readAtMost reads everything if there is room for it.
func readAtMost(r io.Reader, name string, room *int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, *room+1))
	if *room -= int64(len(text)); err == nil && *room < 0 {
		err = &tooMuchError{name}
	}
	return append([]byte{}, text...), err
}

// unload gives a job what came along with it.
func (b *bundle) unload(h *host.Host) {
	if b.HasInput {
		h.Stdin = bytes.NewReader(b.Input)
	}
	if len(b.Shipped) > 0 {
		h.FS = host.Overlay(h.FS, b.Dir, b.Shipped)
	}
}

// readsTerminal reports whether standard input is a person.
func readsTerminal(h *host.Host) bool {
	f, ok := h.Stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
