package operator

// A Backlog keeps records of one bucket of Groups on disk which are to be added to it later, in the order in which
// they were put. It is used by one goroutine at a time, beside others that use other buckets.
type Backlog struct {
	groups *Groups
	writer *groupWriter
	n      int64
}

// NewBacklog makes an empty one.
func (g *Groups) NewBacklog() *Backlog {
	return &Backlog{groups: g, writer: newGroupWriter(g.scratch, frameRecords)}
}

// Put keeps the records that were routed to a bucket; nothing of r is needed any more.
func (b *Backlog) Put(bucket int, r *Routed) error {
	in, keys := r.bucket(bucket)
	b.n += int64(len(keys.keys))
	return b.writer.record(&in, &keys)
}

// Len is how many records were put.
func (b *Backlog) Len() int64 { return b.n }

// Add folds the records, as Groups.Add would have done. It may be called once.
func (b *Backlog) Add() error {
	frames, err := b.writer.finish()
	if err != nil {
		return err
	}
	return b.groups.replay(frames)
}
