package engine

import (
	"fmt"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// A windower tells in which windows the records of a stage are. A window is known by a number: a fixed or sliding
// one and a session by its start, in nanoseconds since 1970, one by count or by the clock by its place among them.
type windower struct {
	stage *stageRun
	op    *Op
	*Window
	keyed bool // there are keys beside windows
	laned bool // they are pairs of a lane and a key

	mu    sync.Mutex
	first *chunk.Ordinal // of the record that stands first
	ints  bool           // its time is an int

	// What only deliver looks at, record by record in the order of the input.
	watermark int64     // the greatest time so far
	counts    *tally    // of windows by count
	began     time.Time // when the first record came
}

// newWindower makes the windower of an op; nil if it has no windows. The chain gets the column of times, as its last.
func newWindower(s *stageRun, op *Op) *windower {
	if op.Window == nil {
		return nil
	}
	w := &windower{
		stage: s, op: op, Window: op.Window, watermark: leastTime - 1,
		counts: newTally(s, "windows.count holds a number for each key in memory: use fewer keys, or raise --mem"),
	}
	if w.timed() {
		s.column(op, "window.time", false)
	}
	if w.sheds() {
		s.chain.Discard, s.chain.Into = false, nil // a late record is written whole
	}
	return w
}

// inOrder says that where a record belongs depends on those before it. w may be nil.
func (w *windower) inOrder() bool {
	return w != nil && (w.sheds() || w.Kind == countWindows || w.Kind == periodicWindows)
}

// cutBy is what windows by count and sessions are cut by: every key has windows of its own. The key of uniq says what
// is the same, not whose windows they are: those are of the lane or of the flow. It is nil if the flow is cut as one.
func (w *windower) cutBy(keys *chunk.Column) (*chunk.Column, error) {
	switch {
	case !w.keyed:
		return nil, nil
	case w.op.Kind != OpUniq:
		return keys, nil
	case !w.laned:
		return nil, nil
	}
	pair, err := fieldsOf(keys, 2)
	if err != nil {
		return nil, err
	}
	return &pair[0], nil
}

// split takes the column of times from the columns of the chain. w may be nil.
func (w *windower) split(columns []chunk.Column) (rest []chunk.Column, times *chunk.Column) {
	if w == nil || !w.timed() {
		return columns, nil
	}
	last := len(columns) - 1
	return columns[:last], &columns[last]
}

// instants are the times of records, up to the first that has none: its error is a *operator.RecordError.
func (w *windower) instants(times *chunk.Column, k *operator.Keyed) ([]int64, error) {
	if !w.timed() {
		return make([]int64, k.Keys.N), nil
	}
	instants := make([]int64, 0, times.N)
	for i := range times.N {
		t, err := instantOf(times, i)
		if err != nil {
			return instants, &operator.RecordError{Ordinal: k.Ordinal(i), Err: err}
		}
		instants = append(instants, t)
	}
	if times.N > 0 {
		w.meet(k.Ordinal(0), isInt(times, 0))
	}
	return instants, nil
}

// meet decides by the first record of the flow what windows come out as.
func (w *windower) meet(o chunk.Ordinal, ints bool) {
	o.Lane = 0
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == nil || o.Compare(*w.first) < 0 {
		w.first, w.ints = &o, ints
	}
}

// id is a window as it comes out.
func (w *windower) id(window int64) starlark.Value {
	switch {
	case !w.timed():
		return starlark.MakeInt64(window)
	case w.ints:
		return starlark.MakeInt64(window / perMilli)
	}
	return startime.Time(time.Unix(0, window).UTC())
}

// lateBy is how much older than allowed a record is, 0 if it is not. Records come in the order of the input.
func (w *windower) lateBy(t int64) time.Duration {
	w.watermark = max(w.watermark, t)
	return max(0, time.Duration(w.watermark-t)-*w.Lateness)
}

// windowsOf are the windows of a record, the earliest first. For those by count, key is that of its count.
func (w *windower) windowsOf(dst []int64, t int64, key []byte) ([]int64, error) {
	switch w.Kind {
	case countWindows:
		n, err := w.counts.next(key)
		return append(dst, n/w.N), err
	case periodicWindows:
		now := w.stage.run.host.Clock.Now()
		if w.began.IsZero() {
			w.began = now
		}
		return append(dst, int64(max(0, now.Sub(w.began))/w.Size)), nil
	case sessionWindows:
		return append(dst, t), nil
	}
	last := floorTo(t, w.step())
	for start := floorTo(t-int64(w.Size), w.step()) + w.step(); start <= last; start += w.step() {
		dst = append(dst, start)
	}
	return dst, nil
}

// place gives the records of a unit with their windows as a part of the key, in runs of bounded length. Where a
// record is in several windows it comes several times. Of an error, which is that of a record, those before it
// are given first.
func (w *windower) place(k *operator.Keyed, times *chunk.Column, record func(i int) starlark.Value, out func(*operator.Keyed) error) error {
	instants, failed := w.instants(times, k)
	if w.Kind == fixedWindows && !w.sheds() {
		if err := w.placeAll(k, instants, out); err != nil {
			return err
		}
		return failed
	}
	p := placing{out: out}
	if w.Kind == countWindows {
		var err error
		if p.cutBy, err = w.cutBy(&k.Keys); err != nil {
			return err
		}
	}
	if err := w.timely(k, instants, record, func(i int, t int64) error { return w.placeRecord(&p, k, i, t) }); err != nil {
		failed = err
	}
	if err := p.flush(); err != nil {
		return err
	}
	return failed
}

// timely gives the records that are not late, with their times. Those that are late are shed, if the window does that.
func (w *windower) timely(k *operator.Keyed, instants []int64, record func(i int) starlark.Value, out func(i int, t int64) error) error {
	for i, t := range instants {
		if w.sheds() {
			if by := w.lateBy(t); by > 0 {
				if err := w.shed(k, i, record(i), by); err != nil {
					return err
				}
				continue
			}
		}
		if err := out(i, t); err != nil {
			return err
		}
	}
	return nil
}

// placeAll places records of which each is in one fixed window, without copying them.
func (w *windower) placeAll(k *operator.Keyed, instants []int64, out func(*operator.Keyed) error) error {
	n := len(instants)
	if n == 0 {
		return nil
	}
	for i, t := range instants {
		instants[i] = floorTo(t, int64(w.Size))
	}
	placed := operator.Keyed{Keys: chunk.Column{Kind: chunk.Int, N: n, Ints: instants}, Batch: k.Batch}
	if w.keyed {
		placed.Keys = chunk.Column{Kind: chunk.Tuple, N: n, Fields: []chunk.Column{placed.Keys, k.Keys.Slice(0, n)}}
	}
	if k.Values.N > 0 {
		placed.Values = k.Values.Slice(0, n)
	}
	return out(&placed)
}

func (w *windower) placeRecord(p *placing, k *operator.Keyed, i int, t int64) error {
	p.key = p.key[:0]
	if p.cutBy != nil {
		var err error
		if p.key, _, err = value.AppendKey(p.key, p.cutBy.At(i)); err != nil {
			if flushed := p.flush(); flushed != nil {
				return flushed
			}
			return &operator.RecordError{Ordinal: k.Ordinal(i), Err: err}
		}
	}
	var err error
	if p.windows, err = w.windowsOf(p.windows[:0], t, p.key); err != nil {
		return err
	}
	for _, window := range p.windows {
		p.add(k, i, window, w.keyed)
	}
	if p.run == nil || p.run.Keys.N < placedRows {
		return nil
	}
	return p.flush()
}

// placedRows is how many records a run has at least, but the last.
const placedRows = 4096

// A placing gathers records with their windows into runs.
type placing struct {
	out     func(*operator.Keyed) error
	run     *operator.Keyed
	windows []int64
	cutBy   *chunk.Column // of windows by count, see windower.cutBy
	key     []byte
}

func (p *placing) add(k *operator.Keyed, i int, window int64, keyed bool) {
	if p.run == nil {
		p.run = new(operator.Keyed)
	}
	r := p.run
	if keyed {
		appendKeyInWindow(&r.Keys, window, &k.Keys, i)
	} else {
		r.Keys.AppendInt(window)
	}
	if k.Values.N > 0 {
		r.Values.AppendFrom(&k.Values, i)
	}
	r.Ordinals = append(r.Ordinals, k.Ordinal(i))
}

func (p *placing) flush() error {
	if p.run == nil {
		return nil
	}
	run := p.run
	p.run = nil
	return p.out(run)
}

// appendKeyInWindow appends the pair of a window and a key.
func appendKeyInWindow(into *chunk.Column, window int64, keys *chunk.Column, i int) {
	if into.Kind == chunk.Empty {
		*into = chunk.Column{Kind: chunk.Tuple, Fields: make([]chunk.Column, 2)}
	}
	into.Fields[0].AppendInt(window)
	into.Fields[1].AppendFrom(keys, i)
	into.N++
}

// splitWindowKeys takes windows, or pairs of a window and a key, apart. Without keys they are None.
func splitWindowKeys(both *chunk.Column) (windows, keys chunk.Column, err error) {
	if both.Kind == chunk.Int {
		return *both, chunk.Column{Kind: chunk.Null, N: both.N}, nil
	}
	fields, err := fieldsOf(both, 2)
	if err == nil && fields[0].Kind != chunk.Int {
		err = chunk.ErrCorrupt
	}
	if err != nil {
		return windows, keys, fmt.Errorf("keys of windows: %w", err)
	}
	return fields[0], fields[1], nil
}
