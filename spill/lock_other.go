//go:build !unix || solaris || illumos || aix

package spill

const locks = false

// A dirLock does nothing on systems without flock, where only Badger's own lock keeps two processes apart.
type dirLock struct{}

func lockDir(string) (*dirLock, error) { return &dirLock{}, nil }

func (*dirLock) unlock() {}
