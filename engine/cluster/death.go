package cluster

import "github.com/flowsh/flowsh/engine/kernel"

// A Death is how an executor has ended, as its agent knows.
type Death struct {
	Cause  Cause  `json:"cause"`
	Reason string `json:"reason"` // for people
	// Noted says that At is the call of a function of the script in which it ended.
	Noted bool        `json:"noted,omitempty"`
	At    kernel.Spot `json:"at,omitzero"`
}

// A Cause says who is to blame for a death.
type Cause string

// The causes.
const (
	Ended       Cause = ""       // nobody: it lived until its connection was closed
	Lost        Cause = "lost"   // the machine, or the network
	Died        Cause = "died"   // what it was doing
	OutOfMemory Cause = "memory" // what it was doing took too much memory
	PassedLimit Cause = "limit"  // what it was doing passed a limit, as it said itself, and would pass it again
)

// itself says that an executor has ended by itself.
func (c Cause) itself() bool { return c == Died || c == OutOfMemory || c == PassedLimit }

// A DeathError says that the job, or one of its tasks, cannot go on because of a death.
type DeathError struct {
	Text  string
	Cause Cause
}

func (e *DeathError) Error() string { return e.Text }

// Is reports whether a limit was passed, which is the script's doing.
func (e *DeathError) Is(target error) bool {
	return target == kernel.ErrLimit && (e.Cause == OutOfMemory || e.Cause == PassedLimit)
}
