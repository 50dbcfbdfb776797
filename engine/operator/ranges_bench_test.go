package operator

import (
	"context"
	"fmt"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/spill"
)

// BenchmarkRanges takes the groups of many keys from two places through the ranges to where they come out.
func BenchmarkRanges(b *testing.B) {
	const n = 1 << 20
	newGroups := func(depth int) *Groups {
		return NewGroups(GroupsConfig{
			New:   func() (Aggregate, error) { return NewIntegers(make([]IntegerPart, 2), nil), nil },
			Depth: depth, Cores: 1, Memory: Memory{Share: 1 << 30, Store: spill.NewMem(), ID: "t"},
		})
	}
	var ranges [Ranges][][]byte
	for place := range 2 {
		g := newGroups(0)
		p := g.NewPartial()
		for lo := 0; lo < n/2; lo += 4096 {
			in := &Keyed{Values: chunk.Column{Kind: chunk.Tuple, N: 4096, Fields: make([]chunk.Column, 2)}}
			for i := lo; i < lo+4096; i++ {
				in.Keys.AppendString(fmt.Sprintf("k%012x", (place*n/3+i)*0x9e3779b1))
				in.Values.Fields[0].AppendInt(1)
				in.Values.Fields[1].AppendInt(int64(i % 1000))
				in.Ordinals = append(in.Ordinals, at(place*n+i))
			}
			if err := p.Add(in); err != nil {
				b.Fatal(err)
			}
		}
		if err := g.Drain(context.Background(), p, func(part int, data []byte) error {
			ranges[part] = append(ranges[part], append([]byte(nil), data...))
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	var runs [Ranges][][]byte
	b.Run("fold", func(b *testing.B) {
		for b.Loop() {
			for r := range Ranges {
				runs[r] = nil
				g := newGroups(1)
				for _, data := range ranges[r] {
					if err := g.Load(data); err != nil {
						b.Fatal(err)
					}
				}
				if err := g.Sorted(context.Background(), func(data []byte) error {
					runs[r] = append(runs[r], append([]byte(nil), data...))
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
	})
	b.Run("merge", func(b *testing.B) {
		for b.Loop() {
			g := newGroups(0)
			for r := range Ranges {
				for _, data := range runs[r] {
					if err := g.LoadRun(r, data); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := g.Emit(context.Background(), func(*Keyed) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
	})
}
