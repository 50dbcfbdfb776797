package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPermissions runs jobs where new files are for everybody: what a cluster keeps, what is spilled and what a run keeps to
// be resumed is for the user alone.
func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { endCluster(dir) })
	var lines strings.Builder // that are not all alike: what spills is compressed
	for i := range 40000 {
		fmt.Fprintf(&lines, "line %d of a text\n", i)
	}
	writeFile(t, dir, "in.txt", lines.String())
	sh := func(command string) string {
		t.Helper()
		cmd := exec.Command("sh", "-c", "umask 000\n"+command)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v %s", command, err, out)
		}
		return string(out)
	}
	sh(`flowsh cluster up -n 1 -m 256MiB
flowsh submit --detach -e 'lines("in.txt").sort()'
flowsh result -q job-1 > /dev/null
mkdir spill
flowsh -q --mem 16MiB --spill spill -e 'lines("in.txt").map(lambda l: l * 90).sort().map(lambda l: len([i for i in range(1 << 15)]))' > /dev/null & job=$!
flowsh -q --resume -e 'lines("in.txt").map(lambda l: len([i for i in range(1 << 15)]))' > /dev/null & other=$!
for file in 'spill/*/*.seg' 'cache/flowsh/*/job.json'; do
    for n in $(seq 300); do ls $file > /dev/null 2>&1 && break; sleep 0.02; done
    ls $file || exit 1
done
kill -9 $job $other`)
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); err != nil || name == "." || name == "in.txt" || name == "spill" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		seen++
		if d.Type()&(fs.ModeSocket|fs.ModeSymlink) == 0 && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || seen < 12 {
		t.Errorf("%d files, %v", seen, err)
	}
	sh("flowsh cluster down")
}

// TestFoldersOfOthers uses no folder that others can change, or could have made.
func TestFoldersOfOthers(t *testing.T) {
	c := &realCluster{TB: t, dir: t.TempDir()}
	open, linked := filepath.Join(c.dir, "open"), filepath.Join(c.dir, fmt.Sprintf("flowsh-cluster-%d", os.Getuid()))
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(open, linked); err != nil {
		t.Fatal(err)
	}
	c.fails(2, "is no folder, or a link to one", "cluster", "up")
	if err := os.Remove(linked); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	c.fails(2, "others may write to .*open: chmod 700", "master", "--state", "open", "--listen", "127.0.0.1:0")
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(open, 1, 1); err != nil {
		t.Fatal(err)
	}
	c.fails(2, "open belongs to somebody else", "master", "--state", "open", "--listen", "127.0.0.1:0")
}
