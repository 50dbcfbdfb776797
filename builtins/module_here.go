package builtins

import (
	"path/filepath"

	"go.starlark.net/starlark"
)

// here is a path beside the script.
func (e *Env) here(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &path); err != nil {
		return nil, err
	}
	if filepath.IsAbs(path) {
		return starlark.String(path), nil
	}
	beside := filepath.Join(e.Dir, path)
	if path == "" || path[len(path)-1] == '/' { // a folder of parts, for write
		beside += "/"
	}
	return starlark.String(beside), nil
}
