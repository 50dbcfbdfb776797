package spill

import (
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/flowsh/flowsh/engine/host"
)

// BadgerOptions sets what seldom needs setting; nil and zero fields mean the defaults.
type BadgerOptions struct {
	// Keep leaves the folder where it is at Close, so that OpenBadger finds the chunks again.
	Keep bool
	// Reserve is the number of bytes that stay free on the disk; 256 MiB by default. Badger maps its files
	// into memory, where a full disk is not an error but a signal that ends the process; the reserve is more
	// than it maps ahead (two value logs of 64 MiB and two tables of 16 MiB).
	Reserve int64
}

// Badger is a Store in a Badger database, for chunks that are kept for retry and resume. It has a folder of its
// own, one for a job: what Delete removes gives no space back before Close removes the folder.
//
// The database is opened when the first chunk is put, or by OpenBadger if one is there already. It does not
// survive a power cut without Sync, but does survive the end of the process. Bits that change on the disk can
// end the process too: it belongs where that loses one job's work at most.
type Badger struct {
	host  *host.Host
	dir   string
	keep  bool
	space *reserve
	ids   *idLocks

	mu     sync.RWMutex // guards what follows; operations on db hold it for reading
	lock   *dirLock     // held from the first open until Close is done
	db     *badger.DB   // nil before the first Put and after Close
	sizes  *sizes
	broken *BrokenError
	closed bool
}

var (
	_ Store = (*Badger)(nil)
	_ Store = (*Segments)(nil)
)

// Put implements Store.
func (b *Badger) Put(id string, data []byte) error {
	lock := b.ids.of(id)
	lock.Lock()
	defer lock.Unlock()

	db, err := b.use(true)
	if err != nil {
		return err
	}
	defer b.mu.RUnlock()
	if err := b.write(db, id, data); err != nil {
		return fmt.Errorf("write spilled chunk: %w", b.space.explain(err, int64(len(data))))
	}
	b.sizes.set(id, len(data))
	return nil
}

func (b *Badger) write(db *badger.DB, id string, data []byte) error {
	if err := b.space.take(int64(len(data) + len(id))); err != nil {
		return err
	}
	if err := b.host.Fault(pointWrite); err != nil {
		return err
	}
	return db.Update(func(txn *badger.Txn) error { return txn.SetEntry(entry(id, data)) })
}

// Get implements Store. A value that is not as long as it was is ErrNotFound: Badger gives out damaged values
// as empty ones without an error.
func (b *Badger) Get(id string, buf []byte) ([]byte, error) {
	lock := b.ids.of(id)
	lock.RLock()
	defer lock.RUnlock()

	db, err := b.use(false)
	if err != nil {
		return buf, err
	}
	defer b.mu.RUnlock()
	want, ok := b.sizes.get(id)
	if !ok {
		return buf, notFound(id)
	}
	if err := b.host.Fault(pointRead); err != nil {
		return buf, fmt.Errorf("read spilled chunk %q: %w", id, err)
	}
	got, err := appendValue(db, id, buf)
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return buf, notFound(id)
	case err != nil:
		return buf, fmt.Errorf("%w: %w", notFound(id), err) // damaged
	case len(got)-len(buf) != want:
		return buf, fmt.Errorf("%w: %d of %d bytes are left in %s", notFound(id), len(got)-len(buf), want, b.dir)
	}
	return got, nil
}

// appendValue reads one value. Badger panics on some damage; that too is a lost chunk.
func appendValue(db *badger.DB, id string, buf []byte) (got []byte, err error) {
	defer recovered(&err)
	err = db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key(id))
		if err != nil {
			return err
		}
		return item.Value(func(value []byte) error {
			got = append(buf, value...)
			return nil
		})
	})
	return got, err
}

// Delete implements Store. It gives no space back.
func (b *Badger) Delete(id string) error {
	lock := b.ids.of(id)
	lock.Lock()
	defer lock.Unlock()

	db, err := b.use(false)
	if err != nil {
		return err
	}
	defer b.mu.RUnlock()
	if _, ok := b.sizes.get(id); !ok {
		return nil
	}
	err = db.Update(func(txn *badger.Txn) error { return txn.Delete(key(id)) })
	if err != nil {
		return fmt.Errorf("delete spilled chunk %q: %w", id, err)
	}
	b.sizes.forget(id)
	return nil
}

// Bytes implements Store.
func (b *Badger) Bytes() int64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.sizes.total()
}

// Sync implements Store.
func (b *Badger) Sync() error {
	db, err := b.use(false)
	if err != nil {
		return err
	}
	defer b.mu.RUnlock()
	if db == nil {
		return nil
	}
	if err := b.host.Fault(pointSync); err != nil {
		return fmt.Errorf("sync spill folder %s: %w", b.dir, err)
	}
	if err := db.Sync(); err != nil {
		return fmt.Errorf("sync spill folder %s: %w", b.dir, err)
	}
	return nil
}

// use returns the database, with mu held for reading if there is no error. It is nil if nothing was put yet,
// unless open says to make it.
func (b *Badger) use(open bool) (*badger.DB, error) {
	b.mu.RLock()
	if b.closed {
		b.mu.RUnlock()
		return nil, ErrClosed
	}
	if b.db != nil || !open {
		return b.db, nil
	}
	b.mu.RUnlock()
	if err := b.open(); err != nil {
		return nil, err
	}
	return b.use(open)
}

// Close implements Store.
func (b *Badger) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var err error
	if b.db != nil {
		err = closeDB(b.db)
		b.db = nil
	}
	b.sizes = newSizes()
	if b.lock == nil { // never opened, or closed already
		return err
	}
	if !b.keep {
		if err := b.remove(); err != nil {
			return fmt.Errorf("remove spill folder %s: %w", b.dir, err)
		}
		err = nil // nothing is left that it could matter to
	}
	b.lock.unlock()
	b.lock = nil
	return err
}

func (b *Badger) remove() error {
	if err := b.host.Fault(pointRemove); err != nil {
		return err
	}
	return b.host.FS.RemoveAll(b.dir)
}

// Badger refuses empty keys and has some of its own.
const keyPrefix = "c"

func key(id string) []byte { return append([]byte(keyPrefix), id...) }

// emptyChunk marks values that were stored empty.
const emptyChunk = 1

func entry(id string, data []byte) *badger.Entry {
	e := badger.NewEntry(key(id), data)
	if len(data) == 0 {
		return e.WithMeta(emptyChunk)
	}
	return e
}
