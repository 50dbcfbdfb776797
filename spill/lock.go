package spill

// Lock locks a folder, which must exist, for this process; ErrInUse says that another one has it. It goes with the
// process, however that ends, and with unlock.
func Lock(dir string) (unlock func(), err error) {
	l, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	return l.unlock, nil
}

// Locks reports whether Lock keeps processes apart on this system; where it does not, every folder can be locked.
func Locks() bool { return locks }
