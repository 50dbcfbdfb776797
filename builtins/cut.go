package builtins

import (
	"fmt"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A cut is how the state of the next stateful operator is divided: by windows, and by what fires on the way.
type cut struct {
	window  *windowing
	at      syntax.Position // of window(...)
	trigger *engine.Trigger
	fires   *boundFunc // the trigger's own function, or nil
	told    bool       // nondeterministic = True
}

func (c *cut) empty() bool { return c.window == nil && c.trigger == nil }

// name is what the script called.
func (c *cut) name() string {
	if c.window != nil {
		return "window"
	}
	return "trigger"
}

// cuttable are the operators whose state windows can cut.
var cuttable = map[engine.OpKind]bool{
	engine.OpReduce: true, engine.OpScan: true, engine.OpCount: true, engine.OpSum: true, engine.OpMin: true, engine.OpMax: true,
	engine.OpMean: true, engine.OpGroupBy: true, engine.OpUniq: true, engine.OpTake: true, engine.OpTakeSort: true,
	engine.OpSummarize: true,
}

// takeCut takes over what stands before the operator to cut its state, and gives the flow before that.
func (d *draft) takeCut(in *Flow) (*Flow, error) {
	if in.cut.empty() {
		return in, nil
	}
	switch kind := d.operator.kind; {
	case kind == engine.OpWindow && in.cut.window != nil:
		e := d.mistake("there is a window already, at %s", in.cut.at)
		e.Hint = "a flow has one window at a time: leave one out"
		return nil, e
	case kind == engine.OpTrigger && in.cut.trigger != nil:
		e := d.mistake("there is a trigger already, at %s", in.cut.trigger.At)
		e.Hint = "say every=, period= and after= in one trigger(...)"
		return nil, e
	case kind == engine.OpPartition || kind == engine.OpWindow || kind == engine.OpTrigger || cuttable[kind]:
		d.cut = in.cut
	default:
		return nil, in.uncut()
	}
	if in.op.Kind == engine.OpWindow || in.op.Kind == engine.OpTrigger {
		in = in.in[0]
	}
	return in, nil
}

// uncut refuses a flow whose windows or triggers have no state to cut.
func (f *Flow) uncut() error {
	if f.cut.empty() {
		return nil
	}
	name, before := f.cut.name(), "reduce or scan"
	if f.cut.trigger == nil {
		before = "reduce, scan, count, sum, min, max, mean, summarize, group_by, uniq, take or take_sort"
	}
	return mistakeAt(f.at, name+"(...) stands directly before "+before, "%s is set, but nothing is computed in it", name)
}

// useCut gives the operator the windows and triggers before it.
func (d *draft) useCut() error {
	kind := d.operator.kind
	if d.cut.empty() || !cuttable[kind] {
		return nil
	}
	c := d.cut
	d.cut = cut{}
	if c.trigger != nil && kind != engine.OpReduce && kind != engine.OpScan {
		return mistakeAt(d.at, "write reduce(initial, f) for "+d.operator.name, "triggers fire for reduce and scan, not for %s", d.operator.name)
	}
	if err := d.cutByWindow(&c); err != nil || c.trigger == nil {
		return err
	}
	d.op.Trigger = c.trigger
	if c.fires != nil {
		d.add(c.fires)
	}
	return nil
}

func (d *draft) cutByWindow(c *cut) error {
	w := c.window
	if w == nil {
		return nil
	}
	flows := c.trigger != nil || d.operator.kind == engine.OpScan
	switch {
	case w.kind == "session" && flows:
		return mistakeAt(c.at, "leave the trigger out, or write windows.fixed(...); scan(initial, f, flush = ...) finds sessions in a flow that is in order",
			"where a session begins and ends is known when all records were seen: %s cannot go along with it", d.running(c))
	case w.fill && (d.has("by") || d.lanes || flows || d.operator.kind == engine.OpGroupBy || d.operator.kind == engine.OpUniq):
		return mistakeAt(c.at, "leave fill or the key out", "fill = True is for one state in each window: there is no telling which keys a window without records has")
	case w.lateness != nil && w.late != "include" && flows && d.lanes:
		return mistakeAt(c.at, "write by = ... in place of partition", "late records cannot be told apart lane by lane")
	}
	spec, err := d.windowSpec(w, c.at)
	d.op.Window = spec
	return err
}

func (d *draft) running(c *cut) string {
	if c.trigger != nil {
		return "a trigger"
	}
	return d.operator.name
}

// windowSpec is a windowing as an operator has it; its function of time becomes the operator's window.time.
func (d *draft) windowSpec(w *windowing, at syntax.Position) (*engine.Window, error) {
	spec := &engine.Window{
		Kind: w.kind, Size: w.size, Every: w.every, N: w.n, Lateness: w.lateness, Late: w.late, Fill: w.fill, At: at.String(),
	}
	if w.time == nil {
		return spec, nil
	}
	f, err := d.bind("window.time", w.time, kernel.Signature{Field: true})
	if err != nil {
		return nil, err
	}
	d.add(f)
	return spec, nil
}

// cutting is the parameter of window(w).
func cutting() param {
	return param{name: "w", set: func(d *draft, v starlark.Value) error {
		w, err := windowOf(v)
		if err != nil {
			return err
		}
		d.cut.window, d.cut.at = w, d.at
		return nil
	}}
}

func windowOf(v starlark.Value) (*windowing, error) {
	w, ok := v.(*windowing)
	if !ok {
		return nil, mistake(`write windows.fixed("1h", time = "ts") or the like`, "want a window, not %s", v.Type())
	}
	return w, nil
}

// window is the parameter of operators that take windows themselves.
func window() param {
	return param{name: "window", set: func(d *draft, v starlark.Value) error {
		w, err := windowOf(v)
		if err != nil {
			return err
		}
		d.op.Window, err = d.windowSpec(w, d.at)
		return err
	}}
}

// fire is the trigger that the call makes.
func (d *draft) fire() *engine.Trigger {
	if d.cut.trigger == nil {
		d.cut.trigger = &engine.Trigger{At: d.at.String()}
	}
	return d.cut.trigger
}

func every() param {
	return param{name: "every", set: func(d *draft, v starlark.Value) error {
		return integer("every", 1, 0, func(*engine.Op) *int64 { return &d.fire().Every }).set(d, v)
	}}
}

func triggerSpan(name string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		t := d.fire()
		var s span
		if err := s.Unpack(v); err != nil {
			return err
		}
		if s.Duration <= 0 {
			return fmt.Errorf("%s must be over 0, not %v", name, s.Duration)
		}
		*map[string]*time.Duration{"period": &t.Period, "after": &t.After}[name] = s.Duration
		return nil
	}}
}

// triggerFunction is f(state, record), the state being the trigger's own.
func triggerFunction() param {
	return param{name: "f", set: func(d *draft, v starlark.Value) error {
		d.fire()
		f, err := d.bind("trigger.f", v, kernel.Signature{Own: 1})
		d.cut.fires = f
		return err
	}}
}

func nondeterministic() param {
	return flag("nondeterministic", func(d *draft) *bool { return &d.cut.told })
}

func oneTrigger(d *draft) error {
	switch t := d.fire(); {
	case t.Every == 0 && t.Period == 0 && t.After == 0 && d.cut.fires == nil:
		return d.mistake("trigger needs every = n, period = duration, after = duration or f")
	case t.Period+t.After > 0 && !d.cut.told:
		e := d.mistake("period= and after= go by the machine's clock, so every run gives other results")
		e.Hint = "write nondeterministic = True, or every = n"
		return e
	}
	return nil
}
