package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// What a terminal puts around text that is pasted, if it is asked to.
const (
	askForMarks = "\x1b[?2004h"
	noMoreMarks = "\x1b[?2004l"
	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"
)

const (
	interruptKey = 0x03
	// longestTyped is how many bytes of a line stay as they are, where they come at once.
	longestTyped = 512
	// longestInline is how long a pasted line may be to be edited like one that was typed.
	longestInline = 200
)

// A pasteReader takes what is pasted out of the keys of a terminal, and puts a short note in its place: a line editor
// writes the line anew for every key, so that a long one takes the square of its length. It knows a paste by the marks of
// the terminal and, where that makes none, by how much of a line comes at once.
type pasteReader struct {
	keys io.Reader

	out   []byte // for the reader
	held  []byte // may be the beginning of a mark, or of a character
	paste []byte // between marks
	open  bool   // a paste has begun and not ended
	burst bool   // the last text is of a line that comes without marks, and may go on

	mu    sync.Mutex
	notes []string // in order
	texts [][]byte // what they stand for
}

// Read implements io.Reader.
func (p *pasteReader) Read(to []byte) (int, error) {
	var buf [4096]byte
	for len(p.out) == 0 {
		n, err := p.keys.Read(buf[:])
		p.take(append(p.held, buf[:n]...), err == nil)
		if err != nil && len(p.out) == 0 {
			return 0, err
		}
	}
	n := copy(to, p.out)
	p.out = p.out[n:]
	return n, nil
}

// take takes keys; more says that others may follow.
func (p *pasteReader) take(keys []byte, more bool) {
	p.held = nil
	for len(keys) > 0 {
		mark := pasteBegins
		if p.open {
			mark = pasteEnds
		}
		before, after, found := bytes.Cut(keys, []byte(mark))
		if i := bytes.IndexByte(before, interruptKey); p.open && i >= 0 { // a terminal that has lost the end
			p.open, p.paste = false, nil
			keys = keys[i:]
			continue
		}
		if !found && more {
			n := len(before) - unfinished(before, mark)
			p.held = bytes.Clone(before[n:])
			before = before[:n]
		}
		switch {
		case !p.open:
			p.typed(before)
		case len(p.paste) <= maxScript: // it is too long already
			p.paste = append(p.paste, before...)
		}
		if found {
			if p.open {
				p.pasted()
			}
			p.open = !p.open
		}
		keys = after
	}
}

// unfinished is how many bytes at the end of a text may be the beginning of a mark or of a character.
func unfinished(text []byte, mark string) int {
	for n := min(len(text), len(mark)-1); n > 0; n-- {
		if strings.HasPrefix(mark, string(text[len(text)-n:])) {
			return n
		}
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			break
		}
	}
	return 0
}

// typed hands on keys; so much of a line at once is no typing.
func (p *pasteReader) typed(keys []byte) {
	for len(keys) > 0 {
		n := bytes.IndexFunc(keys, isControl)
		if n < 0 {
			n = len(keys)
		}
		switch {
		case n <= longestTyped:
			p.out = append(p.out, keys[:n]...)
			p.burst = false
		case !p.burst || !p.longer(keys[:n]):
			p.note(string(keys[:n]), "")
			p.burst = n == len(keys)
		}
		p.burst = p.burst && n == len(keys)
		controls := n
		for controls < len(keys) && isControl(rune(keys[controls])) {
			controls++
		}
		p.out = append(p.out, keys[n:controls]...)
		keys = keys[controls:]
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// pasted hands on what stood between marks. Its last line is not ended: it can be edited.
func (p *pasteReader) pasted() {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(p.paste))
	p.paste = nil
	text = strings.TrimRight(text, "\n")
	if len(text) <= longestInline && strings.IndexFunc(text, isControl) < 0 {
		p.out = append(p.out, text...)
		return
	}
	size := counted(len(text), "byte")
	if n := strings.Count(text, "\n"); n > 0 {
		size = counted(n+1, "line")
	}
	p.note(text, ": "+size)
	p.burst = false
}

// longer adds to the last text, if it was not asked for yet.
func (p *pasteReader) longer(text []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.texts) == 0 {
		return false
	}
	p.texts[len(p.texts)-1] = append(p.texts[len(p.texts)-1], text...)
	return true
}

// note hands on a note in the place of a text.
func (p *pasteReader) note(text, size string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts = append(p.texts, []byte(text))
	p.notes = append(p.notes, fmt.Sprintf("[paste %d%s]", len(p.texts), size))
	p.out = append(p.out, p.notes[len(p.notes)-1]...)
}

// whole is a line with what was pasted in the place of the notes, which are forgotten.
func (p *pasteReader) whole(line string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for i, note := range p.notes {
		before, after, ok := strings.Cut(line, note)
		if ok {
			b.WriteString(before)
			b.Write(p.texts[i])
			line = after
		}
	}
	p.notes, p.texts = nil, nil
	return b.String() + line
}
