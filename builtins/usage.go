package builtins

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Usage is the job's own help text: its docstring, and the arguments that it declares.
func Usage(job *Job) string {
	var b strings.Builder
	if job.Doc != "" {
		b.WriteString(dedent(job.Doc) + "\n\n")
	}
	rest := "[FILE ...]"
	var flags, files []Arg
	for _, a := range job.Args {
		if a.Rest {
			rest = "[" + strings.ToUpper(a.Name) + " ...]"
			files = append(files, a)
			continue
		}
		flags = append(flags, a)
	}
	fmt.Fprintf(&b, "Usage: flowsh %s", filepath.Base(job.path))
	if len(flags) > 0 {
		b.WriteString(" [flags]")
	}
	b.WriteString(" " + rest + "\n")
	for _, a := range files {
		fmt.Fprintf(&b, "\n%s: %s\n", strings.ToUpper(a.Name), a.explanation())
	}
	if len(flags) > 0 {
		b.WriteString("\nFlags:\n")
	}
	width := 0
	for _, a := range flags {
		width = max(width, len(a.flag()))
	}
	for _, a := range flags {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s  %s", width, a.flag(), a.explanation()), " ") + "\n")
	}
	b.WriteString("\nflowsh's own flags may follow the script too: flowsh --help\n")
	return b.String()
}

// flag is the argument as it is written on the command line.
func (a Arg) flag() string {
	switch {
	case a.Type == "bool":
		return "--[no-]" + a.Name
	case len(a.Choices) > 0:
		return "--" + a.Name + " " + strings.Join(a.Choices, "|")
	case a.Type == "list":
		return "--" + a.Name + " STR ..."
	}
	return "--" + a.Name + " " + strings.ToUpper(a.Type)
}

// explanation is the help text with what is needed or taken instead.
func (a Arg) explanation() string {
	var notes []string
	if a.Env != "" {
		notes = append(notes, "$"+a.Env)
	}
	if a.Default != "" {
		notes = append(notes, "default "+a.Default)
	}
	if a.Required {
		notes = append(notes, "required")
	}
	if len(notes) == 0 {
		return a.Help
	}
	return strings.TrimSpace(a.Help + " (" + strings.Join(notes, ", ") + ")")
}

// dedent removes the indentation that the lines after the first share.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	indent := -1
	for _, l := range lines[1:] {
		if trimmed := strings.TrimLeft(l, " \t"); trimmed != "" && (indent < 0 || len(l)-len(trimmed) < indent) {
			indent = len(l) - len(trimmed)
		}
	}
	for i := 1; i < len(lines); i++ {
		lines[i] = lines[i][min(max(indent, 0), len(lines[i])):]
	}
	return strings.Join(lines, "\n")
}
