package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is a text for a terminal, in which what would have that do something, other than begin lines and columns, is
// escaped as in a string: text may come from anywhere.
func visible(text string) string {
	if strings.IndexFunc(text, steers) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if steers(r) {
			quoted := strconv.QuoteToASCII(text[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

// steers says that a character, or a byte that is none, may be a command to a terminal.
func steers(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\t'
}
