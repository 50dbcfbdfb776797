package main

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/flowsh/flowsh/engine/kernel"
)

// A spotNote is a file in which an executor notes the call that it is about to make. What is written stays when the
// process is killed.
type spotNote struct{ file *os.File }

const (
	spotFile = "call"
	spotSize = 20 // position, sibling and operator
)

func newSpotNote(scratch string) (*spotNote, error) {
	f, err := os.OpenFile(filepath.Join(scratch, spotFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	return &spotNote{f}, err
}

// write notes a call. Without the note the call is not found that ends the process, which then says less.
func (n *spotNote) write(s kernel.Spot) {
	var text [spotSize]byte
	binary.BigEndian.PutUint64(text[:], s.Position)
	binary.BigEndian.PutUint32(text[8:], s.Sibling)
	binary.BigEndian.PutUint64(text[12:], uint64(s.Op))
	_, _ = n.file.WriteAt(text[:], 0)
}

// readSpotNote is the last call that was noted; ok is false if there is none.
func readSpotNote(scratch string) (s kernel.Spot, ok bool) {
	text, err := os.ReadFile(filepath.Join(scratch, spotFile))
	if err != nil || len(text) != spotSize {
		return s, false
	}
	return kernel.Spot{
		Position: binary.BigEndian.Uint64(text), Sibling: binary.BigEndian.Uint32(text[8:]),
		Op: int(binary.BigEndian.Uint64(text[12:])),
	}, true
}
