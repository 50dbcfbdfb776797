package engine

import (
	"reflect"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

// summaryParts makes the aggregates of a summarize, and asks the chain for what they are computed of: once for what
// several are computed of.
func (s *stageRun) summaryParts(op *Op) []operator.SummaryPart {
	var parts []operator.SummaryPart
	var fns []*kernel.Func
	before := len(s.chain.Columns)
	for _, a := range op.Aggregates {
		part := operator.SummaryPart{Name: a.Name, New: a.aggregate, Field: -1}
		if a.Kind != "count" {
			fn := s.run.function(op, "of."+a.Name)
			if part.Field = sameFunction(fns, fn); part.Field < 0 {
				part.Field = len(s.chain.Columns) - before
				fns = append(fns, fn)
				s.column(op, "of."+a.Name, true)
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// sameFunction finds a function that gives the same as fn, which is nil for the record itself; -1: there is none.
func sameFunction(fns []*kernel.Func, fn *kernel.Func) int {
	for i, f := range fns {
		switch {
		case f == nil || fn == nil:
			if f == fn {
				return i
			}
		case f.Callable != nil && f.Callable == fn.Callable:
			return i
		case f.Selector != nil && reflect.DeepEqual(f.Selector, fn.Selector):
			return i
		}
	}
	return -1
}

func (a *Aggregation) aggregate() operator.Aggregate {
	switch a.Kind {
	case "count":
		return operator.NewCount()
	case "sum":
		return operator.NewSum()
	case "mean":
		return operator.NewMean()
	case "min", "max":
		return operator.NewMinMax(a.Kind == "max")
	case "first":
		return operator.NewFirstValue()
	case "last":
		return operator.NewLastValue()
	case "var", "stddev":
		return operator.NewVariance(a.Kind == "stddev")
	case "list":
		return operator.NewListInOrder()
	case "set":
		return operator.NewSet()
	case "quantile":
		return operator.NewQuantile(a.Q)
	case "approx_distinct":
		return operator.NewDistinct()
	}
	return operator.NewGreatest(a.N)
}

// summaryNames are the members of the records that summarize emits.
func summaryNames(op *Op) []string {
	names := make([]string, 0, len(op.Fields)+len(op.Aggregates))
	names = append(names, op.Fields...)
	for _, a := range op.Aggregates {
		names = append(names, a.Name)
	}
	return names
}

// summaryRecords makes records of keys and results. A key of several selectors is a tuple of as many fields.
func summaryRecords(op *Op, by *kernel.Func, k *operator.Keyed) chunk.Column {
	fields := make([]chunk.Column, 0, len(op.Fields)+len(op.Aggregates))
	switch {
	case by == nil:
	case by.Selector == nil || by.Selector.Elements == nil:
		fields = append(fields, k.Keys)
	case k.Keys.Kind == chunk.Tuple:
		fields = append(fields, k.Keys.Fields...)
	default:
		fields = append(fields, make([]chunk.Column, len(op.Fields))...)
		for i := range k.Keys.N {
			for f, v := range k.Keys.At(i).(starlark.Tuple) {
				fields[f].Append(v)
			}
		}
	}
	fields = append(fields, k.Values.Fields...)
	return chunk.Column{Kind: chunk.Record, N: k.Values.N, Names: summaryNames(op), Fields: fields}
}

// summaryOfNothing is the record that a summarize without a key emits for no records.
func summaryOfNothing(op *Op, parts []operator.SummaryPart) starlark.Value {
	d := starlark.NewDict(len(parts))
	results := operator.ResultOfNothing(operator.NewSummary(parts)).(starlark.Tuple)
	for i, a := range op.Aggregates {
		_ = d.SetKey(starlark.String(a.Name), results[i]) // a string key of a new dict cannot fail
	}
	d.Freeze()
	return d
}
