package builtins_test

import (
	"context"
	"io"
	"slices"

	"github.com/flowsh/flowsh/engine"
)

// runOn runs a program by one of the executors.
func runOn(ctx context.Context, p *engine.Program, o engine.Options) (*engine.Summary, error) {
	if o.Tasks != nil {
		own := o
		own.Tasks = nil
		x, err := engine.NewExecutor(p, own)
		if err != nil {
			return nil, err
		}
		defer x.Close()
		o.Tasks = &elsewhere{x}
	}
	return engine.Run(ctx, p, o)
}

// elsewhere does tasks by an executor of its own.
type elsewhere struct{ executor *engine.Executor }

func (e *elsewhere) Start(ctx context.Context, tasks []engine.Task) (engine.Pieces, error) {
	p := &donePieces{}
	for _, t := range tasks {
		if err := e.executor.Run(ctx, t, func(piece []byte) error {
			p.list = append(p.list, slices.Clone(piece))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type donePieces struct{ list [][]byte }

func (p *donePieces) Next(context.Context) ([]byte, error) {
	if len(p.list) == 0 {
		return nil, io.EOF
	}
	first := p.list[0]
	p.list = p.list[1:]
	return first, nil
}

func (p *donePieces) Close() error { return nil }
