package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/flowsh/flowsh/spill"
)

// nodePrefix begins the names of folders for what the executors of a node write down while they run. Each is locked by its
// node, and goes with it; one that was killed leaves it behind, and the next node on the machine removes it. That of a node
// with a name waits for the node to come back, for as long as namedLasts.
const (
	nodePrefix  = "flowsh-node-"
	namedPrefix = nodePrefix + "named-"
	namedLasts  = time.Hour
)

// outputsFolder is where in the folder of a node what tasks have given is, for when the node comes back.
const outputsFolder = "outputs"

// nodeFolder makes such a folder in temp, where it first removes those that are nobody's any more; a node with a name takes
// the one over that it has left there. release removes the folder; it may be called more than once.
func nodeFolder(temp, name string) (dir string, release func(), err error) {
	named := ""
	if name != "" {
		named = filepath.Join(temp, fmt.Sprintf("%s%x", namedPrefix, sha256.Sum256([]byte(name)))[:len(namedPrefix)+16])
	}
	sweepNodeFolders(temp, named)
	if named != "" {
		if release = takeOver(named); release != nil {
			return named, release, nil
		}
	}
	for {
		if dir, err = os.MkdirTemp(temp, nodePrefix); err != nil {
			return "", nil, err
		}
		unlock, err := spill.Lock(dir)
		switch {
		case err == nil:
			return dir, removing(dir, unlock), nil
		case !errors.Is(err, spill.ErrInUse) && !errors.Is(err, fs.ErrNotExist): // another node has swept it away meanwhile
			return "", nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
}

// removing removes a folder, and then unlocks it.
func removing(dir string, unlock func()) func() {
	return sync.OnceFunc(func() {
		_ = os.RemoveAll(dir) // what is left the next node removes
		unlock()
	})
}

// takeOver makes the folder of a node with a name, or takes it over with the outputs in it and nothing else. release is nil
// if that cannot be: another node of the name runs.
func takeOver(dir string) (release func()) {
	if !spill.Locks() || ownFolder(dir) != nil {
		return nil
	}
	unlock, err := spill.Lock(dir)
	if err != nil {
		return nil
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range left {
		if filepath.Base(path) != outputsFolder {
			_ = os.RemoveAll(path) // what is left goes with the node
		}
	}
	return removing(dir, unlock)
}

// sweepNodeFolders removes the folders of nodes that have ended, but for the one that is to be taken over and those that
// others may yet take over. What cannot be removed is left to the next one, and all of them where nothing says who has ended.
func sweepNodeFolders(temp, but string) {
	if !spill.Locks() {
		return
	}
	left, _ := filepath.Glob(filepath.Join(temp, nodePrefix+"*"))
	for _, dir := range left {
		if dir == but || checkOwn(dir) != nil || waits(dir) {
			continue
		}
		if unlock, err := spill.Lock(dir); err == nil {
			_ = os.RemoveAll(dir)
			unlock()
		}
	}
}

// waits reports whether the node of a folder may still come back for it.
func waits(dir string) bool {
	info, err := os.Stat(dir)
	return strings.HasPrefix(filepath.Base(dir), namedPrefix) && err == nil && time.Since(info.ModTime()) < namedLasts
}
