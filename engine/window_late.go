package engine

import (
	"fmt"
	"time"

	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

// shed gives up record i of k, which is late by so much more than is allowed.
func (w *windower) shed(k *operator.Keyed, i int, record starlark.Value, by time.Duration) error {
	l := &letter{
		op: w.op.ID, late: true, record: record, offset: -1,
		failure: fmt.Errorf("late by %v more than lateness allows", by),
	}
	if o := w.stage.origin(k.Ordinal(i)); o != nil {
		l.source, l.offset = o.File, o.Base
	}
	return w.stage.do(effect{letter: l})
}
