package builtins

import (
	"fmt"

	"github.com/flowsh/flowsh/engine"
	sktime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// takeDemand takes what bounds the records in flight out of the named arguments of a call that makes a flow: every
// operator and source knows max_demand and min_demand, and sources linger.
func takeDemand(call string, source bool, kwargs []starlark.Tuple) (rest []starlark.Tuple, demand *engine.Demand, err error) {
	least := int64(-1)
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		switch {
		case name == "max_demand":
			demand = new(engine.Demand)
			err = demandNumber(call, kw, 1, &demand.Max)
		case name == "min_demand":
			err = demandNumber(call, kw, 0, &least)
		case name == "linger" && source:
			var d sktime.Duration
			if unpack(kw[1], &d) != nil || d < 0 {
				err = mistake("", `%s: linger: want a duration such as "5ms", not %s`, call, kw[1])
			}
		default:
			rest = append(rest, kw)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	switch {
	case demand == nil && least >= 0:
		return nil, nil, mistake("", "%s: min_demand needs max_demand", call)
	case demand == nil:
	case least < 0:
		demand.Min = demand.Max / 2
	case least >= demand.Max:
		return nil, nil, mistake("", "%s: min_demand must be less than max_demand, and is %d of %d", call, least, demand.Max)
	default:
		demand.Min = least
	}
	return rest, demand, nil
}

func demandNumber(call string, kw starlark.Tuple, least int64, to *int64) error {
	err := integer("", least, 1<<31-1, func(*engine.Op) *int64 { return to }).set(&draft{Flow: &Flow{}}, kw[1])
	if e, ok := err.(*LoadError); ok {
		e.Message = fmt.Sprintf("%s: %s: %s", call, kw[0].(starlark.String).GoString(), e.Message)
	}
	return err
}
