package scan

import (
	"encoding/binary"
	"math/bits"
)

// The functions below step over JSON at an offset of a text without building it. They return the offset after it,
// or -1 for anything that is not plainly valid.

// skipBlanks returns the offset of the first byte from at on that is no blank, which may be the end.
func skipBlanks(text string, at int) int {
	for at < len(text) {
		switch text[at] {
		case ' ', '\t', '\n', '\r':
			at++
		default:
			return at
		}
	}
	return at
}

// skipValue checks the value at an offset; blanks may stand before it. depth counts the containers around it.
func skipValue(text string, at, depth int) int {
	if at < len(text) && text[at] <= ' ' {
		at = skipBlanks(text, at)
	}
	if at >= len(text) {
		return -1
	}
	switch b := text[at]; b {
	case '"':
		return skipString(text, at)
	case '{':
		return skipObject(text, at, depth+1)
	case '[':
		return skipArray(text, at, depth+1)
	case 't':
		return skipWord(text, at, "true")
	case 'f':
		return skipWord(text, at, "false")
	case 'n':
		return skipWord(text, at, "null")
	default:
		if isDigit(b) || b == '-' {
			return skipNumber(text, at)
		}
		return -1
	}
}

func skipWord(text string, at int, word string) int {
	if end := at + len(word); end <= len(text) && text[at:end] == word {
		return end
	}
	return -1
}

func skipArray(text string, at, depth int) int {
	if depth > MaxDepth {
		return -1
	}
	if at = skipBlanks(text, at+1); at < len(text) && text[at] == ']' {
		return at + 1
	}
	for {
		if at = skipValue(text, at, depth); at < 0 {
			return -1
		}
		next, more := skipComma(text, at, ']')
		if !more {
			return next
		}
		at = next
	}
}

func skipObject(text string, at, depth int) int {
	if depth > MaxDepth {
		return -1
	}
	if at = skipBlanks(text, at+1); at < len(text) && text[at] == '}' {
		return at + 1
	}
	for {
		if at = skipKey(text, at); at < 0 {
			return -1
		}
		if at = skipValue(text, at, depth); at < 0 {
			return -1
		}
		next, more := skipComma(text, at, '}')
		if !more {
			return next
		}
		at = skipBlanks(text, next)
	}
}

// skipKey steps over a member's key and the colon after it.
func skipKey(text string, at int) int {
	if at >= len(text) || text[at] != '"' {
		return -1
	}
	if at = skipString(text, at); at < 0 {
		return -1
	}
	if at = skipBlanks(text, at); at >= len(text) || text[at] != ':' {
		return -1
	}
	return at + 1
}

// skipComma steps over what follows an element: a comma (more), or the closing bracket.
func skipComma(text string, at int, closing byte) (next int, more bool) {
	if at < len(text) && text[at] <= ' ' {
		at = skipBlanks(text, at)
	}
	switch {
	case at >= len(text):
		return -1, false
	case text[at] == ',':
		return at + 1, true
	case text[at] == closing:
		return at + 1, false
	}
	return -1, false
}

// skipString checks a string literal.
func skipString(text string, open int) int {
	at := plainPrefix(text, open+1)
	if at < len(text) && text[at] == '"' {
		return at + 1
	}
	return skipBody(text, open+1)
}

// skipBody checks the body of a string with escapes or bytes outside of ASCII as encoding/json does: it replaces
// bad UTF-8 and lone surrogates, and refuses control characters and unknown escapes.
func skipBody(text string, at int) int {
	for {
		switch at = strictPrefix(text, at); {
		case at+1 >= len(text):
			if at < len(text) && text[at] == '"' {
				return at + 1
			}
			return -1
		case text[at] == '"':
			return at + 1
		case text[at] != '\\':
			return -1
		case text[at+1] == 'u':
			if !fourHex(text[at+2:]) {
				return -1
			}
			at += len(`\uffff`)
		case jsonEscapes[text[at+1]] == 0:
			return -1
		default:
			at += 2
		}
	}
}

const (
	eachByte   = 0x0101010101010101
	eachTop    = 0x80 * eachByte
	eachQuote  = '"' * eachByte
	eachEscape = '\\' * eachByte
	eachBlank  = ' ' * eachByte
)

// plainPrefix is the offset of the first quote, backslash or byte outside of ASCII, looking at eight bytes at a
// time; len(text) if there is none.
func plainPrefix(text string, at int) int {
	data := bytesOf(text)
	for ; at+8 <= len(data); at += 8 {
		w := binary.LittleEndian.Uint64(data[at:])
		q, e := w^eachQuote, w^eachEscape
		// The lowest bit that is set is right: a borrow can only come from a byte that is itself found.
		if found := ((q-eachByte)&^q | (e-eachByte)&^e | w) & eachTop; found != 0 {
			return at + bits.TrailingZeros64(found)/8
		}
	}
	for ; at < len(data); at++ {
		if b := data[at]; b == '"' || b == '\\' || b >= 0x80 {
			break
		}
	}
	return at
}

// strictPrefix is the offset of the first quote, backslash or control character, looking at eight bytes at a time;
// len(text) if there is none.
func strictPrefix(text string, at int) int {
	data := bytesOf(text)
	for ; at+8 <= len(data); at += 8 {
		w := binary.LittleEndian.Uint64(data[at:])
		q, e := w^eachQuote, w^eachEscape
		// The lowest bit that is set is right: a borrow can only come from a byte that is itself found.
		if found := ((q-eachByte)&^q | (e-eachByte)&^e | (w-eachBlank)&^w) & eachTop; found != 0 {
			return at + bits.TrailingZeros64(found)/8
		}
	}
	for ; at < len(data); at++ {
		if b := data[at]; b == '"' || b == '\\' || b < ' ' {
			break
		}
	}
	return at
}

// closingQuote is the offset of the quote that closes the string in whose body at stands, or len(text).
func closingQuote(text string, at int) int {
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}

func fourHex(s string) bool {
	if len(s) < 4 {
		return false
	}
	for _, b := range []byte(s[:4]) {
		if !isDigit(b) && (b|0x20)-'a' > 5 {
			return false
		}
	}
	return true
}

// skipNumber checks a number. A float may be out of range, so only a short one without an exponent passes
// unparsed.
func skipNumber(text string, at int) int {
	end, float := numberEnd(text, at)
	if end < 0 || !float || shortDecimal(text[at:end]) {
		return end
	}
	if _, err := ParseFloat(text[at:end]); err != nil {
		return -1
	}
	return end
}

// numberEnd is the offset after a number literal: the longest run of digits and the characters . e E + -. Without
// one of the latter it is an int. It is -1 for "-" and for a zero before another digit.
func numberEnd(text string, at int) (end int, float bool) {
	first := at
	if text[at] == '-' {
		first++
	}
	end = first
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	zero := end-first > 1 && text[first] == '0'
	for ; end < len(text); end++ {
		switch b := text[end]; {
		case isDigit(b):
		case b == '.', b == 'e', b == 'E', b == '+', b == '-':
			float = true
		default:
			return checkedEnd(first, end, zero), float
		}
	}
	return checkedEnd(first, end, zero), float
}

func checkedEnd(first, end int, zero bool) int {
	if zero || first == end {
		return -1
	}
	return end
}

// shortDecimal reports a number of digits with one point inside of them, short enough to be in range.
func shortDecimal(text string) bool {
	points := 0
	for i := range len(text) {
		switch {
		case text[i] == '.':
			points++
		case !isDigit(text[i]):
			return false
		}
	}
	return points == 1 && len(text) < 300
}
