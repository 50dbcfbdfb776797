//go:build !unix

package main

import (
	"io/fs"
	"os/exec"
)

func setProcessGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func detach(*exec.Cmd) {}

const othersCount = false

func isOwn(fs.FileInfo) bool { return true }
