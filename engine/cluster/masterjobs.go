package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/transport"
)

// An entry is a job in the queue of a master that lives.
type entry struct {
	info     *JobInfo
	log      *jobLog                 // of a job that nobody waits for
	receipts *jobLog                 // with what the job says to people
	retried  bool                    // a chunk was sent more than once; its attempt's goroutine alone uses it
	tasks    atomic.Int64            // that were made
	done     atomic.Int64            // of them those that the job is through with
	failed   bool                    // records failed, as far as this master has heard; as retried
	output   int64                   // bytes that the attempt has put out; as retried
	out      *frames                 // where what the job says goes; nil: its client is away
	back     chan struct{}           // closed when the client that is away comes back
	claim    *claim                  // of the client that waits for the job, or was the last to; nil: none did
	stop     context.CancelCauseFunc // of the attempt that runs; nil: none does
	why      error                   // the job is to end, though it runs; nil: it is not
	over     chan struct{}           // closed when the job is over
}

// A claim is that of a client to what a job says.
type claim struct {
	session *transport.Session
	gone    chan struct{} // closed when it has ended
}

// How long a job waits for its client after a restart of the master, and after its connection has broken.
const (
	claimTime = time.Minute
	awayTime  = 30 * time.Second
)

// Why jobs end that do not end by themselves.
var (
	errJobCancelled = errors.New("the job was cancelled")
	errClientGone   = errors.New("whoever submitted the job has gone")
	errClientLeft   = errors.New("whoever submitted the job was interrupted, or ended it")
	errClientAway   = errors.New("the connection to whoever submitted the job is broken")
)

// UnknownJobError says that a master has no such job.
type UnknownJobError struct{ ID string }

func (e *UnknownJobError) Error() string {
	return "there is no job " + e.ID + "; flowsh jobs lists them"
}

// makeFolder makes a folder that nobody else can look into.
func (m *Master) makeFolder(dir string) error {
	if err := m.Host.FS.MkdirAll(dir); err != nil {
		return err
	}
	return m.Host.FS.Chmod(dir, 0o700)
}

func (m *Master) folder(id string) string { return filepath.Join(m.dir, "jobs", id) }

func (m *Master) receipts(id string) *jobLog {
	return newJobLog(m.Host, filepath.Join(m.folder(id), "receipts"))
}

// restore brings back the queue that an earlier master has left.
func (m *Master) restore() error {
	if err := m.makeFolder(filepath.Join(m.dir, "jobs")); err != nil {
		return err
	}
	j, err := OpenJournal(m.Host, filepath.Join(m.dir, "journal"), func(data []byte) error {
		var r jobRecord
		if err := json.Unmarshal(data, &r); err != nil {
			return err
		}
		return m.queue.apply(r)
	})
	if err != nil {
		return err
	}
	m.journal = j
	for _, info := range m.queue.jobs {
		e := &entry{info: info, over: make(chan struct{}), receipts: m.receipts(info.ID)}
		m.entries[info.ID] = e
		if info.Detached {
			e.log = newJobLog(m.Host, filepath.Join(m.folder(info.ID), "output"))
		}
		switch {
		case info.State.Over():
			close(e.over)
			e.receipts.complete()
			if e.log != nil {
				e.log.complete()
			}
		default:
			info.State = Queued // it begins again; what it has kept is not done again
			info.unclaimed = !info.Detached
		}
	}
	records, err := m.queue.snapshot()
	if err == nil {
		err = j.Rewrite(records)
	}
	return errors.Join(err, m.sweep())
}

// sweep removes the folders of jobs that are not in the queue.
func (m *Master) sweep() error {
	folders, err := m.Host.FS.ReadDir(filepath.Join(m.dir, "jobs"))
	for _, f := range folders {
		if m.entries[f.Name()] == nil {
			err = errors.Join(err, m.Host.FS.RemoveAll(m.folder(f.Name())))
		}
	}
	return err
}

// begin begins the jobs that can begin, and gives up those whose clients do not come back.
func (m *Master) begin(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ctx = ctx
	m.schedule()
	for _, e := range m.entries {
		if e.info.unclaimed {
			m.awaitClient(ctx, e, claimTime)
		}
	}
}

