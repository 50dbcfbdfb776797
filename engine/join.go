package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
)

// The ways of a join: which records without a match come out, or that only left records do.
const (
	innerJoin = "inner"
	leftJoin  = "left"
	rightJoin = "right"
	fullJoin  = "full"
	semiJoin  = "semi"
	antiJoin  = "anti"
)

// how is the way of a join.
func (o *Op) how() string {
	if how := o.option("how"); how != "" {
		return how
	}
	return innerJoin
}

// option is the text of a parameter that has no field of its own.
func (o *Op) option(name string) string {
	for _, x := range o.Options {
		if x.Name == name {
			return x.Text
		}
	}
	return ""
}

// joinConfig is a join as the operator takes it.
func joinConfig(op *Op) operator.JoinConfig {
	how := op.how()
	return operator.JoinConfig{
		Pairs:     how != semiJoin && how != antiJoin,
		LoneLeft:  how == leftJoin || how == fullJoin || how == antiJoin,
		LoneRight: how == rightJoin || how == fullJoin,
		Typed:     op.Funcs["f"] != "", // nothing but the function sees the pairs
	}
}

// joinKey is the parameter that is the key of a side of a join.
func joinKey(side End, op *Op) string {
	if side == Build && op.Funcs["other_on"] != "" {
		return "other_on"
	}
	return "on"
}

// joinTypes are the types of the keys of both sides, to tell a join that matches nothing because they differ. It is
// safe for concurrent use.
type joinTypes struct {
	mu    sync.Mutex
	sides [2][]value.Class // each class once; None, which other types do not exclude, is not among them
}

// mostTypes is from how many types of keys on there is no judging them.
const mostTypes = 8

// see notes the types of the keys of a side, 0 for the left one.
func (t *joinTypes) see(side int, keys *chunk.Column) {
	n := keys.N
	if uniform(keys) {
		n = min(n, 1)
	}
	last := value.ClassNone
	for i := range n {
		if c := value.ClassOf(keys.At(i)); c != last {
			t.add(side, c)
			last = c
		}
	}
}

// uniform says that all values of a column have the type of the first.
func uniform(c *chunk.Column) bool {
	return c.Kind != chunk.Any && !slices.ContainsFunc(c.Fields, func(f chunk.Column) bool { return !uniform(&f) })
}

func (t *joinTypes) add(side int, c value.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c != value.ClassNone && len(t.sides[side]) < mostTypes && !slices.Contains(t.sides[side], c) {
		t.sides[side] = append(t.sides[side], c)
	}
}

// disjoint is the error of a join without a match whose keys could not have matched, nil for any other.
func (t *joinTypes) disjoint(op *Op) error {
	for _, left := range t.sides[0] {
		for _, right := range t.sides[1] {
			if value.SameClass(left, right) {
				return nil
			}
		}
	}
	for _, classes := range t.sides {
		if len(classes) == 0 || len(classes) == mostTypes {
			return nil
		}
	}
	return &kernel.ScriptError{
		Op: op.ID, Name: string(op.Kind), Position: op.At,
		Message: fmt.Sprintf("no record has a match: the keys of the left side are %s, those of the right side %s: write on or other_on so that both give the same type, as lambda r: int(r[\"id\"]) does for text",
			classNames(t.sides[0]), classNames(t.sides[1])),
	}
}

func classNames(classes []value.Class) string {
	var names []string
	for _, c := range classes {
		names = append(names, string(c))
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}
