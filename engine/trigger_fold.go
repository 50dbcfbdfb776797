package engine

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A stepper folds records, in order, into a state for each key or lane in each window, and hands on what comes of it
// at once: what the function of a scan returns beside the next state, and what a trigger releases.
type stepper struct {
	stage    *stageRun
	op       *Op
	folder   *kernel.Folder
	windows  *windower    // nil: there is one window, the flow
	fires    *kernel.Func // the trigger's own function, or nil
	keyed    bool
	flushes  bool
	releaser *releaser
	marker   windowMarker

	states map[string]*running // by window and canonical key
	order  []*running          // by first occurrence
	bytes  int64
	lane   uint32 // of the last record, if the flow has lanes; they come one after another
	tick   int64  // turns so far
	ended  int    // of order, whose states have been handed on at the end of the flow
	chunks int64  // spilled
	in     operator.Keyed
	key    []byte
	ids    []int64
	buf    []byte
}

// running is the state of a key in a window.
type running struct {
	state   starlark.Value
	key     starlark.Value
	lane    int
	window  *int64
	records int64
	measure int64 // at so many records bytes is measured again
	bytes   int64
	trigger starlark.Value // the state of the trigger's own function
	since   time.Time      // of the first record, or of the period
	waited  bool           // after= has fired
	touched int64          // the last turn with it
	chunk   int64          // that holds state and trigger, 0 if they are here
}

func newStepper(s *stageRun, op *Op) (sequential, error) {
	r, err := s.reducer(op)
	if err != nil {
		return nil, err
	}
	r.Prints = func(_ chunk.Ordinal, p kernel.Print) { s.print(p) }
	if s.rules(op.ID) == nil && op.Funcs["trigger.f"] == "" {
		s.chain.Into = r.Fn // nothing else sees the records
	}
	f := &stepper{
		stage: s, op: op, folder: kernel.NewFolder(r, s.run.env), fires: s.run.function(op, "trigger.f"),
		keyed: op.Funcs["by"] != "", flushes: r.Flush != nil, states: map[string]*running{}, windows: newWindower(s, op),
	}
	lanes := 0
	if s.Laned && !f.keyed {
		lanes = lanesOf(s.run.graph, op.ID)
	}
	if f.windows != nil {
		f.windows.keyed = f.keyed || lanes > 0
	}
	f.marker = newWindowMarker(op, f.windows)
	f.releaser, err = newReleaser(s, op, f.windows, lanes)
	return f, err
}

func (f *stepper) next(out *kernel.Output) (*chunk.Batch, error) {
	b := new(chunk.Batch)
	defer f.marker.pair(b)
	columns, times := f.windows.split(out.Columns)
	f.in = operator.Keyed{Batch: &out.Batch}
	if f.keyed {
		f.in.Keys = columns[0]
	}
	f.folder.Open(&out.Column, f.in.Ordinal)
	defer f.folder.Close()
	for i := 0; i < out.N; {
		if err := f.stage.reached(i, b.N); err != nil {
			return b, err
		}
		f.folder.At(f.in.Ordinal(i))
		var err error
		if i, err = f.record(b, out, times, i); err != nil {
			return b, err
		}
		for len(out.Lanes) > 0 && len(b.Lanes) < b.N {
			b.Lanes = append(b.Lanes, out.Lanes[i-1])
		}
	}
	return b, nil
}

// record takes record i through all of its windows, and those behind it that go the same way without anything coming of
// them. It gives the record that is next.
func (f *stepper) record(b *chunk.Batch, out *kernel.Output, times *chunk.Column, i int) (next int, err error) {
	if err := f.enter(b, out, i); err != nil {
		return i, err
	}
	windows, err := f.windowsOf(out, times, i)
	if err != nil {
		return i, err
	}
	next = i + 1
	f.tick++
	for k := range max(1, len(windows)) {
		var window *int64
		if f.windows != nil {
			if len(windows) == 0 {
				return next, nil // it was late
			}
			window = &windows[k]
		}
		s, err := f.find(out, i, window)
		if err == nil {
			next, err = f.fold(b, s, out, i)
		}
		if window != nil {
			f.marker.mark(b, *window)
		}
		if err != nil {
			return next, err
		}
	}
	return next, nil
}

// alike is the end of the records from number i on that are folded as i is: into the same state, which is measured behind
// them, with nothing to happen between them and nothing to be asked of them one by one.
func (f *stepper) alike(s *running, out *kernel.Output, i int) int {
	if f.op.Kind != OpScan || f.keyed || f.windows != nil || len(out.Lanes) > 0 || f.op.Trigger != nil {
		return i + 1
	}
	return min(f.stage.quiet(out.N), i+int(max(1, s.measure-s.records)))
}

