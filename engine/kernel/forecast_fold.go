package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
)

// ForeseeFold compiles the functions of a reducer for records of the type of a column, which needs no values. It says
// of those that will be interpreted why; the others will be compiled. trigger(state, record) and release(state, ...) are
// called beside them; nil: there are none.
func ForeseeFold(r *Reducer, trigger, release *Func, env *Env, in *chunk.Column) map[*Func]*Refusal {
	refusals := map[*Func]*Refusal{}
	state := anyType
	if initial, err := NewFolder(r, env).Initial(0); err == nil && initial != nil {
		state = typeOfValue(initial)
	}
	try := func(fn *Func, own []*Type, input *Type, role role) *call {
		if fn == nil {
			return nil
		}
		p, err := compileCall(fn, r.Using, env, own, input, role)
		if err != nil {
			refusals[fn] = err.(*Refusal)
		}
		return p
	}
	if p := try(r.Fn, []*Type{state}, typeOf(in, nil, false), r.role()); p != nil {
		state = p.own[0]
	}
	try(r.Merge, []*Type{state, state}, nil, gives)
	try(r.Flush, []*Type{state}, nil, gives)
	try(trigger, []*Type{noneType}, typeOf(in, nil, false), gives)
	if release != nil {
		own := []*Type{state}
		for range release.Own {
			own = append(own, anyType)
		}
		try(release, own, nil, gives)
	}
	return refusals
}
