package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
// it. What happens while the queue is full is counted, and not told.
type interceptors struct {
	all     []interceptor
	mask    func(string) string
	clock   host.Clock
	began   time.Time
	queue   chan interception
	cancel  context.CancelFunc
	done    chan struct{}
	mu      sync.RWMutex // closing against sending
	closed  bool
	dropped atomic.Int64
	failed  int64
	first   error
}

const (
	mostQueued = 4096
	// Interceptors may take a tenth of the job's time when that has ended, but not less and not more than this.
	leastCalls = 250 * time.Millisecond
	mostCalls  = time.Second
)

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
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &interceptors{all: all, mask: mask, clock: clock, began: clock.Now(), queue: make(chan interception, mostQueued), cancel: cancel, done: make(chan struct{})}
	go s.run(ctx)
	return s
}

func (s *interceptors) run(ctx context.Context) {
	defer close(s.done)
	for i := range s.queue {
		for _, to := range s.all {
			if ctx.Err() != nil {
				s.dropped.Add(1)
				continue
			}
			if err := to.call(ctx, i); err != nil {
				s.failed++
				s.first = errors.Join(s.first, firstOnly(s.first, fmt.Errorf("%s: %w", i.name, err)))
			}
		}
	}
}

func firstOnly(first, err error) error {
	if first != nil {
		return nil
	}
	return err
}

// tell queues what happened. It does not block.
func (s *interceptors) tell(name string, fields starlark.StringDict) {
	if s == nil {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return
	}
	for name, v := range fields {
		if text, ok := v.(starlark.String); ok {
			fields[name] = starlark.String(s.mask(string(text)))
		}
	}
	for _, to := range s.all {
		if to.wants(name) {
			select {
			case s.queue <- interception{name, fields}:
			default:
				s.dropped.Add(1)
			}
			return
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
	s.tell("on_step_complete", completion(summary, err))
	s.mu.Lock()
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	select {
	case <-s.done:
	case <-s.clock.After(min(max(s.clock.Now().Sub(s.began)/10, leastCalls), mostCalls)):
		s.cancel()
		<-s.done
	}
	s.cancel()
	for _, to := range s.all {
		if err := to.close(); err != nil {
			s.failed++
			s.first = errors.Join(s.first, firstOnly(s.first, err))
		}
	}
	if s.failed > 0 {
		warnings = append(warnings, fmt.Sprintf("interceptors failed %s, which changes nothing in the job; the first: %v", times(s.failed), s.first))
	}
	if n := s.dropped.Load(); n > 0 {
		warnings = append(warnings, fmt.Sprintf("interceptors were too slow for the job: %s they were not called", times(n)))
	}
	return warnings
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprint(n, " times")
}

func completion(s *engine.Summary, err error) starlark.StringDict {
	fields := starlark.StringDict{"ok": starlark.Bool(err == nil)}
	if s != nil {
		for name, n := range map[string]int64{"read": s.Read, "bytes": s.Bytes, "written": s.Written, "dead": s.Dead, "late": s.Late} {
			fields[name] = starlark.MakeInt64(n)
		}
		counted := starlark.NewDict(len(s.Counted))
		for _, c := range s.Counted {
			_ = counted.SetKey(starlark.String(c.Name), starlark.MakeInt64(c.Value)) // a new dict takes a string
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

// A webhook posts what happens to a server, as a JSON object each.
type webhook struct{ url string }

// webhookTime is how long a server may take to answer.
const webhookTime = 5 * time.Second

func (w webhook) wants(string) bool { return true }
func (w webhook) close() error      { return nil }
func (w webhook) call(ctx context.Context, i interception) error {
	text, err := i.json()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // nothing is read of it
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s answers %s", w.url, answer.Status)
	}
	return nil
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
		case kind == "webhook" && (strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://")):
			if c.remote {
				return nil, usagef("--intercept %s: the nodes of a cluster call no servers; write jsonl:FILE, or run the job here", what)
			}
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
