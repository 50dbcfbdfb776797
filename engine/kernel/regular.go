package kernel

import (
	"regexp"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxPattern is the longest pattern that is compiled here, in bytes.
const maxPattern = 1 << 16

// regular compiles a function of module re whose pattern is known; its type is nil if it is left to the function.
func (s *scope) regular(name string, args []operand, at syntax.Node) operand {
	line := lineOf(at)
	if len(args) < 2 {
		return operand{}
	}
	pattern, ok := args[0].constant.(starlark.String)
	if !ok || len(pattern) > maxPattern {
		return operand{}
	}
	re, err := regexp.Compile(string(pattern))
	if err != nil {
		return operand{}
	}
	g := s.texts(args[1], line)
	if len(args) != 2 {
		return operand{}
	}
	switch name {
	case "re.test":
		r := tests(newMatcher(re), g)
		if prefix, _ := re.LiteralPrefix(); prefix != "" && args[1].held && args[1].typ.kind == str {
			r.needle = &needle{args[1].at, prefix}
		}
		return r
	case "re.find":
		return findFirst(newMatcher(re), g)
	case "re.groups":
		return groups(newMatcher(re), g)
	case "re.find_all":
		if re.NumSubexp() == 0 {
			return s.collect(allMatches(re, g), at)
		}
	case "re.split":
		return s.collect(between(re, g), at)
	}
	return operand{}
}

// A matcher finds the first match of a regular expression.
type matcher struct {
	*regexp.Regexp
	simple *pattern // nil: it is not simple
}

func newMatcher(re *regexp.Regexp) matcher { return matcher{re, newPattern(re.String())} }

// find is the offsets of the match and its groups; nil if there is no match. Small expressions use room.
func (m *matcher) find(text string, room *offsets) []int {
	if m.simple != nil {
		switch m.simple.find(text, room) {
		case matched:
			return room[:2*(m.NumSubexp()+1)]
		case noMatch:
			return nil
		}
	}
	return m.FindStringSubmatchIndex(text)
}

func tests(m matcher, g func(*frame) string) operand {
	return operand{typ: boolType, truth: func(f *frame) bool {
		text := g(f)
		if m.simple != nil {
			var room offsets
			if v := m.simple.find(text, &room); v != unsure {
				return v == matched
			}
		}
		return m.MatchString(text)
	}}
}

func findFirst(m matcher, g func(*frame) string) operand {
	return operand{typ: optionalOf(strType), into: func(f *frame, to slot) {
		var room offsets
		text := g(f)
		match := m.find(text, &room)
		f.slots[to&slotMask].setTruth(match != nil)
		if match != nil {
			f.slots[(to+1)&slotMask].setText(text[match[0]:match[1]])
		}
	}}
}

// groups is the tuple of a pattern's groups; its type is nil if they have names, which makes a dict of them.
func groups(re matcher, g func(*frame) string) operand {
	n := re.NumSubexp()
	for _, name := range re.SubexpNames() {
		if name != "" {
			return operand{}
		}
	}
	if n == 0 || 2*n >= maxWidth {
		return operand{}
	}
	elems := make([]*Type, n)
	for i := range elems {
		elems[i] = optionalOf(strType)
	}
	return operand{typ: optionalOf(tupleOf(elems)), into: func(f *frame, to slot) {
		var room offsets
		text := g(f)
		match := re.find(text, &room)
		f.slots[to&slotMask].setTruth(match != nil)
		if match == nil {
			return
		}
		for i := range n {
			from, end, cells := match[2*i+2], match[2*i+3], f.slots[int(to)+1+2*i:]
			cells[0].setTruth(from >= 0)
			if from >= 0 {
				cells[1].setText(text[from:end])
			}
		}
	}}
}

func allMatches(re *regexp.Regexp, g func(*frame) string) sequence {
	return sequence{elem: strType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			text := g(f)
			for _, match := range re.FindAllStringIndex(text, -1) {
				f.slots[to&slotMask].setText(text[match[0]:match[1]])
				if !body(f) {
					return false
				}
			}
			return true
		}
	}}
}

func between(re *regexp.Regexp, g func(*frame) string) sequence {
	return sequence{elem: strType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			for _, part := range re.Split(g(f), -1) {
				f.slots[to&slotMask].setText(part)
				if !body(f) {
					return false
				}
			}
			return true
		}
	}}
}
