package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
)

// A resumption is what a run keeps of the tasks that it has done, for a later run of the same job that goes on where it
// was killed.
type resumption struct {
	dir    string
	unlock func()
	state  jobState
	known  bool // an earlier run has left its state

	recalled atomic.Int64 // tasks that are not done again
}

// A jobState says what a folder's tasks are of.
type jobState struct {
	Now    time.Time    `json:"now"` // when the job began, which its script sees
	Inputs []inputState `json:"inputs"`
}

// An inputState tells whether a file is still the one that was read.
type inputState struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
}

// keptFor is how long the tasks of a job that nobody resumes are kept.
const keptFor = 7 * 24 * time.Hour

// resumeAt finds the folder of a job: that of its command line and working directory.
func (c *cli) resumeAt(words []string) (*resumption, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("--resume keeps its tasks in the cache of the user, who has none: %w", err)
	}
	root := filepath.Join(cache, "flowsh")
	c.sweepKept(root)
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(append([]string{dir}, words...))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(name)
	r := &resumption{dir: filepath.Join(root, hex.EncodeToString(sum[:12]))}
	if err := ownFolder(r.dir); err != nil {
		return nil, err
	}
	r.unlock, err = spill.Lock(r.dir)
	if errors.Is(err, spill.ErrInUse) {
		return nil, usagef("this job runs with --resume already: wait until it ends")
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(r.file())
	if err == nil {
		r.known = json.Unmarshal(text, &r.state) == nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		r.unlock()
		return nil, err
	}
	if !r.known {
		r.state = jobState{Now: c.host.Clock.Now().UTC()}
	}
	return r, nil
}

// sweepKept removes what nobody has come back for.
func (c *cli) sweepKept(root string) {
	folders, _ := os.ReadDir(root) // there may be none
	for _, f := range folders {
		dir := filepath.Join(root, f.Name())
		info, err := os.Stat(filepath.Join(dir, "job.json"))
		if err != nil || c.host.Clock.Now().Sub(info.ModTime()) < keptFor {
			continue
		}
		if unlock, err := spill.Lock(dir); err == nil {
			_ = os.RemoveAll(dir) // the next run tries again
			unlock()
		}
	}
}

func (r *resumption) file() string  { return filepath.Join(r.dir, "job.json") }
func (r *resumption) tasks() string { return filepath.Join(r.dir, "tasks") }

// begin compares the input with that of the earlier run; what is of other input is removed. It reports whether the run
// goes on: tasks whose functions were changed since are done again.
func (r *resumption) begin(h *host.Host, job *builtins.Job) (goesOn bool, err error) {
	inputs, err := inputStates(h, job.Program.Graph)
	if err != nil {
		return false, err
	}
	if r.known && slices.EqualFunc(inputs, r.state.Inputs, inputState.same) {
		return true, nil
	}
	r.state.Inputs = inputs
	text, err := json.Marshal(r.state)
	if err == nil {
		err = errors.Join(os.RemoveAll(r.tasks()), os.WriteFile(r.file(), text, 0o600))
	}
	return false, err
}

func (s inputState) same(other inputState) bool {
	return s.Path == other.Path && s.Size == other.Size && s.Changed.Equal(other.Changed)
}

func inputStates(h *host.Host, g *engine.Graph) (all []inputState, err error) {
	for _, op := range g.Ops {
		if op.Source == nil {
			continue
		}
		for _, path := range op.Source.Paths {
			if path == "-" {
				return nil, usagef("--resume: the job reads standard input, which cannot be read again: name a file")
			}
			names, err := connector.Expand(h.FS, path)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				info, err := h.FS.Stat(name)
				if err != nil {
					return nil, err
				}
				all = append(all, inputState{name, info.Size(), info.ModTime()})
			}
		}
	}
	return all, nil
}

// tasksOf gives the tasks of a job to a worker in this process, which keeps what they give. close ends it.
func (r *resumption) tasksOf(p *engine.Program, o engine.Options) (tasks engine.Tasks, end func() error, err error) {
	kept, err := spill.OpenBadger(o.Host, r.tasks(), &spill.BadgerOptions{Keep: true})
	if err != nil {
		return nil, nil, err
	}
	h := *o.Host
	h.Emit = func(e host.Event) {
		if t, ok := e.(cluster.TasksKept); ok {
			r.recalled.Add(int64(t.Kept))
		}
		o.Host.Send(e)
	}
	o.Memory /= 2 // the other half is that of the run
	x, err := engine.NewExecutor(p, o)
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	done, given := engine.NewStore(o), engine.NewStore(o)
	job := cluster.NewJob(&h, given, &cluster.Kept{Store: kept})
	job.Join("here", 1, cluster.NewRunner(x, done, func(error) { os.Exit(statusLimit) }, nil))
	return job, func() error {
		job.Close()
		x.Close()
		return errors.Join(done.Close(), given.Close(), kept.Close())
	}, nil
}

// forget removes what was kept: the job is done.
func (r *resumption) forget() error { return os.RemoveAll(r.dir) }

// resumes is where the run that the command line asks for keeps its tasks; nil: it keeps none.
func (c *cli) resumes(before, rest []string) (*resumption, error) {
	if !slices.Contains(before, "--resume") && !slices.Contains(rest, "--resume") {
		return nil, nil
	}
	return c.resumeAt(slices.Concat(before, rest))
}

// resume runs a job whose tasks are kept until it is done.
func (c *cli) resume(r *resumption, job *builtins.Job, o engine.Options, trace string) error {
	goesOn, err := r.begin(c.host, job)
	if err != nil {
		return err
	}
	if err := c.execute(job.Program, o, trace, r.tasksOf); err != nil {
		return err
	}
	if goesOn {
		c.console.summary(fmt.Sprintf("%s of an earlier run, which was stopped, were not done again", counted(int(r.recalled.Load()), "task")))
	}
	return r.forget()
}
