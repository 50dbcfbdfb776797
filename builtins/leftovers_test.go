package builtins_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// TestJobsLeaveNothing runs a hundred jobs on a cluster in memory, of which every other is cancelled when its workers have read
// a random number of inputs: neither files nor goroutines are left when they are forgotten.
func TestJobsLeaveNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newRestartable(ctx, t, `job = lines("input*.txt").flat_map(lambda line: [line] * 50).sort(key = lambda line: line[::-1])`)
	defer c.running.Wait()
	defer cancel()
	c.start(2)
	client, err := cluster.Connect(ctx, c.agent, restartAddress)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	r := rand.New(rand.NewPCG(1, 2))
	want := ""
	run := func(cancelled bool) {
		reached := make(chan struct{})
		c.mu.Lock()
		at := fmt.Sprint("read ", c.reads+1+r.IntN(restartInputs))
		c.die = func(where string) bool {
			if cancelled && where == at {
				close(reached)
				c.die = nil
			}
			return false
		}
		c.mu.Unlock()
		c.stdout.Reset()
		job, _, err := client.Submit(ctx, cluster.Submit{Name: "job.star", Detached: true}, io.Discard, func(host.Event) {})
		if err != nil {
			t.Fatal(err)
		}
		if cancelled {
			<-reached
			if _, err := client.Cancel(ctx, job.ID); err != nil {
				t.Fatal(err)
			}
		}
		end, err := client.Attach(ctx, job.ID, &c.stdout, func(host.Event) {})
		if err != nil || end.Status != 0 && !cancelled {
			t.Fatalf("%+v, %v", end, err)
		}
		if want == "" {
			want = c.stdout.String()
		}
		if got := c.stdout.String(); !cancelled && got != want {
			t.Fatalf("%d bytes, not %d", len(got), len(want))
		}
		c.asks("forget", func(client *cluster.Client) error {
			end, err := client.Forget(ctx, job.ID)
			if err == nil && end.Status != 0 {
				err = fmt.Errorf("status %d: %s", end.Status, end.Messages)
			}
			return err
		})
	}
	files := c.left()
	run(false)
	run(true)
	goroutines := runtime.NumGoroutine()
	for i := range 100 {
		run(i%2 == 1)
	}
	for n := 0; runtime.NumGoroutine() > goroutines+2 && n < 500; n++ { // they end by themselves
		<-c.Clock.After(time.Second)
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	for n := 0; c.left() != files && n < 500; n++ { // a cancelled executor removes its folder when its job may already be forgotten
		<-c.Clock.After(time.Second)
	}
	if left := c.left(); left != files {
		t.Errorf("%s are left, %s before", left, files)
	}
}

// left are the files of the nodes and of their jobs.
func (c *restartable) left() string {
	jobs, err := c.agent.Host.FS.ReadDir("jobs")
	if err != nil {
		c.Fatal(err)
	}
	spilled, err := c.FS.ReadDir("/tmp")
	if err != nil {
		c.Fatal(err)
	}
	return fmt.Sprintf("%d jobs, %d spill folders, %d bytes of input", len(jobs), len(spilled), c.FS.(*host.MemFS).Used())
}
