package spill

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flowsh/flowsh/engine/host"
)

var kept = &BadgerOptions{Keep: true}

func TestBadgerIsMadeLate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	b := openBadger(t, dir, nil)
	wantMissing(t, b, "a")
	check(t, b.Delete("a"))
	check(t, b.Sync())
	check(t, b.Close())
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of the folder = %v, want ErrNotExist", err)
	}
}

func TestBadgerIsPrivateAndRemoved(t *testing.T) {
	parent := t.TempDir()
	b := openBadger(t, filepath.Join(parent, "job"), nil)
	put(t, b, "a", "secret")
	info, err := os.Stat(filepath.Join(parent, "job"))
	check(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	check(t, b.Close())
	wantEmptyDir(t, parent)
}

func TestBadgerLeavesNoGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	b := openBadger(t, filepath.Join(t.TempDir(), "job"), nil)
	put(t, b, "a", "one")
	check(t, b.Close())
	goleak.VerifyNone(t, before)
}

func TestBadgerKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	chunks := map[string]string{"": "", "empty": "", "small": "small", "large": strings.Repeat("large", 5000)}
	b := openBadger(t, dir, kept)
	for id, data := range chunks {
		put(t, b, id, "old")
		put(t, b, id, data)
	}
	put(t, b, "deleted", "deleted")
	check(t, b.Delete("deleted"))
	check(t, b.Sync())
	want := b.Bytes()
	check(t, b.Close())

	b = openBadger(t, dir, nil)
	wantBytes(t, b, want)
	for id, data := range chunks {
		wantGet(t, b, id, data)
	}
	wantMissing(t, b, "deleted")
	if err := b.Broken(); err != nil {
		t.Error(err)
	}
	check(t, b.Close())
	wantEmptyDir(t, filepath.Dir(dir))
}

func TestBadgerIsInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	late := openBadger(t, dir, nil)
	b := openBadger(t, dir, nil)
	put(t, b, "a", "one")

	if err := late.Put("a", nil); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Put in a folder that is in use = %v, want ErrInUse with its name", err)
	}
	if _, err := OpenBadger(host.New(), dir, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("OpenBadger of a folder that is in use = %v, want ErrInUse", err)
	}
	check(t, late.Close())
	wantGet(t, b, "a", "one")
	check(t, b.Close())

	late = openBadger(t, dir, nil)
	put(t, late, "a", "two")
	check(t, late.Close())
	wantEmptyDir(t, filepath.Dir(dir))
}

// small is a disk with a given number of free bytes.
type small struct {
	host.FS
	free uint64
}

func (s *small) Free(string) (uint64, error) { return s.free, nil }

func TestBadgerKeepsTheReserve(t *testing.T) {
	parent := t.TempDir()
	h := host.New()
	disk := &small{h.FS, 1000}
	h.FS = disk
	dir := filepath.Join(parent, "job")
	b, err := OpenBadger(h, dir, nil)
	check(t, err)
	err = b.Put("a", nil)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "reserve of 256.0 MiB") {
		t.Errorf("Put = %v, want ErrFull with folder and reserve", err)
	}
	disk.free = 256*mib + 1000
	put(t, b, "a", strings.Repeat("x", 900))
	disk.free = 256*mib + 100
	if err := b.Put("b", make([]byte, 200)); !errors.Is(err, ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	disk.free = math.MaxUint64
	put(t, b, "b", "two")
	check(t, b.Close())
	wantEmptyDir(t, parent)
}

// The ways in which a database can fail to open, or open with chunks missing. In no case may a chunk come out
// that is longer or shorter than it was, and every chunk that was put anew must be there.
func TestBadgerDamaged(t *testing.T) {
	cases := []struct {
		name   string
		damage func(t *testing.T, data string)
		broken bool // it must be; others may be
	}{
		{"manifest cut", cut("MANIFEST", 5), false},
		{"manifest gone", removed("MANIFEST"), false},
		{"manifest is noise", noise("MANIFEST"), true},
		{"table gone", removed("*.sst"), true},
		{"value log cut", cut("*.vlog", 3000), false},
		{"value log gone", removed("*.vlog"), false},
		{"value log is noise", noise("*.vlog"), true},
		{"value log flipped", flipped("*.vlog"), false},
		{"all gone", removed("*"), false},
		{"a lock left by a process that was killed", left("LOCK"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "job")
			b := openBadger(t, dir, kept)
			for i := range 20 {
				check(t, b.Put(fmt.Sprint("small ", i), pattern(100, byte(i))))
				check(t, b.Put(fmt.Sprint("large ", i), pattern(2000, byte(i))))
			}
			check(t, b.Close())
			c.damage(t, filepath.Join(dir, "chunks"))

			b = openBadger(t, dir, nil)
			defer func() {
				check(t, b.Close())
				wantEmptyDir(t, filepath.Dir(dir))
			}()
			wantBroken(t, b, c.broken)
			for i := range 20 {
				wantLengthOrNothing(t, b, fmt.Sprint("small ", i), 100)
				wantLengthOrNothing(t, b, fmt.Sprint("large ", i), 2000)
			}
			put(t, b, "large 1", strings.Repeat("again", 1000))
			wantGet(t, b, "large 1", strings.Repeat("again", 1000))
		})
	}
}

func wantBroken(t *testing.T, b *Badger, want bool) {
	t.Helper()
	err := b.Broken()
	if err == nil {
		if want {
			t.Error("Broken() = nil")
		}
		return
	}
	wantBytes(t, b, 0)
	if _, statErr := os.Stat(err.Dir); statErr != nil || !strings.HasSuffix(err.Dir, ".broken-1") {
		t.Errorf("the broken database is not at %s: %v", err.Dir, statErr)
	}
	if !strings.Contains(err.Error(), err.Dir) || errors.Unwrap(err) == nil {
		t.Errorf("Broken() = %v: where and why?", err)
	}
}

