package engine

import (
	"context"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
)

// passEnd hands records on as they are, to other stages.
type passEnd struct {
	stage *stageRun
	ctx   context.Context
}

func (p *passEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (p *passEnd) deliver(u *unit) error {
	n, failed := p.stage.passAll(u.out.N)
	b := &u.out.Batch
	if failed != nil {
		b = part(b, 0, n)
	}
	if err := p.stage.emit(p.ctx, b); err != nil {
		return err
	}
	return failed
}

func (p *passEnd) finish(context.Context) error { return nil }
func (p *passEnd) close()                       {}

// collectEnd keeps records in memory for functions that take them whole. They must fit the stage's share.
type collectEnd struct {
	stage   *stageRun
	batches []*chunk.Batch
	bytes   int64
}

func (c *collectEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (c *collectEnd) deliver(u *unit) error {
	c.bytes += u.out.Bytes()
	if share := c.stage.run.share; c.bytes > share {
		return &operator.LimitError{
			What: c.stage.name, Bytes: c.bytes, Share: share,
			Hint: "using= holds the whole flow in memory: make it smaller, join the flows, or raise --mem",
		}
	}
	c.batches = append(c.batches, &u.out.Batch)
	return nil
}

func (c *collectEnd) finish(context.Context) error {
	c.stage.gate.open()
	return nil
}

func (c *collectEnd) close() {}

// keepEnd keeps a step's result in the store, for later steps.
type keepEnd struct{ kept *overflow }

func (k *keepEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (k *keepEnd) deliver(u *unit) error {
	if u.out.N == 0 {
		return nil
	}
	return k.kept.push(&u.out.Batch)
}

func (k *keepEnd) finish(context.Context) error { return nil }
func (k *keepEnd) close()                       {}
