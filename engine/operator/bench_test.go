package operator

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// words makes batches of 10-byte words with so many distinct ones.
func words(distinct, n int) (batches []Keyed) {
	random := rand.New(rand.NewPCG(1, 2))
	const size = 16 << 10
	for lo := 0; lo < n; lo += size {
		var in Keyed
		for i := range size {
			in.Keys.AppendString(fmt.Sprintf("w%09d", random.IntN(distinct)))
			in.Ordinals = append(in.Ordinals, at(lo+i))
		}
		batches = append(batches, in)
	}
	return batches
}

func BenchmarkCountWords(b *testing.B) {
	for _, distinct := range []int{1000, 57_000, 1_000_000} {
		b.Run(fmt.Sprint(distinct), func(b *testing.B) {
			batches := words(distinct, 1<<22)
			g := NewGroups(config("count", 8<<30))
			p := g.NewPartial()
			n := 0
			for i := range batches { // fill the tables first
				if err := p.Add(&batches[i]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				in := &batches[n%len(batches)]
				for i := range in.Ordinals {
					in.Ordinals[i].Position += 1 << 22
				}
				if err := p.Add(in); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*len(batches[0].Ordinals)), "ns/record")
		})
	}
}

// counted is groups that have counted all keys.
func counted(b *testing.B, batches []Keyed) *Groups {
	g := NewGroups(config("count", 8<<30))
	p := g.NewPartial()
	for i := range batches {
		if err := p.Add(&batches[i]); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		b.Fatal(err)
	}
	return g
}

// emitted emits groups, and gives how many there are.
func emitted(b *testing.B, g *Groups) (groups int) {
	if err := g.Emit(b.Context(), func(k *Keyed) error { groups += len(k.Ordinals); return nil }); err != nil {
		b.Fatal(err)
	}
	return groups
}

func BenchmarkGroupsEmit(b *testing.B) {
	batches := words(1_000_000, 1<<20)
	groups := 0
	for b.Loop() {
		b.StopTimer()
		g := counted(b, batches)
		b.StartTimer()
		groups = emitted(b, g)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(groups), "ns/group")
}

// BenchmarkSort sorts words, and pairs of a word and a number by another number and the word, which two workers add.
func BenchmarkSort(b *testing.B) {
	const n, workers = 1 << 20, 2
	for _, kind := range []string{"words", "pairs"} {
		b.Run(kind, func(b *testing.B) {
			batches := words(n, n)
			keys, records := make([]chunk.Column, len(batches)), make([]chunk.Column, len(batches))
			for i, batch := range batches {
				keys[i], records[i] = batch.Keys, batch.Keys
				if kind == "pairs" {
					keys[i] = chunk.Column{}
					numbers := chunk.Column{}
					for at, word := range batch.Keys.Strings {
						numbers.AppendInt(int64(at * 7919 % 1000))
						keys[i].AppendString(fmt.Sprintf("%08d%s", numbers.Ints[at], word))
					}
					records[i] = chunk.Column{Kind: chunk.Tuple, N: numbers.N, Fields: []chunk.Column{batch.Keys, numbers}}
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				s := NewSorter(SorterConfig{NoOrdinals: true, Memory: memory(8 << 30)})
				var runs [workers]*SortRun
				for i := range runs {
					runs[i] = s.NewRun()
				}
				for i := range batches {
					if err := runs[i%workers].Add(&keys[i], &records[i], batches[i].Ordinals); err != nil {
						b.Fatal(err)
					}
				}
				for _, r := range runs {
					if err := r.Flush(); err != nil {
						b.Fatal(err)
					}
				}
				if err := s.Emit(b.Context(), func(*chunk.Column, []chunk.Ordinal) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}
