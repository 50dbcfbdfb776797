package connector

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/flowsh/flowsh/engine/host"
)

// A parentage makes the folders that outputs stand in, and takes back those it made.
type parentage struct {
	host *host.Host
	made []string // parents first
	seen map[string]bool
}

// require makes a folder and its parents, if they are missing.
func (p *parentage) require(dir string) error {
	if p.seen[dir] {
		return nil
	}
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		info, err := p.host.FS.Stat(d)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", d)
		}
		if !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break // it exists, or MkdirAll will say what is wrong
		}
		missing = append(missing, d)
	}
	err := p.host.FS.MkdirAll(dir)
	for i := range missing {
		p.made = append(p.made, missing[len(missing)-1-i])
	}
	if err == nil {
		if p.seen == nil {
			p.seen = map[string]bool{}
		}
		p.seen[dir] = true
	}
	return err
}

// sync makes what was renamed into a folder durable, and the folder itself if it was made here.
func (p *parentage) sync(dir string) error {
	if err := p.host.Fault(pointSyncDir); err != nil {
		return err
	}
	return p.host.FS.SyncDir(dir)
}

// syncMade makes the folders made here durable.
func (p *parentage) syncMade() error {
	for _, dir := range p.made {
		if err := p.sync(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// abort removes the folders made here, as far as nobody else put something into them.
func (p *parentage) abort() {
	for i := len(p.made) - 1; i >= 0; i-- {
		_ = p.host.FS.Remove(p.made[i]) // fails where others have put something: that stays
	}
	p.made, p.seen = nil, nil
}

// checkWritable reports early, before hours of work, that a file cannot be made in a folder or in the nearest
// parent that exists. It leaves nothing behind.
func checkWritable(h *host.Host, dir string) error {
	for {
		info, err := h.FS.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", dir)
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return err
		}
		dir = parent
	}
	probe := temporaryName(h, filepath.Join(dir, "flowsh"))
	f, err := h.FS.Create(probe)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), h.FS.Remove(probe))
}
