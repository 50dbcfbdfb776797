package host

import (
	"syscall"
	"time"
)

const rusageThread = 1

// ThreadTime is the CPU time that the calling thread has used. It says how long a goroutine took only while that is
// locked to its thread.
func ThreadTime() time.Duration { return used(rusageThread) }

// ProcessTime is the CPU time that the process has used.
func ProcessTime() time.Duration { return used(syscall.RUSAGE_SELF) }

func used(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
