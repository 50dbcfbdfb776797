package operator

import "errors"

// FirstError gives the error of a stage whose Add or Flush failed with err. Records of an ordered aggregate that
// were spilled before they were folded may hold an error of a lower ordinal: they are folded now, up to the first
// error of each bucket. It must not be called concurrently with anything, and after it the Groups cannot be used
// any more.
func (g *Groups) FirstError(err error) error {
	if !g.Ordered || !errors.As(err, new(*RecordError)) {
		return err
	}
	return g.foldSpilled(err)
}

// foldSpilled folds what buckets have written out; it gives the lowest error of err and theirs.
func (g *Groups) foldSpilled(err error) error {
	for i := range g.buckets {
		b := &g.buckets[i]
		if b.log == nil {
			continue
		}
		if logErr := b.finishLog(); logErr != nil {
			return logErr
		}
		child := g.child()
		err = lowest(err, child.foldSpilled(child.replay(b.frames)))
	}
	return err
}

// lowest is the error of the lower ordinal; one that is of no record goes before all others.
func lowest(x, y error) error {
	var a, b *RecordError
	switch {
	case x == nil:
		return y
	case y == nil || !errors.As(x, &a):
		return x
	case !errors.As(y, &b) || b.Ordinal.Compare(a.Ordinal) < 0:
		return y
	}
	return x
}
