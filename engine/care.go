package engine

import "github.com/flowsh/flowsh/engine/kernel"

// A Care says how a task is done that has ended a process: on the interpreter, on one core, each call being noted by
// Options.Mark before it is made. What comes out is the same.
type Care struct {
	// Fatal are calls that are known to end the process. They are not made: their records fail.
	Fatal []Fatal `json:"fatal,omitempty"`
	// Only is the position of the one source record that is looked at; what comes out is of no use then.
	Only *uint64 `json:"only,omitempty"`
}

// A Fatal is a call that ends the process that makes it.
type Fatal struct {
	kernel.Spot
	Reason string `json:"reason"` // the message of the record's error
	Limit  bool   `json:"limit"`  // a limit was passed, and not a bug met
}

// careful sets up the executor for a task; restore puts its settings back.
func (e *Executor) careful(c *Care) (restore func()) {
	cores := e.cores
	e.cores = 1
	fatal := map[kernel.Spot]Fatal{}
	for _, f := range c.Fatal {
		fatal[f.Spot] = f
	}
	e.env.Watch = &kernel.Watch{Only: c.Only, Enter: func(s kernel.Spot) error {
		if f, ok := fatal[s]; ok {
			return &kernel.FatalError{Text: f.Reason, Limit: f.Limit}
		}
		if e.options.Mark != nil {
			e.options.Mark(s)
		}
		return nil
	}}
	return func() { e.cores = cores }
}

// kernels is Options.Kernels for what runs functions. A task that is done with care is interpreted, but what it gives has the
// form that it has otherwise.
func (r *jobRun) kernels() string {
	if r.env.Watch != nil {
		return "off"
	}
	return r.options.Kernels
}
