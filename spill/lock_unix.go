//go:build unix && !solaris && !illumos && !aix

package spill

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const locks = true

// A dirLock is held by one store in one process. It goes with the process, however that ends.
type dirLock struct{ dir *os.File }

// lockDir locks the folder dir, which must exist.
func lockDir(dir string) (*dirLock, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = stillThere(f, dir)
	}
	if err != nil {
		_ = f.Close()
		return nil, explainLock(dir, err)
	}
	return &dirLock{dir: f}, nil
}

// stillThere refuses a folder that its last owner removed between our opening and locking it.
func stillThere(f *os.File, dir string) error {
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !os.SameFile(ours, now) {
		return syscall.EWOULDBLOCK
	}
	return nil
}

func explainLock(dir string, err error) error {
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: %s; wait until it ends, or choose another folder with --spill", ErrInUse, dir)
	}
	return fmt.Errorf("lock spill folder %s: %w", dir, err)
}

func (l *dirLock) unlock() { _ = l.dir.Close() }
