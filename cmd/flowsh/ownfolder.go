package main

import (
	"errors"
	"io/fs"
	"os"
)

// ownFolder makes a folder for what nobody else may change, if there is none.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return checkOwn(dir)
}

// checkOwn fails if somebody else could change what is in a folder: the name of one in a folder that is for all may have been
// taken by anybody. A folder that is not there is nobody's.
func checkOwn(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return usagef("%s is no folder, or a link to one: remove it", dir)
	case !isOwn(info):
		return usagef("%s belongs to somebody else: use a folder of your own", dir)
	case info.Mode().Perm()&0o022 != 0 && othersCount:
		return usagef("others may write to %s: chmod 700 %s", dir, dir)
	}
	return nil
}
