package builtins

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
	"sync/atomic"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

const (
	maxPattern  = 64 << 10 // bytes
	maxPatterns = 256      // compiled patterns that are kept
)

// newRegexps makes the module re with a cache of its own.
func newRegexps() *starlarkstruct.Module {
	r := new(regexps)
	functions := map[string]function{
		"find":     r.find,
		"find_all": r.findAll,
		"groups":   r.groups,
		"replace":  r.replace,
		"split":    r.split,
		"test":     r.test,
	}
	for name, hint := range elsewhere {
		functions[name] = useInstead(hint)
	}
	return module("re", functions, nil)
}

// elsewhere are the names under which people of other languages look for these, with what to write.
var elsewhere = map[string]string{
	"compile": "patterns are compiled once and kept: pass the text to re.test, re.find, ...",
	"findall": "write re.find_all",
	"match":   `write re.test(r"^...", s) for a bool, re.groups for the groups`,
	"search":  "write re.test for a bool, re.find for the text, re.groups for the groups",
	"sub":     "write re.replace(pattern, s, replacement)",
}

func useInstead(what string) function {
	return func(_ *starlark.Thread, b *starlark.Builtin, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		return nil, fmt.Errorf("there is no %s: %s", b.Name(), what)
	}
}

// regexps is a bounded cache of compiled patterns. Readers take no lock; it is emptied when it is full.
type regexps struct {
	patterns atomic.Pointer[map[string]*regexp.Regexp]
	write    sync.Mutex
}

func (r *regexps) compile(pattern string) (*regexp.Regexp, error) {
	if known := r.patterns.Load(); known != nil {
		if re := (*known)[pattern]; re != nil {
			return re, nil
		}
	}
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("the pattern has %d bytes, and %d are allowed", len(pattern), maxPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, explainPattern(pattern, err)
	}
	r.keep(pattern, re)
	return re, nil
}

func (r *regexps) keep(pattern string, re *regexp.Regexp) {
	r.write.Lock()
	defer r.write.Unlock()
	next := map[string]*regexp.Regexp{pattern: re}
	if known := r.patterns.Load(); known != nil && len(*known) < maxPatterns {
		for p, re := range *known {
			next[p] = re
		}
	}
	r.patterns.Store(&next)
}

// explainPattern words what is wrong with a pattern, and what to write for what RE2 leaves out.
func explainPattern(pattern string, err error) error {
	var bad *syntax.Error
	if !errors.As(err, &bad) {
		return err
	}
	hint := ""
	switch {
	case bad.Code == syntax.ErrInvalidPerlOp:
		hint = ": RE2 has no lookahead or lookbehind"
	case bad.Code == syntax.ErrInvalidEscape && len(bad.Expr) == 2 && bad.Expr[1] >= '1' && bad.Expr[1] <= '9':
		hint = ": RE2 has no backreferences"
	}
	if len(pattern) > 100 {
		pattern = pattern[:100] + "..."
	}
	return fmt.Errorf("pattern %q: %s: %q%s", pattern, bad.Code, bad.Expr, hint)
}

// unpack takes the arguments (pattern, s) apart.
func (r *regexps) unpack(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (*regexp.Regexp, string, error) {
	var pattern, s string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &pattern, "s", &s); err != nil {
		return nil, "", err
	}
	re, err := r.compile(pattern)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", b.Name(), err)
	}
	return re, s, nil
}

// test says whether the pattern matches anywhere in s.
func (r *regexps) test(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	re, s, err := r.unpack(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	return starlark.Bool(re.MatchString(s)), nil
}

// find is the text of the first match, or None.
func (r *regexps) find(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	re, s, err := r.unpack(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	at := re.FindStringIndex(s)
	if at == nil {
		return starlark.None, nil
	}
	return starlark.String(s[at[0]:at[1]]), nil
}

// groups is the groups of the first match, or None.
func (r *regexps) groups(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	re, s, err := r.unpack(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	if re.NumSubexp() == 0 {
		return nil, fmt.Errorf("%s: %w", b.Name(), errNoGroups(re))
	}
	at := re.FindStringSubmatchIndex(s)
	if at == nil {
		return starlark.None, nil
	}
	return captured(re, s, at), nil
}

func errNoGroups(re *regexp.Regexp) error {
	return fmt.Errorf("pattern %q has no groups: use re.find for the text of the match", re)
}

// captured is the groups of a match: a dict of the named ones, or a tuple where none has a name. A group that
// took no part is None.
func captured(re *regexp.Regexp, s string, at []int) starlark.Value {
	names := re.SubexpNames()
	groups := make(starlark.Tuple, re.NumSubexp())
	var named *starlark.Dict
	for i := range groups {
		groups[i] = starlark.None
		if from, to := at[2*i+2], at[2*i+3]; from >= 0 {
			groups[i] = starlark.String(s[from:to])
		}
		if name := names[i+1]; name != "" {
			if named == nil {
				named = starlark.NewDict(len(groups))
			}
			_ = named.SetKey(starlark.String(name), groups[i]) // a string is hashable
		}
	}
	if named != nil {
		return named
	}
	return groups
}

// findAll is the matches from left to right: their texts, or their groups where the pattern has groups.
func (r *regexps) findAll(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	re, s, err := r.unpack(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	matches := re.FindAllStringSubmatchIndex(s, -1)
	found := make([]starlark.Value, len(matches))
	for i, at := range matches {
		if re.NumSubexp() == 0 {
			found[i] = starlark.String(s[at[0]:at[1]])
		} else {
			found[i] = captured(re, s, at)
		}
	}
	return starlark.NewList(found), nil
}

// split is the texts between the matches.
func (r *regexps) split(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	re, s, err := r.unpack(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	parts := re.Split(s, -1)
	list := make([]starlark.Value, len(parts))
	for i, part := range parts {
		list[i] = starlark.String(part)
	}
	return starlark.NewList(list), nil
}
