package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
)

// brokenStore fails at the n-th Put or Get, and forgets or damages chunks.
type brokenStore struct {
	spill.Store
	puts, gets int // until one fails; 0: none does
	lose       bool
	damage     bool
}

var errDisk = errors.New("disk on fire")

func countDown(n *int) bool {
	*n--
	return *n == 0
}

func (s *brokenStore) Put(id string, data []byte) error {
	if countDown(&s.puts) {
		return errDisk
	}
	return s.Store.Put(id, data)
}

func (s *brokenStore) Get(id string, buf []byte) ([]byte, error) {
	if countDown(&s.gets) {
		if s.lose {
			return nil, spill.ErrNotFound
		}
		if !s.damage {
			return nil, errDisk
		}
		data, err := s.Store.Get(id, buf)
		if err == nil {
			data[len(data)/2] ^= 1
		}
		return data, err
	}
	return s.Store.Get(id, buf)
}

// runGroups groups enough to spill.
func runGroups(m Memory) error {
	g := tiny(NewGroups(GroupsConfig{
		New: func() (Aggregate, error) { return NewList(), nil }, Ordered: true, Memory: m,
	}), m.Share)
	var routed Routed
	for i := range 100 {
		var in Keyed
		for k := range 20 {
			in.Keys.AppendInt(int64((i*20 + k) % 300))
			in.Values.AppendString(strings.Repeat("v", k))
			in.Ordinals = append(in.Ordinals, at(i*20+k))
		}
		if err := g.Route(&in, &routed); err != nil {
			return err
		}
		for b := range Buckets {
			if err := g.Add(b, &routed); err != nil {
				return err
			}
		}
	}
	return g.Emit(context.Background(), func(*Keyed) error { return nil })
}

// runSorter sorts enough to spill.
func runSorter(m Memory) error {
	s := NewSorter(SorterConfig{Memory: m})
	s.scratch.Share = m.Share
	r := s.NewRun()
	for i := range 100 {
		var keys, records chunk.Column
		var ords []chunk.Ordinal
		for k := range 20 {
			keys.AppendString(fmt.Sprint(i * k))
			records.AppendString(strings.Repeat("r", k))
			ords = append(ords, at(i*20+k))
		}
		if err := r.Add(&keys, &records, ords); err != nil {
			return err
		}
	}
	if err := r.Flush(); err != nil {
		return err
	}
	return s.Emit(context.Background(), func(*chunk.Column, []chunk.Ordinal) error { return nil })
}

var spilling = map[string]func(Memory) error{"groups": runGroups, "sorter": runSorter}

const tinyShare = 24 << 10

func TestAStoreThatFailsIsAnError(t *testing.T) {
	for name, run := range spilling {
		t.Run(name, func(t *testing.T) {
			for n := 1; n < 40; n += 3 {
				for want, store := range map[error]*brokenStore{
					errDisk:           {puts: n},
					spill.ErrNotFound: {gets: n, lose: true},
					chunk.ErrCorrupt:  {gets: n, damage: true},
				} {
					store.Store = spill.NewMem()
					err := run(Memory{Share: tinyShare, Store: store, ID: "job/7"})
					reached := store.puts < 0 && want == errDisk || store.gets < 0 && want != errDisk || err != nil
					if reached && !errors.Is(err, want) {
						t.Errorf("%d: got %v, want %v", n, err, want)
					}
					if want != errDisk && err != nil && !strings.Contains(err.Error(), "job/7/") {
						t.Errorf("%v does not name the chunk", err)
					}
				}
			}
		})
	}
}

func TestFaultPoints(t *testing.T) {
	for name, run := range spilling {
		for _, point := range []host.Point{pointSpill, pointLoad} {
			h := host.NewMemory()
			h.Inject = func(p host.Point) error {
				if p == point {
					return errDisk
				}
				return nil
			}
			if err := run(Memory{Share: tinyShare, Store: spill.NewMem(), Host: h}); !errors.Is(err, errDisk) {
				t.Errorf("%s at %s: got %v", name, point, err)
			}
		}
	}
}

func TestWithoutAStoreTheShareIsALimit(t *testing.T) {
	for name, run := range spilling {
		var limit *LimitError
		if err := run(Memory{Share: tinyShare}); !errors.As(err, &limit) {
			t.Errorf("%s: got %v", name, err)
		} else if !strings.Contains(limit.Error(), "--mem") {
			t.Errorf("%s: %v does not say what to do", name, limit)
		}
	}
}

