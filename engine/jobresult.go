package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// ErrNoResults says that a job reads what another has put out where nobody keeps that.
var ErrNoResults = errors.New("what jobs put out is kept by the master of a cluster: run this one there, by flowsh submit --detach or at the prompt of flowsh attach")

// jobResult brings the lines that an earlier job has put out into the store.
func (r *stepRun) jobResult(op *Op) (*overflow, error) {
	fail := func(err error) (*overflow, error) {
		return nil, fmt.Errorf("%s: result(job = %q): %w", op.At, op.Result, err)
	}
	if r.options.Results == nil {
		return fail(ErrNoResults)
	}
	in, err := r.options.Results(op.Result)
	if err != nil {
		return fail(err)
	}
	defer in.Close()
	kept := r.overflow(fmt.Sprint("job/", op.ID))
	if err := pushLines(kept, in); err != nil {
		return fail(err)
	}
	return kept, nil
}

// pushLines stores lines as records.
func pushLines(o *overflow, in io.Reader) error {
	const many = 1 << 20 // bytes of a batch
	lines := bufio.NewReaderSize(in, 64<<10)
	var b chunk.Batch
	size := 0
	flush := func() error {
		if b.N == 0 {
			return nil
		}
		err := o.push(&b)
		b.Reset()
		size = 0
		return err
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if line != "" {
			b.Append(starlark.String(strings.TrimSuffix(line, "\n")))
			size += len(line)
		}
		if err != nil {
			return flush()
		}
		if size >= many {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}
