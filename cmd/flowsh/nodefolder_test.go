package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNodeFolders(t *testing.T) {
	temp := t.TempDir()
	left := filepath.Join(temp, nodePrefix+"of-a-node-that-was-killed")
	if err := os.MkdirAll(filepath.Join(left, "executor-1", "spill"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, temp, nodePrefix+"file", "no folder")
	first, release, err := nodeFolder(temp)
	if err != nil {
		t.Fatal(err)
	}
	second, releaseSecond, err := nodeFolder(temp)
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
