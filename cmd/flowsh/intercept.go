package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// An interception is what happened to a job, for whoever wants to know: the name of its hook, and what is known of it.
type interception struct {
	name   string
	fields starlark.StringDict
}

// An interceptor watches a job.
type interceptor interface {
	// wants says that the interceptor is interested.
	wants(name string) bool
	call(ctx context.Context, i interception) error
	close() error
}

// interceptors call interceptors beside the job: what they do, how long they take and whether they fail changes nothing in
// it.
type interceptors struct {
	all   []interceptor
	mask  func(string) string
	calls *calls
}

// newInterceptors begins to call interceptors; files are written to fs, and what scripts print goes to emit. It
// is nil if there is none.
func newInterceptors(all []interceptor, fs host.FS, emit func(host.Event), mask func(string) string, clock host.Clock) *interceptors {
	all = slices.DeleteFunc(slices.Clone(all), func(i interceptor) bool {
		return !slices.ContainsFunc(builtins.HookNames, i.wants)
	})
	if len(all) == 0 {
		return nil
	}
	for _, i := range all {
		switch i := i.(type) {
		case *written:
			i.fs = fs
		case scripted:
			i.Print = func(text string) { emit(engine.Printed{Text: text}) }
		case *logged:
			i.emit = emit
		case *relayed:
			i.emit = emit
		}
	}
	return &interceptors{all: all, mask: mask, calls: newCalls(clock)}
}

// tell queues what happened. It does not block.
func (s *interceptors) tell(name string, fields starlark.StringDict) {
	if s == nil {
		return
	}
	size := 0
	for name, v := range fields {
		if text, ok := v.(starlark.String); ok {
			text = starlark.String(s.mask(string(text)))
			fields[name] = text
			size += len(text)
		}
	}
	for _, to := range s.all {
		if to.wants(name) {
			s.calls.add(size, func(ctx context.Context) error {
				if err := to.call(ctx, interception{name, fields}); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				return nil
			})
		}
	}
}

// finish ends the job for interceptors, and says how they did.
func (s *interceptors) finish(summary *engine.Summary, err error) (warnings []string) {
	if s == nil {
		return nil
	}
	if err != nil {
		s.tell("on_error", starlark.StringDict{"error": starlark.String(err.Error())})
	}
	s.tell("on_step_complete", s.completion(summary, err))
	s.calls.end()
	for _, to := range s.all {
		s.calls.failed(to.close())
	}
	return s.calls.warnings()
}

// completion is how a job ended.
func (s *interceptors) completion(summary *engine.Summary, err error) starlark.StringDict {
	fields := starlark.StringDict{"ok": starlark.Bool(err == nil)}
	if summary != nil {
		for name, n := range map[string]int64{"read": summary.Read, "bytes": summary.Bytes, "written": summary.Written, "dead": summary.Dead, "late": summary.Late} {
			fields[name] = starlark.MakeInt64(n)
		}
		counted := starlark.NewDict(len(summary.Counted))
		for _, c := range summary.Counted {
			_ = counted.SetKey(starlark.String(s.mask(c.Name)), starlark.MakeInt64(c.Value)) // a new dict takes a string
		}
		fields["counted"] = counted
	}
	if err != nil {
		fields["error"] = starlark.String(err.Error())
	}
	return fields
}

// hooksOf are the hooks that receipts mean.
var hooksOf = map[string][]string{
	cluster.ReceiptDistributed: {"on_distributed"},
	cluster.ReceiptSent:        {"on_send"},
	cluster.ReceiptRetried:     {"on_retry", "on_send"},
	cluster.ReceiptFailed:      {"on_error"},
	cluster.ReceiptLost:        {"on_error"},
	cluster.ReceiptProcessed:   {"on_processed"},
	cluster.ReceiptReturned:    {"on_returned"},
	cluster.ReceiptReceived:    {"on_receive"},
	cluster.ReceiptAggregated:  {"on_aggregated"},
	cluster.ReceiptDead:        {"on_dead_letter"},
}

