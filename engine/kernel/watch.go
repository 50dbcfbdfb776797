package kernel

// A Spot names a call of a function of the script: for which record, and in which operator. It is the same however
// the input was cut.
type Spot struct {
	Op       int    `json:"op"`
	Position uint64 `json:"position"` // of the source record; see chunk.Ordinal
	Sibling  uint32 `json:"sibling"`  // how many records that came from it have been there before
}

// A Watch looks at what the interpreter does, to find the call that ends the process and to do without it. Compiled
// code knows nothing of it. Its functions are called from all runners at the same time.
type Watch struct {
	// Enter is called before each call of a function of the script. An error is that of the record, and takes the
	// place of the call; see FatalError.
	Enter func(Spot) error
	// Only is the position of the one source record that is taken; all others are left out. nil: all are taken.
	Only *uint64
}

// skips says that a source record is left out.
func (w *Watch) skips(position uint64) bool {
	return w != nil && w.Only != nil && *w.Only != position
}

// watched tells the watch of a call.
func (c *caller) watched(op int) error {
	if w := c.env.Watch; w != nil {
		return w.Enter(c.spot(op))
	}
	return nil
}

// spot is the current call. Another goroutine may ask for that of a call that does not end: what it reads does not
// change any more.
//
//go:norace
func (c *caller) spot(op int) Spot { return Spot{op, c.random.position, c.random.sibling} }

// A FatalError says that a call ends the process that makes it. Unlike other limits it is caught by on_error: the record
// was found and can be done without.
type FatalError struct {
	Text  string
	Limit bool // ErrLimit is in its chain
}

func (e *FatalError) Error() string { return e.Text }

// Is reports whether a limit was passed.
func (e *FatalError) Is(target error) bool { return e.Limit && target == ErrLimit }
