package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// TestJoinsAreAsGoodAsLoops compares joins, in memory and spilled, with what going through all pairs gives.
func TestJoinsAreAsGoodAsLoops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := JoinConfig{Pairs: rapid.Bool().Draw(t, "pairs"), LoneLeft: rapid.Bool().Draw(t, "lone left")}
		c.LoneRight = c.Pairs && rapid.Bool().Draw(t, "lone right")
		text := rapid.SampledFrom([]string{"k%d", "a key of more than sixteen bytes %d"}).Draw(t, "text")
		side := func(name string) *chunk.Column {
			keys := new(chunk.Column)
			for range rapid.SampledFrom([]int{0, 1, 10, 300, 3000}).Draw(t, name) {
				n := rapid.IntRange(0, 400).Draw(t, "key")
				switch {
				case n < 100:
					keys.Append(starlark.String(fmt.Sprintf(text, n%3)))
				case n < 110:
					keys.Append(starlark.None)
				default:
					keys.Append(starlark.String(fmt.Sprintf(text, n)))
				}
			}
			return keys
		}
		left, right := side("left"), side("right")
		share := rapid.SampledFrom([]int64{1, 1 << 30}).Draw(t, "share")
		got := joinOf(t, c, left, right, share)
		want := loopOf(c, left, right)
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("record %d: %s, want %s", i, got[i], want[i])
			}
		}
	})
}

// As many records come out as there are on the left, but not one for each.
func TestJoinOfSomeTwice(t *testing.T) {
	side := func(keys ...string) *chunk.Column {
		c := new(chunk.Column)
		for _, k := range keys {
			c.AppendString(k)
		}
		return c
	}
	left, right := side("a", "b", "b", "a"), side("a", "a", "c")
	got, want := joinOf(t, JoinConfig{Pairs: true}, left, right, 1<<30), loopOf(JoinConfig{Pairs: true}, left, right)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestJoinOfLongRecords has few right records for a key, of which the share does not hold two.
func TestJoinOfLongRecords(t *testing.T) {
	m := memory(leastShare)
	j := NewJoin(JoinConfig{Pairs: true, Memory: m, Left: m})
	var keys, records chunk.Column
	for i := range 5 {
		keys.AppendString("key")
		records.AppendString(fmt.Sprint(i) + strings.Repeat("x", leastShare))
	}
	if _, err := j.AddRight(&keys, &records); err != nil || !j.Spilled() {
		t.Fatal(err, j.Spilled())
	}
	if err := j.Seal(); err != nil {
		t.Fatal(err)
	}
	p := j.NewProber()
	if _, err := p.Add(&keys, &keys, 0); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := j.Finish(t.Context(), func(c *chunk.Column, _ []int32) error {
		if right := &c.Fields[1]; right.N != 1 || right.At(0).(starlark.String)[0] != byte('0'+n%5) {
			t.Errorf("pair %d is one of %d, with %.10s", n, right.N, right.At(0))
		}
		n += c.N
		return nil
	})
	if err != nil || n != 25 {
		t.Errorf("%d pairs, %v", n, err)
	}
	o := joinOutput{run: j.spilled.left.NewRun()}
	for i := range 5 {
		if err := o.add("", at(i), &records, i); err != nil {
			t.Fatal(err)
		}
		if o.bytes > joinBytes {
			t.Errorf("%d bytes wait to be sorted", o.bytes)
		}
	}
}

// numbered is records that are the places of keys, with some text.
func numbered(n int) *chunk.Column {
	c := new(chunk.Column)
	for i := range n {
		c.Append(starlark.Tuple{starlark.MakeInt(i), starlark.String(fmt.Sprintf("record %d", i))})
	}
	return c
}

func joinOf(t interface{ Fatal(args ...any) }, c JoinConfig, left, right *chunk.Column, share int64) (got []string) {
	store := spill.NewMem()
	defer func() { _ = store.Close() }()
	c.Memory = Memory{Share: share, Store: store, ID: "join"}
	c.Left = c.Memory
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	j := NewJoin(c)
	records := numbered(right.N)
	if !c.Pairs {
		records = new(chunk.Column)
	}
	const part = 100
	for lo := 0; lo < right.N; lo += part {
		keys, some := right.Slice(lo, min(lo+part, right.N)), *records
		if c.Pairs {
			some = records.Slice(lo, min(lo+part, right.N))
		}
		n, err := j.AddRight(&keys, &some)
		check(err)
		if n != keys.N {
			t.Fatal("added", n, "of", keys.N)
		}
	}
	check(j.Seal())
	if right.N == 3000 && j.Spilled() != (share == 1) {
		t.Fatal("spilled:", j.Spilled())
	}
	take := func(c *chunk.Column) error {
		for i := range c.N {
			got = append(got, c.At(i).String())
		}
		return nil
	}
	probers := []*Prober{j.NewProber(), j.NewProber()}
	records = numbered(left.N)
	for lo := 0; lo < left.N; lo += part {
		keys, some := left.Slice(lo, min(lo+part, left.N)), records.Slice(lo, min(lo+part, left.N))
		p := probers[lo/part%2]
		if j.Spilled() {
			_, err := p.Add(&keys, &some, uint64(lo))
			check(err)
			continue
		}
		m, err := p.Match(&keys, &some)
		check(err)
		if lo%200 == 0 {
			m.Keep()
		}
		count := int64(0)
		for c := m.Next(70); c != nil; c = m.Next(70) {
			count += int64(c.N)
			check(take(c))
		}
		if count != m.Records() {
			t.Fatal(count, "records came out, not", m.Records())
		}
	}
	for _, p := range probers {
		check(p.Flush())
	}
	check(j.Finish(context.Background(), func(c *chunk.Column, _ []int32) error { return take(c) }))
	if left := store.Bytes(); left != 0 {
		t.Fatal("left in the store:", left)
	}
	return got
}

func loopOf(c JoinConfig, left, right *chunk.Column) (want []string) {
	pair := func(l, r starlark.Value) {
		if c.Pairs {
			l = starlark.Tuple{l, r}
		}
		want = append(want, l.String())
	}
	leftRecords, rightRecords := numbered(left.N), numbered(right.N)
	places := map[starlark.Value][]int{}
	for r := range right.N {
		places[right.At(r)] = append(places[right.At(r)], r)
	}
	met := make([]bool, right.N)
	for l := range left.N {
		matches := places[left.At(l)]
		for _, r := range matches {
			met[r] = true
			if c.Pairs {
				pair(leftRecords.At(l), rightRecords.At(r))
			}
		}
		switch {
		case len(matches) == 0 && c.LoneLeft:
			pair(leftRecords.At(l), starlark.None)
		case len(matches) > 0 && !c.Pairs && !c.LoneLeft:
			pair(leftRecords.At(l), nil)
		}
	}
	for r := range right.N {
		if !met[r] && c.LoneRight {
			pair(starlark.None, rightRecords.At(r))
		}
	}
	return want
}
