package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/transport"
)

const (
	retryEvery = 500 * time.Millisecond
	sayItEvery = 5 * time.Second
)

// connect dials a master as a client; with --wait it tries again for so long, and says so.
func (c *cli) connect(ctx context.Context, line *clientLine) (*cluster.Client, error) {
	clock := c.host.Clock
	began, said := clock.Now(), time.Time{}
	for {
		client, err := c.dial(ctx, line.Master, line.Keys)
		var unreachable *unreachableError
		if !errors.As(err, &unreachable) || clock.Now().Sub(began) >= time.Duration(line.Wait) || isA[*cluster.RefusedError](err) {
			return client, err
		}
		if now := clock.Now(); now.Sub(said) >= sayItEvery {
			c.console.warn(fmt.Sprintf("no master at %s yet: %v; waiting for it, %v at most", unreachable.address, unreachable.err, time.Duration(line.Wait)))
			said = now
		}
		select {
		case <-clock.After(retryEvery):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *cli) dial(ctx context.Context, address, keys string) (*cluster.Client, error) {
	if address == "" {
		address, _ = c.host.LookupEnv("FLOWSH_MASTER")
	}
	if state, err := readState(c.clusterDir()); address == "" && err == nil {
		address, keys = state.Master, cmp.Or(keys, state.Keys)
	}
	address = cmp.Or(address, defaultMaster)
	credentials, err := c.credentials(keys, transport.User)
	if err != nil {
		return nil, err
	}
	if err := transport.Guard(address, credentials); err != nil {
		return nil, usagef("%v", err)
	}
	agent := cluster.Agent{Version: versionText(), Network: transport.TCP{}, Credentials: credentials, Host: c.host}
	client, err := cluster.Connect(ctx, agent, address)
	if err != nil {
		return nil, &unreachableError{address, err}
	}
	return client, nil
}

// An unreachableError says that there is no master to talk to.
type unreachableError struct {
	address string
	err     error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no master at %s: %v; flowsh cluster up starts one on this machine, --master names another, --wait 1m waits for it", e.address, e.err)
}

func (e *unreachableError) Unwrap() error { return e.err }

// A waitedError says that a job has waited for workers for as long as --wait allows.
type waitedError struct{ limit time.Duration }

func (e *waitedError) Error() string {
	return fmt.Sprintf("the cluster had no worker for %v, which --wait allows; the job was cancelled; flowsh worker --join adds one", e.limit)
}
