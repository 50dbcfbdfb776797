package kernel

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// RandomLocal is the thread-local name under which record functions find their source of random numbers, an
// interface{ Uint64() uint64 }. Its numbers depend on the job's seed, the operator, the record's ordinal and how
// many were drawn before.
const RandomLocal = "flowsh.random"

type random struct {
	seed     int64
	op       int
	position uint64
	sibling  uint32
	drawn    uint32
}

// Uint64 draws the next number.
func (r *random) Uint64() uint64 {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(r.seed))
	binary.LittleEndian.PutUint64(b[8:], uint64(r.op))
	binary.LittleEndian.PutUint64(b[16:], r.position)
	binary.LittleEndian.PutUint32(b[24:], r.sibling)
	binary.LittleEndian.PutUint32(b[28:], r.drawn)
	r.drawn++
	return xxhash.Sum64(b[:])
}
