package host

import (
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// NewMemory is a host for tests: an empty MemFS, a ManualClock at the Unix epoch, no input, no environment,
// output discarded, and a random sequence that is the same every time. Its fields may be replaced before use.
func NewMemory() *Host {
	return &Host{
		Clock:     NewManualClock(time.Unix(0, 0).UTC()),
		FS:        NewMemFS(),
		Stdin:     strings.NewReader(""),
		Stdout:    io.Discard,
		Stderr:    io.Discard,
		LookupEnv: func(string) (string, bool) { return "", false },
		Random:    repeatable(),
	}
}

func repeatable() func(p []byte) {
	var mu sync.Mutex
	source := rand.NewChaCha8([32]byte{})
	return func(p []byte) {
		mu.Lock()
		defer mu.Unlock()
		source.Read(p)
	}
}
