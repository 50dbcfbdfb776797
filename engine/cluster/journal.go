package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/zeebo/xxh3"
)

// A Journal is a list of records to which others are added. It is safe for concurrent use.
type Journal interface {
	// Append adds a record and returns when it survives the end of the process and of the machine. After an error
	// every later record fails too: nobody knows whether this one is there.
	Append(record []byte) error
	Close() error
}

var (
	pointJournalWrite = host.NewPoint("journal.write")
	pointJournalSync  = host.NewPoint("journal.sync")
	pointJournalSwap  = host.NewPoint("journal.swap")
)

const (
	journalMagic  = "flowsh journal 1\n"
	journalFrame  = 4 + 8 // length, hash
	mostJournaled = 1 << 20
)

// A DamageError says that a journal is damaged in front of its end, so that to go on would lose records.
type DamageError struct {
	Path   string
	Offset int64
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d, and there are records behind it: restore it from a copy, or move it away to begin without jobs", e.Path, e.Offset)
}

// A FileJournal is a journal in a file: each record with its length and a hash over its place and bytes. Records that
// are added at the same time share one write and one sync.
type FileJournal struct {
	host *host.Host
	path string

	mu      sync.Mutex
	file    host.File
	size    int64
	pending []byte
	batch   *journalBatch // that pending belongs to
	writing bool
	broken  error
}

// A journalBatch is records that are written together.
type journalBatch struct {
	done chan struct{}
	err  error
}

// OpenJournal opens the journal at a path, or makes one, and gives its records to replay in order, whose error ends it. A
// last record that is cut short was never acknowledged and is dropped. A *DamageError says that others are damaged.
func OpenJournal(h *host.Host, path string, replay func(record []byte) error) (*FileJournal, error) {
	j := &FileJournal{host: h, path: path, batch: newJournalBatch()}
	data, err := readAll(h, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	records, whole, err := j.parse(data)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if err := replay(r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if !whole {
		return j, j.Rewrite(records)
	}
	j.size = int64(len(data))
	j.file, err = h.FS.Append(path)
	return j, err
}

func newJournalBatch() *journalBatch { return &journalBatch{done: make(chan struct{})} }

func readAll(h *host.Host, path string) ([]byte, error) {
	f, err := h.FS.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// parse takes a journal apart; whole says that nothing had to be dropped.
func (j *FileJournal) parse(data []byte) (records [][]byte, whole bool, err error) {
	if len(data) < len(journalMagic) {
		return nil, false, nil // its making was cut short
	}
	if string(data[:len(journalMagic)]) != journalMagic {
		return nil, false, &DamageError{j.path, 0}
	}
	for at := len(journalMagic); at < len(data); {
		rest := data[at:]
		if len(rest) < journalFrame {
			return records, false, nil
		}
		n := int(binary.LittleEndian.Uint32(rest))
		if n > mostJournaled || n > len(rest)-journalFrame {
			return records, false, j.cut(data, at)
		}
		body := rest[journalFrame : journalFrame+n]
		if binary.LittleEndian.Uint64(rest[4:]) != journalHash(int64(at), body) {
			return records, false, j.cut(data, at)
		}
		records = append(records, body)
		at += journalFrame + n
	}
	return records, true, nil
}

// cut decides whether bad bytes are a last record that was cut short: no record stands behind them.
func (j *FileJournal) cut(data []byte, bad int) error {
	for at := bad + 1; at+journalFrame <= len(data); at++ {
		n := int(binary.LittleEndian.Uint32(data[at:]))
		if n > mostJournaled || n > len(data)-at-journalFrame {
			continue
		}
		if binary.LittleEndian.Uint64(data[at+4:]) == journalHash(int64(at), data[at+journalFrame:at+journalFrame+n]) {
			return &DamageError{j.path, int64(bad)}
		}
	}
	return nil
}

// journalHash is the hash of a record at an offset.
func journalHash(offset int64, record []byte) uint64 { return xxh3.HashSeed(record, uint64(offset)) }

func appendRecord(dst []byte, offset int64, record []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(record)))
	dst = binary.LittleEndian.AppendUint64(dst, journalHash(offset, record))
	return append(dst, record...)
}

// Rewrite replaces all records, whole or not at all.
func (j *FileJournal) Rewrite(records [][]byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	data := []byte(journalMagic)
	for _, r := range records {
		data = appendRecord(data, int64(len(data)), r)
	}
	fresh := j.path + ".new"
	if err := j.host.FS.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := j.host.FS.Create(fresh)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.host.Fault(pointJournalSwap)
	}
	if err == nil {
		err = j.host.FS.Rename(fresh, j.path)
	}
	if err == nil {
		err = j.host.FS.SyncDir(filepath.Dir(j.path))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if j.file != nil {
		_ = j.file.Close() // it has no name any more
	}
	j.file, j.size = f, int64(len(data))
	return nil
}

// Append implements Journal.
func (j *FileJournal) Append(record []byte) error {
	if len(record) > mostJournaled {
		return fmt.Errorf("a record of %d bytes is too long for the journal", len(record))
	}
	j.mu.Lock()
	if j.broken != nil {
		defer j.mu.Unlock()
		return j.broken
	}
	batch := j.batch
	j.pending = appendRecord(j.pending, j.size+int64(len(j.pending)), record)
	if j.writing {
		j.mu.Unlock()
		<-batch.done
		return batch.err
	}
	j.writing = true
	for len(j.pending) > 0 && j.broken == nil {
		j.flush()
	}
	j.writing = false
	j.mu.Unlock()
	return batch.err
}

// flush writes what is pending. The lock is held, but not while it writes.
func (j *FileJournal) flush() {
	data, batch := j.pending, j.batch
	j.pending, j.batch = nil, newJournalBatch()
	j.size += int64(len(data))
	j.mu.Unlock()
	err := j.write(data)
	j.mu.Lock()
	if err != nil {
		err = fmt.Errorf("the journal cannot be written: %w", err)
		j.broken = err
		j.batch.err = err // of those that came meanwhile
		close(j.batch.done)
		j.pending = nil
	}
	batch.err = err
	close(batch.done)
}

func (j *FileJournal) write(data []byte) error {
	if err := j.host.Fault(pointJournalWrite); err != nil {
		return err
	}
	if _, err := j.file.Write(data); err != nil {
		return err
	}
	if err := j.host.Fault(pointJournalSync); err != nil {
		return err
	}
	return j.file.Sync()
}

// Close closes the file.
func (j *FileJournal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = errors.New("the journal is closed")
	}
	return j.file.Close()
}
