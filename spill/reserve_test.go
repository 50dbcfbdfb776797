package spill

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

// counted is a disk that counts how often it was asked for its free space.
type counted struct {
	small
	asked int
}

func (c *counted) Free(string) (uint64, error) { c.asked++; return c.free, nil }

func TestReserveLooksEveryGrant(t *testing.T) {
	disk := &counted{small: small{free: 1 << 40}}
	r := &reserve{fs: disk, dir: "/tmp", keep: mib}
	for range 64 {
		check(t, r.take(mib))
	}
	if disk.asked != 4 {
		t.Errorf("the free space was looked up %d times for 64 MiB, want 4", disk.asked)
	}
	check(t, r.take(100*mib))
	if disk.asked != 5 {
		t.Errorf("the free space was looked up %d times, want 5", disk.asked)
	}
}

func TestReserveWithoutAFolder(t *testing.T) {
	r := &reserve{fs: host.NewMemFS(), dir: "/nowhere", keep: 1}
	if err := r.take(1); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("take = %v, want an error that is not ErrFull", err)
	}
}

func TestReserveExplains(t *testing.T) {
	r := &reserve{fs: host.NewMemFS(), dir: "/nowhere", keep: 1}
	other := errors.New("other")
	for _, c := range []struct {
		err  error
		full bool
	}{
		{nil, false},
		{other, false},
		{syscall.ENOSPC, true},
		{fmt.Errorf("write: %w", syscall.EDQUOT), true},
	} {
		got := r.explain(c.err, 1)
		if errors.Is(got, ErrFull) != c.full || !errors.Is(got, c.err) {
			t.Errorf("explain(%v) = %v", c.err, got)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1536: "1.5 KiB", 64 * mib: "64.0 MiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}
