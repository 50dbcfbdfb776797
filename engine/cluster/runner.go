package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/spill"
	"github.com/zeebo/xxh3"
)

// An Attempt names one try at a task.
type Attempt struct {
	Task   TaskKey `json:"task"`
	Number int     `json:"number"`
}

// An Output says what a complete attempt gave: its commit.
type Output struct {
	Pieces int    `json:"pieces"` // of part 0
	Bytes  int64  `json:"bytes"`
	Hash   uint64 `json:"hash"`             // XXH3 of the pieces, one after another
	Read   int64  `json:"read,omitempty"`   // records
	Failed int64  `json:"failed,omitempty"` // records
	Ended  bool   `json:"ended,omitempty"`  // by a record
	Ranges []Part `json:"ranges,omitempty"` // of state by key
}

// A Part of what a complete attempt gave can be fetched by itself.
type Part struct {
	Number int    `json:"number,omitempty"` // 0: what only the head of the job reads; r+1: range r of the keys
	Pieces int    `json:"pieces"`
	Bytes  int64  `json:"bytes"`
	Hash   uint64 `json:"hash"`
}

// rest is what only the head of the job reads.
func (o *Output) rest() Part { return Part{0, o.Pieces, o.Bytes, o.Hash} }

// parts are all of it.
func (o *Output) parts() []Part { return append([]Part{o.rest()}, o.Ranges...) }

// same reports whether another attempt, or the same one at another place, gave the same.
func (o *Output) same(other *Output) bool {
	return o.Read == other.Read && o.Failed == other.Failed && o.Ended == other.Ended && slices.Equal(o.parts(), other.parts())
}

// divided is how much state by key there is, in bytes.
func (o *Output) divided() (bytes int64) {
	for i := range o.Ranges {
		bytes += o.Ranges[i].Bytes
	}
	return bytes
}

// A Taker takes a piece of a part, which has a number, and does not keep it.
type Taker func(part int, piece []byte) error

// testParts has fetch give the pieces of parts, in their order, to get, and tests that they are what was given.
func testParts(parts []Part, fetch func(get Taker) error, get Taker) error {
	at, n, hash := 0, 0, xxh3.New()
	ended := func() error {
		if p := &parts[at]; n != p.Pieces || hash.Sum64() != p.Hash {
			return fmt.Errorf("%d pieces came instead of %d, or they are corrupt", n, p.Pieces)
		}
		at, n = at+1, 0
		hash.Reset()
		return nil
	}
	if err := fetch(func(part int, piece []byte) error {
		for at < len(parts) && parts[at].Number != part {
			if err := ended(); err != nil {
				return err
			}
		}
		if at == len(parts) {
			return fmt.Errorf("a piece of part %d came, which was not asked for", part)
		}
		n++
		_, _ = hash.Write(piece) // a hash takes everything
		return get(part, piece)
	}); err != nil {
		return err
	}
	for at < len(parts) {
		if err := ended(); err != nil {
			return err
		}
	}
	return nil
}

// A summer makes an Output of pieces that come.
type summer struct {
	parts  []Part
	hashes []*xxh3.Hasher
}

// add counts a piece of a part, and says which one of the part it is.
func (s *summer) add(part int, piece []byte) (n int) {
	for len(s.parts) <= part {
		s.parts, s.hashes = append(s.parts, Part{Number: len(s.parts)}), append(s.hashes, xxh3.New())
	}
	p := &s.parts[part]
	n = p.Pieces
	p.Pieces++
	p.Bytes += int64(len(piece))
	_, _ = s.hashes[part].Write(piece) // a hash takes everything
	return n
}

// output is that of a task with so many ranges.
func (s *summer) output(ranges int) (o Output) {
	for len(s.parts) < 1+ranges {
		s.parts, s.hashes = append(s.parts, Part{Number: len(s.parts)}), append(s.hashes, xxh3.New())
	}
	for i := range s.parts {
		s.parts[i].Hash = s.hashes[i].Sum64()
	}
	o.Pieces, o.Bytes, o.Hash = s.parts[0].Pieces, s.parts[0].Bytes, s.parts[0].Hash
	if ranges > 0 {
		o.Ranges = s.parts[1:]
	}
	return o
}