// windowsOf are the windows of a record, none if it is late.
func (f *stepper) windowsOf(out *kernel.Output, times *chunk.Column, i int) (windows []int64, err error) {
	w := f.windows
	if w == nil {
		return nil, nil
	}
	t := int64(0)
	if w.timed() {
		if t, err = instantOf(times, i); err != nil {
			return nil, f.complain(out, i, err.Error())
		}
		w.meet(f.in.Ordinal(i), isInt(times, i))
	}
	if w.sheds() {
		if by := w.lateBy(t); by > 0 {
			return nil, w.shed(&f.in, i, out.At(i), by)
		}
	}
	if err := f.appendKey(out, i, nil); err != nil {
		return nil, err
	}
	f.ids, err = w.windowsOf(f.ids[:0], t, f.key)
	return f.ids, err
}

// enter ends the lane before the record's, if every lane has a state of its own.
func (f *stepper) enter(b *chunk.Batch, out *kernel.Output, i int) error {
	if !f.stage.Laned || f.keyed || out.Lanes[i] == f.lane {
		return nil
	}
	if err := f.end(b, math.MaxInt); err != nil {
		return err
	}
	clear(f.states)
	f.order, f.ended, f.bytes, f.lane = f.order[:0], 0, 0, out.Lanes[i]
	return nil
}

// appendKey makes the key of a record's state, in a window if there is one.
func (f *stepper) appendKey(out *kernel.Output, i int, window *int64) (err error) {
	f.key = f.key[:0]
	if window != nil {
		f.key = value.AppendKeyInt(f.key, *window)
	}
	switch {
	case f.keyed:
		f.key, _, err = value.AppendKey(f.key, f.in.Keys.At(i))
	case len(out.Lanes) > 0:
		f.key = value.AppendKeyInt(f.key, int64(out.Lanes[i]))
	}
	if err != nil {
		return f.complain(out, i, err.Error())
	}
	return nil
}

// find is the state for a record in a window.
func (f *stepper) find(out *kernel.Output, i int, window *int64) (*running, error) {
	if err := f.appendKey(out, i, window); err != nil {
		return nil, err
	}
	if s := f.states[string(f.key)]; s != nil {
		s.touched = f.tick
		if s.chunk == 0 {
			return s, nil
		}
		if err := f.wake(s); err != nil {
			return nil, err
		}
		return s, f.shrink()
	}
	lane := uint32(0)
	if len(out.Lanes) > 0 {
		lane = out.Lanes[i]
	}
	state, err := f.folder.Initial(lane)
	if err != nil {
		return nil, err
	}
	s := &running{state: state, trigger: starlark.None, measure: 1, touched: f.tick}
	if window != nil {
		w := *window
		s.window = &w
	}
	if f.keyed {
		s.key = value.Detach(f.in.Keys.At(i))
	} else if len(out.Lanes) > 0 {
		s.lane = int(out.Lanes[i])
	}
	f.states[string(f.key)] = s
	f.order = append(f.order, s)
	f.bytes += int64(len(f.key)) + sizeRunning
	return s, nil
}

const sizeRunning = 200 // bytes of a running with its place in the map, without state and key

// fold folds record i into a state, and those behind it as record says, and releases the state if a trigger fires.
func (f *stepper) fold(b *chunk.Batch, s *running, out *kernel.Output, i int) (next int, err error) {
	var result starlark.Value
	if f.op.Kind == OpScan {
		s.state, result, next, err = f.folder.Scan(s.state, i, f.alike(s, out, i))
	} else {
		result, next, err = f.folder.Fold(s.state, i, i+1)
	}
	if err != nil {
		s.records += int64(next - i)
		return next + 1, f.failed(out, next, err)
	}
	if result != nil {
		if s.state, err = f.emit(b, result, out, next-1); err != nil {
			return next, err
		}
	}
	if s.records += int64(next - i); s.records >= s.measure {
		if err := f.grow(s); err != nil {
			return next, err
		}
	}
	if f.op.Trigger == nil {
		return next, nil
	}
	fired, err := f.fired(s, out, i)
	for _, trigger := range fired {
		if err == nil {
			s.state, err = f.releaser.release(b, s.released(trigger))
		}
	}
	return next, err
}

func (s *running) released(trigger starlark.Value) released {
	return released{state: s.state, key: s.key, lane: s.lane, window: s.window, trigger: trigger}
}

// complain is an error about what a function gave for record i.
func (f *stepper) complain(out *kernel.Output, i int, message string) error {
	return f.located(f.stage.complain(f.op, out, i, message), out, i)
}

// located says of an error where its record was read, and shows all of the record.
func (f *stepper) located(err error, out *kernel.Output, i int) error {
	err = f.stage.locate(err, out, i)
	var e *kernel.ScriptError
	if errors.As(err, &e) && e.Record != "" {
		f.stage.showWhole(e, f.in.Ordinal(i))
	}
	return err
}

// emit takes apart what the function of a scan returned; that of a reduce returned the state.
func (f *stepper) emit(b *chunk.Batch, result starlark.Value, out *kernel.Output, i int) (starlark.Value, error) {
	if f.op.Kind == OpReduce {
		return result, nil
	}
	pair, ok := result.(starlark.Tuple)
	if !ok || len(pair) != 2 {
		return nil, f.complain(out, i, "scan must return (list of records, next state), not "+value.Cut(result, 60))
	}
	if err := spreadInto(b, pair[0]); err != nil {
		return nil, f.complain(out, i, "scan must return (list of records, next state): "+err.Error())
	}
	return pair[1], nil
}

