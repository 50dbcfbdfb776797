package connector

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

// TestStdinAsItComes writes to a pipe only when what was written before has come out.
func TestStdinAsItComes(t *testing.T) {
	r, ctx, cancel, in := openPipe(t, SourceSpec{Format: "lines", Paths: []string{"-"}})
	for _, text := range []string{"a\n", "PK\n", "b\nc\n"} {
		go io.WriteString(in, text)
		b, err := r.Next()
		if err != nil || string(b.Data) != text {
			t.Fatalf("got %v, %v, want %q", b, err, text)
		}
	}
	why := errors.New("why")
	go cancel(why)
	if b, err := r.Next(); !errors.Is(err, ctx.Err()) || b != nil {
		t.Errorf("cancelled: got %v, %v", b, err)
	}
}

func TestStdinGivenUpBeforeAnythingCame(t *testing.T) {
	for _, format := range []string{"lines", "text"} {
		r, _, cancel, _ := openPipe(t, SourceSpec{Format: format, Paths: []string{"-"}})
		why := errors.New("why")
		go cancel(why)
		if b, err := r.Next(); err == nil || b != nil {
			t.Errorf("%s: got %v, %v", format, b, err)
		}
	}
}

// openPipe opens a source of which stdin is a pipe that the test writes to.
func openPipe(t *testing.T, spec SourceSpec) (Reader, context.Context, context.CancelCauseFunc, io.Writer) {
	t.Helper()
	out, in := io.Pipe()
	t.Cleanup(func() { in.Close() })
	h := host.NewMemory()
	h.Stdin = out
	s, err := NewSource(spec, h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	splits, err := s.Splits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(ctx, splits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, ctx, cancel, in
}

func TestMagicIsRecognisedEarly(t *testing.T) {
	for text, want := range map[string]bool{
		"a": false, "P": true, "Pa": false, "_*M\x18": true, "BZ": true, "BX": false, "\x1f\x8b": true, "\x1f\x8c": false,
		"\xfd7zXZ": true, "\xef\xbb\xbf": false, "\x04\x22\x4d\x18 and more": true, "\x28\xb5\x2f\xfd and more": true,
	} {
		if got := mayBeCompressed([]byte(text)); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
