package kernel

import (
	"errors"
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// contribute calls the reducer with an empty state, and appends what the record adds to it: a row, or one for each
// key.
func (it *interpreter) contribute(d *Delta, v starlark.Value) error {
	k := len(it.chain.Steps) + len(it.chain.Columns)
	state, err := it.delta(d, k, v)
	switch {
	case err == nil:
		err = it.appendDelta(d, state)
	case d.Ordered && it.env.Interrupt.Load() == nil && it.limit == "":
		err = it.appendFailure(d, k, v, err)
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
	it.enter(&d.Step)
	it.begin() // as for every record that is folded
	if err := it.watched(d.Op); err != nil {
		return nil, err
	}
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

// appendFailure appends a row in place of what a record adds on which the reducer fails: the error may say of what
// type the state is, so it is for those to find out who know the state. The error stays if no row can be made.
func (it *interpreter) appendFailure(d *Delta, k int, v starlark.Value, err error) error {
	var failed *starlark.EvalError
	if !errors.As(err, &failed) {
		return err
	}
	columns := it.out.Columns[len(it.chain.Columns):]
	failure := starlark.Tuple{it.shown(k, v)}
	if d.Keyed {
		if d.find == nil {
			return err
		}
		key := d.find(it.args[k].tuple)
		if key == nil {
			return err
		}
		if _, unhashable := key.Hash(); unhashable != nil {
			return err
		}
		key.Freeze()
		failure = append(failure, key)
		columns[0].Append(key)
		columns = columns[1:]
	}
	columns[0].Append(failure)
	for i := range columns[1:] {
		columns[1+i].AppendInt(0)
	}
	it.complete()
	return nil
}

// Fail is the error of a record on which the reducer fails, as a row for it says; parts are those of the state, nil
// where there is none yet.
func (d *Delta) Fail(r *Reducer, env *Env, row starlark.Tuple, parts []starlark.Value) error {
	folder := NewFolder(r, env)
	var records chunk.Column
	records.Append(row[0])
	state := d.fresh()
	switch {
	case d.Keyed && parts != nil:
		_ = state.(*starlark.Dict).SetKey(row[1], d.thawed(parts)) // it is a key
	case !d.Keyed && parts != nil:
		state = d.thawed(parts)
	}
	folder.records = &records
	_, err := folder.interpret(state, 0)
	if err == nil {
		err = fmt.Errorf("a bug of flowsh: %s failed on a record and then did not: run it with --kernels=off", d.Name)
	}
	return err
}

// thawed is a state made of parts, to be changed.
func (d *Delta) thawed(parts []starlark.Value) starlark.Value {
	if d.Shape == ListOf {
		return starlark.NewList(parts)
	}
	return d.Value(parts)
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
