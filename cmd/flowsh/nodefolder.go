package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/flowsh/flowsh/spill"
)

// nodePrefix begins the names of folders for what the executors of a node write down while they run. Each is locked by its
// node, and goes with it; one that was killed leaves it behind, and the next node on the machine removes it.
const nodePrefix = "flowsh-node-"

// nodeFolder makes such a folder in temp, where it first removes those that are nobody's any more. release removes the
// folder; it may be called more than once.
func nodeFolder(temp string) (dir string, release func(), err error) {
	sweepNodeFolders(temp)
	for {
		if dir, err = os.MkdirTemp(temp, nodePrefix); err != nil {
			return "", nil, err
		}
		unlock, err := spill.Lock(dir)
		switch {
		case err == nil:
			return dir, sync.OnceFunc(func() {
				_ = os.RemoveAll(dir) // what is left the next node removes
				unlock()
			}), nil
		case !errors.Is(err, spill.ErrInUse) && !errors.Is(err, fs.ErrNotExist): // another node has swept it away meanwhile
			return "", nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
}

// sweepNodeFolders removes the folders of nodes that have ended. What cannot be removed is left to the next one, and all of
// them where nothing says who has ended.
func sweepNodeFolders(temp string) {
	if !spill.Locks() {
		return
	}
	left, _ := filepath.Glob(filepath.Join(temp, nodePrefix+"*"))
	for _, dir := range left {
		if checkOwn(dir) != nil {
			continue
		}
		if unlock, err := spill.Lock(dir); err == nil {
			_ = os.RemoveAll(dir)
			unlock()
		}
	}
}
