package operator

import (
	"fmt"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// BenchmarkJoin matches records with a right side of a million keys in memory, and takes two fields of every pair.
func BenchmarkJoin(b *testing.B) {
	const rights, batch = 1 << 20, 1 << 14
	j := NewJoin(JoinConfig{Pairs: true, Memory: Memory{Share: 1 << 32}})
	var keys, records chunk.Column
	for i := range rights {
		keys.AppendString(fmt.Sprint(i))
		records.Append(starlark.String(fmt.Sprint("region ", i%10)))
	}
	if _, err := j.AddRight(&keys, &records); err != nil {
		b.Fatal(err)
	}
	if err := j.Seal(); err != nil {
		b.Fatal(err)
	}
	var left, amounts chunk.Column
	for i := range batch {
		left.AppendString(fmt.Sprint(uint64(i) * 2654435761 % rights))
		amounts.AppendFloat(float64(i))
	}
	p := j.NewProber()
	b.ReportAllocs()
	for b.Loop() {
		m, err := p.Match(&left, &amounts)
		if err != nil {
			b.Fatal(err)
		}
		if c := m.Next(batch); c.N != batch {
			b.Fatal(c.N)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/record")
}

// BenchmarkJoinSpilled matches sides of which neither fits its share.
func BenchmarkJoinSpilled(b *testing.B) {
	var left, right chunk.Column
	for i := range 1 << 15 {
		left.AppendString(fmt.Sprint(uint64(i) * 2654435761 % (1 << 16)))
		right.AppendString(fmt.Sprint(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		joinOf(b, JoinConfig{Pairs: true}, &left, &right, 1)
	}
}
