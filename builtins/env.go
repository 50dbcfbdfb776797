package builtins

import (
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// An Env is what the predeclared functions of one job know of the world. It is read-only and safe for concurrent
// use.
type Env struct {
	Host *host.Host
	Dir  string    // folder of the script, for here(); "" is the working directory
	Now  time.Time // the job's start, in UTC: what time.now() is, for the whole job
	Seed int64     // the job's seed
}
