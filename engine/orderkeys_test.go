package engine

import (
	"fmt"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// TestClassesAreSifted checks sort keys of units that tasks have sifted, as they come from there: the record that does not
// compare with those before it, and what is said of it, are those of a run that sees all units.
func TestClassesAreSifted(t *testing.T) {
	keys := []starlark.Value{
		starlark.None, starlark.None, starlark.MakeInt(1), starlark.Float(2), starlark.String("a"),
		starlark.Tuple{starlark.None, starlark.MakeInt(1)},
		starlark.Tuple{starlark.String("a"), starlark.None},
	}
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfNDistinct(rapid.IntRange(0, len(keys)-1), 1, 3, rapid.ID[int]).Draw(t, "keys")
		op := &Op{Nulls: "first"}
		whole, head, task := newOrderKeys(op), newOrderKeys(op), newOrderKeys(op)
		for n := range rapid.IntRange(1, 30).Draw(t, "units") {
			if rapid.IntRange(0, 3).Draw(t, "task") == 0 {
				task = newOrderKeys(op)
			}
			u := &unit{out: new(kernel.Output), counts: []kernel.Count{}}
			for i := range rapid.IntRange(0, 3).Draw(t, "records") {
				u.out.Append(keys[rapid.SampledFrom(some).Draw(t, "key")])
				u.out.Relative = append(u.out.Relative, uint32(100*n+i))
			}
			u.out.Len, u.out.Origin = u.out.N, &chunk.Origin{File: "f\xff"}
			if err := whole.encode(&u.out.Column, u, new(chunk.Column), new(keyArena)); err != nil {
				t.Fatal(err)
			}
			want := whole.check(u)
			fits := task.sift(u)
			var sent piece
			data, err := pieceOf(u).append(nil)
			if err != nil {
				t.Fatal(err)
			}
			came := new(unit)
			if err := sent.decode(data); err != nil {
				t.Fatal(err)
			}
			if err := sent.fill(came); err != nil {
				t.Fatal(err)
			}
			got := head.check(came)
			if fmt.Sprintf("%+v", shownError(want)) != fmt.Sprintf("%+v", shownError(got)) {
				t.Fatalf("got %v\nwant %v", got, want)
			}
			if want != nil {
				return
			}
			if !fits {
				t.Fatal("a task ends where the run does not")
			}
		}
	})
}

// shownError is what an error of a record says.
func shownError(err error) any {
	if e, ok := err.(*kernel.ScriptError); ok {
		return fmt.Sprint(e.Message, e.Record, *e.Origin)
	}
	return err
}

// TestClassesThatAreKnownDoNotTravel sifts the keys of units that are all alike.
func TestClassesThatAreKnownDoNotTravel(t *testing.T) {
	keys, sent := newOrderKeys(new(Op)), 0
	for range 5 {
		u := &unit{ready: &keyClasses{seen: []classSeen{{class: value.ClassNumber, record: "1"}}}}
		if !keys.sift(u) {
			t.Error("a number does not compare with numbers")
		}
		if u.ready != nil {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("the class of all keys is sent %d times", sent)
	}
}
