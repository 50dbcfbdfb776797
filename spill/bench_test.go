package spill

import (
	"strconv"
	"testing"
)

// BenchmarkPut stores chunks of 64 KiB and deletes each when 100 later ones are there.
func BenchmarkPut(b *testing.B) {
	for _, kind := range stores {
		b.Run(kind.name, func(b *testing.B) {
			s := kind.open(b)
			defer s.Close()
			data := pattern(64*kib, 1)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				check(b, s.Put(strconv.Itoa(i), data))
				check(b, s.Delete(strconv.Itoa(i-100)))
			}
		})
	}
}

// BenchmarkGet reads 100 chunks of 64 KiB in turn.
func BenchmarkGet(b *testing.B) {
	for _, kind := range stores {
		b.Run(kind.name, func(b *testing.B) {
			s := kind.open(b)
			defer s.Close()
			data := pattern(64*kib, 1)
			ids := make([]string, 100)
			for i := range ids {
				ids[i] = strconv.Itoa(i)
				check(b, s.Put(ids[i], data))
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			buf := make([]byte, 0, len(data))
			for i := 0; b.Loop(); i++ {
				var err error
				buf, err = s.Get(ids[i%len(ids)], buf[:0])
				check(b, err)
			}
		})
	}
}
