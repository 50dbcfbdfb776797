package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// limitData has the kernel end this process where it takes far more than its budget. The limit of the address space
// would not do: the interpreter reserves much of it.
func limitData(budget int64) {
	limit := uint64(budget + dataHeadroom)
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}) // without it the watchdog is left
}

// mostFiles is how many files an executor may have open: a job that writes one for each key has many.
const mostFiles = 1 << 16

// limitExecutor bounds what this process takes of what all have in common, and has the kernel end it before its agent where
// there is no more memory.
func limitExecutor(budget int64) {
	limitData(budget)
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil && files.Max > mostFiles {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: mostFiles, Max: mostFiles}) // it may always be less
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0) // where there is no such file the kernel chooses itself
}
