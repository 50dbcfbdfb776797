package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A compiled runner runs a chain as typed Go where it can, and on the interpreter where it cannot: batches of too
// many types, records that fail a guard, everything after a storm of such records.
type compiled struct {
	chain    *Chain
	env      *Env
	slow     *interpreter
	batches  Runner // for whole batches that are not compiled
	programs []*program
	current  *program
	frame    *frame
	off      bool // for good
	verify   bool // a bug is an error
	running  Step // what its records are in, for Env.Inside
	window   storm
	report   Report
}

// maxPrograms is how many types of input a chain is compiled for; the last of them makes the fewest assumptions.
const maxPrograms = 5

// newCompiled makes the runner for one goroutine.
func newCompiled(chain *Chain, env *Env, batches Runner, verify bool) *compiled {
	return &compiled{chain: chain, env: env, batches: batches, verify: verify, running: chain.functions()}
}

// functions is the step that stands for all of the chain that call functions.
func (c *Chain) functions() (s Step) {
	for _, part := range c.calls() {
		if s.Name == "" {
			s = *part
		} else if !strings.Contains(s.Name, part.Name) {
			s.Name += " or " + part.Name
		}
	}
	return s
}

// calls are the steps whose functions are called.
func (c *Chain) calls() (all []*Step) {
	for i := range c.Steps {
		if c.Steps[i].Fn != nil {
			all = append(all, &c.Steps[i])
		}
	}
	for i := range c.Columns {
		all = append(all, &c.Columns[i])
	}
	if c.Delta != nil {
		all = append(all, &c.Delta.Step)
	}
	return all
}

func (r *compiled) Run(in *chunk.Batch, out *Output) error {
	p := r.program(in)
	if r.verify && r.report.Refusal != nil && r.report.Refusal.bug {
		return &MismatchError{What: "compiler", Kernel: r.report.Refusal.What, Reference: "no error", Position: in.Base}
	}
	if p == nil {
		r.report.Interpreted += int64(in.N)
		return r.batches.Run(in, out)
	}
	out.reset(in, r.chain)
	if r.frame == nil {
		r.open()
	}
	r.slow.open(in, out)
	f := r.frame
	f.in, f.out = in, out
	f.openColumns(p.columns)
	f.done = 0
	clear(f.passed)
	clear(f.saved)
	var err error
	if !r.atOnce(p) {
		err = r.records(p)
		r.slow.leaveFunctions()
	}
	f.tally(r.chain)
	f.release()
	r.slow.finish(out)
	return err
}

func (r *compiled) open() {
	r.slow = NewInterpreter(r.chain, r.env, true).(*interpreter)
	steps := len(r.chain.Steps)
	r.frame = &frame{env: r.env, thread: r.slow.thread, at: &r.slow.random.position, passed: make([]int64, steps), saved: make([]int64, steps), sibling: make([]uint32, steps)}
	r.frame.forget()
}

// program is the chain compiled for a batch; nil: it is not.
func (r *compiled) program(in *chunk.Batch) *program {
	if r.off || in.N == 0 {
		return nil
	}
	if r.current != nil && r.current.fits(in) {
		return r.current
	}
	for _, p := range r.programs {
		if p.fits(in) {
			r.current = p
			return p
		}
	}
	n := len(r.programs)
	if n == maxPrograms {
		r.off = true
		return nil
	}
	p, err := compileChain(r.chain, r.env, typeOf(&in.Column, nil, n == maxPrograms-1), documentType(in, n == maxPrograms-1))
	if err != nil {
		r.off = true
		r.report.Compiled = false
		r.report.Refusal, _ = err.(*Refusal)
		if r.report.Refusal.bug {
			r.report.Bugs++
			r.report.Bug = r.report.Refusal.What
		}
		return nil
	}
	r.report.Compiled = true
	r.programs = append(r.programs, p)
	r.current = p
	return p
}

// records takes all records of the batch through the program. The panics of records that fail a guard are caught
// once for all records up to there.
func (r *compiled) records(p *program) error {
	f := r.frame
	for f.row = 0; f.row < f.in.N; f.row++ {
		start := f.row
		r.slow.enter(&r.running)
		cause := f.dash(p)
		f.done += int64(f.row - start)
		r.report.Records += int64(f.row - start)
		if cause == nil {
			r.window.passed(f.row - start)
			return nil
		}
		if err := r.instead(cause, f.row-start); err != nil {
			return err
		}
		if r.off {
			return r.rest()
		}
	}
	return nil
}

// rest runs the records behind the current one on the interpreter.
func (r *compiled) rest() error {
	for f := r.frame; f.row+1 < f.in.N; {
		f.row++
		r.report.Interpreted++
		if err := r.slow.one(f.row); err != nil {
			return err
		}
	}
	return nil
}

