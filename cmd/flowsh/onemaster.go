package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/gossip"
)

// A cluster has one master: of two that see each other the one that began later ends. One that is only remembered, because
// it was killed, does not count: nobody listens where it did.

// beganTag is when a member began, in nanoseconds since 1970 as text of one length.
const beganTag = "began"

func beganText(t time.Time) string { return fmt.Sprintf("%020d", t.UnixNano()) }

// knockTime is how long another master may take to accept a connection.
const knockTime = 2 * time.Second

// oneMaster returns a context that ends, with the reason, when this master is not the cluster's.
func oneMaster(ctx context.Context, a cluster.Agent, members *gossip.Node, address string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			if other := earlierMaster(ctx, a, members, address); other != nil {
				cancel(&otherMasterError{fmt.Sprintf("the cluster has a master already, %s at %s: this one, %s at %s, ends; flowsh worker adds a node",
					other.Name, other.Tags["control"], a.Name, address)})
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-members.Changed():
			case <-a.Host.Clock.After(knockTime):
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// An otherMasterError says that the cluster has a master already.
type otherMasterError struct{ text string }

func (e *otherMasterError) Error() string { return e.text }

// earlierMaster is another master of the cluster that listens, and began before this one.
func earlierMaster(ctx context.Context, a cluster.Agent, members *gossip.Node, address string) *gossip.Member {
	all := members.Members()
	var own gossip.Member
	for _, m := range all {
		if m.Name == a.Name {
			own = m
		}
	}
	for _, m := range all {
		later := cmp.Or(strings.Compare(m.Tags[beganTag], own.Tags[beganTag]), strings.Compare(m.Name, own.Name)) >= 0
		if !m.Alive || later || m.Tags["role"] != string(transport.Master) || m.Tags["control"] == address {
			continue
		}
		at, err := controlOf(m)
		if err != nil {
			continue
		}
		knock, stop := context.WithTimeout(ctx, knockTime)
		conn, err := new(net.Dialer).DialContext(knock, "tcp", at)
		stop()
		if err == nil {
			_ = conn.Close() // it listens
			return &m
		}
	}
	return nil
}