// awaitClient gives a job up whose client does not come back in time. The lock is held.
func (m *Master) awaitClient(ctx context.Context, e *entry, limit time.Duration) {
	back, late := make(chan struct{}), m.Host.Clock.After(limit)
	e.back = back
	m.running.Go(func() {
		select {
		case <-ctx.Done():
			return
		case <-e.over:
			return
		case <-back:
			return
		case <-late:
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if e.back == back {
			m.cancel(e, errClientGone)
		}
	})
}

// away has a job wait for its client, which was at out: what the job has done is kept, as where a master ends. The lock
// is held.
func (m *Master) away(e *entry, out *frames) {
	if e.info.State.Over() || e.out != out {
		return // it has ended, or the client is back
	}
	m.Log.Info("a client is away", "job", e.info.ID)
	e.info.unclaimed, e.out = true, nil
	if e.stop != nil {
		e.stop(errClientAway)
	}
	m.awaitClient(m.ctx, e, awayTime)
}

// record writes down what happens to a job, and lets it happen. The lock is held.
func (m *Master) record(r jobRecord) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = m.journal.Append(data)
	}
	if err != nil {
		m.Log.Error("the queue stands still", "reason", err.Error())
		return err
	}
	m.logRecord(&r)
	return m.queue.apply(r)
}

// logRecord logs what happens to a job.
func (m *Master) logRecord(r *jobRecord) {
	switch r.Op {
	case "submitted":
		m.Log.Info("job submitted", "job", r.Job.ID, "script", r.Job.Name)
	case "began":
		m.Log.Info("job began", "job", r.ID)
	case "ended":
		m.Log.Info("job ended", "job", r.ID, "state", string(r.State), "status", r.Status)
	}
}

// submitted is the job that came with a token; nil: none did. The lock is held.
func (m *Master) submitted(token string) *entry {
	for _, j := range m.queue.jobs {
		if token != "" && j.Token == token {
			return m.entries[j.ID]
		}
	}
	return nil
}

// add adds a job to the queue, claimed by nobody yet unless it is detached. One that has come before is not added again.
func (m *Master) add(s *Submit) (*entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range s.After {
		if m.queue.find(id) == nil {
			return nil, &UnknownJobError{id}
		}
	}
	if e := m.submitted(s.Token); e != nil {
		return e, nil
	}
	if err := m.retries(s); err != nil {
		return nil, err
	}
	for _, url := range s.Webhooks {
		if err := m.webhooks.Granted(url); err != nil {
			return nil, err
		}
	}
	number := m.queue.number + 1
	info := &JobInfo{
		ID: fmt.Sprint("job-", number), Name: s.Name, State: Queued, Bundle: bundleSum(s.Bundle), Token: s.Token,
		Detached: s.Detached, After: s.After, Anyway: s.Anyway, StopsQueue: s.StopsQueue, Distribute: s.Distribute,
		Retries: s.Retries, DeadOnly: s.DeadOnly, Submitted: m.Host.Clock.Now().UTC(),
	}
	if err := m.saveBundle(info.ID, s.Bundle); err != nil {
		return nil, err
	}
	if err := m.record(jobRecord{Op: "submitted", Job: info, Number: number}); err != nil {
		return nil, err
	}
	m.inherit(info)
	e := &entry{info: m.queue.find(info.ID), over: make(chan struct{}), receipts: m.receipts(info.ID)}
	e.info.unclaimed = !s.Detached
	if s.Detached {
		e.log = newJobLog(m.Host, filepath.Join(m.folder(info.ID), "output"))
	}
	m.entries[info.ID] = e
	return e, nil
}

func (m *Master) saveBundle(id string, bundle []byte) error {
	if err := m.makeFolder(m.folder(id)); err != nil {
		return err
	}
	f, err := m.Host.FS.Create(filepath.Join(m.folder(id), "bundle"))
	if err != nil {
		return err
	}
	_, err = f.Write(bundle)
	return errors.Join(err, f.Sync(), f.Close(), m.Host.FS.SyncDir(m.folder(id)), m.Host.FS.SyncDir(filepath.Join(m.dir, "jobs")))
}

