package engine

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
)

var someFailures = []error{
	&kernel.ScriptError{
		Op: 3, Name: "map", Position: "job.star:1:2", Message: "not \xff UTF-8", Backtrace: "Traceback", Record: `"\xfe"`,
		Ordinal: chunk.Ordinal{Position: 1 << 45, Sibling: 2}, Origin: &chunk.Origin{File: "a\xff.txt", Base: 7, Line: 2},
	},
	&kernel.ScriptError{Name: "map", Message: "too many steps", Err: kernel.ErrLimit},
	&connector.RecordError{Where: chunk.Origin{File: "b.csv", Base: 12}, Column: "n", Text: "x\xff", Err: errors.New("not an int")},
	&connector.ReadError{File: "c", Offset: -1, Err: connector.ErrTooLong},
	&connector.ReadError{File: "c", Offset: 5, Of: connector.CompressedBytes, Err: errors.New("damaged")},
	&operator.LimitError{What: "state of key", Key: "k", Bytes: 5, Share: 3, Hint: "give more"},
	errors.New("plain"),
}

func TestErrorsTravel(t *testing.T) {
	for _, err := range someFailures {
		got := failureOf(err).err()
		if got.Error() != err.Error() {
			t.Errorf("got %q\nwant %q", got, err)
		}
		if _, plain := got.(*remoteError); !plain && reflect.TypeOf(got) != reflect.TypeOf(err) {
			t.Errorf("%T became %T", err, got)
		}
		for _, limit := range []error{kernel.ErrLimit, connector.ErrTooLong} {
			if errors.Is(got, limit) != errors.Is(err, limit) {
				t.Errorf("%v: errors.Is(%v) is %t", err, limit, errors.Is(got, limit))
			}
		}
	}
	if failureOf(nil).err() != nil {
		t.Error("no error became one")
	}
}

// somePiece is a unit with everything that a unit can have.
func somePiece(t testing.TB) []byte {
	t.Helper()
	out := &kernel.Output{Len: 2, Columns: make([]chunk.Column, 1)}
	out.Base, out.Relative, out.Lanes, out.Origin = 5, []uint32{0, 9}, []uint32{4, 5}, &chunk.Origin{File: "f"}
	for _, s := range []string{"a", "b\xff"} {
		out.AppendString(s)
		out.Columns[0].AppendInt(int64(len(s)))
	}
	u := &unit{
		read: 4, counts: []kernel.Count{{In: 4, Out: 3, Dead: 1}}, emitted: 2, prints: []kernel.Print{{Text: "p\xff", Add: -3}}, partial: true, out: out,
		dead:   []kernel.Dead{{Record: starlark.String("d\xff"), Error: someFailures[0].(*kernel.ScriptError)}},
		places: []kernel.Place{{Relative: 3, Before: 1, Print: true}, {Relative: 9, Before: 1}},
		bad:    []*connector.RecordError{someFailures[2].(*connector.RecordError)}, err: someFailures[1],
	}
	var data []byte
	e := &taskEnd{of: new(Task), put: func(_ int, p []byte) error {
		data = append(data, p...)
		return nil
	}}
	if err := e.deliver(u); !errors.Is(err, errStopped) {
		t.Fatalf("error %v", err)
	}
	return data
}

func TestAUnitTravels(t *testing.T) {
	var p piece
	var u unit
	if err := errors.Join(p.decode(somePiece(t)), p.fill(&u)); err != nil {
		t.Fatal(err)
	}
	out, err := p.output(1)
	if err != nil {
		t.Fatal(err)
	}
	if u.read != 4 || u.counts[0].Dead != 1 || u.emitted != 2 || u.prints[0] != (kernel.Print{Text: "p\xff", Add: -3}) || !u.partial || !errors.Is(u.err, kernel.ErrLimit) {
		t.Errorf("unit %+v", u)
	}
	if len(u.places) != 2 || u.places[0] != (kernel.Place{Relative: 3, Before: 1, Print: true}) {
		t.Errorf("places %v", u.places)
	}
	if u.dead[0].Record != starlark.String("d\xff") || u.bad[0].Text != "x\xff" {
		t.Errorf("dead %v, bad %v", u.dead[0], u.bad[0])
	}
	if out.At(1) != starlark.String("b\xff") || out.RelativeAt(1) != 9 || out.Lanes[1] != 5 || out.Origin.File != "f" || out.Columns[0].Ints[1] != 2 {
		t.Errorf("output %+v", out)
	}
}