// instead runs the current record on the interpreter.
func (r *compiled) instead(cause any, before int) error {
	f := r.frame
	f.rollBack()
	d, guard := cause.(*deopt)
	if guard {
		r.report.count(Deopts{reasonText[d.why], d.line, 1})
	}
	if r.off = r.window.broke(before); r.off {
		r.report.Storms++
	}
	if err := r.limited(); err != nil {
		return err
	}
	dead := len(f.out.Dead)
	err := r.slow.one(f.row)
	if !guard && !panicked(err, f.out.Dead[dead:]) {
		r.report.Bugs++
		r.report.Bug = fmt.Sprint(cause)
		if r.verify {
			return &MismatchError{What: "panic", Kernel: r.report.Bug, Reference: text(err), Position: f.in.Base + uint64(f.in.RelativeAt(f.row)), ofRecord: true}
		}
	}
	return err
}

// panicked says that a builtin panicked on the interpreter too.
func panicked(err error, dead []Dead) bool {
	return errors.Is(err, ErrPanic) || slices.ContainsFunc(dead, func(d Dead) bool { return errors.Is(d.Error, ErrPanic) })
}

// limited is the error of the current record if a limit of the whole job stopped its compiled code. It names the
// function if there is but one.
func (r *compiled) limited() error {
	stop := r.env.Interrupt.Load()
	if stop == nil || !errors.Is(*stop, ErrLimit) {
		return nil
	}
	all := r.chain.calls()
	if len(all) != 1 {
		return *stop
	}
	return r.slow.blame(all[0], r.frame.in.At(r.frame.row), *stop)
}

// A storm watches how many of the records fail guards. From stormDeopts of stormRecords on, compiled code costs
// more than it saves.
type storm struct{ records, deopts int }

const (
	stormRecords = 1024
	stormDeopts  = 64
)

func (s *storm) passed(records int) {
	if s.records += records; s.records >= stormRecords {
		*s = storm{}
	}
}

// broke counts a record that failed, and those before it that passed.
func (s *storm) broke(before int) bool {
	s.passed(before + 1)
	s.deopts++
	return s.deopts >= stormDeopts
}

// dash runs records until one panics, and returns what it panicked with; nil: there are no more.
func (f *frame) dash(p *program) (cause any) {
	defer func() { cause = recover() }()
	budget := int64(min(f.env.MaxSteps, mostFuel)) - p.cost
	fuel := min(budget, fuelQuantum)
	searches := p.searches(f)
	if searches {
		p.search.tune(f.in.Text)
	}
	for n := f.in.N; f.row < n; f.row++ {
		if searches {
			if f.row = p.search.next(f); f.row == n {
				break
			}
		}
		f.mark(p)
		*f.at = f.in.Base + uint64(f.in.RelativeAt(f.row))
		if f.row&63 == 0 {
			f.env.Moves.Add(1)
			if f.env.Interrupt.Load() != nil {
				f.bail(interrupted, 0)
			}
		}
		if budget < 0 {
			f.bail(outOfFuel, 0)
		}
		f.fuel, f.reserve = fuel, budget-fuel
		f.forget()
		if len(f.in.Lanes) > 0 {
			f.lane = f.in.Lanes[f.row]
		}
		p.load(f)
		p.run(f)
	}
	return nil
}

// mark notes where the current record begins.
func (f *frame) mark(p *program) {
	f.begun, f.begunFolded = f.out.Len, f.out.folded
	for _, k := range p.counted {
		f.saved[k] = f.passed[k]
		f.sibling[k] = 0
	}
}

// rollBack forgets what the current record did.
func (f *frame) rollBack() {
	copy(f.passed, f.saved)
	f.out.folded = f.begunFolded
	if o := f.out; o.Len > f.begun || len(o.Columns) > 0 {
		for i := range o.Columns {
			o.Columns[i].Truncate(f.begun)
		}
		o.Column.Truncate(min(f.begun, o.Column.N))
		o.Relative = o.Relative[:f.begun]
		if len(o.Lanes) > 0 {
			o.Lanes = o.Lanes[:f.begun]
		}
		o.Len = f.begun
	}
}

// tally adds the records that the program took to the counts of the steps.
func (f *frame) tally(chain *Chain) {
	in := f.done
	for k := range chain.Steps {
		c := Count{In: in, Out: in}
		switch chain.Steps[k].Kind {
		case Filter, Reject, Sample, Route:
			c.Out = f.passed[k]
			c.Filtered = in - c.Out
		case FlatMap:
			c.Out = f.passed[k]
		}
		f.out.Counts[k].Add(c)
		in = c.Out
	}
}
