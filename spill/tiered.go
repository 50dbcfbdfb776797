package spill

import (
	"errors"
	"sync"
)

// tiered keeps what fits in memory and hands the rest to another store. A chunk is in one of them at a time, but
// for the moment of a Put that moves it.
type tiered struct {
	memory *mem
	ids    *idLocks

	mu       sync.Mutex
	overflow func() (Store, error)
	store    Store // nil until overflow was called
	closed   bool
}

// NewTiered returns a Store that keeps chunks on the heap up to limit bytes, ids and bookkeeping counted, and
// puts what does not fit into another one.
//
// overflow makes that other store. It is called by the first Put that needs it, once, and again by the next only
// if it failed; NewTiered's store owns the result and closes it. Deleting gives memory back to later Puts; no
// chunk moves by itself. Sync reaches what overflowed only: chunks in memory do not survive a crash.
func NewTiered(limit int64, overflow func() (Store, error)) Store {
	return &tiered{memory: newMem(limit), ids: newIDLocks(), overflow: overflow}
}

func (t *tiered) Put(id string, data []byte) error {
	lock := t.ids.of(id)
	lock.Lock()
	defer lock.Unlock()

	kept, err := t.memory.tryPut(id, data)
	if err != nil {
		return err
	}
	if kept {
		return t.onOverflow(func(s Store) error { return s.Delete(id) })
	}
	store, err := t.open()
	if err != nil {
		return err
	}
	if err := store.Put(id, data); err != nil {
		return err
	}
	return t.memory.Delete(id)
}

func (t *tiered) Get(id string, buf []byte) ([]byte, error) {
	lock := t.ids.of(id)
	lock.RLock()
	defer lock.RUnlock()

	data, ok, err := t.memory.find(id)
	switch {
	case err != nil:
		return buf, err
	case ok:
		return append(buf, data...), nil
	}
	if store := t.opened(); store != nil {
		return store.Get(id, buf)
	}
	return buf, notFound(id)
}

func (t *tiered) Delete(id string) error {
	lock := t.ids.of(id)
	lock.Lock()
	defer lock.Unlock()

	if err := t.memory.Delete(id); err != nil {
		return err
	}
	return t.onOverflow(func(s Store) error { return s.Delete(id) })
}

func (t *tiered) Bytes() int64 {
	n := t.memory.Bytes()
	if store := t.opened(); store != nil {
		n += store.Bytes()
	}
	return n
}

func (t *tiered) Sync() error {
	if err := t.memory.Sync(); err != nil {
		return err
	}
	return t.onOverflow(Store.Sync)
}

func (t *tiered) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	err := t.memory.Close()
	if t.store != nil {
		err = errors.Join(err, t.store.Close())
	}
	return err
}

func (t *tiered) open() (Store, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if t.store == nil {
		store, err := t.overflow()
		if err != nil {
			return nil, err
		}
		t.store = store
	}
	return t.store, nil
}

func (t *tiered) opened() Store {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.store
}

func (t *tiered) onOverflow(do func(Store) error) error {
	if store := t.opened(); store != nil {
		return do(store)
	}
	return nil
}