func TestAStateThatCannotBeWrittenIsAnError(t *testing.T) {
	f := starlark.NewBuiltin("f", nil)
	g := tiny(NewGroups(GroupsConfig{
		New:    func() (Aggregate, error) { return NewFold(&eachFolder{oneByOne: constantFolder{f}}), nil },
		Memory: memory(0), Ordered: true,
	}), 1<<10)
	var routed Routed
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		if err = g.Route(keyed(record{starlark.MakeInt(i), starlark.None, at(i)}), &routed); err == nil {
			for b := range Buckets {
				err = errors.Join(err, g.Add(b, &routed))
			}
		}
	}
	if err == nil || !strings.Contains(err.Error(), "cannot be spilled") || !strings.Contains(err.Error(), "builtin") {
		t.Errorf("got %v", err)
	}
}

type constantFolder struct{ v starlark.Value }

func (f constantFolder) Initial(uint32) (starlark.Value, error) { return f.v, nil }

func (f constantFolder) Fold(v starlark.Value, _ *chunk.Column, _ int) (starlark.Value, error) {
	return v, nil
}

func (f constantFolder) Merge(v, _ starlark.Value) (starlark.Value, error) { return v, nil }

func TestLimitErrorReads(t *testing.T) {
	for _, test := range []struct {
		err  LimitError
		text string
	}{
		{
			LimitError{What: "state of key", Key: `"x"`, Bytes: 3 << 20, Share: 1 << 19, Hint: "keep less"},
			`state of key "x" takes 3.0 MiB, more than this operator's share of 512.0 KiB: keep less`,
		},
		{LimitError{What: "sorting", Bytes: 5 << 30, Share: 7}, "sorting takes 5.0 GiB, more than this operator's share of 7 B"},
	} {
		if got := test.err.Error(); got != test.text {
			t.Errorf("got %s\nwant %s", got, test.text)
		}
	}
}

// failingFolder fails at some records.
type failingFolder struct{ listFolder }

func (f failingFolder) Fold(state starlark.Value, records *chunk.Column, i int) (starlark.Value, error) {
	if records.At(i) == starlark.String("bad") {
		return nil, errors.New("bad record")
	}
	return f.listFolder.Fold(state, records, i)
}

func TestTheFirstErrorMayHaveBeenSpilled(t *testing.T) {
	for _, keys := range [][2]int{{1, 2}, {2, 1}} {
		for _, spillBoth := range []bool{false, true} {
			g := tiny(NewGroups(GroupsConfig{
				New:    func() (Aggregate, error) { return NewFold(&eachFolder{oneByOne: failingFolder{}}), nil },
				Memory: memory(0), Ordered: true,
			}), 1<<20)
			position := 0
			add := func(key int, v string) error {
				var routed Routed
				position++
				if err := g.Route(keyed(record{starlark.MakeInt(key), starlark.String(v), at(position)}), &routed); err != nil {
					t.Fatal(err)
				}
				var err error
				for b := range Buckets {
					err = lowest(err, g.Add(b, &routed))
				}
				return err
			}
			spillKey := func(key int) {
				if err := add(key, "good"); err != nil {
					t.Fatal(err)
				}
				if err := g.spill(g.largest()); err != nil {
					t.Fatal(err)
				}
			}
			spillKey(keys[0])
			if spillBoth {
				spillKey(keys[1])
			}
			if err := add(keys[0], "bad"); err != nil {
				t.Fatal(err)
			}
			want := at(position)
			err := add(keys[1], "bad")
			if spillBoth {
				err = errors.Join(err, g.Emit(t.Context(), func(*Keyed) error { return nil }))
			}
			var failed *RecordError
			if err = g.FirstError(err); !errors.As(err, &failed) || failed.Ordinal != want {
				t.Errorf("keys %v, both spilled %v: got %v", keys, spillBoth, err)
			}
		}
	}
}

func TestLowestError(t *testing.T) {
	low, high := &RecordError{Ordinal: at(1), Err: errDisk}, &RecordError{Ordinal: at(2), Err: errDisk}
	for _, test := range []struct{ x, y, want error }{
		{nil, nil, nil},
		{low, nil, low},
		{nil, low, low},
		{low, high, low},
		{high, low, low},
		{errDisk, low, errDisk},
		{low, errDisk, errDisk},
	} {
		if got := lowest(test.x, test.y); got != test.want {
			t.Errorf("lowest(%v, %v) is %v", test.x, test.y, got)
		}
	}
}
