package operator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// TestDrainAndLoad combines records in several places and brings their groups together in one.
func TestDrainAndLoad(t *testing.T) {
	const places, n = 3, 2000
	var all []record
	for i := range places * n {
		all = append(all, record{starlark.MakeInt(i * 31 % 1700), starlark.MakeInt(i), at(i)})
	}
	for _, name := range []string{"count", "sum", "mean", "min", "max", "first"} {
		for _, share := range []int64{64 << 10, 1 << 30} {
			for _, flushes := range []int{0, 700, n} { // after so many records
				whole := NewGroups(config(name, share))
				for lo := 0; lo < len(all); lo += n {
					part := NewGroups(config(name, share))
					p := part.NewPartial()
					for at := lo; at < lo+n; at += 100 {
						if err := p.Add(keyed(all[at : at+100]...)); err != nil {
							t.Fatal(err)
						}
						if at+100-lo == flushes {
							if err := p.Flush(); err != nil {
								t.Fatal(err)
							}
						}
					}
					if flushes == n {
						p = nil
					}
					if err := part.Drain(context.Background(), p, func(_ int, data []byte) error { return whole.Load(data) }); err != nil {
						t.Fatal(err)
					}
				}
				if got := emit(t, whole); got != want(name, all) {
					t.Errorf("%s with a share of %d, flushed after %d records: wrong result", name, share, flushes)
				}
			}
		}
	}
}

