package connector

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/flowsh/flowsh/engine/host"
)

// SamePath reports whether two paths name one file: the file itself if both exist, else the cleaned path.
func SamePath(h *host.Host, a, b string) bool {
	if absolute(a) == absolute(b) {
		return true
	}
	x, errX := h.FS.Stat(a)
	y, errY := h.FS.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// Replaces reports whether an output replaces a file: it is its target, or with ByKey the target for some key.
func Replaces(h *host.Host, spec *SinkSpec, file string) bool {
	if !spec.ByKey {
		return SamePath(h, spec.Target, file)
	}
	before, after, _ := strings.Cut(absolute(spec.Target), "{}")
	key, ok := strings.CutPrefix(absolute(file), before)
	if ok {
		key, ok = strings.CutSuffix(key, after)
	}
	return ok && !strings.ContainsRune(key, filepath.Separator)
}

func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return filepath.Clean(name)
}
