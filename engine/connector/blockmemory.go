package connector

import (
	"sync"
	"sync/atomic"
)

// A blockMemory is what blocks are read into. It is used again once its reader and all blocks in it have let go of
// it; one that somebody never lets go of is left to the collector.
type blockMemory struct {
	bytes []byte
	users atomic.Int32
}

// mostReused bounds what is kept to be used again: only records longer than blocks need more.
const mostReused = 8 << 20

// stepReused is what sizes are rounded up to: how much of a record is left over from the block before differs from block to
// block.
const stepReused = 32 << 10

var blockMemories sync.Pool

// newBlockMemory is memory of a size or more, of any content, with one user.
func newBlockMemory(size int) *blockMemory {
	m, ok := blockMemories.Get().(*blockMemory)
	if !ok || len(m.bytes) < size {
		m = &blockMemory{bytes: make([]byte, inSteps(size))}
	}
	m.users.Store(1)
	return m
}

// inSteps is a size that serves records a little longer, too.
func inSteps(size int) int { return (size + stepReused - 1) / stepReused * stepReused }

// leave ends one use.
func (m *blockMemory) leave() {
	if m != nil && m.users.Add(-1) == 0 && len(m.bytes) <= mostReused {
		blockMemories.Put(m)
	}
}

// Release gives the memory of Data back, if nothing refers to it any more. It is called once or never.
func (b *Block) Release() {
	b.memory.leave()
	b.memory, b.Data = nil, nil
}