// submit adds a job, and waits for its end unless it is detached.
func (m *Master) submit(session *transport.Session, client transport.Stream, s *Submit) error {
	e, err := m.add(s)
	if err != nil {
		return m.sorry(&frames{w: client}, err)
	}
	out := &frames{w: client}
	m.mu.Lock()
	info := e.info.public()
	m.mu.Unlock()
	if err := out.json(frameJob, info); err != nil && !s.Detached { // it does not know which job to ask for
		m.mu.Lock()
		defer m.mu.Unlock()
		m.awaitClient(m.ctx, e, awayTime)
		return err
	}
	if s.Detached {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.schedule()
		return nil
	}
	m.release(e)
	return m.claim(e, session, client, out)
}

// claim gives what a job says to a client, and waits until the job is over. A client that says that it leaves ends the
// job; one whose connection breaks may come back.
func (m *Master) claim(e *entry, session *transport.Session, client io.Reader, out *frames) error {
	c := &claim{session, make(chan struct{})}
	defer close(c.gone)
	m.mu.Lock()
	if !e.info.unclaimed {
		m.mu.Unlock()
		return m.sorry(out, fmt.Errorf("%s: its output goes to whoever submitted it", e.info.ID))
	}
	e.info.unclaimed, e.out, e.claim = false, out, c
	if e.back != nil {
		close(e.back)
		e.back = nil
	}
	m.schedule()
	waits, paused := e.info.State == Queued, m.queue.paused
	m.mu.Unlock()
	switch {
	case waits && paused:
		out.event(engine.Warning{Text: "the job waits until the queue goes on: it is paused, and flowsh resume lets jobs begin again"})
	case waits:
		out.event(engine.Warning{Text: "the job waits until others have ended: flowsh jobs lists them"})
	}
	leaves := make(chan bool, 1)
	go func() { // it says nothing more than that
		var r request
		leaves <- transport.ReadMessage(client, &r) == nil && r.Op == "leave"
	}()
	var left bool
	select {
	case <-e.over:
		return nil
	case left = <-leaves:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.ctx.Err() != nil: // a master that ends closes its sessions
		return context.Cause(m.ctx)
	case left:
		m.cancel(e, errClientLeft)
	default:
		m.away(e, out)
	}
	return nil
}

// schedule begins the jobs whose turn has come. The lock is held.
func (m *Master) schedule() {
	if m.ctx == nil || m.ctx.Err() != nil {
		return
	}
	for {
		j, failed := m.queue.doomed()
		if j == nil {
			break
		}
		if m.finish(m.entries[j.ID], Cancelled, 1, fmt.Sprintf("%s, which it comes after, has failed", failed.ID)) != nil {
			return
		}
	}
	for {
		j := m.queue.next(m.parallel)
		if j == nil {
			return
		}
		if m.record(jobRecord{Op: "began", ID: j.ID, At: m.Host.Clock.Now().UTC()}) != nil {
			return
		}
		e := m.entries[j.ID]
		ctx, stop := context.WithCancelCause(m.ctx)
		e.stop = stop
		m.running.Go(func() {
			defer stop(nil)
			m.attempt(ctx, e)
		})
	}
}

// cancel ends a job. The lock is held.
func (m *Master) cancel(e *entry, why error) {
	switch {
	case e.info.State.Over():
	case e.stop != nil:
		e.why = why
		e.stop(why)
	default:
		_ = m.finish(e, Cancelled, 1, why.Error()) // a journal that fails has been logged
		m.schedule()
	}
}

// finish notes the end of a job that has never begun, and says why. The lock is held.
func (m *Master) finish(e *entry, state JobState, status int, reason string) error {
	if err := m.end(e, state, status, reason, nil); err != nil {
		return err
	}
	out := e.out
	if e.log != nil {
		out = &frames{w: e.log}
	}
	if out != nil {
		_ = m.sorry(out, errors.New(reason)) // the client may be gone
	}
	return m.settle(e)
}

