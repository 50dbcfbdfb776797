package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// contribute calls the reducer with an empty state, and appends what the record adds to it: a row, or one for each
// key.
func (it *interpreter) contribute(d *Delta, v starlark.Value) error {
	k := len(it.chain.Steps) + len(it.chain.Columns)
	state, err := it.delta(d, k, v)
	if err == nil {
		err = it.appendDelta(d, state)
	}
	if err != nil {
		return it.blame(&d.Step, it.shown(k, v), err)
	}
	it.out.folded++
	return nil
}

// delta is the state that the record makes of an empty one.
func (it *interpreter) delta(d *Delta, k int, v starlark.Value) (starlark.Value, error) {
	a := &it.args[k]
	args := a.next()
	args[0] = d.fresh()
	if err := a.record(args, v); err != nil {
		return nil, err
	}
	if d.Fn.Using {
		args[len(args)-1] = d.Using
	}
	it.entered = &d.Step
	it.inside.Store(&d.Step)
	it.begin() // as for every record that is folded
	return it.call(d.Fn.Callable, args)
}

func (it *interpreter) appendDelta(d *Delta, state starlark.Value) error {
	columns := it.out.Columns[len(it.chain.Columns):]
	if !d.Keyed {
		return it.appendParts(d, columns, state)
	}
	dict, ok := state.(*starlark.Dict)
	if !ok {
		return d.unlike(state)
	}
	for key, value := range dict.Entries() {
		key.Freeze()
		if err := it.appendParts(d, columns[1:], value); err != nil {
			return err
		}
		columns[0].Append(key)
	}
	return nil
}

// appendParts appends a row without its key.
func (it *interpreter) appendParts(d *Delta, columns []chunk.Column, state starlark.Value) error {
	values, err := d.parts(it.values[:0], state)
	if err != nil {
		return err
	}
	it.values = values
	for i, v := range values {
		columns[i].Append(v)
	}
	it.complete()
	return nil
}
