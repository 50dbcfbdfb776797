package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// minMemory is the smallest budget that a job can be given: a few blocks of input and the runtime itself.
const minMemory = 16 << 20

// units are powers of 1024 for the binary names and for single letters, of 1000 for the decimal ones.
var units = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

// A size is a number of bytes, written 4096, 256MiB or 1.5GB.
type size int64

// UnmarshalText parses a size.
func (s *size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "BKMGTIbkmgti")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	factor, ok := units[strings.ToLower(string(text[len(digits):]))]
	if bytes := n * factor; err == nil && ok && bytes >= 1 && bytes < math.MaxInt64 {
		*s = size(bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size: write 4096, 256MiB or 2GiB", text)
}

// maxRecordSize is the longest record that can be asked for: positions in a block have 32 bits.
const maxRecordSize = 1 << 30

// A recordSize is the size of the longest record.
type recordSize struct{ size }

// UnmarshalText parses a size.
func (s *recordSize) UnmarshalText(text []byte) error {
	if err := s.size.UnmarshalText(text); err != nil {
		return err
	}
	if s.size > maxRecordSize {
		return fmt.Errorf("%s is too long for a record; give at most 1GiB", text)
	}
	return nil
}

// A taskSize is how much of its input a worker gets at a time: bytes of a file, records, or what comes in a time; all 0: as
// much as the input's size suggests.
type taskSize struct {
	bytes   size
	records int64
	every   time.Duration
}

// leastSplit is the least: below, moving tasks about takes longer than doing them.
const leastSplit = 4 << 10

// UnmarshalText parses a size, a number of records or a duration.
func (s *taskSize) UnmarshalText(text []byte) error {
	if number, ok := strings.CutSuffix(string(text), "records"); ok {
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 1 {
			return fmt.Errorf("--chunk %s: write a number of records, such as 1000records", text)
		}
		s.records = n
		return nil
	}
	if s.bytes.UnmarshalText(text) == nil {
		if s.bytes < leastSplit {
			return fmt.Errorf("--chunk %s is too little to be worth a task; give at least 4KiB", text)
		}
		return nil
	}
	every, err := time.ParseDuration(string(text))
	if err != nil || every <= 0 {
		return fmt.Errorf("--chunk %s: write 16MiB, 1000records or 50ms", text)
	}
	s.every = every
	return nil
}

// A budget is an amount of memory: bytes, or a share of what the machine has. Zero is half of it.
type budget struct {
	bytes size
	share float64
}

// UnmarshalText parses a size or a percentage.
func (b *budget) UnmarshalText(text []byte) error {
	percent, ok := strings.CutSuffix(string(text), "%")
	if !ok {
		return b.bytes.UnmarshalText(text)
	}
	n, err := strconv.ParseFloat(percent, 64)
	if err != nil || !(n > 0 && n <= 100) {
		return fmt.Errorf("%q is not a share of the memory: write 50%%, or a size like 2GiB", text)
	}
	b.share = n / 100
	return nil
}

// halve leaves half of the budget.
func (b *budget) halve() error {
	all, err := b.resolve(machineMemory)
	*b = budget{bytes: size(all / 2)}
	return err
}

// resolve gives the budget in bytes on a machine, which is asked for its memory only where that counts.
func (b budget) resolve(machine func() uint64) (int64, error) {
	n := int64(b.bytes)
	if n == 0 {
		share := b.share
		if share == 0 {
			share = 0.5
		}
		n = int64(float64(machine()) * share)
	}
	if n < minMemory {
		return 0, usagef("--mem is %d bytes; a job needs at least 16MiB", n)
	}
	return n, nil
}

// machineMemory is what this process may use: the limit of its cgroup or the memory of the machine, whichever is
// less, and 2 GiB where neither can be known.
var machineMemory = sync.OnceValue(func() uint64 {
	least := uint64(math.MaxUint64)
	for _, limit := range []memlimit.Provider{memlimit.FromCgroup, memlimit.FromSystem} {
		if n, err := limit(); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	if least == math.MaxUint64 {
		return 2 << 30
	}
	return least
})