// grow measures a state, again whenever it has had twice as many records.
func (f *stepper) grow(s *running) error {
	bytes := value.Size(s.state)
	f.bytes += bytes - s.bytes
	s.bytes, s.measure = bytes, 2*s.measure
	return f.shrink()
}

// failed makes a dead letter of the record if the job asks for it; the state stays what it was before, unless
// the function changed it in place.
func (f *stepper) failed(out *kernel.Output, i int, err error) error {
	var e *kernel.ScriptError
	if f.stage.rules(f.op.ID) == nil || !errors.As(err, &e) || errors.Is(err, kernel.ErrLimit) {
		return f.located(err, out, i)
	}
	f.stage.run.seen(f.op.ID, 1)
	return f.stage.giveUp(f.op.ID, out, i, e)
}

// fired are the names of what fires with a record that was folded into the state.
func (f *stepper) fired(s *running, out *kernel.Output, i int) (names []starlark.Value, err error) {
	t := f.op.Trigger
	if f.fires != nil {
		name, err := f.ask(s, out, i)
		if err != nil {
			return nil, err
		}
		if name != starlark.None {
			names = append(names, name)
		}
	}
	if t.Every > 0 && s.records%t.Every == 0 {
		names = append(names, starlark.Tuple{starlark.String("every"), starlark.MakeInt64(t.Every)})
	}
	if !t.clocked() {
		return names, nil
	}
	now := f.stage.run.host.Clock.Now()
	if s.since.IsZero() {
		s.since = now
	}
	if t.After > 0 && !s.waited && now.Sub(s.since) >= t.After {
		s.waited = true
		names = append(names, starlark.Tuple{starlark.String("after"), starlark.String(t.After.String())})
	}
	if t.Period > 0 && now.Sub(s.since) >= t.Period {
		s.since = now
		names = append(names, starlark.Tuple{starlark.String("period"), starlark.String(t.Period.String())})
	}
	return names, nil
}

// ask calls the trigger's own function, which returns the name of what fires, or None, and its own next state.
func (f *stepper) ask(s *running, out *kernel.Output, i int) (starlark.Value, error) {
	v, err := f.folder.CallWith(f.fires, "trigger", s.trigger, &out.Column, i)
	if err != nil {
		return nil, f.located(err, out, i)
	}
	pair, ok := v.(starlark.Tuple)
	if !ok || len(pair) != 2 {
		return nil, f.complain(out, i, "the trigger must return (name or None, next state), not "+value.Cut(v, 60))
	}
	s.trigger = pair[1]
	if _, text := pair[0].(starlark.String); !text && pair[0] != starlark.None {
		return nil, f.complain(out, i, "the trigger must return (name or None, next state): the name is "+pair[0].Type()+": "+value.Cut(pair[0], 60))
	}
	return pair[0], nil
}

// flush ends the windows, some states at a time.
func (f *stepper) flush() (*chunk.Batch, error) {
	b := new(chunk.Batch)
	err := f.end(b, placedRows)
	f.marker.pair(b)
	return b, err
}

// end ends the windows, in their order, and in each the states by first occurrence, until there are so many records. It
// goes on where it ended before.
func (f *stepper) end(b *chunk.Batch, most int) error {
	if f.windows != nil && f.ended == 0 {
		slices.SortStableFunc(f.order, func(x, y *running) int { return cmp.Compare(*x.window, *y.window) })
	}
	if len(f.order) == 0 && f.windows == nil && !f.keyed && !f.stage.Laned && f.releases() {
		state, err := f.folder.Initial(0)
		if err != nil {
			return err
		}
		f.order = append(f.order, &running{state: state})
	}
	if !f.releases() && !f.flushes {
		return nil
	}
	for ; f.ended < len(f.order) && b.N < most; f.ended++ {
		s := f.order[f.ended]
		if err := f.wake(s); err != nil {
			return err
		}
		err := f.done(b, s)
		if s.window != nil {
			f.marker.mark(b, *s.window)
		}
		if err != nil {
			return err
		}
		f.bytes -= s.bytes
		s.state = nil
	}
	for f.stage.Laned && len(b.Lanes) < b.N {
		b.Lanes = append(b.Lanes, f.lane)
	}
	return nil
}

// releases says that final states are released. A scan hands on only what its flush makes of them, unless it is told to.
func (f *stepper) releases() bool {
	return f.op.Kind == OpReduce || f.op.Funcs["on_trigger"] != "" || f.op.Emit != ""
}

// done hands on what is left of a state.
func (f *stepper) done(b *chunk.Batch, s *running) error {
	switch {
	case f.releases():
		_, err := f.releaser.release(b, s.released(nil))
		return err
	case f.flushes:
		v, err := f.folder.Flush(s.state)
		if err != nil {
			return err
		}
		if err := spreadInto(b, v); err != nil {
			return f.stage.complain(f.op, nil, 0, "flush must return a list of records: "+err.Error())
		}
	}
	return nil
}
