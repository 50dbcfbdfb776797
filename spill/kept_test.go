package spill

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

func openSegments(t testing.TB, h *host.Host, dir string, o *SegmentsOptions) *Segments {
	t.Helper()
	s, err := OpenSegments(h, dir, o)
	check(t, err)
	return s
}

func TestSegmentsStay(t *testing.T) {
	h, _ := memory(math.MaxInt64)
	o := &SegmentsOptions{SegmentSize: 100}
	killed := openSegments(t, h, "/tmp/job", o) // and never closed
	for i := range 9 {
		put(t, killed, fmt.Sprint(i), strings.Repeat(fmt.Sprint(i), 3*i))
	}
	put(t, killed, "1", "another")
	s := openSegments(t, h, "/tmp/job", o)
	for i := range 9 {
		want := strings.Repeat(fmt.Sprint(i), 3*i)
		if i == 1 {
			want = "another"
		}
		wantGet(t, s, fmt.Sprint(i), want)
	}
	wantBytes(t, s, 3*(2+3+4+5+6+7+8)+7)
	put(t, s, "more", "chunk")
	check(t, s.Close())
	s = openSegments(t, h, "/tmp/job", o)
	wantGet(t, s, "more", "chunk")
	for i := range 9 {
		check(t, s.Delete(fmt.Sprint(i)))
	}
	wantGet(t, s, "more", "chunk")
	check(t, s.Delete("more"))
	check(t, s.Close())
	s = openSegments(t, h, "/tmp/job", o)
	defer s.Close()
	if n := len(files(t, s)); n > 1 {
		t.Errorf("%d files are left of chunks that were deleted", n)
	}
}

// Whatever byte of a segment is another, or the last, each chunk is there as it was or not at all.
func TestSegmentsThatStayAreDamaged(t *testing.T) {
	h, disk := memory(math.MaxInt64)
	s := openSegments(t, h, "/tmp/job", nil)
	chunks := map[string]string{"a": "first", "bb": "", "": "third chunk"}
	for _, id := range []string{"a", "bb", ""} {
		put(t, s, id, chunks[id])
	}
	check(t, s.Close())
	const path = "/tmp/job/000001.seg"
	f, err := disk.Open(path)
	check(t, err)
	whole, err := io.ReadAll(f)
	check(t, err)
	try := func(data []byte) (found int) {
		check(t, disk.RemoveAll("/tmp/job"))
		check(t, disk.MkdirAll("/tmp/job"))
		f, err := disk.Create(path)
		check(t, err)
		_, err = f.Write(data)
		check(t, err)
		s := openSegments(t, h, "/tmp/job", nil)
		defer s.Close()
		for id, want := range chunks {
			got, err := s.Get(id, nil)
			switch {
			case err == nil && string(got) == want:
				found++
			case !errors.Is(err, ErrNotFound):
				t.Fatalf("Get(%q) = %q, %v", id, got, err)
			}
		}
		put(t, s, "new", "chunk")
		wantGet(t, s, "new", "chunk")
		return found
	}
	if n := try(whole); n != 3 {
		t.Fatalf("%d of 3 chunks are there", n)
	}
	for i := range whole {
		flipped := append([]byte{}, whole...)
		flipped[i] ^= 0x10
		if n := try(flipped); n == 3 {
			t.Errorf("byte %d is another, and nothing is missing", i)
		}
		if n := try(whole[:i]); n == 3 {
			t.Errorf("the file ends at byte %d, and nothing is missing", i)
		}
	}
	last := append([]byte{}, whole...)
	last[len(segmentMagic)+frameSize] ^= 1 // of the first chunk
	if n := try(last); n != 2 {
		t.Errorf("%d of 2 chunks are there behind a damaged one", n)
	}
}

func TestOneStoreForEachFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	lock := &SegmentsOptions{Lock: true}
	s := openSegments(t, host.New(), dir, lock)
	second := openSegments(t, host.New(), dir, lock)
	put(t, s, "a", "1")
	if err := second.Put("a", []byte("2")); !errors.Is(err, ErrInUse) {
		t.Errorf("Put into another store's folder = %v, want ErrInUse", err)
	}
	check(t, second.Close())
	if _, err := OpenSegments(host.New(), dir, lock); !errors.Is(err, ErrInUse) {
		t.Errorf("OpenSegments of another store's folder = %v, want ErrInUse", err)
	}
	check(t, s.Close())
	s = openSegments(t, host.New(), dir, lock)
	wantGet(t, s, "a", "1")
	check(t, s.Close())
	info, err := os.Stat(dir)
	check(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
}
