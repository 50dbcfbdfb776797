package connector

import (
	"os"
	"path/filepath"

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

func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return filepath.Clean(name)
}
