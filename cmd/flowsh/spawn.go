package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

// A spawner starts executors. It keeps one that has nothing to do yet, so that the next job need not wait for a process
// to start. It is safe for concurrent use.
type spawner struct {
	start func() (*process, error)

	mu     sync.Mutex
	spare  *process
	closed bool
}

// spawn gives the spare executor, or a new one, and starts the next spare.
func (s *spawner) spawn(context.Context) (io.ReadWriteCloser, error) {
	s.mu.Lock()
	p := s.spare
	s.spare = nil
	s.mu.Unlock()
	go s.refill()
	if p != nil && p.alive() {
		return p, nil
	}
	return s.start()
}

// refill starts a spare executor. Without one the next job starts a little later.
func (s *spawner) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spare == nil && !s.closed {
		s.spare, _ = s.start()
	}
}

// close ends the spare executor.
func (s *spawner) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.spare != nil {
		_ = s.spare.Close() // it cannot fail
	}
}

// oneCore is the environment of a process that starts faster with one core and takes more, or needs no more.
const oneCore = "GOMAXPROCS=1"

// launch starts this program as an executor, in a process group of its own and without this process's environment, on one core. Its
// folder is made in that of the node. The kernel ends it where it takes far more than memory, which is in bytes.
func (c *cli) launch(node string, memory int64, flags ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(node, "executor-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{executorCommand, "--scratch=" + scratch}, flags...)...)
	said := &lastWords{to: c.host.Stderr}
	cmd.Env, cmd.Stderr = []string{oneCore}, said
	setProcessGroup(cmd)
	p := &process{cmd: cmd, said: said, scratch: scratch, memory: newMemoryGroup("/", memory+dataHeadroom)}
	if err := p.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(scratch))
	}
	return p, nil
}

// A process is an executor at the other end of two pipes. Close kills it.
type process struct {
	out     io.Reader
	silent  atomic.Bool // out has ended
	in      io.WriteCloser
	cmd     *exec.Cmd
	said    *lastWords
	scratch string // folder
	memory  *memoryGroup
	once    sync.Once
	death   cluster.Death
}

func (p *process) start() error {
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.out, p.in = out, in
	if err := p.cmd.Start(); err != nil {
		p.memory.remove()
		return err
	}
	p.memory.add(p.cmd.Process.Pid)
	return nil
}

// Read implements io.Reader.
func (p *process) Read(data []byte) (int, error) {
	n, err := p.out.Read(data)
	if err != nil {
		p.silent.Store(true)
	}
	return n, err
}

// Write implements io.Writer.
func (p *process) Write(data []byte) (int, error) { return p.in.Write(data) }

// dyingTime is how long a process that says nothing more may take to end by itself.
const dyingTime = time.Second

// end ends the process; alone says that it did so by itself.
func (p *process) end() (alone bool) {
	ended := make(chan struct{})
	silent := p.silent.Load()
	go func() {
		defer close(ended)
		_ = p.cmd.Wait() // the state says how
	}()
	if silent {
		select {
		case <-ended:
			return true
		case <-time.After(dyingTime):
		}
	}
	_ = killGroup(p.cmd) // it may have ended by itself
	<-ended
	return false
}

// alive reports whether the process has said nothing yet: one that has died says why.
func (p *process) alive() bool { return p.said.String() == "" }

// Close implements io.Closer.
func (p *process) Close() error {
	p.once.Do(func() {
		_ = p.in.Close()
		alone := p.end()
		p.death = describeDeath(p.cmd.ProcessState, p.said.String())
		if p.death.Cause == cluster.Ended && alone && !p.cmd.ProcessState.Success() {
			p.death = p.memory.death(p.cmd.ProcessState)
		}
		p.memory.remove()
		p.death.At, p.death.Noted = readSpotNote(p.scratch)
		_ = os.RemoveAll(p.scratch)
	})
	return nil
}

// Death implements cluster.Mortal.
func (p *process) Death() cluster.Death {
	_ = p.Close() // it cannot fail
	return p.death
}

// describeDeath says how an executor has ended by what it said last.
func describeDeath(state *os.ProcessState, said string) cluster.Death {
	if _, text, ok := strings.Cut(said, lastWord); ok {
		return cluster.Death{Cause: cluster.PassedLimit, Reason: "its executor passed a limit: " + strings.TrimSpace(text)}
	}
	switch {
	case strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory"):
		return cluster.Death{
			Cause:  cluster.OutOfMemory,
			Reason: "its executor ran out of memory: the script makes too much at once; make it smaller, or give the nodes more by --mem",
		}
	case strings.Contains(said, "stack overflow") || strings.Contains(said, "stack exceeds"):
		return cluster.Death{Cause: cluster.Died, Reason: "its executor overflowed its stack"}
	case state.ExitCode() > 0:
		return cluster.Death{Cause: cluster.Died, Reason: "its executor died: " + state.String()}
	}
	return cluster.Death{} // it was killed from here
}

// lastWords passes on what an executor says on stderr, and keeps the beginning: a Go program that dies says why first.
type lastWords struct {
	mu   sync.Mutex
	to   io.Writer
	text []byte
}

const mostLastWords = 4 << 10

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if room := mostLastWords - len(w.text); room > 0 {
		part := p[:min(room, len(p))]
		w.text = append(w.text, part...)
		_, _ = w.to.Write(part) // the log of a node is no reason to stop
	}
	return len(p), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}
