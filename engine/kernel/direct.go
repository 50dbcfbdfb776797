package kernel

import "github.com/flowsh/flowsh/engine/chunk"

// NewRunner makes the runner for one goroutine. kernels is on, off or verify: off calls every function on the
// interpreter, verify runs both ways and fails on the first difference.
func NewRunner(c *Chain, env *Env, kernels string) Runner {
	switch kernels {
	case "off":
		return NewInterpreter(c, env, false)
	case "verify":
		return &verifier{chain: c, fast: fastest(c, env, true), reference: NewInterpreter(c, env, false)}
	}
	return fastest(c, env, false)
}

func fastest(c *Chain, env *Env, verify bool) Runner {
	slow := newCompiled(c, env, NewInterpreter(c, env, true), verify)
	if len(c.Steps) > 0 || c.Delta != nil {
		return slow
	}
	return &direct{chain: c, slow: slow}
}

// direct runs chains without steps: the output borrows the input's columns, and keys that are selectors are
// columns of it already. What it cannot do goes to the interpreter, batch by batch.
type direct struct {
	chain  *Chain
	slow   Runner
	direct int64 // records that were columns already
}

func (d *direct) Run(in *chunk.Batch, out *Output) error {
	columns := make([]chunk.Column, 0, len(d.chain.Columns))
	for i := range d.chain.Columns {
		c, ok := d.chain.Columns[i].Fn.column(&in.Column)
		if !ok {
			return d.slow.Run(in, out)
		}
		columns = append(columns, c)
	}
	d.direct += int64(in.N)
	out.reset(in, d.chain)
	out.Batch, out.Columns, out.Len, out.Borrowed, out.borrowed = *in, columns, in.N, true, true
	if d.chain.Discard {
		out.Column = chunk.Column{}
	}
	return nil
}

// column is what the function gives for every value of c, if that is a column already.
func (f *Func) column(c *chunk.Column) (chunk.Column, bool) {
	switch {
	case f.Selector != nil:
		return f.Selector.column(c)
	case f.Returns < 0:
		return chunk.Column{}, false
	case f.Spread == 0:
		return *c, true
	case c.Kind == chunk.Tuple && len(c.Fields) == f.Spread:
		return c.Fields[f.Returns], true
	}
	return chunk.Column{}, false
}

func (s *Selector) column(c *chunk.Column) (chunk.Column, bool) {
	switch {
	case s.Whole:
		return *c, true
	case s.Elements != nil:
		return s.tuple(c)
	case s.ByIndex:
		i := s.Index
		if i < 0 {
			i += len(c.Fields)
		}
		if c.Kind != chunk.Tuple || i < 0 || i >= len(c.Fields) {
			return chunk.Column{}, false
		}
		return c.Fields[i], true
	case c.Kind == chunk.Record:
		for i, name := range c.Names {
			if name == s.Field {
				return c.Fields[i], !c.Fields[i].Lacks()
			}
		}
	}
	return chunk.Column{}, false
}

func (s *Selector) tuple(c *chunk.Column) (chunk.Column, bool) {
	t := chunk.Column{Kind: chunk.Tuple, N: c.N}
	for _, e := range s.Elements {
		f, ok := e.column(c)
		if !ok {
			return chunk.Column{}, false
		}
		t.Fields = append(t.Fields, f)
	}
	return t, len(t.Fields) > 0
}
