package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

// mostKeptOutput is how many bytes of output a master keeps of a job, and of receipts.
const mostKeptOutput = 1 << 30

// errLogFull is what writing to a log returns that is as long as it may be.
var errLogFull = fmt.Errorf("%w: a job that nobody waits for puts out more than %d bytes, which the master would have to keep: end the flow by .write()", kernel.ErrLimit, int64(mostKeptOutput))

// A jobLog is a file with what a job says, in the frames in which its head said it. It has one writer, and readers who
// follow it. It is safe for concurrent use.
type jobLog struct {
	host *host.Host
	path string

	mu      sync.Mutex
	changed sync.Cond
	file    host.File // nil: it is not written now
	size    int64
	whole   bool // nothing more comes
}

func newJobLog(h *host.Host, path string) *jobLog {
	l := &jobLog{host: h, path: path}
	l.changed.L = &l.mu
	if info, err := h.FS.Stat(path); err == nil {
		l.size = info.Size()
	}
	return l
}

// begin begins the log, anew if there is one.
func (l *jobLog) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.create()
}

func (l *jobLog) create() error {
	if err := l.host.FS.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.host.FS.Create(l.path)
	l.file, l.size = f, 0
	return err
}

// Write adds a part of a frame.
func (l *jobLog) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		if err := l.create(); err != nil {
			return 0, err
		}
	}
	if l.size+int64(len(data)) > mostKeptOutput {
		return 0, errLogFull
	}
	n, err := l.file.Write(data)
	l.size += int64(n)
	l.changed.Broadcast()
	return n, err
}

// complete says that nothing more comes.
func (l *jobLog) complete() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole = true
	if l.file != nil {
		_ = l.file.Sync()  // the job is over; what is lost now is its output alone
		_ = l.file.Close() // it was synced
		l.file = nil
	}
	l.changed.Broadcast()
}

// A logReader reads a log from its beginning, and waits for what comes.
type logReader struct {
	log    *jobLog
	file   host.File
	at     int64
	cancel func() bool

	ended bool // guarded by log.mu
	sofar bool // what is to come is not waited for
}

// reader follows the log until ctx is done. It waits for the log to begin.
func (l *jobLog) reader(ctx context.Context) (*logReader, error) {
	r := &logReader{log: l}
	r.cancel = context.AfterFunc(ctx, r.stop)
	return r, nil
}

// stop lets the reader end.
func (r *logReader) stop() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.ended = true
	r.log.changed.Broadcast()
}

func (r *logReader) stopped() bool {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.ended
}

// Read implements io.Reader.
func (r *logReader) Read(p []byte) (int, error) {
	room, err := r.wait()
	if err != nil {
		return 0, err
	}
	if r.file == nil {
		if r.file, err = r.log.host.FS.Open(r.log.path); err != nil {
			return 0, err
		}
	}
	n, err := r.file.Read(p[:min(int64(len(p)), room)])
	r.at += int64(n)
	return n, err
}

// wait waits until there is more to read, and says how much.
func (r *logReader) wait() (int64, error) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	for r.log.size == r.at && !r.log.whole && !r.ended && !r.sofar {
		r.log.changed.Wait()
	}
	if r.ended || r.log.size == r.at {
		return 0, io.EOF
	}
	return r.log.size - r.at, nil
}

// Close implements io.Closer.
func (r *logReader) Close() error {
	r.cancel()
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
