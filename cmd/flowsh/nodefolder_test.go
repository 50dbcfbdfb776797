package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNodeFolders(t *testing.T) {
	temp := t.TempDir()
	left := filepath.Join(temp, nodePrefix+"of-a-node-that-was-killed")
	if err := os.MkdirAll(filepath.Join(left, "executor-1", "spill"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, temp, nodePrefix+"file", "no folder")
	first, release, err := nodeFolder(temp, "")
	if err != nil {
		t.Fatal(err)
	}
	second, releaseSecond, err := nodeFolder(temp, "")
	if err != nil {
		t.Fatal(err)
	}
	defer releaseSecond()
	for path, there := range map[string]bool{left: false, first: true, second: true, filepath.Join(temp, nodePrefix+"file"): true} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	release()
	release()
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("the folder of a node that has ended: %v", err)
	}
}

// A node with a name that was killed finds what tasks have given when it is back, and others leave it alone for a while.
func TestNodeComesBack(t *testing.T) {
	temp := t.TempDir()
	first, release, err := nodeFolder(temp, "worker-1")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	outputs := filepath.Join(outputsFolder, "job", "000001.seg")
	write := func(dir string) {
		for _, name := range []string{outputs, filepath.Join("executor-1", "rest")} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, dir, name, "text")
		}
	}
	has := func(path string, want bool) {
		t.Helper()
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	write(first)
	other, releaseOther, err := nodeFolder(temp, "worker-1")
	if err != nil || other == first {
		t.Fatalf("two nodes have %s, %v", first, err)
	}
	releaseOther()
	has(filepath.Join(first, outputs), true)

	gone, releaseGone, err := nodeFolder(temp, "worker-2")
	if err != nil {
		t.Fatal(err)
	}
	write(gone)
	releaseGone()
	has(gone, false)
	release()
	has(first, false)

	if err := os.MkdirAll(first, 0o700); err != nil { // nobody's
		t.Fatal(err)
	}
	write(first)
	_, releaseThird, err := nodeFolder(temp, "worker-3")
	if err != nil {
		t.Fatal(err)
	}
	defer releaseThird()
	has(filepath.Join(first, outputs), true)
	back, releaseBack, err := nodeFolder(temp, "worker-1")
	if err != nil || back != first {
		t.Fatalf("%s instead of %s, %v", back, first, err)
	}
	has(filepath.Join(first, outputs), true)
	has(filepath.Join(first, "executor-1"), false)
	releaseBack()

	if err := os.MkdirAll(first, 0o700); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * namedLasts)
	if err := os.Chtimes(first, long, long); err != nil {
		t.Fatal(err)
	}
	_, releaseFourth, err := nodeFolder(temp, "")
	if err != nil {
		t.Fatal(err)
	}
	defer releaseFourth()
	has(first, false)
}