// event tells what an event of the host means.
func (s *interceptors) event(e host.Event) {
	if s == nil {
		return
	}
	switch e := e.(type) {
	case cluster.Receipt:
		for _, name := range hooksOf[e.Kind] {
			s.tell(name, starlark.StringDict{
				"at": starlark.String(e.At.Format(time.RFC3339Nano)), "kind": starlark.String(e.Kind), "chunk": starlark.String(e.Chunk),
				"attempt": starlark.MakeInt(e.Attempt), "node": starlark.String(e.Node), "pieces": starlark.MakeInt(e.Pieces),
				"records": starlark.MakeInt64(e.Records), "failed": starlark.MakeInt64(e.Failed), "bytes": starlark.MakeInt64(e.Bytes), "hash": starlark.String(e.Hash), "reason": starlark.String(e.Reason),
			})
		}
	case cluster.NodeJoined:
		s.tell("on_node_join", starlark.StringDict{"node": starlark.String(e.Name)})
	case cluster.NodeLeft:
		s.tell("on_node_leave", starlark.StringDict{"node": starlark.String(e.Name), "reason": starlark.String(e.Reason)})
	case engine.DeadLetters:
		s.tell("on_dead_letter", starlark.StringDict{"op": starlark.String(e.Op), "records": starlark.MakeInt64(e.Records)})
	}
}

// scripted calls the hooks of a script.
type scripted struct{ *builtins.Hooks }

func (h scripted) wants(name string) bool { return h.Has(name) }
func (h scripted) close() error           { return nil }
func (h scripted) call(ctx context.Context, i interception) error {
	return h.Call(ctx, i.name, i.fields)
}

// logged says what happens.
type logged struct{ emit func(host.Event) }

func (l *logged) wants(string) bool { return true }
func (l *logged) close() error      { return nil }
func (l *logged) call(_ context.Context, i interception) error {
	text, err := i.json()
	l.emit(cluster.Intercepted{Name: i.name, Text: string(text)})
	return err
}

// json is an interception as an object: its name under "event", and what is known of it.
func (i interception) json() ([]byte, error) {
	fields := map[string]any{"event": strings.TrimPrefix(i.name, "on_")}
	for name, v := range i.fields {
		switch v := v.(type) {
		case starlark.String:
			fields[name] = string(v)
		case starlark.Bool:
			fields[name] = bool(v)
		case starlark.Int:
			n, _ := v.Int64()
			fields[name] = n
		case *starlark.Dict:
			fields[name] = counters(v)
		}
	}
	return json.Marshal(fields)
}

// counters are a dict of ints by name.
func counters(d *starlark.Dict) map[string]int64 {
	all := make(map[string]int64, d.Len())
	for _, item := range d.Items() {
		name, _ := starlark.AsString(item[0])
		if n, ok := item[1].(starlark.Int); ok {
			all[name], _ = n.Int64()
		}
	}
	return all
}

// written writes what happens to a file, as a JSON object on each line.
type written struct {
	path string
	fs   host.FS // of the run
	file host.File
}

func (w *written) wants(string) bool { return true }

func (w *written) call(_ context.Context, i interception) error {
	text, err := i.json()
	if err == nil && w.file == nil {
		w.file, err = w.fs.Append(w.path)
		if errors.Is(err, fs.ErrNotExist) {
			w.file, err = w.fs.Create(w.path)
		}
	}
	if err != nil {
		return err
	}
	_, err = w.file.Write(append(text, '\n'))
	return err
}

func (w *written) close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// loadHooks loads what --intercept names, and the hooks of the job's own script.
func (c *cli) loadHooks(line *runLine, job *builtins.Job, o builtins.Options) ([]interceptor, error) {
	var all []interceptor
	own, err := job.Hooks()
	if err != nil {
		return nil, err
	}
	all = append(all, scripted{own})
	for _, what := range line.Intercept {
		kind, value, _ := strings.Cut(what, ":")
		switch {
		case what == "log":
			all = append(all, new(logged))
		case what == "progress": // is shown anyhow
		case kind == "jsonl" && value != "":
			all = append(all, &written{path: value})
		case kind == "webhook" && isServer(value) && c.remote:
			all = append(all, &relayed{url: value})
		case kind == "webhook" && isServer(value):
			all = append(all, webhook{value})
		case strings.HasSuffix(what, ".star"):
			text, err := c.readFile(what)
			if err != nil {
				return nil, err
			}
			o.Args, o.Expr = nil, false
			hooks, err := builtins.LoadHooks(what, text, o)
			if err != nil {
				return nil, err
			}
			all = append(all, scripted{hooks})
		default:
			return nil, usagef("--intercept %s: want a script (hooks.star), log, progress, jsonl:FILE or webhook:URL", what)
		}
	}
	return all, nil
}
