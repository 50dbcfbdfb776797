package connector

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// JSONError says why a value cannot be written as JSON; nil if it can.
func JSONError(v starlark.Value) error {
	var c chunk.Column
	c.Append(v)
	d := load(&c, 0)
	_, err := new(jsonWriter).append(nil, &d, 0)
	return err
}
