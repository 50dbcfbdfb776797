package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
)

// spawn starts this program as an executor, in a process group of its own and without this process's environment.
func (c *cli) spawn(flags ...string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(self, append([]string{executorCommand}, flags...)...)
		cmd.Env, cmd.Stderr = []string{}, c.host.Stderr
		setProcessGroup(cmd)
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return &process{Reader: out, Writer: in, in: in, cmd: cmd}, nil
	}
}

// A process is an executor at the other end of two pipes. Close kills it.
type process struct {
	io.Reader
	io.Writer
	in   io.Closer
	cmd  *exec.Cmd
	once sync.Once
}

func (p *process) Close() error {
	p.once.Do(func() {
		_ = p.in.Close()
		_ = killGroup(p.cmd) // it may have ended by itself
		_ = p.cmd.Wait()     // how it ended is of no interest any more
	})
	return nil
}
