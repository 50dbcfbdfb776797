// Package spill keeps chunks until they were consumed: in memory, in plain segment files, or in Badger.
package spill

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound is what Get returns for an id that was never put, was deleted, or was lost with its file.
	// Whoever wrote the chunk recomputes it.
	ErrNotFound = errors.New("chunk not found")
	// ErrClosed is what a Store returns after Close. It is a mistake of the caller.
	ErrClosed = errors.New("spill store is closed")
	// ErrFull is what Put returns when the disk has less than the reserve left. The job stops; nobody retries.
	ErrFull = errors.New("no space left on the disk")
)

// A Store keeps chunks by id until they are deleted. It does not look into them: the chunk's own hash, count
// and length decide whether what Get returns is what was put.
//
// A Store is safe for concurrent use; calls for one id take effect one after another. Nothing is durable before
// Sync; segment files never are, they are scratch. Ids may hold any bytes, also none, up to 32 KiB; chunks have
// 0 bytes to 17 MiB. After Close every method but Bytes and Close returns ErrClosed.
type Store interface {
	// Put stores data under id, replacing what was there. data is not retained. After an error what was
	// there before is still there.
	Put(id string, data []byte) error
	// Get appends the chunk to buf. With an error, such as ErrNotFound, it returns buf as it was.
	Get(id string, buf []byte) ([]byte, error)
	// Delete forgets id; an unknown one is not an error. Space is given back when all chunks that share a
	// file are gone.
	Delete(id string) error
	// Bytes is the number of bytes stored and not deleted.
	Bytes() int64
	// Sync makes everything put so far survive a crash, where the store can do so.
	Sync() error
	// Close removes everything the store holds unless it was opened to be kept. A second Close tries again to
	// remove what the first could not, and is otherwise nothing.
	Close() error
}

func notFound(id string) error { return fmt.Errorf("%w: %q", ErrNotFound, id) }