func wantLengthOrNothing(t *testing.T, s Store, id string, want int) {
	t.Helper()
	got, err := s.Get(id, nil)
	if err != nil && !errors.Is(err, ErrNotFound) || err == nil && len(got) != want {
		t.Errorf("Get(%q) = %d bytes, %v; want %d bytes or ErrNotFound", id, len(got), err, want)
	}
}

// each returns a function that does something to the files of a database that match.
func each(match string, do func(path string, content []byte) error) func(t *testing.T, data string) {
	return func(t *testing.T, data string) {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(data, match))
		check(t, err)
		if len(paths) == 0 {
			t.Fatalf("no file matches %s", match)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			check(t, err)
			check(t, do(path, content))
		}
	}
}

func cut(match string, n int) func(*testing.T, string) {
	return each(match, func(path string, content []byte) error {
		return os.WriteFile(path, content[:max(0, len(content)-n)], 0o600)
	})
}

func removed(match string) func(*testing.T, string) {
	return each(match, func(path string, _ []byte) error { return os.Remove(path) })
}

func noise(match string) func(*testing.T, string) {
	return each(match, func(path string, content []byte) error {
		return os.WriteFile(path, pattern(len(content), 'n'), 0o600)
	})
}

// flipped changes a bit in every 500 bytes.
func flipped(match string) func(*testing.T, string) {
	return each(match, func(path string, content []byte) error {
		for i := 250; i < len(content); i += 500 {
			content[i] ^= 1 << (i % 8)
		}
		return os.WriteFile(path, content, 0o600)
	})
}

func left(name string) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		t.Helper()
		check(t, os.WriteFile(filepath.Join(data, name), []byte("1\n"), 0o600))
	}
}

// Damage that kills the process which opens the database must not kill the next one too.
func TestBadgerKillsWhoOpensIt(t *testing.T) {
	if dir := os.Getenv("SPILL_TEST_OPEN"); dir != "" {
		check(t, openBadger(t, dir, kept).Close())
		return
	}
	for name, damage := range map[string]func(*testing.T, string){
		"cut":   cut("*.sst", 100),
		"noise": noise("*.sst"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "job")
			b := openBadger(t, dir, kept)
			put(t, b, "a", "one")
			check(t, b.Close())
			damage(t, filepath.Join(dir, "chunks"))

			first, err := inChild(t, dir)
			if err == nil {
				t.Logf("it did not: %s", first)
			} else if second, err := inChild(t, dir); err != nil {
				t.Fatalf("opening ends the process again: %v\n%s", err, second)
			}
			b = openBadger(t, dir, nil)
			wantMissing(t, b, "a")
			put(t, b, "a", "again")
			check(t, b.Close())
			wantEmptyDir(t, filepath.Dir(dir))
		})
	}
}

// What was put is there after kill -9, without Sync. What is damaged then is missing, and no more.
func TestBadgerSurvivesKill(t *testing.T) {
	if dir := os.Getenv("SPILL_TEST_OPEN"); dir != "" {
		b := openBadger(t, dir, kept)
		for i := range 50 {
			check(t, b.Put(fmt.Sprint("small ", i), pattern(100, byte(i))))
			check(t, b.Put(fmt.Sprint("large ", i), pattern(2000, byte(i))))
		}
		self, err := os.FindProcess(os.Getpid())
		check(t, err)
		check(t, self.Kill())
		select {} // until it arrives
	}
	for name, damage := range map[string]func(*testing.T, string){
		"":                  func(*testing.T, string) {},
		"log of keys cut":   cut("*.mem", 32*mib-4000),
		"log of keys noise": noise("*.mem"),
		"values cut":        cut("*.vlog", 128*mib-50_000),
	} {
		t.Run("then "+name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "job")
			if out, err := inChild(t, dir); err == nil {
				t.Fatalf("the child was not killed: %s", out)
			}
			damage(t, filepath.Join(dir, "chunks"))
			b := openBadger(t, dir, nil)
			defer b.Close()
			for i := range 50 {
				small, large := fmt.Sprint("small ", i), fmt.Sprint("large ", i)
				if name == "" {
					wantGet(t, b, small, string(pattern(100, byte(i))))
					wantGet(t, b, large, string(pattern(2000, byte(i))))
				}
				wantLengthOrNothing(t, b, small, 100)
				wantLengthOrNothing(t, b, large, 2000)
			}
		})
	}
}

// inChild runs the test again in a process of its own, on dir.
func inChild(t *testing.T, dir string) (string, error) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()[:strings.Index(t.Name(), "/")]+"$")
	child.Env = append(os.Environ(), "SPILL_TEST_OPEN="+dir)
	out, err := child.CombinedOutput()
	return string(out), err
}

// What is not the database's fault does not move it aside.
func TestBadgerDoesNotOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	b := openBadger(t, dir, kept)
	put(t, b, "a", "one")
	check(t, b.Close())

	h := host.New()
	h.Inject = (&failing{points: []host.Point{pointCreate}, n: 1}).inject
	if _, err := OpenBadger(h, dir, nil); !errors.Is(err, errInjected) {
		t.Errorf("OpenBadger = %v, want the injected error", err)
	}
	b = openBadger(t, dir, nil)
	wantGet(t, b, "a", "one")
	check(t, b.Close())
}

func TestBadgerInAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	b, err := OpenBadger(host.New(), filepath.Join(file, "job"), nil)
	if err == nil {
		err = b.Put("a", nil)
	}
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v, want one that names %s", err, file)
	}
}
