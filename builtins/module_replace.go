package builtins

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// replace puts a text in the place of every match. In it \1 to \99 and \g<name> are groups and \\ is a backslash.
func (r *regexps) replace(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var pattern, s, replacement string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &pattern, "s", &s, "repl", &replacement); err != nil {
		return nil, err
	}
	re, err := r.compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	t, err := newTemplate(re, replacement)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if t.tooLong(re, s) {
		return nil, fmt.Errorf("%s: %w", b.Name(), errText)
	}
	return starlark.String(re.ReplaceAllString(s, t.text)), nil
}

// A template is a replacement in the notation of package regexp.
type template struct {
	text    string
	literal int // bytes that are not groups
	groups  int
}

func newTemplate(re *regexp.Regexp, replacement string) (template, error) {
	if !strings.ContainsAny(replacement, `\$`) {
		return template{text: replacement, literal: len(replacement)}, nil
	}
	t := template{literal: len(replacement)}
	var text strings.Builder
	for rest := replacement; rest != ""; {
		plain, after, escape := strings.Cut(rest, `\`)
		text.WriteString(strings.ReplaceAll(plain, "$", "$$"))
		if !escape {
			break
		}
		group, after, err := groupIn(re, after)
		if err != nil {
			return template{}, fmt.Errorf("replacement %q: %w", replacement, err)
		}
		if group == "" {
			text.WriteByte('\\')
		} else {
			text.WriteString("${" + group + "}")
			t.groups++
		}
		rest = after
	}
	t.text = text.String()
	return t, nil
}

// groupIn reads what follows a backslash: a group, or "" for a second backslash.
func groupIn(re *regexp.Regexp, s string) (group, after string, err error) {
	if after, ok := strings.CutPrefix(s, `\`); ok {
		return "", after, nil
	}
	if named, ok := strings.CutPrefix(s, "g<"); ok {
		name, after, ok := strings.Cut(named, ">")
		if !ok || name == "" || !slices.Contains(re.SubexpNames(), name) {
			return "", "", fmt.Errorf(`the pattern has no group for \g<%s>`, name)
		}
		return name, after, nil
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	digits = min(digits, 2)
	if digits == 0 {
		return "", "", fmt.Errorf(`after \ comes a group's number, g<name> or \`)
	}
	n, _ := strconv.Atoi(s[:digits])
	if n > re.NumSubexp() {
		return "", "", fmt.Errorf(`the pattern has %d groups, so no \%d`, re.NumSubexp(), n)
	}
	return strconv.Itoa(n), s[digits:], nil
}

// tooLong says that replacing could give more than maxText bytes. All matches together are no longer than s.
func (t template) tooLong(re *regexp.Regexp, s string) bool {
	grown := (t.groups + 1) * len(s)
	if grown+(len(s)+1)*t.literal <= maxText {
		return false
	}
	matches := 0
	re.ReplaceAllStringFunc(s, func(match string) string { matches++; return match })
	return grown+matches*t.literal > maxText
}
