package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
)

// A bundle is a job as it travels: the command line with the script, all files that it loads, and what it asked of
// the environment. Loaded anywhere it gives the same graph.
type bundle struct {
	Dir    string            `json:"dir"`    // that relative paths are relative to
	Before []string          `json:"before"` // flags in front of the script
	Rest   []string          `json:"rest"`
	Files  map[string][]byte `json:"files"`
	Stdin  []byte            `json:"stdin,omitempty"` // a script that was read from there
	Env    map[string]string `json:"env,omitempty"`
	Now    time.Time         `json:"now"`
	Prompt []byte            `json:"prompt,omitempty"` // the state of a prompt, in place of a script
	// Input files that go along with the job, by absolute path, and its standard input.
	Shipped  map[string][]byte `json:"shipped,omitempty"`
	HasInput bool              `json:"has_input,omitempty"`
	Input    []byte            `json:"input,omitempty"`
}

func newBundle(dir string, now time.Time) *bundle {
	return &bundle{Dir: dir, Files: map[string][]byte{}, Env: map[string]string{}, Now: now}
}

// pack loads a script and gives its bundle beside the job.
func (c *cli) pack(before, rest []string) (*builtins.Job, *runLine, *bundle, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, nil, nil, err
	}
	b := newBundle(dir, c.host.Clock.Now().UTC())
	b.Before, b.Rest = before, rest
	var stdin bytes.Buffer
	h := *c.host
	h.FS = recordingFS{h.FS, b}
	h.Stdin = io.TeeReader(c.host.Stdin, &stdin)
	h.LookupEnv = func(name string) (string, bool) {
		text, ok := c.host.LookupEnv(name)
		if ok {
			b.Env[name] = text
		}
		return text, ok
	}
	packing := &cli{host: &h, console: c.console, loading: c.loading, now: b.Now, remote: true}
	job, line, err := packing.load(before, rest)
	c.console = packing.console
	b.Stdin = stdin.Bytes()
	return job, line, b, err
}

// unpack loads a bundle: what pack has seen is all that the script sees, except for the input of the job. The bundle is
// given, too. out is where the output of the job goes.
func (c *cli) unpack(data []byte, out io.Writer) (job *builtins.Job, options engine.Options, b *bundle, err error) {
	b = new(bundle)
	if err := json.Unmarshal(data, b); err != nil {
		return nil, options, nil, fmt.Errorf("the bundle is damaged: %w", err)
	}
	h := *c.host
	h.FS = bundleFS{h.FS, b.Files}
	h.Stdin, h.Stderr = bytes.NewReader(b.Stdin), io.Discard
	h.LookupEnv = func(name string) (string, bool) {
		text, ok := b.Env[name]
		return text, ok
	}
	loading := &cli{host: &h, console: newConsole(&h, messageFlags{Quiet: true}), loading: c.loading, now: b.Now, remote: true}
	if b.Prompt != nil {
		return loading.loadCall(b, out)
	}
	job, line, err := loading.load(b.Before, b.Rest)
	c.console, c.hooks = loading.console, loading.hooks
	if err != nil {
		return nil, options, nil, err
	}
	options, err = loading.options(line, job)
	if to := options.Output; err == nil && to != "" && to != "-" { // whoever submitted the job writes it
		format, _ := connector.PlainFormat(to) // tested when it was submitted
		options.Format, options.Output = cmp.Or(options.Format, format), ""
	}
	return job, options, b, err
}

// loadCall loads what a prompt asks for.
func (c *cli) loadCall(b *bundle, out io.Writer) (job *builtins.Job, options engine.Options, _ *bundle, err error) {
	line := new(runLine)
	if err := newGrammar(line).parse(b.Before); err != nil {
		return nil, options, nil, err
	}
	call, err := builtins.LoadCall(b.Prompt, builtins.Options{
		Host: c.host, Now: b.Now, MaxSteps: line.MaxSteps, Memory: c.loading.memory, LoadTime: c.loading.time,
	})
	if err != nil {
		return nil, options, nil, err
	}
	c.console.mask(call.Job.Secrets)
	if options, err = c.options(line, call.Job); err == nil && call.Receive != nil {
		options.Receive = onlyResult(writeRecords(out))
	}
	return call.Job, options, b, err
}

// A recordingFS notes the files that are opened in a bundle.
type recordingFS struct {
	host.FS
	bundle *bundle
}

func (r recordingFS) Open(name string) (host.File, error) {
	f, err := r.FS.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close() // the error says why
		return nil, err
	}
	r.bundle.Files[filepath.Clean(name)] = text
	return f, nil
}

// A bundleFS has the files of a bundle and no others that could be opened while a script loads.
type bundleFS struct {
	host.FS
	files map[string][]byte
}

func (b bundleFS) Open(name string) (host.File, error) {
	text, ok := b.files[filepath.Clean(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &bundleFile{Reader: bytes.NewReader(text), name: name}, nil
}

// A bundleFile is a file that is only read.
type bundleFile struct {
	*bytes.Reader
	name string
}

func (f *bundleFile) Name() string               { return f.name }
func (f *bundleFile) Close() error               { return nil }
func (f *bundleFile) Sync() error                { return nil }
func (f *bundleFile) Write([]byte) (int, error)  { return 0, fs.ErrPermission }
func (f *bundleFile) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }
