package kernel

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// A pattern is a regular expression that needs no going back: what follows a repetition cannot begin with what is
// repeated, or takes as much of it as is left, and alternatives begin with different bytes. Such a one is matched byte by byte, several times as fast as
// package regexp can. It is read-only.
type pattern struct {
	items  []item
	prefix string // what every match begins with
	starts byteSet
}

// A byteSet is a set of bytes.
type byteSet [256]bool

// An item is a part of a pattern: exactly one of literal, set, choice, save and end.
type item struct {
	kind    itemKind
	literal string
	set     *byteSet // of the bytes that are repeated
	min     int
	max     int // -1: no bound
	choice  []alternative
	save    int // the number of the offset to keep
}

type itemKind uint8

const (
	isLiteral itemKind = iota
	isSet
	isChoice
	isSave
	isBegin
	isEnd
)

// An alternative is taken where the text goes on with a byte of first. An empty one is taken
// where no other is.
type alternative struct {
	first byteSet
	items []item
}

const (
	maxPatternItems  = 200
	maxPatternGroups = 12
	patternSteps     = 8 // that matching may take for each byte before the text is left to package regexp
)

// A verdict is the result of a match.
type verdict uint8

const (
	noMatch verdict = iota
	matched
	unsure // package regexp must say
)

// newPattern takes a regular expression if it is such a one; nil: it is not.
func newPattern(text string) *pattern {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil || re.MaxCap() > maxPatternGroups {
		return nil
	}
	b := patternBuilder{}
	items, whole := b.build(re.Simplify(), tail{empty: true})
	if b.failed || whole.empty || len(items) == 0 {
		return nil
	}
	p := &pattern{items: items, starts: whole.first}
	for _, it := range items {
		if it.kind == isLiteral {
			p.prefix = it.literal
		}
		if it.kind != isSave {
			break
		}
	}
	return p
}

// A patternBuilder turns syntax trees into items, from their ends to their beginnings.
type patternBuilder struct {
	failed bool
	count  int
}

// A tail is what is known of a pattern from some point on.
type tail struct {
	first byteSet  // what it can begin with
	empty bool     // it can match nothing
	run   *byteSet // it begins with any number of these; nil: it does not
}

// build is the items of an expression, and the tail that they make with the one behind them.
func (b *patternBuilder) build(re *syntax.Regexp, behind tail) ([]item, tail) {
	if b.count++; b.count > maxPatternItems {
		b.failed = true
	}
	if b.failed {
		return nil, behind
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return nil, behind
	case syntax.OpLiteral:
		return b.literal(re)
	case syntax.OpCharClass, syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return b.repeat(re, 1, 1, behind)
	case syntax.OpStar:
		return b.repeated(re, 0, behind)
	case syntax.OpPlus:
		return b.repeated(re, 1, behind)
	case syntax.OpQuest:
		return b.optional(re, behind)
	case syntax.OpCapture:
		items, whole := b.build(re.Sub[0], behind)
		items = append([]item{{kind: isSave, save: 2 * re.Cap}}, items...)
		return append(items, item{kind: isSave, save: 2*re.Cap + 1}), whole
	case syntax.OpConcat:
		var items []item
		for i := len(re.Sub) - 1; i >= 0; i-- {
			var part []item
			part, behind = b.build(re.Sub[i], behind)
			items = append(part, items...)
		}
		return items, behind
	case syntax.OpAlternate:
		return b.alternate(re.Sub, behind)
	case syntax.OpBeginText:
		behind.run = nil
		return []item{{kind: isBegin}}, behind
	case syntax.OpEndText:
		return []item{{kind: isEnd}}, tail{empty: true}
	}
	b.failed = true
	return nil, behind
}

func (b *patternBuilder) literal(re *syntax.Regexp) ([]item, tail) {
	text := string(re.Rune)
	if re.Flags&syntax.FoldCase != 0 || strings.ContainsRune(text, utf8.RuneError) {
		b.failed = true
		return nil, tail{}
	}
	var whole tail
	whole.first[text[0]] = true
	return []item{{kind: isLiteral, literal: text}}, whole
}

// repeated is an expression that is repeated without a bound, greedily.
func (b *patternBuilder) repeated(re *syntax.Regexp, least int, behind tail) ([]item, tail) {
	if re.Flags&syntax.NonGreedy != 0 {
		b.failed = true
		return nil, behind
	}
	return b.repeat(re.Sub[0], least, -1, behind)
}

// repeat is a character of a class, so many times. It may take away from a run behind it what it likes, for that
// ends in the same place.
func (b *patternBuilder) repeat(re *syntax.Regexp, low, high int, behind tail) ([]item, tail) {
	set, wide := setOf(re)
	if set == nil || wide && high >= 0 {
		b.failed = true // a character may be several bytes long
		return nil, behind
	}
	if low != high && set.meets(&behind.first) && (behind.run == nil || !set.within(behind.run)) {
		b.failed = true
		return nil, behind
	}
	whole := tail{first: *set}
	if low == 0 {
		whole.first.add(&behind.first)
		whole.empty = behind.empty
		if high < 0 {
			whole.run = set
		}
	}
	return []item{{kind: isSet, set: set, min: low, max: high}}, whole
}