// A Worker does tasks of one job and keeps what they give until it is released. Its methods may be called
// concurrently.
type Worker interface {
	// Do does a task, which reads what others gave, in their order, if it has no splits. The error says that the machine
	// failed, or ctx is done; ErrLost that the worker is gone; *InputError that it cannot read what another has given.
	Do(ctx context.Context, a Attempt, t engine.Task, in []Input) (Output, error)
	// Fetch gives the pieces of parts of a complete attempt in order.
	Fetch(ctx context.Context, a Attempt, parts []Part, get Taker) error
	// Release forgets what an attempt gave, if there is anything. It does not wait.
	Release(a Attempt)
}

// A Runner is a worker that does tasks in this process and keeps what they give in a store.
type Runner struct {
	executor *engine.Executor
	store    spill.Store
	retained *retained // where what tasks give goes as long as it can; nil: nowhere
	stuck    func(error)
	peers    Peers

	doing   sync.Mutex // an executor does one task at a time
	mu      sync.Mutex
	outputs map[Attempt][]Part // in the store
}

// NewRunner makes a runner. Both the executor and the store are the caller's to close. stuck is called when a function
// of the script cannot be stopped, and must end the process. peers reads what other workers have given; nil: nothing
// can be read but what is here.
func NewRunner(e *engine.Executor, s spill.Store, stuck func(error), peers Peers) *Runner {
	return &Runner{executor: e, store: s, stuck: stuck, peers: peers, outputs: map[Attempt][]Part{}}
}

func (a Attempt) piece(part, i int) string {
	return fmt.Sprintf("task/%d/%d/%d/%d/%d", a.Task.Group, a.Task.Index, a.Number, part, i)
}

// retain has what tasks give outlive this process, with what an earlier one has left.
func (r *Runner) retain(kept *retained) {
	r.retained = kept
	if kept == nil {
		return
	}
	for _, o := range kept.offers {
		r.outputs[o.Attempt] = o.Output.parts()
	}
}

func (r *Runner) put(id string, piece []byte) error {
	if r.retained.Put(id, piece) == nil {
		return nil
	}
	return r.store.Put(id, piece)
}

func (r *Runner) get(id string, buf []byte) ([]byte, error) {
	if data, err := r.retained.Get(id, buf); err == nil {
		return data, nil
	}
	return r.store.Get(id, buf)
}

// Do implements Worker.
func (r *Runner) Do(ctx context.Context, a Attempt, t engine.Task, in []Input) (Output, error) {
	r.doing.Lock()
	defer r.doing.Unlock()
	if ctx.Err() != nil {
		return Output{}, context.Cause(ctx)
	}
	var sum summer
	read := r.intake(ctx, in)
	counts, err := r.executor.Run(ctx, t, read.next, func(part int, piece []byte) error {
		return r.put(a.piece(part, sum.add(part, piece)), piece)
	})
	if lost := read.end(); lost != nil && ctx.Err() == nil {
		err = lost
	}
	r.mu.Lock()
	r.outputs[a] = sum.parts
	r.mu.Unlock()
	if stuck := (*engine.StuckError)(nil); errors.As(err, &stuck) {
		r.stuck(stuck)
	}
	if err != nil {
		r.Release(a)
		return Output{}, err
	}
	out := sum.output(t.Ranges)
	out.Read, out.Failed, out.Ended = counts.Read, counts.Failed, counts.Ended
	r.retained.keep(a, out)
	return out, nil
}

// Fetch implements Worker.
func (r *Runner) Fetch(ctx context.Context, a Attempt, parts []Part, get Taker) error {
	var buf []byte
	for _, p := range parts {
		for i := range p.Pieces {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			var err error
			if buf, err = r.get(a.piece(p.Number, i), buf[:0]); err != nil {
				return err
			}
			if err := get(p.Number, buf); err != nil {
				return err
			}
		}
	}
	return nil
}

// Release implements Worker.
func (r *Runner) Release(a Attempt) {
	r.mu.Lock()
	parts := r.outputs[a]
	delete(r.outputs, a)
	r.mu.Unlock()
	_ = r.retained.Delete(a.commit()) // what is left over goes with the store
	for _, p := range parts {
		for i := range p.Pieces {
			_ = r.retained.Delete(a.piece(p.Number, i))
			_ = r.store.Delete(a.piece(p.Number, i))
		}
	}
}
