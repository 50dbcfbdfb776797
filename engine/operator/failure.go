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
	for i := range g.buckets {
		if b := &g.buckets[i]; b.log != nil {
			err = lowest(err, g.foldSpilled(b))
		}
	}
	return err
}

// foldSpilled folds what a bucket has written out and gives the first error.
func (g *Groups) foldSpilled(b *bucket) error {
	if err := b.finishLog(); err != nil {
		return err
	}
	child := g.child()
	err := child.replay(b.frames)
	for i := range child.buckets {
		if c := &child.buckets[i]; c.log != nil {
			err = lowest(err, child.foldSpilled(c))
		}
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
