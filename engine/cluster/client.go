package cluster

import (
	"context"
	"encoding/json"
	"io"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// A Client talks to a master.
type Client struct{ session *transport.Session }

// Connect dials a master. The Agent needs a Version and a Network, and Credentials off loopback.
func Connect(ctx context.Context, a Agent, address string) (*Client, error) {
	s, err := transport.Dial(ctx, a.Network, address, a.Credentials, transport.Master)
	if err != nil {
		return nil, err
	}
	if err := a.greet(s, transport.User, 0); err != nil {
		_ = s.Close() // the error says why
		return nil, err
	}
	return &Client{s}, nil
}

// Close ends the connection, and the jobs that it waits for.
func (c *Client) Close() error { return c.session.Close() }

// Nodes lists the master and the workers.
func (c *Client) Nodes() (nodes []Node, err error) {
	stream, err := c.session.Open()
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if err := transport.WriteMessage(stream, request{Op: "nodes"}); err != nil {
		return nil, err
	}
	err = transport.ReadMessage(stream, &nodes)
	return nodes, err
}

// Drain has a worker finish what it has, take no more, and leave. It does not wait for that.
func (c *Client) Drain(worker string) error {
	stream, err := c.session.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := transport.WriteMessage(stream, request{Op: "drain", Worker: worker}); err != nil {
		return err
	}
	var answer welcome
	if err := transport.ReadMessage(stream, &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return &RefusedError{answer.Error}
	}
	return nil
}

// Submit runs a job on the cluster: its output goes to out as it comes, its events to emit. It returns when the job
// has ended; ctx ends the job. An error is the connection's: nobody knows how the job ended.
func (c *Client) Submit(ctx context.Context, job Submit, out io.Writer, emit func(host.Event)) (end End, err error) {
	stream, err := c.session.Open()
	if err != nil {
		return end, err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	if err := transport.WriteMessage(stream, request{Op: "submit", Submit: &job}); err != nil {
		return end, err
	}
	var buf []byte
	for {
		if buf, err = transport.ReadFrame(stream, buf); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return end, err
		}
		if len(buf) == 0 {
			return end, transport.ErrFrame
		}
		switch buf[0] {
		case frameOutput:
			if _, err := out.Write(buf[1:]); err != nil {
				return end, err
			}
		case frameEvent:
			if e := eventOf(buf[1:]); e != nil {
				emit(e)
			}
		case frameEnd:
			return end, json.Unmarshal(buf[1:], &end)
		}
	}
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
