package value

import "github.com/cespare/xxhash/v2"

// HashKey is XXH64 with seed 0 of a canonical key. It is the same on every machine and in every version: what
// a partition is depends on it.
func HashKey(key []byte) uint64 { return xxhash.Sum64(key) }

// Lane is the lane, 0 to lanes-1, of a key with that hash: the hash modulo lanes. lanes must be positive.
func Lane(hash uint64, lanes int) int { return int(hash % uint64(lanes)) }
