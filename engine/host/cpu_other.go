//go:build !linux

package host

import "time"

var started = time.Now()

// ThreadTime is the CPU time that the calling thread has used. Here it is the time that has gone by.
func ThreadTime() time.Duration { return time.Since(started) }

// ProcessTime is the CPU time that the process has used. Here it is the time that has gone by.
func ProcessTime() time.Duration { return time.Since(started) }