// setOf is the bytes of a class of characters; wide says that all bytes outside of ASCII are among them. It is nil
// for a class that holds some characters outside of ASCII but not all.
func setOf(re *syntax.Regexp) (set *byteSet, wide bool) {
	ranges := re.Rune
	switch re.Op {
	case syntax.OpAnyChar:
		ranges = []rune{0, utf8.MaxRune}
	case syntax.OpAnyCharNotNL:
		ranges = []rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune}
	case syntax.OpLiteral:
		if len(ranges) != 1 || re.Flags&syntax.FoldCase != 0 {
			return nil, false
		}
		ranges = []rune{ranges[0], ranges[0]}
	case syntax.OpCharClass:
	default:
		return nil, false
	}
	set = new(byteSet)
	for i := 0; i < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		for r := low; r <= min(high, utf8.RuneSelf-1); r++ {
			set[r] = true
		}
		switch {
		case high < utf8.RuneSelf:
		case low <= utf8.RuneSelf && high == utf8.MaxRune:
			wide = true
		default:
			return nil, false
		}
	}
	for c := utf8.RuneSelf; wide && c < len(set); c++ {
		set[c] = true
	}
	return set, wide
}

// optional is an expression that may be left out. What follows it must be there, and begin otherwise.
func (b *patternBuilder) optional(re *syntax.Regexp, behind tail) ([]item, tail) {
	if re.Flags&syntax.NonGreedy != 0 {
		b.failed = true
		return nil, behind
	}
	if set, wide := setOf(re.Sub[0]); set != nil && !wide {
		return b.repeat(re.Sub[0], 0, 1, behind)
	}
	items, whole := b.build(re.Sub[0], behind)
	if behind.empty || needsNothing(items) || whole.first.meets(&behind.first) {
		b.failed = true
		return nil, behind
	}
	choice := item{kind: isChoice, choice: []alternative{{whole.first, items}, {}}}
	whole.first.add(&behind.first)
	return []item{choice}, tail{first: whole.first}
}

func (b *patternBuilder) alternate(subs []*syntax.Regexp, behind tail) ([]item, tail) {
	var choice item
	var all tail
	choice.kind = isChoice
	for _, sub := range subs {
		items, whole := b.build(sub, behind)
		if needsNothing(items) || whole.first.meets(&all.first) {
			b.failed = true
			break
		}
		all.first.add(&whole.first)
		choice.choice = append(choice.choice, alternative{whole.first, items})
	}
	return []item{choice}, all
}

// needsNothing says that items can match an empty text, so that first says nothing about them alone.
func needsNothing(items []item) bool {
	for i := range items {
		switch it := &items[i]; {
		case it.kind == isLiteral, it.kind == isSet && it.min > 0:
			return false
		case it.kind == isChoice && len(it.choice[len(it.choice)-1].items) > 0:
			return false
		}
	}
	return true
}

func (s *byteSet) add(other *byteSet) {
	for i, is := range other {
		s[i] = s[i] || is
	}
}

func (s *byteSet) within(other *byteSet) bool {
	for i, is := range s {
		if is && !other[i] {
			return false
		}
	}
	return true
}

func (s *byteSet) meets(other *byteSet) bool {
	for i, is := range other {
		if is && s[i] {
			return true
		}
	}
	return false
}

// An offsets holds where a match and its groups begin and end; -1 for a group that takes no part in it.
type offsets [2 * (maxPatternGroups + 1)]int

// find looks for the first match.
func (p *pattern) find(text string, at *offsets) verdict {
	budget := patternSteps*len(text) + 1<<10
	for start := 0; ; start++ {
		if start = p.candidate(text, start); start < 0 || start > 0 && p.items[0].kind == isBegin {
			return noMatch
		}
		for i := range at {
			at[i] = -1
		}
		if end := match(p.items, text, start, at, &budget); end >= 0 {
			at[0], at[1] = start, end
			return matched
		}
		if budget < 0 {
			return unsure
		}
	}
}

// candidate is the next offset at which a match could begin, -1 if there is none.
func (p *pattern) candidate(text string, from int) int {
	if p.prefix != "" {
		at := strings.Index(text[min(from, len(text)):], p.prefix)
		if at >= 0 {
			at += from
		}
		return at
	}
	for ; from < len(text); from++ {
		if p.starts[text[from]] {
			return from
		}
	}
	return -1
}

// match is where items that begin at an offset of a text end, -1 if they do not stand there.
func match(items []item, text string, i int, at *offsets, budget *int) int {
	for k := range items {
		switch it := &items[k]; it.kind {
		case isLiteral:
			if !strings.HasPrefix(text[i:], it.literal) {
				return -1
			}
			i += len(it.literal)
		case isSet:
			begin, end := i, len(text)
			if it.max >= 0 {
				end = min(end, i+it.max)
			}
			for i < end && it.set[text[i]] {
				i++
			}
			if *budget -= i - begin; i-begin < it.min || *budget < 0 {
				return -1
			}
		case isChoice:
			if i = choose(it.choice, text, i, at, budget); i < 0 {
				return -1
			}
		case isSave:
			at[it.save] = i
		case isBegin:
			if i > 0 {
				return -1
			}
		case isEnd:
			if i < len(text) {
				return -1
			}
		}
		*budget--
	}
	return i
}

func choose(branches []alternative, text string, i int, at *offsets, budget *int) int {
	for k := range branches {
		b := &branches[k]
		if b.items == nil {
			return i
		}
		if i < len(text) && b.first[text[i]] {
			return match(b.items, text, i, at, budget)
		}
	}
	return -1
}