// lastOf is what Drain gets of a Partial: nil if it was flushed before.
func lastOf(t *testing.T, p *Partial, flush bool) *Partial {
	t.Helper()
	if !flush {
		return p
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return nil
}

// TestDrainOfWhatIsNotFlushed gives the same chunks as that of buckets, without making these.
func TestDrainOfWhatIsNotFlushed(t *testing.T) {
	var chunks [2][]string
	for i, flush := range []bool{true, false} {
		g := NewGroups(config("sum", 1<<30))
		p := g.NewPartial()
		for n := range 5000 {
			if err := p.Add(keyed(record{starlark.MakeInt(n * 31 % 1700), starlark.MakeInt(n), at(n)})); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Drain(context.Background(), lastOf(t, p, flush), func(_ int, data []byte) error {
			chunks[i] = append(chunks[i], string(data))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if p.table.Len() > 0 {
			t.Errorf("flushed before: %t: %d groups are left", flush, p.table.Len())
		}
	}
	if !slices.Equal(chunks[0], chunks[1]) {
		t.Errorf("%d and %d chunks, which differ", len(chunks[0]), len(chunks[1]))
	}
}

func TestLoadOfOtherBytes(t *testing.T) {
	var chunks [][]byte
	g := NewGroups(config("count", 1<<30))
	p := g.NewPartial()
	if err := errors.Join(p.Add(keyed(record{starlark.String("k"), starlark.MakeInt(1), at(0)})), p.Flush()); err != nil {
		t.Fatal(err)
	}
	if err := g.Drain(context.Background(), nil, func(_ int, data []byte) error {
		chunks = append(chunks, slices.Clone(data))
		return nil
	}); err != nil || len(chunks) != 1 {
		t.Fatalf("%d chunks, error %v", len(chunks), err)
	}
	for i := range chunks[0] {
		bad := slices.Clone(chunks[0])
		bad[i] ^= 0x10
		if err := NewGroups(config("count", 1<<30)).Load(bad); err == nil {
			t.Fatalf("byte %d changed: no error", i)
		}
	}
	other, err := chunk.AppendFrame(nil, chunk.ID{}, []*chunk.Column{{}, {}, {}}, []chunk.Ordinal{{}}, chunk.S2)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewGroups(config("count", 1<<30)).Load(other); !errors.Is(err, chunk.ErrCorrupt) {
		t.Fatalf("error %v", err)
	}
}

// TestDrainFoldsWhereThatMakesItLess drains records that wait: folded, unless their keys hardly repeat.
func TestDrainFoldsWhereThatMakesItLess(t *testing.T) {
	for _, c := range []struct{ distinct, least, most int }{{300, 300, 300}, {9_500, 9_501, 10_000}} {
		var all []record
		for i := range 10_000 {
			all = append(all, record{starlark.String(fmt.Sprint(i * 31 % c.distinct)), starlark.MakeInt(i), at(i)})
		}
		for _, name := range []string{"count", "sum", "least"} {
			g, p := inPlace(t, name)
			for part := range slices.Chunk(all, 3000) {
				if err := p.Add(keyed(part...)); err != nil {
					t.Fatal(err)
				}
			}
			rows, whole := 0, NewGroups(config(name, 1<<30))
			if err := g.Drain(context.Background(), p, func(_ int, data []byte) error {
				var keys, originals, values chunk.Column
				ords, err := chunk.DecodeFrame(data, []*chunk.Column{&keys, &originals, &values})
				rows += len(ords)
				return errors.Join(err, whole.Load(data))
			}); err != nil {
				t.Fatal(err)
			}
			if rows < c.least || rows > c.most {
				t.Errorf("%s of %d keys: %d rows, want %d to %d", name, c.distinct, rows, c.least, c.most)
			}
			if emit(t, whole) != want(name, all) {
				t.Errorf("%s of %d keys: wrong result", name, c.distinct)
			}
			p.Release()
			if n := g.used.Load(); n != 0 {
				t.Errorf("%s of %d keys: %d bytes counted at the end", name, c.distinct, n)
			}
		}
	}
}

// TestDrainOfLongKeysAmongOthers has keys that go into a frame by themselves.
func TestDrainOfLongKeysAmongOthers(t *testing.T) {
	var all []record
	for i := range 600 {
		n := i * 7 % 200
		all = append(all, record{starlark.String(strings.Repeat("x", n*n*n%5000) + fmt.Sprint(n)), starlark.MakeInt(i), at(i)})
	}
	for _, flush := range []bool{true, false} {
		g, whole := NewGroups(config("sum", 64<<10)), NewGroups(config("sum", 1<<30))
		p := g.NewPartial()
		if err := p.Add(keyed(all...)); err != nil {
			t.Fatal(err)
		}
		if err := g.Drain(context.Background(), lastOf(t, p, flush), func(_ int, data []byte) error { return whole.Load(data) }); err != nil {
			t.Fatal(err)
		}
		if emit(t, whole) != want("sum", all) {
			t.Errorf("flushed before: %t: wrong result", flush)
		}
	}
}

// TestLoadUsesItsMemoryAgain loads a chunk of known keys again and again: it takes new memory for the texts of keys alone.
func TestLoadUsesItsMemoryAgain(t *testing.T) {
	var all []record
	for i := range 1000 {
		all = append(all, record{starlark.MakeInt(i), starlark.MakeInt(i), at(i)})
	}
	g, whole := NewGroups(config("sum", leastInPlace-1)), NewGroups(config("sum", leastInPlace-1))
	p := g.NewPartial()
	if err := p.Add(keyed(all...)); err != nil {
		t.Fatal(err)
	}
	var chunks [][]byte
	var l loading
	if err := g.Drain(context.Background(), p, func(_ int, data []byte) error {
		chunks = append(chunks, slices.Clone(data))
		return l.into(whole, data)
	}); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, data := range chunks {
			if err := l.into(whole, data); err != nil {
				t.Fatal(err)
			}
		}
	}) / float64(len(chunks)); n > 6 {
		t.Errorf("%.1f allocations for each chunk", n)
	}
}

// TestLoadKeepsNothing overwrites chunks as soon as they were loaded; keys are texts that are stored as they are.
func TestLoadKeepsNothing(t *testing.T) {
	var all []record
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		key := fmt.Sprintf("%0*x", 4+i%40, random.Uint64())
		all = append(all, record{starlark.String(key), starlark.MakeInt(i), at(i)})
	}
	for _, name := range []string{"sum", "first", "mean", "ints"} {
		for _, share := range []int64{leastInPlace - 1, leastInPlace} {
			part, whole := NewGroups(config(name, share)), NewGroups(config(name, share))
			p := part.NewPartial()
			if err := p.Add(keyed(all...)); err != nil {
				t.Fatal(err)
			}
			if err := part.Drain(context.Background(), p, func(_ int, data []byte) error {
				data = slices.Clone(data)
				err := whole.Load(data)
				for i := range data {
					data[i] = '!'
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if got := emit(t, whole); got != want(name, all) {
				t.Errorf("%s with a share of %d: wrong result", name, share)
			}
		}
	}
}
