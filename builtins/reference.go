package builtins

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// referenceText is the reference of the language: one entry below each ### heading, whose code spans are the
// names and signatures that the entry explains. lang-spec.md holds the same text.
//
//go:embed reference.md
var referenceText string

// An entry explains one name of the language, or several that belong together.
type entry struct {
	names      []string // flow.map, re.find, sum, "def map"
	signatures []string
	text       string // Markdown
}

var reference = sync.OnceValue(func() []entry {
	var entries []entry
	code := regexp.MustCompile("`([^`]+)`")
	for i, part := range strings.Split(referenceText, "\n### ") {
		if i == 0 {
			continue
		}
		heading, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		e := entry{text: strings.TrimSpace(text)}
		for _, span := range code.FindAllStringSubmatch(heading, -1) {
			e.signatures = append(e.signatures, span[1])
			e.names = append(e.names, nameIn(span[1]))
		}
		entries = append(entries, e)
	}
	return entries
})

// nameIn is what stands before the parameters of a signature.
func nameIn(signature string) string {
	name, _, _ := strings.Cut(signature, "(")
	return name
}

// Names lists every name that Reference explains, in order: predeclared names and modifiers of the definition form as they
// are, operators as flow.map, members of modules as re.find, and stages of the definition form as "def map".
func Names() []string {
	var names []string
	for _, e := range reference() {
		names = append(names, e.names...)
	}
	slices.Sort(names)
	return names
}

// Reference explains a name of the language as plain text: signatures, shape, errors, an example and what it
// prints. A name without its module or without "flow." finds everything that is called so. ok is false for a name
// that the language does not have.
func Reference(name string) (text string, ok bool) {
	found := entriesOf(func(n string) bool { return n == name || n == "flow."+name || n == "def "+name })
	if len(found) == 0 {
		found = entriesOf(func(n string) bool { return strings.HasSuffix(n, "."+name) })
	}
	var texts []string
	for _, e := range found {
		texts = append(texts, e.plain())
	}
	return strings.Join(texts, "\n"), len(texts) > 0
}

func entriesOf(match func(name string) bool) []entry {
	return slices.DeleteFunc(slices.Clone(reference()), func(e entry) bool {
		return !slices.ContainsFunc(e.names, match)
	})
}

// plain is the entry for a terminal: code is indented, and the marks of Markdown are gone.
func (e entry) plain() string {
	var b strings.Builder
	for _, s := range e.signatures {
		b.WriteString(s + "\n")
	}
	block := ""
	for line := range strings.Lines("\n" + e.text + "\n") {
		line = strings.TrimSuffix(line, "\n")
		switch fence, isFence := strings.CutPrefix(line, "```"); {
		case isFence && block != "":
			block = ""
		case isFence:
			block = fence
			b.WriteString(caption(fence))
		case block != "" && line != "":
			b.WriteString("    " + line + "\n")
		default:
			b.WriteString(strings.ReplaceAll(line, "`", "") + "\n")
		}
	}
	return b.String()
}

// caption stands above a block of code.
func caption(fence string) string {
	kind, args, _ := strings.Cut(fence, " ")
	switch kind {
	case "file":
		return "  with " + args + ":\n"
	case "output":
		return "  prints\n"
	case "error":
		return "  fails with\n"
	}
	if args != "" {
		return "  for example, with " + args + " behind the script:\n"
	}
	return "  for example\n"
}
