package operator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// BenchmarkMergeOfPlaces merges the sorted runs of four places: of texts, and of pairs by number.
func BenchmarkMergeOfPlaces(b *testing.B) {
	const places, rows = 4, 1 << 18
	for _, kind := range []string{"texts", "pairs"} {
		b.Run(kind, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			type part struct {
				note SortNote
				data []byte
			}
			var runs [places][]part
			for i := range runs {
				s := NewSorter(SorterConfig{Memory: memory(1 << 30)})
				r := s.NewRun()
				for lo := 0; lo < rows; lo += 4096 {
					var keys, records chunk.Column
					var ords []chunk.Ordinal
					for n := range 4096 {
						text := fmt.Sprintf("k%012x\t%d", random.Uint64()>>16, random.IntN(1000))
						if kind == "texts" {
							records.AppendString(text)
							continue
						}
						keys.AppendString(fmt.Sprintf("%04d", random.IntN(1000)))
						records.AppendString(text)
						ords = append(ords, at(i*rows+lo+n))
					}
					var err error
					if kind == "texts" {
						_, err = r.AddTexts(records.Strings)
					} else {
						err = r.Add(&keys, &records, ords)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				if err := r.Flush(); err != nil {
					b.Fatal(err)
				}
				err := s.Sorted(context.Background(), func(note SortNote, data []byte) error {
					runs[i] = append(runs[i], part{note, slices.Clone(data)})
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				s := NewSorter(SorterConfig{Memory: memory(1 << 30)})
				for i, run := range runs {
					for _, p := range run {
						if err := s.LoadRun(i, p.note, p.data); err != nil {
							b.Fatal(err)
						}
					}
				}
				n := 0
				err := s.Emit(context.Background(), func(_ *chunk.Column, ords []chunk.Ordinal) error {
					n += len(ords)
					return nil
				})
				if err != nil || n != places*rows {
					b.Fatal(err, n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*places*rows), "ns/record")
		})
	}
}
