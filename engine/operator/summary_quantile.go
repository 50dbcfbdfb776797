package operator

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

const (
	// QuantileAccuracy is how far a quantile of more than ExactQuantile values may be from the exact one, as a
	// share of it.
	QuantileAccuracy = 0.005
	// ExactQuantile is up to how many values of a group quantiles are exact.
	ExactQuantile = 256
)

// NewQuantile gives the value below which a share q of the values of each group lies: of n values in order that of
// index floor(q * (n - 1)), as a float. It is exact for up to ExactQuantile values, beyond which it is that of a
// DDSketch, off by at most QuantileAccuracy of itself. Records and states may come in any order: which of the two
// it is depends on the number of values alone, and a sketch is the same for any order.
//
// Fold returns a *RecordError for a value that is not a finite number.
func NewQuantile(q float64) Aggregate { return &quantileAggregate{q: q} }

type quantileAggregate struct {
	q      float64
	groups []quantiles
	held   int64
}

// quantiles is the values of a group, or their sketch.
type quantiles struct {
	values  []float64
	sketch  *ddsketch.DDSketch
	added   int64 // to the sketch
	measure int64 // when so many were added the size is measured again
	bytes   int64 // of the sketch, when it was measured
}

var quantileMapping = func() mapping.IndexMapping {
	m, err := mapping.NewDefaultMapping(QuantileAccuracy)
	if err != nil {
		panic(err) // the accuracy is a constant between 0 and 1
	}
	return m
}()

// The indexes of the bins that floats have.
var (
	leastBin = int64(quantileMapping.Index(quantileMapping.MinIndexableValue()))
	mostBin  = int64(quantileMapping.Index(quantileMapping.MaxIndexableValue()))
)

func (a *quantileAggregate) Fold(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if int(g) == len(a.groups) {
			a.groups = append(a.groups, quantiles{})
		}
		x, err := finite(&in.Values, i)
		if err == nil {
			err = a.add(g, x)
		}
		if err != nil {
			return &RecordError{Ordinal: in.Ordinal(i), Err: err}
		}
	}
	return nil
}

// finite is value i of a column, which must be a finite number.
func finite(c *chunk.Column, i int) (float64, error) {
	x := 0.0
	switch c.Kind {
	case chunk.Int:
		return float64(c.Ints[i]), nil
	case chunk.Float:
		x = c.Floats[i]
	default:
		v := c.At(i)
		f, ok := starlark.AsFloat(v)
		if !ok {
			return 0, fmt.Errorf("want int or float, got %s", v.Type())
		}
		x = f
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("want a finite number, got %v", starlark.Float(x))
	}
	return x + 0, nil // -0.0 is 0.0: which of the two comes out must not depend on their order
}

func (a *quantileAggregate) add(g int32, x float64) error {
	q := &a.groups[g]
	if q.sketch == nil && len(q.values) < ExactQuantile {
		before := cap(q.values)
		q.values = append(q.values, x)
		a.held += 8 * int64(cap(q.values)-before)
		return nil
	}
	if err := a.toSketch(q); err != nil {
		return err
	}
	return a.addToSketch(q, x)
}

// toSketch goes over from values to a sketch of them.
func (a *quantileAggregate) toSketch(q *quantiles) error {
	if q.sketch != nil {
		return nil
	}
	q.sketch = ddsketch.NewDDSketchFromStoreProvider(quantileMapping, store.DefaultProvider)
	for _, x := range q.values {
		if err := a.addToSketch(q, x); err != nil {
			return err
		}
	}
	a.held -= 8 * int64(cap(q.values))
	q.values = nil
	return nil
}

func (a *quantileAggregate) addToSketch(q *quantiles, x float64) error {
	if err := q.sketch.Add(x); err != nil {
		return fmt.Errorf("quantile of %v: %w", x, err)
	}
	if q.added++; q.added >= q.measure {
		a.measure(q)
	}
	return nil
}