// end notes the end of a job. The lock is held.
func (m *Master) end(e *entry, state JobState, status int, reason string, last *LastWord) error {
	return m.record(jobRecord{Op: "ended", ID: e.info.ID, State: state, Status: status, Reason: reason, At: m.Host.Clock.Now().UTC(), Last: last})
}

// settle lets go of a job that has said all. The lock is held.
func (m *Master) settle(e *entry) error {
	e.stop = nil
	e.receipts.complete()
	if e.log != nil {
		e.log.complete()
	}
	m.dropKept(e)
	close(e.over)
	for _, id := range m.queue.surplus() {
		if err := m.forget(id); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a job that is over. The lock is held.
func (m *Master) forget(id string) error {
	if err := m.record(jobRecord{Op: "forgotten", ID: id}); err != nil {
		return err
	}
	delete(m.entries, id)
	return m.Host.FS.RemoveAll(m.folder(id))
}

// attempt runs a job to its end, unless the master is stopped before. Who asks when the job has said its last word hears
// that it has ended.
func (m *Master) attempt(ctx context.Context, e *entry) {
	out := e.out
	if e.log != nil {
		out = &frames{w: e.log}
		if err := e.log.begin(); err != nil {
			m.Log.Error("the output of a job cannot be kept", "job", e.info.ID, "reason", err.Error())
			e.stop(err)
		}
	}
	end, err := m.run(ctx, e, out)
	m.tally.counted(end.Counted)
	state, reason := Cancelled, ""
	m.mu.Lock()
	if m.ctx.Err() != nil {
		m.mu.Unlock()
		return // it goes on with the next master
	}
	if errors.Is(err, errClientAway) && ctx.Err() == nil {
		m.away(e, out)
	}
	switch cause := context.Cause(ctx); {
	case err != nil && errors.Is(cause, errClientAway):
		e.info.State, e.stop = Queued, nil
		if e.why != nil {
			m.cancel(e, e.why)
		}
		m.schedule()
		m.mu.Unlock()
		return // it goes on when the client is back
	case err != nil && cause != nil:
		end, reason = m.word(cause), cause.Error()
		end.Status = 1
	default:
		if err != nil {
			m.Log.Warn("a job failed", "job", e.info.ID, "reason", err.Error())
			end = m.word(err)
		}
		if state = outcome(e.info, end.Status, e.retried); state == Failed {
			reason = end.cause()
		}
	}
	var last *LastWord
	if e.log == nil {
		last = &LastWord{e.output, end}
	}
	_ = m.end(e, state, end.Status, reason, last) // a journal that fails has been logged
	m.schedule()
	m.mu.Unlock()
	_ = out.json(frameEnd, end) // the client may be gone
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.settle(e) // a journal that fails has been logged
}

// run runs a job in a head of its own until it is done, and gives its last word, which is not yet said. An error says that
// the head did not end it.
func (m *Master) run(ctx context.Context, e *entry, out *frames) (end End, err error) {
	bundle, err := readAll(m.Host, filepath.Join(m.folder(e.info.ID), "bundle"))
	if err != nil {
		return end, err
	}
	conn, err := m.Spawn(ctx)
	if err != nil {
		return end, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s, err := transport.Client(ending{conn})
	if err != nil {
		return end, err
	}
	defer s.Close()
	defer conn.Close() // first: the session waits for it
	control, err := s.Open()
	if err != nil {
		return end, err
	}
	keep, err := filepath.Abs(m.kept(e.info.ID))
	if err != nil {
		return end, err
	}
	a := assignment{
		Job: m.headName(e.info.ID), Head: true, Bundle: bundle, Sum: e.info.Bundle, ID: e.info.ID, Jobs: filepath.Dir(filepath.Dir(keep)), Keep: keep, Of: m.source(e.info),
		Distribute: e.info.Distribute, DeadOnly: e.info.DeadOnly, Workers: m.staying(),
	}
	var answer assigned
	if err := s.Ask(control, a, &answer); err != nil {
		return end, headDied("while it loaded the script", deathOf(conn))
	}
	m.lead(e.info.ID, &head{run: a.Job, control: control})
	defer m.unlead(e.info.ID)
	go func() { _ = s.Serve(ctx, m.connect) }() // until the head has gone
	if err := e.receipts.begin(); err != nil {
		return end, err
	}
	e.tasks.Store(0) // an earlier head's
	e.done.Store(0)
	kept := &frames{w: e.receipts}
	posts := m.webhooks.Begin()
	end, err = m.forward(e, out, kept, posts, control, conn)
	for _, warning := range posts.End() {
		out.event(engine.Warning{Text: warning})
		kept.event(engine.Warning{Text: warning})
	}
	if err == nil {
		_ = kept.json(frameEnd, end) // as much as there is room for
	}
	return end, err
}

// An ending connection is closed by others than the session over it: to end a process takes a while, and who reads a stream
// of a session that waits for that does not rest.
type ending struct{ io.ReadWriteCloser }

func (ending) Close() error { return nil }

// logReceipt logs what went wrong with a task, and at the level of debugging all that becomes of it.
func (m *Master) logReceipt(job string, r *Receipt) {
	level := slog.LevelDebug
	if r.Trouble() {
		level = slog.LevelWarn
	}
	if !m.Log.Enabled(context.Background(), level) {
		return
	}
	attributes := []any{"job", job, "chunk", r.Chunk}
	if r.Node != "" {
		attributes = append(attributes, "attempt", r.Attempt, "node", r.Node)
	}
	if r.Reason != "" {
		attributes = append(attributes, "reason", r.Reason)
	}
	m.Log.Log(context.Background(), level, "chunk "+r.Kind, attributes...)
}

// count follows a receipt.
func (e *entry) count(r *Receipt) {
	switch {
	case r.Kind == ReceiptDistributed || r.Kind == ReceiptRecalled:
		e.tasks.Add(1)
	case r.Ends():
		e.done.Add(1)
	}
}

// headName names a head of a job, as workers know it: no other has the name.
func (m *Master) headName(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.led++
	return fmt.Sprintf("%s-%s-%d", m.life, id, m.led)
}

// lead adds the head of a job, and tells it the workers that it can have. It is told of one that joins meanwhile
// twice.
func (m *Master) lead(id string, h *head) {
	m.mu.Lock()
	m.heads[id] = h
	rate := int64(0)
	if j := m.queue.find(id); j != nil {
		rate = j.Rate
	}
	m.mu.Unlock()
	if rate > 0 {
		h.tell(order{Op: "rate", Rate: rate})
	}
	for _, w := range m.members() {
		if w.leaves {
			continue
		}
		h.tell(order{Op: "join", Name: w.name, Slots: w.slots, Host: w.session.Peer()})
	}
}

// staying is how many workers there are that do not leave.
func (m *Master) staying() (n int) {
	for _, w := range m.members() {
		if !w.leaves {
			n++
		}
	}
	return n
}

func (m *Master) unlead(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.heads, id)
}

// forward sends on what a head says, up to its last word, which it gives. Receipts, and what the job says to people, are
// kept, as much as there is room for: a job does not fail for want of them.
func (m *Master) forward(e *entry, out, kept *frames, posts Posts, control io.Reader, conn io.Closer) (end End, err error) {
	var buf []byte
	e.output = 0
	for {
		if buf, err = transport.ReadFrame(control, buf); err != nil || len(buf) == 0 {
			return end, headDied("", deathOf(conn))
		}
		if buf[0] == frameEnd {
			if json.Unmarshal(buf[1:], &end) != nil {
				return end, headDied("", deathOf(conn))
			}
			return end, nil
		}
		switch buf[0] {
		case frameOutput:
			e.output += int64(len(buf) - 1)
		case frameReceipt:
			var r Receipt
			if json.Unmarshal(buf[1:], &r) == nil {
				m.tally.receipt(&r)
				e.retried = e.retried || r.Kind == ReceiptRetried
				e.failed = e.failed || r.Failed > 0
				e.count(&r)
				m.logReceipt(e.info.ID, &r)
			}
			_ = kept.forward(buf)
			continue
		case frameEvent:
			event := eventOf(buf[1:])
			if w, ok := event.(Webhook); ok {
				posts.Post(w)
				continue
			}
			if said(event) {
				_ = kept.forward(buf)
			}
		}
		switch err := out.forward(buf); {
		case errors.Is(err, kernel.ErrLimit):
			return end, err
		case err != nil:
			return end, errClientAway
		}
	}
}

// said reports whether an event is something that the job says to people, and not how far it has come.
func said(event host.Event) bool {
	switch event.(type) {
	case engine.Printed, engine.Warning, engine.Stalled, WaitsForWorkers, TasksKept, Intercepted:
		return true
	}
	return false
}

// headDied says that the head of a job has died, and when.
func headDied(when string, d Death) error {
	return &DeathError{strings.TrimSpace("the head of the job has died "+when) + ": " + d.Reason, d.Cause}
}

// sorry says that a request cannot be met.
func (m *Master) sorry(out *frames, err error) error {
	return errors.Join(err, out.json(frameEnd, m.word(err)))
}

// jobRequest does what a client asks for of a job in the queue.
func (m *Master) jobRequest(ctx context.Context, s *transport.Session, client transport.Stream, r request) error {
	if r.Op == "jobs" {
		m.mu.Lock()
		jobs := make([]JobInfo, len(m.queue.jobs))
		for i, j := range m.queue.jobs {
			jobs[i] = j.public()
			if e := m.entries[j.ID]; e != nil {
				jobs[i].Tasks, jobs[i].Done = int(e.tasks.Load()), int(e.done.Load())
			}
		}
		m.mu.Unlock()
		return transport.WriteMessage(client, jobs)
	}
	out := &frames{w: client}
	if r.Op == "pause" || r.Op == "resume" {
		return m.pause(out, r.Op == "pause")
	}
	m.mu.Lock()
	e := m.entries[r.Job]
	m.mu.Unlock()
	if e == nil {
		return m.sorry(out, &UnknownJobError{r.Job})
	}
	switch r.Op {
	case "attach":
		return m.attach(ctx, e, s, client, out, r.Have)
	case "receipts":
		return m.sendReceipts(ctx, e, out)
	case "logs", "follow":
		return m.sendLog(ctx, e, client, out, r.Op == "follow")
	case "cancel":
		m.mu.Lock()
		over := e.info.State
		m.cancel(e, errJobCancelled)
		m.mu.Unlock()
		if over.Over() {
			return m.sorry(out, fmt.Errorf("%s has ended already: %s", r.Job, over))
		}
		return out.json(frameEnd, End{})
	case "bundle":
		data, err := readAll(m.Host, filepath.Join(m.folder(r.Job), "bundle"))
		if err != nil {
			return m.sorry(out, err)
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
		return out.json(frameEnd, End{})
	case "rate":
		return m.setRate(e, out, r.Rate)
	case "forget":
		m.mu.Lock()
		defer m.mu.Unlock()
		if !e.info.State.Over() {
			return m.sorry(out, fmt.Errorf("%s has not ended: flowsh cancel %s", r.Job, r.Job))
		}
		if err := m.forget(r.Job); err != nil {
			return m.sorry(out, err)
		}
		return out.json(frameEnd, End{})
	}
	return fmt.Errorf("%q is no request", r.Op)
}

// setRate changes how many records a job takes in a second.
func (m *Master) setRate(e *entry, out *frames, perSecond int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.info.State.Over() {
		return m.sorry(out, fmt.Errorf("%s has ended already: %s", e.info.ID, e.info.State))
	}
	if perSecond < 0 {
		return m.sorry(out, fmt.Errorf("a rate of %d records in a second makes no sense", perSecond))
	}
	if err := m.record(jobRecord{Op: "rate", ID: e.info.ID, Rate: perSecond}); err != nil {
		return m.sorry(out, err)
	}
	if h := m.heads[e.info.ID]; h != nil {
		go h.tell(order{Op: "rate", Rate: perSecond}) // a head that is busy must not hold up the queue
	}
	return out.json(frameEnd, End{})
}

// attach gives a client what a job has said so far, and what it says until it ends. One that is back has so many bytes of
// output.
func (m *Master) attach(ctx context.Context, e *entry, s *transport.Session, client io.Reader, out *frames, have *int64) error {
	if e.log == nil {
		m.release(e)
		m.mu.Lock()
		state, unclaimed, reason, last := e.info.State, e.info.unclaimed, e.info.Reason, e.info.Last
		m.mu.Unlock()
		if unclaimed && !state.Over() {
			return m.claim(e, s, client, out)
		}
		if state == Cancelled {
			return m.sorry(out, fmt.Errorf("%s: %s", e.info.ID, reason))
		}
		if last != nil && have != nil && *have == last.Output {
			return out.json(frameEnd, last.End) // all that it lacks
		}
		return m.sorry(out, fmt.Errorf("%s: its output went to whoever submitted it; flowsh submit --detach keeps it", e.info.ID))
	}
	r, err := e.log.reader(ctx)
	if err != nil {
		return m.sorry(out, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	go func() {                      // a client that goes is no reason for the job to end
		_, _ = io.Copy(io.Discard, client)
		r.stop()
	}()
	var buf []byte
	for {
		if buf, err = transport.ReadFrame(r, buf); err != nil {
			if ctx.Err() != nil || r.stopped() {
				return nil
			}
			return m.sorry(out, fmt.Errorf("the output of %s is damaged: %w", e.info.ID, err))
		}
		if err := out.forward(buf); err != nil {
			return nil // the client has gone
		}
		if len(buf) > 0 && buf[0] == frameEnd {
			return nil
		}
	}
}

// release ends the claim of a client that does not answer: one whose connection broke may be back before this side has
// noticed.
func (m *Master) release(e *entry) {
	m.mu.Lock()
	c := e.claim
	m.mu.Unlock()
	if c == nil || c.session.Ping() == nil {
		return
	}
	_ = c.session.Close() // nobody is there
	<-c.gone
}

// sentAtOnce is how many bytes of receipts go to a client at once: there may be millions.
const sentAtOnce = 64 << 10

// sendReceipts gives a client the receipts of a job so far.
func (m *Master) sendReceipts(ctx context.Context, e *entry, out *frames) error {
	r, err := e.receipts.reader(ctx)
	if err != nil {
		return m.sorry(out, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	r.sofar = true
	input, joined := bufio.NewReaderSize(r, sentAtOnce), bufio.NewWriterSize(out.w, sentAtOnce)
	many := &frames{w: joined}
	var buf []byte
	for {
		if buf, err = transport.ReadFrame(input, buf); err != nil || len(buf) == 0 { // the end, or a receipt that is being written
			return errors.Join(many.json(frameEnd, End{}), joined.Flush())
		}
		if buf[0] != frameReceipt {
			continue
		}
		if err := many.forward(buf); err != nil {
			return nil // the client has gone
		}
	}
}

// pause lets no more jobs begin, or lets them begin again.
func (m *Master) pause(out *frames, paused bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	op := "resumed"
	if paused {
		op = "paused"
	}
	if err := m.record(jobRecord{Op: op}); err != nil {
		return m.sorry(out, err)
	}
	m.schedule()
	return out.json(frameEnd, End{})
}

func isTrouble(receipt []byte) bool {
	var r Receipt
	return json.Unmarshal(receipt, &r) == nil && r.Trouble()
}

// sendLog gives a client what a job has said to people so far, and what went wrong with its chunks, or until it ends.
func (m *Master) sendLog(ctx context.Context, e *entry, client io.Reader, out *frames, follow bool) error {
	r, err := e.receipts.reader(ctx)
	if err != nil {
		return m.sorry(out, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	m.mu.Lock()
	info := e.info.public()
	m.mu.Unlock()
	if err := out.json(frameJob, info); err != nil {
		return err
	}
	r.sofar = !follow
	go func() { // a client that goes is no reason for the job to end
		_, _ = io.Copy(io.Discard, client)
		r.stop()
	}()
	var buf []byte
	for {
		if buf, err = transport.ReadFrame(r, buf); err != nil || len(buf) == 0 { // the end, or what is being written
			return out.json(frameEnd, End{})
		}
		if buf[0] == frameReceipt && !isTrouble(buf[1:]) {
			continue
		}
		if err := out.forward(buf); err != nil || buf[0] == frameEnd {
			return nil // the client has gone, or has heard the last word
		}
	}
}
