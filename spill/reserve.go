package spill

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/flowsh/flowsh/engine/host"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	// grant is how much may be written between two looks at the free space.
	grant = 16 * mib
)

// A reserve keeps a part of the disk free: for others, and where a full disk would kill the process.
type reserve struct {
	fs   host.FS
	dir  string
	keep int64 // bytes that must stay free

	mu      sync.Mutex
	granted int64 // bytes that may be written before the next look
}

// take asks to write n bytes. It returns an error that wraps ErrFull if that would touch the reserve.
func (r *reserve) take(n int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.granted {
		have, err := r.have()
		if err != nil {
			return err
		}
		if n > have {
			return r.full(n, have)
		}
		r.granted = min(have, max(n, grant))
	}
	r.granted -= n
	return nil
}

// have is how much can be written without touching the reserve.
func (r *reserve) have() (int64, error) {
	free, err := r.fs.Free(r.dir)
	if err != nil {
		return 0, fmt.Errorf("find the free space of spill folder: %w", err)
	}
	const most = 1 << 62
	return max(0, int64(min(free, most))-r.keep), nil
}

func (r *reserve) full(need, have int64) error {
	return fmt.Errorf("%w in %s: need %s, have %s beside the reserve of %s; free some space, or choose another folder with --spill",
		ErrFull, r.dir, size(need), size(have), size(r.keep))
}

// explain turns what the system says about a full disk or an exhausted quota into ErrFull.
func (r *reserve) explain(err error, need int64) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	have, freeErr := r.have()
	if freeErr != nil {
		have = 0
	}
	return fmt.Errorf("%w (%w)", r.full(need, have), err)
}

func size(n int64) string {
	switch {
	case n < kib:
		return fmt.Sprintf("%d bytes", n)
	case n < mib:
		return fmt.Sprintf("%.1f KiB", float64(n)/kib)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/mib)
}
