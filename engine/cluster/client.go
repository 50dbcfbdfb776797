package cluster

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// A Client talks to a master.
type Client struct {
	agent   Agent
	address string
	session *transport.Session
}

// Connect dials a master. The Agent needs a Version, a Network and a Host, and Credentials off loopback.
func Connect(ctx context.Context, a Agent, address string) (*Client, error) {
	c := &Client{agent: a, address: address}
	return c, c.dial(ctx)
}

func (c *Client) dial(ctx context.Context) error {
	s, err := transport.Dial(ctx, c.agent.Network, c.address, c.agent.Credentials, transport.Master)
	if err != nil {
		return err
	}
	if err := c.agent.greet(s, transport.User, 0); err != nil {
		_ = s.Close() // the error says why
		return err
	}
	c.session = s
	return nil
}

// Close ends the connection. A job that it waits for waits a while for another one, and is given up then.
func (c *Client) Close() error {
	if c.session == nil {
		return nil
	}
	return c.session.Close()
}

// Nodes lists the master and the workers.
func (c *Client) Nodes() (nodes []Node, err error) {
	err = c.session.Call(request{Op: "nodes"}, &nodes)
	return nodes, err
}

// Drain has a worker finish what it has, take no more, and leave. It does not wait for that.
func (c *Client) Drain(worker string) error {
	var answer welcome
	if err := c.session.Call(request{Op: "drain", Worker: worker}, &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return &RefusedError{answer.Error}
	}
	return nil
}

// Jobs lists the jobs of the master's queue.
func (c *Client) Jobs() (jobs []JobInfo, err error) {
	err = c.session.Call(request{Op: "jobs"}, &jobs)
	return jobs, err
}

// Cancel ends a job, Forget removes one that has ended with what it has put out. Their End says whether that was done.
func (c *Client) Cancel(ctx context.Context, id string) (End, error) {
	return c.ask(ctx, request{Op: "cancel", Job: id}, new(JobInfo))
}

// Bundle is what was submitted as a job.
func (c *Client) Bundle(ctx context.Context, id string) ([]byte, End, error) {
	var bundle bytes.Buffer
	end, err := (&conversation{client: c, out: &bundle, emit: func(host.Event) {}, job: new(JobInfo)}).hold(ctx, request{Op: "bundle", Job: id})
	return bundle.Bytes(), end, err
}

// SetRate bounds how many records a second a job takes from its sources, from now on and after a restart; 0 is any number.
func (c *Client) SetRate(ctx context.Context, id string, perSecond int64) (End, error) {
	return c.ask(ctx, request{Op: "rate", Job: id, Rate: perSecond}, new(JobInfo))
}

// Pause lets no more jobs of the queue begin, Resume lets them begin again. Jobs that run go on.
func (c *Client) Pause(ctx context.Context) (End, error) {
	return c.ask(ctx, request{Op: "pause"}, new(JobInfo))
}

// Resume lets jobs begin again: see Pause.
func (c *Client) Resume(ctx context.Context) (End, error) {
	return c.ask(ctx, request{Op: "resume"}, new(JobInfo))
}

// Forget removes a job that has ended: see Cancel.
func (c *Client) Forget(ctx context.Context, id string) (End, error) {
	return c.ask(ctx, request{Op: "forget", Job: id}, new(JobInfo))
}

// Receipts gives the receipts of a job so far, in the order in which they were made.
func (c *Client) Receipts(ctx context.Context, id string, each func(Receipt) error) (End, error) {
	k := &conversation{client: c, out: io.Discard, job: new(JobInfo), emit: func(host.Event) {}, receipt: each}
	return k.hold(ctx, request{Op: "receipts", Job: id})
}

// Log gives emit what a job has said to people so far, and receipts of what went wrong, or if follow is true, until it ends. The End is the job's, if that
// has ended, or the master's if it has no such job, which the empty JobInfo shows.
func (c *Client) Log(ctx context.Context, id string, follow bool, emit func(host.Event)) (job JobInfo, end End, err error) {
	op := "logs"
	if follow {
		op = "follow"
	}
	receipt := func(r Receipt) error {
		emit(r)
		return nil
	}
	end, err = (&conversation{client: c, out: io.Discard, job: &job, emit: emit, receipt: receipt}).hold(ctx, request{Op: op, Job: id})
	return job, end, err
}

func (c *Client) ask(ctx context.Context, r request, job *JobInfo) (End, error) {
	return (&conversation{client: c, out: io.Discard, emit: func(host.Event) {}, job: job}).hold(ctx, r)
}

// Attach gives what a detached job has put out so far to out, and what it puts out until it ends, as Submit does.
func (c *Client) Attach(ctx context.Context, id string, out io.Writer, emit func(host.Event)) (End, error) {
	return (&conversation{client: c, out: out, emit: emit, job: &JobInfo{ID: id}}).through(ctx, request{Op: "attach", Job: id})
}

// Submit runs a job on the cluster: its output goes to out as it comes, its events to emit. It returns when the job
// has ended; ctx ends the job, as does an out that fails. A master that goes away meanwhile is waited for, and the job goes
// on when it is back; it is submitted again if nobody knows whether it came, and is one job all the same.
// For a detached job it returns when the master has it. An error is the connection's: nobody knows how the job ended.
func (c *Client) Submit(ctx context.Context, s Submit, out io.Writer, emit func(host.Event)) (job JobInfo, end End, err error) {
	var token [16]byte
	c.agent.Host.Random(token[:])
	s.Token = hex.EncodeToString(token[:])
	k := &conversation{client: c, out: out, emit: emit, job: &job, detached: s.Detached}
	end, err = k.through(ctx, request{Op: "submit", Submit: &s})
	return job, end, err
}

