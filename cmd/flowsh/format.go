package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/bazelbuild/buildtools/build"
	"github.com/flowsh/flowsh/builtins"
	"github.com/google/renameio/v2"
	"go.starlark.net/syntax"
)

// errUnformatted is what fmt --check ends with when files would change; their names are printed before.
var errUnformatted = errors.New("the files listed are not formatted; flowsh fmt FILE... formats them")

// format rewrites scripts in the standard layout, or with --check lists those that are not in it.
func (c *cli) format(before, rest []string) error {
	line := new(fmtLine)
	g := newGrammar(line)
	more, files := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	c.console = newConsole(c.host, line.messageFlags)
	if len(files) == 0 {
		return usagef("format which file? flowsh fmt [--check] FILE... (- is stdin to stdout)")
	}
	var failed []error
	unformatted := false
	for _, path := range files {
		changed, err := c.formatFile(path, line.Check)
		if err != nil {
			failed = append(failed, err)
		}
		unformatted = unformatted || changed
	}
	if line.Check && unformatted {
		failed = append(failed, errUnformatted)
	}
	return errors.Join(failed...)
}

func (c *cli) formatFile(path string, check bool) (changed bool, err error) {
	text, formatted, err := c.formatted(path)
	if err != nil {
		return false, err
	}
	changed = !bytes.Equal(text, formatted)
	switch {
	case check && changed:
		_, err = fmt.Fprintln(c.host.Stdout, path)
	case check:
	case path == "-":
		_, err = c.host.Stdout.Write(formatted)
	case changed:
		err = rewrite(path, formatted)
	}
	return changed, err
}

func (c *cli) formatted(path string) (text, formatted []byte, err error) {
	if path == "-" {
		text, err = readScript(c.host.Stdin, path)
	} else {
		text, err = c.readFile(path)
	}
	if err != nil {
		return nil, nil, err
	}
	file, err := build.ParseDefault(path, text)
	var broken build.ParseError
	if errors.As(err, &broken) {
		return nil, nil, &builtins.LoadError{
			Message: broken.Message, Pos: syntax.MakePosition(&path, int32(broken.Pos.Line), int32(broken.Pos.LineRune)),
		}
	}
	if err != nil {
		return nil, nil, usagef("%v", err)
	}
	return text, build.FormatWithoutRewriting(file), nil
}

// rewrite replaces a script whole, keeping its mode.
func rewrite(path string, text []byte) error {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return renameio.WriteFile(path, text, mode)
}
