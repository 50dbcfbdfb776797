package main

import "golang.org/x/sys/unix"

// dataHeadroom is what an executor may take beyond its memory budget before the kernel refuses more: what a step makes
// at once is not collected before it is done.
const dataHeadroom = 1 << 30

// limitData has the kernel end this process where it takes far more than its budget. The limit of the address space
// would not do: the interpreter reserves much of it.
func limitData(budget int64) {
	limit := uint64(budget + dataHeadroom)
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}) // without it the watchdog is left
}