// A conversation is about one job. It may go through several connections.
type conversation struct {
	client   *Client
	out      io.Writer
	emit     func(host.Event)
	job      *JobInfo
	detached bool
	receipt  func(Receipt) error // nil: none are expected

	// What was passed on already, and how much of it the connection at hand has said.
	written, said     int64
	printed, repeated int
}

const (
	redialFor   = time.Minute
	redialEvery = time.Second
)

// through holds a conversation until the job has ended, and dials again if the connection is lost.
func (k *conversation) through(ctx context.Context, r request) (End, error) {
	for {
		end, err := k.hold(ctx, r)
		var broken *brokenError
		if !errors.As(err, &broken) || k.job.ID == "" && k.client.session.Ping() == nil { // the master is there, and says nothing
			return end, err
		}
		k.emit(engine.Warning{Text: fmt.Sprintf("the master is gone (%v); waiting for it", broken.error)})
		if err := k.redial(ctx); err != nil {
			return End{}, err
		}
		k.said, k.repeated = 0, 0
		if k.job.ID != "" {
			r = request{Op: "attach", Job: k.job.ID, Have: &k.written}
		}
	}
}

// A brokenError is of a connection.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

func (k *conversation) redial(ctx context.Context) error {
	clock := k.client.agent.Host.Clock
	until := clock.Now().Add(redialFor)
	_ = k.client.Close() // it is broken
	for {
		err := k.client.dial(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, new(*RefusedError)) || clock.Now().After(until):
			return err
		}
		select {
		case <-clock.After(redialEvery):
		case <-ctx.Done():
		}
	}
}

// hold makes a request and takes what comes until the job has ended.
func (k *conversation) hold(ctx context.Context, r request) (end End, err error) {
	stream, err := k.client.session.Open()
	if err != nil {
		return end, &brokenError{err}
	}
	leave := func() {
		_ = transport.WriteMessage(stream, request{Op: "leave"}) // a master that is gone does not hear it
		_ = stream.Close()
	}
	defer func() {
		if err != nil && !errors.As(err, new(*brokenError)) {
			leave()
		}
		_ = stream.Close()
	}()
	stop := context.AfterFunc(ctx, leave)
	defer stop()
	if err := transport.WriteMessage(stream, r); err != nil {
		return end, &brokenError{err}
	}
	var buf []byte
	for {
		if buf, err = transport.ReadFrame(stream, buf); err != nil {
			if ctx.Err() != nil {
				return end, context.Cause(ctx)
			}
			return end, &brokenError{err}
		}
		if len(buf) == 0 {
			return end, transport.ErrFrame
		}
		switch buf[0] {
		case frameJob:
			if err := json.Unmarshal(buf[1:], k.job); err != nil {
				return end, err
			}
			if k.detached {
				return end, nil
			}
		case frameReceipt:
			var r Receipt
			if err := json.Unmarshal(buf[1:], &r); err != nil || k.receipt == nil {
				return end, transport.ErrFrame
			}
			if err := k.receipt(r); err != nil {
				return end, err
			}
		case frameOutput:
			if err := k.write(buf[1:]); err != nil {
				return end, err
			}
		case frameEvent:
			k.event(eventOf(buf[1:]))
		case frameEnd:
			return end, json.Unmarshal(buf[1:], &end)
		}
	}
}

// write passes output on that was not passed on before: a job that runs again puts out the same bytes.
func (k *conversation) write(data []byte) error {
	fresh := data[min(int64(len(data)), max(0, k.written-k.said)):]
	k.said += int64(len(data))
	k.written = max(k.written, k.said)
	if len(fresh) == 0 {
		return nil
	}
	_, err := k.out.Write(fresh)
	return err
}

func (k *conversation) event(e host.Event) {
	switch e.(type) {
	case nil:
		return
	case engine.Printed:
		if k.repeated++; k.repeated <= k.printed {
			return
		}
		k.printed = k.repeated
	}
	k.emit(e)
}

// eventOf is the event that a frame holds; nil for one that this version does not know.
func eventOf(data []byte) host.Event {
	var w wireEvent
	if json.Unmarshal(data, &w) != nil {
		return nil
	}
	switch w.Name {
	case engine.Progress{}.Event():
		return decoded[engine.Progress](w.Data)
	case engine.StageDone{}.Event():
		return decoded[engine.StageDone](w.Data)
	case engine.Stalled{}.Event():
		return decoded[engine.Stalled](w.Data)
	case engine.Printed{}.Event():
		return decoded[engine.Printed](w.Data)
	case engine.Warning{}.Event():
		return decoded[engine.Warning](w.Data)
	case WaitsForWorkers{}.Event():
		return decoded[WaitsForWorkers](w.Data)
	case Intercepted{}.Event():
		return decoded[Intercepted](w.Data)
	case Webhook{}.Event():
		return decoded[Webhook](w.Data)
	case TasksKept{}.Event():
		return decoded[TasksKept](w.Data)
	}
	return nil
}

func decoded[E host.Event](data []byte) host.Event {
	var e E
	if json.Unmarshal(data, &e) != nil {
		return nil
	}
	return e
}
