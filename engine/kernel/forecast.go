package kernel

import "github.com/flowsh/flowsh/engine/chunk"

// A Forecast says, before anything runs, how a chain will run on records of a type. Records of other types than
// expected may still make it run otherwise.
type Forecast struct {
	Refusal *Refusal     // why the chain will be interpreted; nil: it will be compiled
	Record  chunk.Column // without values: of the type that records will have behind the steps
	Columns []chunk.Column
}

// Foresee compiles a chain for records of the type of a column, which needs no values.
func Foresee(chain *Chain, env *Env, in *chunk.Column) Forecast {
	b := newBuilder(chain, env)
	b.outcome = Forecast{Record: chunk.Column{Kind: chunk.Any}, Columns: make([]chunk.Column, len(chain.Columns))}
	_, err := b.build(typeOf(in, nil, false))
	b.outcome.Refusal, _ = err.(*Refusal)
	return b.outcome
}

// columnOf is a column without values of a type.
func columnOf(t *Type) chunk.Column {
	switch t.kind {
	case boolean:
		return chunk.Column{Kind: chunk.Bool}
	case integer:
		return chunk.Column{Kind: chunk.Int}
	case float:
		return chunk.Column{Kind: chunk.Float}
	case str:
		return chunk.Column{Kind: chunk.String}
	case byteStr:
		return chunk.Column{Kind: chunk.Bytes}
	case tuple:
		c := chunk.Column{Kind: chunk.Tuple}
		for _, e := range t.elems {
			c.Fields = append(c.Fields, columnOf(e))
		}
		return c
	}
	return chunk.Column{Kind: chunk.Any}
}