// someSorted is a piece of a sorted run, with classes of keys.
func someSorted(t testing.TB) []byte {
	t.Helper()
	var keys, records chunk.Column
	keys.AppendString("key")
	records.AppendInt(1)
	data, err := chunk.AppendFrame(nil, chunk.ID{}, []*chunk.Column{&keys, &records}, []chunk.Ordinal{{Position: 7}}, chunk.None)
	if err != nil {
		t.Fatal(err)
	}
	p := piece{
		head: pieceHead{
			Sorted:  &operator.SortNote{Rows: 1, Bytes: 50, First: chunk.Ordinal{Position: 7}, Key: []byte("key"), Noted: true},
			Classes: []classPiece{{Class: []byte("tuple(number)"), Record: []byte("(1,)"), Origin: true, File: []byte("f"), Offset: 3}},
		},
		chunks: [][]byte{data},
	}
	if data, err = p.append(nil); err != nil {
		t.Fatal(err)
	}
	return data
}

func FuzzPiece(f *testing.F) {
	f.Add(somePiece(f), 1)
	f.Add(someSorted(f), 0)
	f.Fuzz(func(t *testing.T, data []byte, columns int) {
		var p piece
		var u unit
		if p.decode(data) != nil || p.fill(&u) != nil || len(p.chunks) == 0 {
			return
		}
		keys := newOrderKeys(new(Op))
		_ = keys.check(&u)
		if p.head.Sorted != nil {
			s := operator.NewSorter(operator.SorterConfig{Memory: operator.Memory{Store: spill.NewMem()}})
			if s.LoadRun(0, *p.head.Sorted, p.chunks[0]) == nil {
				_ = s.Emit(t.Context(), func(*chunk.Column, []chunk.Ordinal) error { return nil })
			}
		}
		_, _ = p.output(columns & 3)
	})
}

// TestQuietPiecesAreOne has a task hand on what units have counted as one piece for each split, in front of what is to be seen.
func TestQuietPiecesAreOne(t *testing.T) {
	var got []piece
	e := &taskEnd{put: func(part int, data []byte) error {
		var p piece
		if err := p.decode(slices.Clone(data)); err != nil {
			return err
		}
		if part != 0 {
			t.Errorf("a piece of part %d", part)
		}
		got = append(got, p)
		return nil
	}}
	quiet := func(split int) *piece {
		return &piece{head: pieceHead{Task: split, Read: 2, Bytes: 20, Emitted: 3, Len: 1, Counts: []kernel.Count{{In: 2, Out: 1, Filtered: 1}}}}
	}
	seen := quiet(1)
	seen.print(kernel.Print{Text: "line"})
	for _, p := range []*piece{quiet(0), quiet(0), quiet(0), quiet(1), seen, quiet(1), quiet(1)} {
		if err := e.send(p); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // nothing is left
		if err := e.flush(); err != nil {
			t.Fatal(err)
		}
	}
	var reads, splits []int
	for _, p := range got {
		reads, splits = append(reads, int(p.head.Read)), append(splits, p.head.Task)
	}
	if want := []int{6, 2, 2, 4}; !slices.Equal(reads, want) || !slices.Equal(splits, []int{0, 1, 1, 1}) {
		t.Fatalf("pieces of %v records of splits %v, want %v", reads, splits, want)
	}
	first := pieceHead{Read: 6, Bytes: 60, Emitted: 9, Len: 3, Counts: []kernel.Count{{In: 6, Out: 3, Filtered: 3}}}
	if !reflect.DeepEqual(got[0].head, first) {
		t.Errorf("got %+v, want %+v", got[0].head, first)
	}
}

// TestWhatShowsIsNotQuiet has every field that is not a number make a piece one that is seen.
func TestWhatShowsIsNotQuiet(t *testing.T) {
	if (&piece{}).join(&piece{head: pieceHead{Task: 1}}) {
		t.Error("pieces of two splits became one")
	}
	if !(&piece{head: pieceHead{Task: 1, Read: 2, Bytes: 3, Emitted: 4, Len: 5, Counts: []kernel.Count{{In: 1}}}}).isQuiet() {
		t.Error("numbers are not quiet")
	}
	for name, p := range map[string]*piece{
		"a chunk":   {chunks: [][]byte{nil}},
		"a line":    {head: pieceHead{Prints: make([]printPiece, 1)}},
		"a place":   {head: pieceHead{Places: make([]kernel.Place, 1)}},
		"a failure": {head: pieceHead{Dead: make([]deadPiece, 1)}},
		"bad input": {head: pieceHead{Bad: make([]failurePiece, 1)}},
		"a run":     {head: pieceHead{Run: 1}},
		"an error":  {head: pieceHead{Error: new(failurePiece)}},
		"a part":    {head: pieceHead{Partial: true}},
		"a class":   {head: pieceHead{Classes: make([]classPiece, 1)}},
	} {
		if p.isQuiet() || (&piece{}).join(p) {
			t.Errorf("%s is quiet", name)
		}
	}
}
