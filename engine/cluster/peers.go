package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/transport"
)

// peers are an executor's links to others of its job, which are dialled when something is to be read there. They are safe
// for concurrent use.
type peers struct {
	network     transport.Network
	credentials *transport.Credentials
	job         string

	mu       sync.Mutex
	sessions map[string]*transport.Session // by address
}

// peerTime is how long another executor may take to answer a dial: it may be busy.
const peerTime = 10 * time.Second

// read is a Peers.
func (p *peers) read(ctx context.Context, in Input, get Taker) error {
	s, err := p.to(ctx, in.Address)
	if err != nil {
		return err
	}
	stream, err := s.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	if err := transport.WriteMessage(stream, taskRequest{Op: "fetch", Attempt: in.Attempt, Parts: []Part{in.Part}}); err != nil {
		return err
	}
	return readPieces(stream, []Part{in.Part}, get, func(err error) error { return err })
}

// to is the session with an executor.
func (p *peers) to(ctx context.Context, address string) (*transport.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.sessions[address]; s != nil {
		select {
		case <-s.Done():
		default:
			return s, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, peerTime)
	defer cancel()
	s, err := transport.Dial(ctx, p.network, address, p.credentials, transport.JobRole(p.job))
	if err != nil {
		return nil, err
	}
	p.sessions[address] = s
	return s, nil
}

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sessions {
		_ = s.Close() // nothing is read any more
	}
}
