package engine

import "context"

// A gate keeps stages waiting for what another stage collects. Only that stage's own goroutine opens or shuts it.
type gate struct {
	done   chan struct{} // closed when it is decided
	opened bool          // the collection is complete
	shut   bool          // the stage failed
}

func newGate() *gate { return &gate{done: make(chan struct{})} }

func (g *gate) open() {
	g.opened = true
	close(g.done)
}

// leave is called when the stage has ended: a gate that is not open by then never will be.
func (g *gate) leave() {
	if !g.opened && !g.shut {
		g.shut = true
		close(g.done)
	}
}

// pass waits for the gate to open. Behind one that is shut it waits for the step to end: the other stage says why.
func (g *gate) pass(ctx context.Context) error {
	select {
	case <-g.done:
		if !g.shut {
			return nil
		}
		<-ctx.Done()
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
