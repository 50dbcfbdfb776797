package main

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPasteReader(t *testing.T) {
	long := strings.Repeat("é", 400)
	for _, c := range []struct{ name, keys, screen, line string }{
		{"typed", "a\x1b[Ab\r", "a\x1b[Ab\r", ""},
		{"a short line", pasteBegins + "x = 1\r" + pasteEnds + "\r", "x = 1\r", ""},
		{"lines", pasteBegins + "def f():\r\n\treturn 1\r" + pasteEnds + "\r", "[paste 1: 2 lines]\r", "def f():\n\treturn 1\r"},
		{"a long line", "x = '" + pasteBegins + long + pasteEnds + "'\r", "x = '[paste 1: 800 bytes]'\r", "x = '" + long + "'\r"},
		{"two", pasteBegins + "a\rb" + pasteEnds + " " + pasteBegins + "a\rb\rc" + pasteEnds, "[paste 1: 2 lines] [paste 2: 3 lines]", "a\nb a\nb\nc"},
		{"no end", pasteBegins + "a\rb\x03c\r", "\x03c\r", ""},
		{"no more", "a\x1b[20", "a\x1b[20", ""},
		{"a character", "\xe2\x82\xac\xe2\x82", "\xe2\x82\xac\xe2\x82", ""},
	} {
		for _, in := range []io.Reader{strings.NewReader(c.keys), iotest.OneByteReader(strings.NewReader(c.keys))} {
			p := &pasteReader{keys: in}
			screen, err := io.ReadAll(p)
			if err != nil || string(screen) != c.screen {
				t.Errorf("%s: %q, %v, want %q", c.name, screen, err, c.screen)
			}
			want := c.line
			if want == "" {
				want = c.screen
			}
			if line := p.whole(string(screen)); line != want {
				t.Errorf("%s: %q, want %q", c.name, line, want)
			}
		}
	}
	p := &pasteReader{keys: strings.NewReader("f(" + long + ")\r")}
	if screen, err := io.ReadAll(p); err != nil || string(screen) != "[paste 1]\r" || p.whole(string(screen)) != "f("+long+")\r" {
		t.Errorf("without marks: %q, %v", screen, err)
	}
}

// TestPasteOfAMegabyte pastes at the prompt: what is a line of a megabyte, and what is many, is one part of the script.
func TestPasteOfAMegabyte(t *testing.T) {
	k := newKeyboard(t, t.TempDir())
	k.sees("Starlark")
	long := strings.Repeat("0123456789abcdef", 1<<16)
	k.sees("flowsh> ") // the terminal is ready for keys
	k.types(pasteBegins + "x = '" + long + "'\r" + pasteEnds + "\r")
	k.gives("len(x)", "1048576")
	k.sees("flowsh> ")
	k.types(pasteBegins + "def f():\r" + strings.Repeat("    y = 'a line of a function that is long'\r", 1<<14) + "    return y\r\rz = f()" + pasteEnds + "\r")
	k.gives("z", "\"a line of a function that is long\"")
	k.sees("flowsh> ")
	k.types("w = '" + long + "'\r") // by a terminal that marks nothing
	k.gives("len(w)", "1048576")
	k.types(":quit\r")
	k.ends()
}
