package main

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// newJob is the folder that flowsh new makes; NAME in names and texts stands for the job's name.
//
//go:embed newjob
var newJob embed.FS

// create makes a folder with a job, its test and its data.
func (c *cli) create(before, rest []string) error {
	line := new(plainLine)
	g := newGrammar(line)
	more, names := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	c.console = newConsole(c.host, line.messageFlags)
	if len(names) != 1 {
		return usagef("name the new job: flowsh new NAME")
	}
	dir := names[0]
	name := filepath.Base(dir)
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`).MatchString(name) {
		return usagef("%q is no name for a job: begin with a letter, then letters, digits, _ and -", name)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o777); {
	case errors.Is(err, fs.ErrExist):
		return usagef("%s is there already; give the job another name", dir)
	case err != nil:
		return err
	}
	err := fs.WalkDir(newJob, "newjob", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := newJob.ReadFile(path)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, strings.ReplaceAll(filepath.Base(path), "NAME", name))
		return os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "NAME", name)), 0o666)
	})
	if err != nil || line.Quiet {
		return err
	}
	job := filepath.Join(dir, name+".star")
	return c.print("made " + dir + " with a job, its test and its data\n\n" +
		"run it:            flowsh " + job + "\n" +
		"test it:           flowsh test " + dir + "\n" +
		"see how it runs:   flowsh explain " + job)
}