// measure brings the size of a sketch up to date. It is measured when the number of values has doubled.
func (a *quantileAggregate) measure(q *quantiles) {
	const fixed, perBin = 1024, 16
	bins := int64(0)
	q.sketch.ForEach(func(float64, float64) bool { bins++; return false })
	a.held += fixed + perBin*bins - q.bytes
	q.bytes, q.measure = fixed+perBin*bins, 2*q.added
}

// A state is the list of values, or the encoded sketch.
func (a *quantileAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		q := &a.groups[g]
		if q.sketch != nil {
			out.Append(starlark.Bytes(encodeSketch(q.sketch)))
			continue
		}
		list := make([]starlark.Value, len(q.values))
		for i, x := range q.values {
			list[i] = starlark.Float(x)
		}
		out.Append(frozenList(list))
	}
}

func (a *quantileAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if int(g) == len(a.groups) {
			a.groups = append(a.groups, quantiles{})
		}
		if err := a.mergeState(g, in.Values.At(i)); err != nil {
			return err
		}
	}
	return nil
}

func (a *quantileAggregate) mergeState(g int32, v starlark.Value) error {
	switch v := v.(type) {
	case *starlark.List:
		for k := range v.Len() {
			x, ok := v.Index(k).(starlark.Float)
			if !ok {
				return errState("quantile")
			}
			if err := a.add(g, float64(x)); err != nil {
				return err
			}
		}
		return nil
	case starlark.Bytes:
		q := &a.groups[g]
		if err := a.toSketch(q); err != nil {
			return err
		}
		if !mergeSketch(q.sketch, []byte(v)) {
			return errState("quantile")
		}
		q.added = int64(q.sketch.GetCount())
		a.measure(q)
		return nil
	}
	return errState("quantile")
}

// encodeSketch gives the bins of a sketch: the number of values that count as 0, and then those above and those below
// it, each as the number of bins and of every bin its index and how many values it has.
func encodeSketch(s *ddsketch.DDSketch) []byte {
	text := binary.AppendUvarint(nil, uint64(s.GetZeroCount()))
	for _, values := range []store.Store{s.GetPositiveValueStore(), s.GetNegativeValueStore()} {
		n, bins := uint64(0), []byte(nil)
		values.ForEach(func(index int, count float64) bool {
			bins = binary.AppendUvarint(binary.AppendVarint(bins, int64(index)), uint64(count))
			n++
			return false
		})
		text = append(binary.AppendUvarint(text, n), bins...)
	}
	return text
}

// mergeSketch adds an encoded sketch. It reports false for what is none, which may come from outside.
func mergeSketch(s *ddsketch.DDSketch, text []byte) bool {
	ok := true
	next := func() (n uint64) {
		n, size := binary.Uvarint(text)
		ok = ok && size > 0 && n < 1<<53
		text = text[max(size, 0):]
		return n
	}
	zeros := next()
	if !ok || zeros > 0 && s.AddWithCount(0, float64(zeros)) != nil {
		return false
	}
	for _, values := range []store.Store{s.GetPositiveValueStore(), s.GetNegativeValueStore()} {
		for n := next(); ok && n > 0; n-- {
			index, size := binary.Varint(text)
			if ok = size > 0 && leastBin <= index && index <= mostBin; ok {
				text = text[size:]
				values.AddWithCount(int(index), float64(next()))
			}
		}
	}
	return ok && len(text) == 0
}

func (a *quantileAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		q := &a.groups[g]
		if q.sketch == nil {
			values := slices.Clone(q.values)
			slices.Sort(values)
			out.AppendFloat(values[int(a.q*float64(len(values)-1))])
			continue
		}
		x, err := q.sketch.GetValueAtQuantile(a.q)
		if err != nil {
			return err
		}
		out.AppendFloat(x)
	}
	return nil
}

func (a *quantileAggregate) Size() int64 { return int64(64*cap(a.groups)) + a.held }

func (a *quantileAggregate) Reset() {
	clear(a.groups)
	a.groups, a.held = a.groups[:0], 0
}
