package spill

import (
	"hash/maphash"
	"sync"
)

// idLocks makes operations on one id happen one after another, while those on different ids seldom wait for
// each other. The zero value is not ready; use newIDLocks.
type idLocks struct {
	seed  maphash.Seed
	locks [64]sync.RWMutex
}

func newIDLocks() *idLocks { return &idLocks{seed: maphash.MakeSeed()} }

func (l *idLocks) of(id string) *sync.RWMutex {
	return &l.locks[maphash.String(l.seed, id)%uint64(len(l.locks))]
}
