package spill

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

// memory returns a host whose disk holds limit bytes, and that disk.
func memory(limit int64) (*host.Host, *host.MemFS) {
	h := host.NewMemory()
	disk := h.FS.(*host.MemFS)
	disk.SetLimit(limit)
	return h, disk
}

// files lists the segments of s.
func files(t *testing.T, s *Segments) []string {
	t.Helper()
	entries, err := s.host.FS.ReadDir(s.dir)
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantFiles(t *testing.T, s *Segments, want string) {
	t.Helper()
	if got := strings.Join(files(t, s), " "); got != want {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestSegmentsAreMadeLate(t *testing.T) {
	h, disk := memory(math.MaxInt64)
	s := NewSegments(h, "/tmp/none", nil)
	wantMissing(t, s, "a")
	check(t, s.Delete("a"))
	check(t, s.Sync())
	check(t, s.Close())
	if _, err := disk.Stat("/tmp/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the folder = %v, want ErrNotExist", err)
	}
}

func TestSegmentsArePrivate(t *testing.T) {
	parent := t.TempDir()
	s := NewSegments(host.New(), parent, nil)
	defer s.Close()
	put(t, s, "a", "secret")
	check(t, filepath.WalkDir(parent, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == parent {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
}

func TestSegmentsGiveSpaceBack(t *testing.T) {
	h, disk := memory(math.MaxInt64)
	s := NewSegments(h, "/tmp", &SegmentsOptions{SegmentSize: 10})
	defer s.Close()
	for i := range 6 {
		put(t, s, fmt.Sprint(i), "12345")
	}
	wantFiles(t, s, "000001.seg 000002.seg 000003.seg")
	check(t, s.Delete("2"))
	wantFiles(t, s, "000001.seg 000002.seg 000003.seg")
	check(t, s.Delete("3"))
	wantFiles(t, s, "000001.seg 000003.seg")
	put(t, s, "0", "moves")
	put(t, s, "1", "moves")
	wantFiles(t, s, "000003.seg 000004.seg")
	if used := disk.Used(); used != 20 {
		t.Errorf("%d bytes are used, want 20", used)
	}
}

func TestSegmentsOfOneLargeChunk(t *testing.T) {
	h, _ := memory(math.MaxInt64)
	s := NewSegments(h, "/tmp", &SegmentsOptions{SegmentSize: 10})
	defer s.Close()
	put(t, s, "large", strings.Repeat("x", 25))
	put(t, s, "small", "x")
	wantFiles(t, s, "000001.seg 000002.seg")
	wantGet(t, s, "large", strings.Repeat("x", 25))
}

func TestSegmentsRewind(t *testing.T) {
	h, disk := memory(math.MaxInt64)
	s := NewSegments(h, "/tmp", &SegmentsOptions{SegmentSize: 10})
	defer s.Close()
	for i := range 20 {
		id := fmt.Sprint(i)
		put(t, s, id, fmt.Sprintf("%06d", i))
		wantGet(t, s, id, fmt.Sprintf("%06d", i))
		check(t, s.Delete(id))
	}
	wantFiles(t, s, "000001.seg")
	if used := disk.Used(); used != 6 {
		t.Errorf("%d bytes are used, want 6", used)
	}
}

func TestSegmentsKeepTheReserve(t *testing.T) {
	h, disk := memory(100)
	s := NewSegments(h, "/tmp", &SegmentsOptions{Reserve: 40})
	put(t, s, "a", strings.Repeat("x", 50))
	err := s.Put("b", []byte(strings.Repeat("x", 11)))
	if !errors.Is(err, ErrFull) {
		t.Fatalf("Put = %v, want ErrFull", err)
	}
	for _, part := range []string{s.dir, "need 11 bytes", "have 10 bytes", "reserve of 40 bytes", "--spill"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	put(t, s, "b", strings.Repeat("x", 10))
	wantGet(t, s, "a", strings.Repeat("x", 50))
	check(t, s.Close())
	if used := disk.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

// optimistic is a disk that does not know how full it is, as under a quota.
type optimistic struct{ host.FS }

func (optimistic) Free(string) (uint64, error) { return math.MaxUint64, nil }

func TestSegmentsOnAFullDisk(t *testing.T) {
	h, disk := memory(10)
	h.FS = optimistic{disk}
	s := NewSegments(h, "/tmp", nil)
	put(t, s, "a", "12345")
	if err := s.Put("b", []byte("6789abc")); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "need 7 bytes") {
		t.Errorf("Put = %v, want ErrFull with the need", err)
	}
	wantGet(t, s, "a", "12345")
	wantMissing(t, s, "b")
	wantBytes(t, s, 5)
	disk.SetLimit(100)
	put(t, s, "b", "6789abc")
	wantGet(t, s, "b", "6789abc")
	check(t, s.Close())
	if used := disk.Used(); used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

func TestSegmentsInAFolderThatCannotBeMade(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(parent, nil, 0o600))
	s := NewSegments(host.New(), parent, nil)
	defer s.Close()
	if err := s.Put("a", nil); err == nil || !strings.Contains(err.Error(), parent) {
		t.Errorf("Put = %v, want an error that names %s", err, parent)
	}
}

// The file changes under the store: it gives out what is there, which the chunk's hash refuses, or ErrNotFound.
func TestSegmentsDamaged(t *testing.T) {
	s := NewSegments(host.New(), t.TempDir(), nil)
	defer s.Close()
	put(t, s, "a", "aaaaa")
	put(t, s, "b", "bbbbb")
	file := filepath.Join(s.dir, files(t, s)[0])
	check(t, os.WriteFile(file, []byte("axaaabbb"), 0o600))
	wantGet(t, s, "a", "axaaa")
	got, err := s.Get("b", []byte("buf"))
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), file) || string(got) != "buf" {
		t.Errorf("Get = %q, %v; want buf and ErrNotFound with the file's name", got, err)
	}
}

func TestSegmentsVanished(t *testing.T) {
	s := NewSegments(host.New(), t.TempDir(), &SegmentsOptions{SegmentSize: 5})
	put(t, s, "a", "aaaaa")
	check(t, os.RemoveAll(s.dir))
	if _, err := s.Get("a", nil); err != nil && !errors.Is(err, ErrNotFound) {
		t.Errorf("Get = %v", err)
	}
	if err := s.Put("b", []byte("bbbbb")); err == nil || !strings.Contains(err.Error(), s.dir) {
		t.Errorf("Put = %v, want an error that names %s", err, s.dir)
	}
	check(t, s.Delete("a"))
	check(t, s.Close())
}
