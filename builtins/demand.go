package builtins

import (
	"fmt"
	"time"

	"github.com/flowsh/flowsh/engine"
	"go.starlark.net/starlark"
)

// A pacing is how a flow asks for its records: what bounds those in flight, nil if nothing does, and how long a source
// waits for more of them.
type pacing struct {
	demand *engine.Demand
	linger time.Duration
}

// takePacing takes what belongs to it out of the named arguments of a call that makes a flow: every operator and source
// knows max_demand and min_demand, and sources linger.
func takePacing(call string, source bool, kwargs []starlark.Tuple) (rest []starlark.Tuple, p pacing, err error) {
	least := int64(-1)
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		switch {
		case name == "max_demand":
			p.demand = new(engine.Demand)
			err = demandNumber(call, kw, 1, &p.demand.Max)
		case name == "min_demand":
			err = demandNumber(call, kw, 0, &least)
		case name == "linger" && source:
			p.linger, err = lingering(call, kw[1])
		default:
			rest = append(rest, kw)
		}
		if err != nil {
			return nil, p, err
		}
	}
	switch d := p.demand; {
	case d == nil && least >= 0:
		return nil, p, mistake("", "%s: min_demand needs max_demand", call)
	case d == nil:
	case least < 0:
		d.Min = d.Max / 2
	case least >= d.Max:
		return nil, p, mistake("", "%s: min_demand must be less than max_demand, and is %d of %d", call, least, d.Max)
	default:
		d.Min = least
	}
	return rest, p, nil
}

// apply sets what a flow that the call has made asks for.
func (p pacing) apply(f *Flow) {
	f.op.Demand = p.demand
	if f.op.Source != nil {
		f.op.Source.Linger = p.linger
	}
}

// mostLinger keeps a typing error from holding up a job for ever.
const mostLinger = time.Hour

func lingering(call string, v starlark.Value) (time.Duration, error) {
	var d span
	if err := d.Unpack(v); err != nil {
		return 0, mistake("", `%s: linger: %v`, call, err)
	}
	if d.Duration < 0 || d.Duration > mostLinger {
		return 0, mistake("", `%s: linger: want a duration from 0 to %v, not %v`, call, mostLinger, d.Duration)
	}
	return d.Duration, nil
}

func demandNumber(call string, kw starlark.Tuple, least int64, to *int64) error {
	err := integer("", least, 1<<31-1, func(*engine.Op) *int64 { return to }).set(&draft{Flow: &Flow{}}, kw[1])
	if e, ok := err.(*LoadError); ok {
		e.Message = fmt.Sprintf("%s: %s: %s", call, kw[0].(starlark.String).GoString(), e.Message)
	}
	return err
}
