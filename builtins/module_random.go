package builtins

import (
	"errors"
	"fmt"
	"math"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

var randoms = module("random", map[string]function{
	"randint": randint,
	"random":  randomFloat,
}, nil)

// A randomSource is what the engine leaves in a thread under kernel.RandomLocal before it calls a record function.
type randomSource interface{ Uint64() uint64 }

var errRandomAtLoad = errors.New("random numbers belong to records: call it in a function that the job runs, not while the script loads")

func sourceOf(t *starlark.Thread) (randomSource, error) {
	if s, ok := t.Local(kernel.RandomLocal).(randomSource); ok {
		return s, nil
	}
	return nil, errRandomAtLoad
}

// randomFloat is one of the 2**53 multiples of 2**-53 in [0, 1).
func randomFloat(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	s, err := sourceOf(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return starlark.Float(float64(s.Uint64()>>11) / (1 << 53)), nil
}

// randint is an int from a to b, both included.
func randint(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var low, high starlark.Int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "a", &low, "b", &high); err != nil {
		return nil, err
	}
	s, err := sourceOf(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	span := high.Sub(low)
	if span.Sign() < 0 {
		return nil, fmt.Errorf("%s: %v > %v: the smaller bound comes first", b.Name(), low, high)
	}
	width, ok := span.Uint64()
	if !ok {
		return nil, fmt.Errorf("%s: %v to %v are more than 2**64 numbers", b.Name(), low, high)
	}
	return low.Add(starlark.MakeUint64(below(s, width))), nil
}

// below is a number from 0 to last, each equally likely: numbers of an incomplete last round are drawn again.
func below(s randomSource, last uint64) uint64 {
	if last == math.MaxUint64 {
		return s.Uint64()
	}
	n := last + 1
	rounds := math.MaxUint64 - (math.MaxUint64%n+1)%n
	x := s.Uint64()
	for x > rounds {
		x = s.Uint64()
	}
	return x % n
}
