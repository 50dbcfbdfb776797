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

func BenchmarkSort(b *testing.B) {
	const n = 1 << 20
	batches := words(n, n)
	for b.Loop() {
		s := NewSorter(SorterConfig{Memory: memory(8 << 30)})
		r := s.NewRun()
		for i := range batches {
			if err := r.Add(&batches[i].Keys, &batches[i].Keys, batches[i].Ordinals); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := s.Emit(b.Context(), func(*chunk.Column, []chunk.Ordinal) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
