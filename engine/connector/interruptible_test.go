package connector

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

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

// TestLinger writes to a pipe from time to time: what comes within the linger is one block.
func TestLinger(t *testing.T) {
	for linger, want := range map[time.Duration][]string{
		0:                      {"a\n", "b\n", "c\n", "d\n", "e"},
		100 * time.Millisecond: {"a\nb\n", "c\nd\n", "e"},
		time.Hour:              {"a\nb\nc\nd\n", "e"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, _, _, in := openPipe(t, SourceSpec{Format: "lines", Paths: []string{"-"}, Linger: linger})
			go func() {
				for _, text := range []string{"a\n", "b\n", "c\n", "d\n", "e"} {
					_, _ = io.WriteString(in, text)
					time.Sleep(60 * time.Millisecond)
				}
				in.Close()
			}()
			var got []string
			for {
				b, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b.Data))
			}
			if !slices.Equal(got, want) {
				t.Errorf("linger %v: got %q, want %q", linger, got, want)
			}
		})
	}
}

// openPipe opens a source of which stdin is a pipe that the test writes to.
func openPipe(t *testing.T, spec SourceSpec) (Reader, context.Context, context.CancelCauseFunc, io.WriteCloser) {
	t.Helper()
	out, in := io.Pipe()
	t.Cleanup(func() { in.Close() })
	h := host.NewMemory()
	h.Stdin, h.Clock = out, host.New().Clock
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
