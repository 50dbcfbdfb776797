package builtins

import (
	"slices"
	"strings"
)

// A commandLine is what follows the script. Its words are taken as the script declares arguments; what is left
// over are flowsh's own flags, and files.
type commandLine struct {
	words []word
	rest  []string // after "--": files, whatever they look like
	// takesValue knows the flags of the job, as far as its text shows them, and flowsh's own.
	takesValue func(name string) (takes, known bool)
}

type word struct {
	text  string
	taken bool
}

func newCommandLine(args []string) *commandLine {
	c := &commandLine{}
	if i := slices.Index(args, "--"); i >= 0 {
		args, c.rest = args[:i], args[i+1:]
	}
	for _, a := range args {
		c.words = append(c.words, word{text: a})
	}
	return c
}

// help says that the job's help is asked for.
func (c *commandLine) help() bool {
	return slices.ContainsFunc(c.words, func(w word) bool { return w.text == "--help" || w.text == "-h" })
}

// take removes every --name VALUE and --name=VALUE and returns the values in order.
func (c *commandLine) take(name string) ([]string, error) {
	var values []string
	for i := range c.words {
		w := &c.words[i]
		flag, value, attached := strings.Cut(w.text, "=")
		if w.taken || !strings.HasPrefix(w.text, "--") || dashes(flag[2:]) != name {
			continue
		}
		w.taken = true
		if !attached {
			if !c.hasValue(i) {
				return nil, usage("a value that begins with -- is written --"+name+"=VALUE", "--%s needs a value", name)
			}
			value = c.words[i+1].text
			c.words[i+1].taken = true
		}
		values = append(values, value)
	}
	return values, nil
}

// hasValue says that the word after a flag can be its value.
func (c *commandLine) hasValue(flag int) bool {
	return flag+1 < len(c.words) && !c.words[flag+1].taken && !strings.HasPrefix(c.words[flag+1].text, "--")
}

// takeSwitch removes every --name, --no-name and --name=BOOL and returns what the last one says.
func (c *commandLine) takeSwitch(name string) (value, given bool, err error) {
	for i := range c.words {
		w := &c.words[i]
		flag, text, attached := strings.Cut(w.text, "=")
		if w.taken || !strings.HasPrefix(flag, "--") {
			continue
		}
		yes, no := dashes(flag[2:]) == name, dashes(flag[2:]) == "no-"+name
		if !yes && !no || no && attached {
			continue
		}
		w.taken, given, value = true, true, yes
		if attached {
			if value, err = parseBool(text); err != nil {
				return false, true, usage("", "--%s: %v", name, err)
			}
		}
	}
	return value, given, nil
}

// files are the words that are no flags and no values of flags.
func (c *commandLine) files() []string {
	var files []string
	for i := 0; i < len(c.words); i++ {
		w := c.words[i]
		switch {
		case w.taken:
		case isFlag(w.text):
			if takes, _ := c.flag(w.text); takes && c.hasValue(i) {
				i++
			}
		default:
			files = append(files, w.text)
		}
	}
	return append(files, c.rest...)
}

// leftOver are the flags, with their values, that nothing took.
func (c *commandLine) leftOver() (known, unknown []string) {
	for i := 0; i < len(c.words); i++ {
		w := c.words[i]
		if w.taken || !isFlag(w.text) {
			continue
		}
		takes, ok := c.flag(w.text)
		if !ok {
			unknown = append(unknown, w.text)
			continue
		}
		known = append(known, w.text)
		if takes && c.hasValue(i) {
			i++
			known = append(known, c.words[i].text)
		}
	}
	return known, unknown
}

// flag says whether a flag that stands alone takes the word after it.
func (c *commandLine) flag(text string) (takesNext, known bool) {
	name, _, attached := strings.Cut(strings.TrimLeft(text, "-"), "=")
	if strings.HasPrefix(text, "--") {
		takes, known := c.takesValue(dashes(name))
		return takes && !attached, known
	}
	for i, letter := range name { // -qv, -j4
		takes, known := c.takesValue(string(letter))
		if takes || !known {
			return takes && !attached && i+1 == len(name), known
		}
	}
	return false, true
}

func isFlag(text string) bool { return len(text) > 1 && text[0] == '-' }

func dashes(name string) string { return strings.ReplaceAll(name, "_", "-") }
