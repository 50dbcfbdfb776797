//go:build !unix

package host

import (
	"io/fs"
	"os"
)

const umask fs.FileMode = 0

// syncDir only checks the name: these systems make renames durable by themselves or not at all.
func syncDir(name string) error {
	_, err := os.Stat(name)
	return err
}

// otherNames is not known on these systems.
func otherNames(fs.FileInfo) bool { return false }
