package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/flowsh/flowsh/engine/cluster"
)

// dataHeadroom is what an executor may take beyond its memory budget before the kernel refuses more: what a step makes
// at once is not collected before it is done.
const dataHeadroom = 1 << 30

// A memoryGroup is the cgroup that an executor is in. Where this process may make groups each executor has its own, so that
// the kernel ends nothing else where it takes too much; elsewhere it is that of this process, in which the kernel may end an
// executor, too, because all together take too much.
type memoryGroup struct {
	dir   string
	own   bool
	kills int64 // processes that the kernel had ended in it before
}

// memoryGroupPrefix begins the names of the groups of executors.
const memoryGroupPrefix = "flowsh-executor-"

// Files of a cgroup, of version 2 and of version 1.
var (
	groupLimits = []string{"memory.max", "memory.limit_in_bytes"}
	groupEvents = []string{"memory.events", "memory.oom_control"}
)

// newMemoryGroup makes a group with a limit in bytes below that of this process, of the cgroups of a machine whose root is
// named; it gives that of this process if there can be none, and nil if that is not known either.
func newMemoryGroup(root string, limit int64) *memoryGroup {
	parent := ownMemoryGroup(root)
	if parent == "" {
		return nil
	}
	left, _ := filepath.Glob(filepath.Join(parent, memoryGroupPrefix+"*"))
	for _, dir := range left {
		_ = os.Remove(dir) // those that are in use stay
	}
	if dir, err := os.MkdirTemp(parent, memoryGroupPrefix); err == nil {
		g := &memoryGroup{dir: dir, own: true}
		if g.limit(limit) == nil {
			return g
		}
		g.remove()
	}
	g := &memoryGroup{dir: parent}
	g.kills = g.killed()
	return g
}

// ownMemoryGroup is the folder of the cgroup of this process that counts memory; "": there is none.
func ownMemoryGroup(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(line, ":")
		for mount, here := range map[string]bool{"sys/fs/cgroup": controllers == "", "sys/fs/cgroup/memory": controllers == "memory"} {
			if !here {
				continue
			}
			for _, dir := range []string{filepath.Join(root, mount, path), filepath.Join(root, mount)} { // a container sees only its own
				if _, ok := groupNumber(dir, groupEvents, "oom_kill "); ok {
					return dir
				}
			}
		}
	}
	return ""
}

// groupNumber is the number behind a word in the first of a cgroup's files that is there.
func groupNumber(dir string, names []string, word string) (n int64, ok bool) {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if number, found := strings.CutPrefix(line, word); found {
				n, err = strconv.ParseInt(strings.TrimSpace(number), 10, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}

func (g *memoryGroup) limit(n int64) error {
	err := error(fs.ErrNotExist)
	for _, name := range groupLimits {
		if err = writeGroup(g.dir, name, n); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// writeGroup writes to a file of a cgroup, which must be there.
func writeGroup(dir, name string, n int64) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(f, n)
	return errors.Join(err, f.Close())
}

// add puts a process into the group.
func (g *memoryGroup) add(pid int) {
	if g != nil && g.own {
		_ = writeGroup(g.dir, "cgroup.procs", int64(pid)) // without it the executor has the limits that it gives itself
	}
}

// killed is how many processes the kernel has ended in the group for want of memory.
func (g *memoryGroup) killed() int64 {
	n, _ := groupNumber(g.dir, groupEvents, "oom_kill ")
	return n
}

// remove ends the group when its process has.
func (g *memoryGroup) remove() {
	if g != nil && g.own {
		_ = os.Remove(g.dir) // the next executor removes what is left
	}
}

// death is how an executor has ended that somebody else has killed.
func (g *memoryGroup) death(state *os.ProcessState) cluster.Death {
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL:
		return cluster.Death{Cause: cluster.Died, Reason: "its executor died: " + state.String()}
	case g != nil && g.killed() > g.kills:
		limit, _ := groupNumber(g.dir, groupLimits, "")
		return cluster.Death{
			Cause:  cluster.OutOfMemory,
			Reason: fmt.Sprintf("its executor ran out of memory, and the kernel ended it (limit %d bytes)", limit),
		}
	}
	return cluster.Death{Cause: cluster.Lost, Reason: "its executor was killed"}
}
