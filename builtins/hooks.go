package builtins

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// HookNames are the functions of a script that are called for what happens to its job, in the order in which a job
// meets them.
var HookNames = []string{
	"on_step_start", "on_node_join", "on_distributed", "on_send", "on_receive", "on_processed", "on_returned", "on_aggregated",
	"on_retry", "on_error", "on_dead_letter", "on_node_leave", "on_step_complete",
}

// hookSteps bounds the steps of one call of a hook.
const hookSteps = 10_000_000

// Hooks are the functions of one script that are called for what happens to a job. They watch, and change nothing. They
// are called by one goroutine at a time.
type Hooks struct {
	// Print takes what the functions print; nil: nobody reads it.
	Print     func(text string)
	unit      *unit
	functions map[string]*starlark.Function
}

// Hooks are those of the job's own script, which may have none.
func (j *Job) Hooks() (*Hooks, error) { return j.unit.hooks() }

// LoadHooks loads a script of hooks. Errors are those of Load.
func LoadHooks(path string, source []byte, o Options) (*Hooks, error) {
	u := newLoader(path, o).newUnit(path, true)
	s, err := u.parse(source)
	if err != nil {
		return nil, err
	}
	if err := u.within(func() error { return u.execute(s) }); err != nil {
		return nil, err
	}
	h, err := u.hooks()
	if err == nil && len(h.functions) == 0 {
		err = &LoadError{Message: path + " has no hooks", Hint: "a hook is a function such as def on_step_complete(event):"}
	}
	return h, err
}

func (u *unit) hooks() (*Hooks, error) {
	h := &Hooks{unit: u, functions: map[string]*starlark.Function{}}
	for _, name := range u.globals.Keys() {
		fn, ok := u.globals[name].(*starlark.Function)
		if !ok || !strings.HasPrefix(name, "on_") || fn.Name() != name && fn.Name() != "lambda" {
			continue
		}
		if _, stage := parseStage(name); stage {
			continue
		}
		if !slices.Contains(HookNames, name) {
			return nil, mistakeAt(fn.Position(), didYouMean(name, HookNames), "there is no hook %s; there are %s", name, strings.Join(HookNames, ", "))
		}
		if fn.NumParams() != 1 || fn.HasVarargs() || fn.HasKwargs() {
			return nil, mistakeAt(fn.Position(), "def "+name+"(event):", "%s is called with one argument, the event", name)
		}
		h.functions[name] = fn
	}
	return h, nil
}

// Has says that there is a function for an event.
func (h *Hooks) Has(name string) bool { return h.functions[name] != nil }

// Call calls the function for an event, if there is one, with a struct of what is known of it. ctx ends it.
func (h *Hooks) Call(ctx context.Context, name string, event starlark.StringDict) error {
	fn := h.functions[name]
	if fn == nil {
		return nil
	}
	thread := &starlark.Thread{Name: name, Print: func(_ *starlark.Thread, text string) {
		if h.Print != nil {
			h.Print(text)
		}
	}}
	thread.SetMaxExecutionSteps(hookSteps)
	thread.OnMaxSteps = func(t *starlark.Thread) { t.Cancel(fmt.Sprintf("a hook takes at most %d steps", hookSteps)) }
	defer context.AfterFunc(ctx, func() { thread.Cancel("there is no more time for hooks") })()
	v := starlarkstruct.FromStringDict(starlark.String("event"), event)
	v.Freeze()
	return h.unit.guard(func() error {
		_, err := starlark.Call(thread, fn, starlark.Tuple{v}, nil)
		return err
	})
}
