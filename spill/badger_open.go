package spill

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/flowsh/flowsh/engine/host"
)

// ErrInUse is returned when another process, or another store of this one, has the folder open.
var ErrInUse = errors.New("spill folder is in use")

// A BrokenError says that a folder's database did not open, and was moved aside for an empty one. Every chunk in
// it is lost, and whoever wrote them recomputes them.
type BrokenError struct {
	Dir string // where the database is now
	Err error  // why it did not open
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("spilled chunks do not open and are recomputed; they were moved to %s: %v", e.Dir, e.Err)
}

func (e *BrokenError) Unwrap() error { return e.Err }

// OpenBadger returns a store in the folder dir, which no other store may use; h must reach the real file system.
// If dir holds chunks that an earlier store kept, they are there again. If they do not open, Broken says so. Two
// stores on one folder are ErrInUse: here if it holds chunks, else at the second's first Put.
func OpenBadger(h *host.Host, dir string, o *BadgerOptions) (*Badger, error) {
	var set BadgerOptions
	if o != nil {
		set = *o
	}
	if set.Reserve <= 0 {
		set.Reserve = 256 * mib
	}
	b := &Badger{
		host:  h,
		dir:   dir,
		keep:  set.Keep,
		space: &reserve{fs: h.FS, dir: dir, keep: set.Reserve},
		ids:   newIDLocks(),
		sizes: newSizes(),
	}
	_, err := h.FS.Stat(b.data())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return b, nil
	case err != nil:
		return nil, fmt.Errorf("open spill folder: %w", err)
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

// Broken tells whether the folder held a database that did not open and was moved aside. It is nil otherwise.
func (b *Badger) Broken() *BrokenError {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.broken
}

// data is the database. The folder around it carries the lock, so that the database can be moved aside while
// the lock is held.
func (b *Badger) data() string { return filepath.Join(b.dir, "chunks") }

// open makes or opens the database, unless somebody else just did.
func (b *Badger) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrClosed
	case b.db != nil:
		return nil
	}
	if err := b.acquire(); err != nil {
		return fmt.Errorf("open spill folder: %w", b.space.explain(err, 1))
	}
	db, sizes, err := b.openOrReplace()
	if err != nil {
		return fmt.Errorf("open spill folder: %w", b.space.explain(err, 1))
	}
	b.db, b.sizes = db, sizes
	return nil
}

// acquire makes the folder and locks it. The lock stays until Close, also if the database does not open.
func (b *Badger) acquire() error {
	if err := b.host.Fault(pointCreate); err != nil {
		return err
	}
	if b.lock != nil {
		return b.space.take(1)
	}
	if err := b.host.FS.MkdirAll(b.dir); err != nil {
		return err
	}
	if err := b.host.FS.Chmod(b.dir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(b.dir)
	if err != nil {
		return err
	}
	b.lock = lock
	return b.space.take(1)
}

// openOrReplace opens the database, or moves one aside that does not open and opens an empty one. It is broken
// only if an empty one does open in its place: otherwise something else is wrong, and it stays.
func (b *Badger) openOrReplace() (*badger.DB, *sizes, error) {
	_, missing := b.host.FS.Stat(b.data())
	if missing != nil {
		_ = b.host.FS.Remove(b.mark()) // of a process that was killed before it made anything
	}
	db, sizes, cause := b.openMarked()
	switch {
	case cause == nil:
		return db, sizes, nil
	case missing != nil:
		return nil, nil, errors.Join(cause, b.host.FS.RemoveAll(b.data()))
	}
	aside, err := b.moveAside()
	if err != nil {
		return nil, nil, errors.Join(cause, err)
	}
	db, sizes, err = b.openMarked()
	if err != nil {
		return nil, nil, errors.Join(cause, b.host.FS.RemoveAll(b.data()), b.host.FS.Rename(aside, b.data()))
	}
	b.broken = &BrokenError{Dir: aside, Err: cause}
	return db, sizes, nil
}

// openMarked opens the database with a mark beside it. Badger reads tables in goroutines of its own, where damage
// ends the process; a mark that is still there says so, and the database is not opened again.
func (b *Badger) openMarked() (*badger.DB, *sizes, error) {
	f, err := b.host.FS.Create(b.mark())
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, nil, errors.Join(errOpenKills, b.host.FS.Remove(b.mark()))
	case err != nil:
		return nil, nil, err
	}
	db, sizes, err := openDB(b.data())
	if removeErr := errors.Join(f.Close(), b.host.FS.Remove(b.mark())); removeErr != nil && err == nil {
		return nil, nil, errors.Join(removeErr, closeDB(db))
	}
	return db, sizes, err
}

func (b *Badger) mark() string { return filepath.Join(b.dir, "opening") }

var errOpenKills = errors.New("the process that opened it last ended while it did so")

// moveAside renames the database to the first name that is free.
func (b *Badger) moveAside() (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.broken-%d", b.data(), n)
		_, err := b.host.FS.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return name, b.host.FS.Rename(b.data(), name)
		case err != nil:
			return "", err
		}
	}
}

// openDB opens the database in dir and finds out what is in it. Badger panics on some damage.
func openDB(dir string) (db *badger.DB, sizes *sizes, err error) {
	defer recovered(&err)
	db, err = badger.Open(databaseOptions(dir))
	if err != nil {
		return nil, nil, err
	}
	sizes, err = scan(db)
	if err != nil {
		return nil, nil, errors.Join(err, closeDB(db))
	}
	return db, sizes, nil
}

func closeDB(db *badger.DB) (err error) {
	defer recovered(&err)
	return db.Close()
}

// recovered turns a panic of Badger's into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the database is damaged: %v", r)
	}
}

// databaseOptions suit chunks: large values that are written once, read once or twice and deleted together. They
// go straight to the value log, whose size bounds what is mapped; nothing is compressed or cached, for chunks
// are compressed already and the system's page cache is there.
func databaseOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithMetricsEnabled(false).
		WithDetectConflicts(false).
		WithSyncWrites(false).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithValueThreshold(kib).
		WithValueLogFileSize(64 * mib).
		WithMemTableSize(16 * mib).
		WithNumMemtables(2).
		WithNumCompactors(2). // fewest that Badger accepts
		WithNumGoroutines(1)
}

// scan reads the length of every chunk. An empty value that was not stored empty is a lost chunk.
func scan(db *badger.DB) (*sizes, error) {
	found := newSizes()
	err := db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		o.Prefix = []byte(keyPrefix)
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			err := item.Value(func(value []byte) error {
				if len(value) > 0 || item.UserMeta() == emptyChunk {
					found.set(string(item.Key()[len(keyPrefix):]), len(value))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}
