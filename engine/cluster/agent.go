package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// A Spawner starts an executor and gives the connection to it. Closing the connection ends the executor.
type Spawner func(ctx context.Context) (io.ReadWriteCloser, error)

// An Agent is what a master and a worker have in common: the process of a node that never runs a script, and has
// executors do that.
type Agent struct {
	Name        string // unique in the cluster
	Version     string // of flowsh
	Host        *host.Host
	Network     transport.Network
	Credentials *transport.Credentials // nil: only loopback
	Spawn       Spawner
	// Outputs is the folder in which executors leave what tasks gave, by job, for those that come after; "": they do not.
	Outputs string
	Leases  *Leases // nil: as many executors as there are jobs
	Log     *slog.Logger
}

// A Mortal connection knows how the process at its other end has ended. Death waits for that.
type Mortal interface{ Death() Death }

// deathOf says how an executor has ended.
func deathOf(conn io.Closer) Death {
	if m, ok := conn.(Mortal); ok {
		return m.Death()
	}
	return Death{Cause: Lost, Reason: "its connection broke"}
}

// pump copies between two connections until one of them ends, and closes both.
func pump(a, b io.ReadWriteCloser) {
	var both sync.WaitGroup
	for _, c := range [][2]io.ReadWriteCloser{{a, b}, {b, a}} {
		both.Go(func() {
			_, _ = io.Copy(c[0], c[1]) // how it ended is seen by whom it matters to
			_ = c[0].Close()
			_ = c[1].Close()
		})
	}
	both.Wait()
}

// greet says hello on a new session to a master.
func (a *Agent) greet(s *transport.Session, role transport.Role, slots int) error {
	err := a.hello(s, role, slots)
	if refused := (*RefusedError)(nil); err != nil && a.Credentials == nil && !errors.As(err, &refused) {
		return fmt.Errorf("it does not answer in the clear, and may want keys, which --keys names: %w", err)
	}
	return err
}

func (a *Agent) hello(s *transport.Session, role transport.Role, slots int) error {
	var answer welcome
	if err := s.Call(hello{Protocol: Protocol, Version: a.Version, Role: string(role), Name: a.Name, Slots: slots}, &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return &RefusedError{answer.Error}
	}
	return nil
}

// A RefusedError says that a master does not want this process: trying again does not help.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the master refuses: " + e.Reason }

// accept serves the connections of a listener until ctx is done.
func accept(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close() // whoever has dialled is to know at once
			}
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		conns.Go(func() { serve(conn) })
	}
}
