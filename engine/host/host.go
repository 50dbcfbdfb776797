// Package host is the world outside the engine: clock, randomness, files, environment, streams, events and
// fault points. The engine reaches none of them in another way, so a test can replace each.
package host

import (
	"io"
	"io/fs"
	"time"
)

// A Host is everything that a job touches outside its own memory. It is read-only after it was made and safe
// for concurrent use. New gives the real one.
type Host struct {
	Clock  Clock
	FS     FS
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	// LookupEnv reads one environment variable. Only arg(env=...) and the command line use it.
	LookupEnv func(name string) (string, bool)

	// Random fills p with unpredictable bytes, for names of temporary files and job ids; never for results.
	Random func(p []byte)

	// Emit receives events. It must not block; nil discards them.
	Emit func(Event)

	// Inject decides whether a fault point fails: an error it returns is what the step at that point returns.
	// nil never fails. See NewPoint.
	Inject func(Point) error
}

// A Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// After is time.After.
	After(d time.Duration) <-chan time.Time
}

// An FS opens and changes files by path; relative paths are relative to the working directory. Errors are
// *fs.PathError, to be tested with errors.Is(err, fs.ErrNotExist) and the like.
type FS interface {
	Open(name string) (File, error)
	// Create makes a new file for reading and writing with mode 0600 before umask; it fails if name exists.
	Create(name string) (File, error)
	// Append opens an existing file for reading and writing; what is written goes to its end.
	Append(name string) (File, error)
	// Rename moves a file or a folder. It replaces a file; a folder, even an empty one, is fs.ErrExist.
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	// MkdirAll makes name and its parents with mode 0777 before umask.
	MkdirAll(name string) error
	Chmod(name string, mode fs.FileMode) error
	// Umask is the permission bits that a file made by other programs of this user would lack.
	Umask() fs.FileMode
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes renames inside a folder durable.
	SyncDir(name string) error
	// Free is the number of bytes that an unprivileged user can still write below dir.
	Free(dir string) (uint64, error)
	// TempDir is the folder for scratch files ($TMPDIR or the system's).
	TempDir() string
}

// A File is an open file.
type File interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.Seeker
	Name() string
	Stat() (fs.FileInfo, error)
	Sync() error
}

// An Event says that something happened in a run: it feeds progress, receipts, metrics and traces. Its concrete
// types are declared by the packages that emit them.
type Event interface{ Event() string }

// A Maskable event has text that may hold secrets.
type Maskable interface {
	Event
	// Masked is the event with other text.
	Masked(mask func(text string) string) Event
}

// Masked is an event whose text has been through mask; a nil mask changes nothing.
func Masked(e Event, mask func(text string) string) Event {
	if m, ok := e.(Maskable); ok && mask != nil {
		return m.Masked(mask)
	}
	return e
}

// Send emits an event if anyone listens.
func (h *Host) Send(e Event) {
	if h.Emit != nil {
		h.Emit(e)
	}
}
