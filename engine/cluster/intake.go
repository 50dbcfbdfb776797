package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
)

// An Input is a part of what a task gave, which a task of another group reads, and where it is.
type Input struct {
	Attempt Attempt `json:"attempt"`
	Part    Part    `json:"part"`
	Worker  string  `json:"worker"`
	Address string  `json:"address,omitempty"` // of the worker's data link; "": it has none
}

// Peers reads an Input at the worker that has it. An error says that it cannot be had.
type Peers func(ctx context.Context, in Input, get Taker) error

// An InputError says that a task could not read what another has given: that is lost.
type InputError struct {
	Input  Attempt
	Reason string
}

func (e *InputError) Error() string { return "what another task has given cannot be read: " + e.Reason }

// An intake reads the inputs of a task, one after another, and tests that each is what was given.
type intake struct {
	pieces chan []byte
	ended  atomic.Bool // no more inputs are wanted
	lost   *InputError // set before pieces is closed
}

// piecesAhead is how many pieces are read before they are wanted.
const piecesAhead = 4

// intake begins to read inputs; end must be called.
func (r *Runner) intake(ctx context.Context, inputs []Input) *intake {
	k := &intake{pieces: make(chan []byte, piecesAhead)}
	go func() {
		defer close(k.pieces)
		for _, in := range inputs {
			if k.ended.Load() || ctx.Err() != nil {
				return
			}
			if err := k.read(ctx, r, in); err != nil {
				k.lost = &InputError{in.Attempt, err.Error()}
				return
			}
		}
	}()
	return k
}

// read reads an input, whole.
func (k *intake) read(ctx context.Context, r *Runner, in Input) error {
	if in.Part.Pieces == 0 {
		return nil
	}
	fetch := func(get Taker) error { return r.fetchInput(ctx, in, get) }
	err := testParts([]Part{in.Part}, fetch, func(_ int, piece []byte) error {
		select {
		case k.pieces <- slices.Clone(piece):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if err != nil {
		return fmt.Errorf("from %s: %w", in.Worker, err)
	}
	return nil
}

// fetchInput fetches an input from whoever has it.
func (r *Runner) fetchInput(ctx context.Context, in Input, get Taker) error {
	r.mu.Lock()
	_, here := r.outputs[in.Attempt]
	r.mu.Unlock()
	switch {
	case here:
		return r.Fetch(ctx, in.Attempt, []Part{in.Part}, get)
	case r.peers == nil:
		return errors.New(in.Worker + " cannot be reached from here")
	}
	return r.peers(ctx, in, get)
}

// next is an engine.Inputs.
func (k *intake) next(ctx context.Context) ([]byte, error) {
	select {
	case piece, more := <-k.pieces:
		switch {
		case more:
			return piece, nil
		case k.lost != nil:
			return nil, k.lost
		}
		return nil, io.EOF
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// end reads the input that is open to its end, to know whether it was right; it gives the one that was not.
func (k *intake) end() error {
	k.ended.Store(true)
	for range k.pieces {
		continue
	}
	if k.lost == nil {
		return nil
	}
	return k.lost
}
