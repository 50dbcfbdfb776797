package kernel

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A textSplit says that a sequence is the parts of a text that stands in slots.
type textSplit struct {
	at  slot
	sep separator
}

func textSplitOf(x operand, sep separator) *textSplit {
	if !x.held {
		return nil
	}
	return &textSplit{at: x.at, sep: sep}
}

// A wholeSplit is a flat_map that comes first in a chain and does nothing but split texts, for all records of a batch
// at once.
type wholeSplit struct {
	sep   separator
	cost  int64       // steps that a part takes
	parts chunk.Batch // of the batch at hand
}

// splits makes of a flat_map, which goes through the given sequences, a wholeSplit; nil: it does something else.
func (b *builder) splits(k int, record *operand, through []sequence) *wholeSplit {
	if k > 0 || b.scopes[k] == nil || onlyResult(b.scopes[k].fn.Body) == nil || len(through) != 1 {
		return nil
	}
	q := through[0].split
	if q == nil || record.typ.kind != str || q.at != record.at || !q.sep.words && q.sep.known == "" {
		return nil
	}
	return &wholeSplit{sep: q.sep}
}

// run splits the texts of a batch, each of which may have so many steps. It reports false if one takes more.
func (s *wholeSplit) run(in *chunk.Batch, steps int64) bool {
	parts, positions := s.parts.Strings[:0], s.parts.Relative[:0]
	most := int(steps / max(1, s.cost))
	ok := true
	for i, text := range in.Strings[:in.N] {
		before := len(parts)
		if s.sep.words {
			parts = appendWords(parts, text)
		} else {
			parts = appendParts(parts, text, s.sep.known)
		}
		if len(parts)-before > most {
			ok = false
			break
		}
		position, at := in.RelativeAt(i), len(positions)
		positions = room(positions, len(parts)-before)[:len(parts)]
		for k := range positions[at:] {
			positions[at+k] = position
		}
	}
	s.parts.Strings, s.parts.Relative = parts, positions
	s.parts.Kind, s.parts.N = chunk.String, len(parts)
	return ok
}

func appendParts(to []string, text, sep string) []string {
	for {
		part, rest, found := strings.Cut(text, sep)
		to = append(to, part)
		if !found {
			return to
		}
		text = rest
	}
}

const (
	eachByte = 0x0101010101010101
	topBits  = 0x8080808080808080
	wordSize = 8
)

// appendWords appends the words of a text, as strings.Fields separates them.
func appendWords(to []string, text string) []string {
	start := 0
	for at := 0; at < len(text); at += marked {
		spaces, plain := spacesIn(text[at:])
		if !plain {
			return appendAnyWords(to, text[start:])
		}
		to = room(to, marked)
		for ; spaces != 0; spaces &= spaces - 1 {
			end := at + bits.TrailingZeros64(spaces)
			if end > start {
				to = append(to, text[start:end])
			}
			start = end + 1
		}
	}
	if start < len(text) {
		to = append(to, text[start:])
	}
	return to
}

// room makes room for n more, and at least for as many as there are: append, which grows large slices by a quarter, would
// copy most of them several times.
func room[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return slices.Grow(s, max(n, len(s)))
}

// marked is how many characters spacesIn looks at.
const marked = 64

// spacesIn marks the spaces among the first 64 characters of a text, by a bit each from the lowest on. plain says that
// there are no other characters that separate words, and none that are not ASCII or that control something.
func spacesIn(text string) (spaces uint64, plain bool) {
	spaces, others, ok := marksAtOnce(text)
	if ok {
		return spaces, others == 0
	}
	return spacesByWords(text)
}

// spacesByWords is spacesIn by words of 8 characters.
func spacesByWords(text string) (spaces uint64, plain bool) {
	var others uint64
	n := min(len(text), marked)
	for i := 0; i < n; i += wordSize {
		var w uint64
		switch rest := n - i; {
		case rest >= wordSize:
			w = load64(text[i:])
		case n >= wordSize:
			w = load64(text[n-wordSize:])>>(8*(wordSize-rest)) | filler<<(8*rest)
		default:
			w = filler
			for k := rest - 1; k >= 0; k-- {
				w = w<<8 | uint64(text[i+k])
			}
		}
		low := ^((w | topBits) - ('!' * eachByte)) & topBits
		x := w ^ (' ' * eachByte)
		space := ^(x&^topBits + (eachByte * 0x7f) | x) & topBits
		others |= low ^ space | w&topBits
		spaces |= space * gatherBits >> 56 << i
	}
	return spaces, others == 0
}

const (
	// filler stands where a text has no more characters.
	filler = 'a' * eachByte
	// gatherBits brings the top bits of 8 bytes together in the highest byte.
	gatherBits = 1<<49 | 1<<42 | 1<<35 | 1<<28 | 1<<21 | 1<<14 | 1<<7 | 1
)

// appendAnyWords is appendWords for texts of any characters.
func appendAnyWords(to []string, text string) []string {
	for i := 0; ; {
		for i < len(text) && asciiSpace[text[i]] {
			i++
		}
		if i == len(text) {
			return to
		}
		start := i
		if i = endOfWord(text, i); i < len(text) && text[i] >= utf8.RuneSelf {
			var word string
			word, text = nextWordUnicode(text[start:])
			if i = 0; word != "" {
				to = append(to, word)
			}
			continue
		}
		to = append(to, text[start:i])
	}
}

// endOfWord is where the word ends of which ASCII stands before i, or where it goes on with another character.
func endOfWord(text string, i int) int {
	for i+wordSize <= len(text) {
		if found := notWord(load64(text[i:])); found == 0 {
			i += wordSize
		} else if i += bits.TrailingZeros64(found) / 8; asciiSpace[text[i]] || text[i] >= utf8.RuneSelf {
			return i
		} else {
			i++ // a control character
		}
	}
	for i < len(text) && !asciiSpace[text[i]] && text[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// notWord marks, by its top bit, the first of 8 characters that is a space, a control character or not ASCII. Others
// may be marked behind it.
func notWord(w uint64) uint64 { return (w - ('!' * eachByte) | w) & topBits }

// load64 is the first 8 bytes of a text as a number, the first one lowest.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
