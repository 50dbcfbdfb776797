package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/pelletier/go-toml/v2"
)

// settle adds to the flags of a node what the environment and its file say: a flag of the command line counts before the
// environment, FLOWSH_ALLOW_READ for --allow-read, and that before the file of --config or FLOWSH_CONFIG. The file is
// TOML: a key is the name of a flag, in a table [master] or [worker] for that role alone.
func (c *cli) settle(g *grammar, words []string, role transport.Role) ([]string, error) {
	given := g.given(words)
	path := given["--config"]
	if text, ok := c.host.LookupEnv("FLOWSH_CONFIG"); path == "" && ok {
		path = text
	}
	settings, err := readNodeFile(path, role)
	if err != nil {
		return nil, err
	}
	var more []string
	for _, name := range g.names() {
		if _, ok := given[name]; ok || !strings.HasPrefix(name, "--") || name == "--config" {
			continue
		}
		if text, ok := c.host.LookupEnv(variable(name)); ok {
			more = append(more, g.written(name, g.listed(name, text))...)
		} else if values, ok := settings[name]; ok {
			more = append(more, g.written(name, values)...)
		}
	}
	return slices.Concat(more, words), nil
}

// given is the flags that words hold, by their long names, with the last value of each.
func (g *grammar) given(words []string) map[string]string {
	found := map[string]string{}
	for i := 0; i < len(words); i++ {
		name, value, joined := strings.Cut(words[i], "=")
		if g.wantsNext(words[i]) && !joined && i+1 < len(words) {
			i++
			value = words[i]
		}
		if !strings.HasPrefix(name, "--") && len(name) >= 2 {
			name = name[:2]
		}
		if f := g.flags[name]; f != nil {
			found["--"+f.Name] = value
		}
	}
	return found
}

// listed is the values in a variable: those of a flag that has a list with separators of its own stand as on the command line.
func (g *grammar) listed(name, text string) []string {
	if f := g.flags[name]; f.IsSlice() && f.Tag.Sep != -1 {
		return []string{text}
	}
	return strings.Split(text, string(os.PathListSeparator))
}

// written is a flag as a command line has it. Several values are several flags where it takes them, and one text otherwise.
func (g *grammar) written(name string, values []string) (words []string) {
	f := g.flags[name]
	if !f.IsSlice() {
		values = []string{strings.Join(values, string(os.PathListSeparator))}
	}
	for _, value := range values {
		words = append(words, name+"="+value)
	}
	return words
}

func variable(flag string) string {
	return "FLOWSH_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_"))
}

// readNodeFile reads the settings of a role, by flag; none without a path.
func readNodeFile(path string, role transport.Role) (map[string][]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("--config: %v", err)
	}
	var file map[string]any
	if err := toml.Unmarshal(text, &file); err != nil {
		return nil, usagef("--config %s: %v", path, err)
	}
	settings := map[string][]string{}
	for _, table := range []string{"", string(transport.Master), string(transport.Worker)} {
		part := file
		if table != "" {
			part, _ = file[table].(map[string]any)
		}
		for _, key := range slices.Sorted(maps.Keys(part)) {
			if _, ok := part[key].(map[string]any); ok && table == "" && (key == string(transport.Master) || key == string(transport.Worker)) {
				continue
			}
			values, err := settingOf(table, key, part[key])
			if err != nil {
				return nil, usagef("--config %s: %v", path, err)
			}
			if table == "" || table == string(role) {
				settings["--"+key] = values
			}
		}
	}
	return settings, nil
}

// settingOf is the value of a key, which must be that of a flag of the nodes that the table is for.
func settingOf(table, key string, value any) ([]string, error) {
	var known []string
	if table != string(transport.Worker) {
		known = append(known, newGrammar(new(masterLine)).names()...)
	}
	if table != string(transport.Master) {
		known = append(known, newGrammar(new(workerLine)).names()...)
	}
	if !slices.Contains(known, "--"+key) {
		hint := builtins.DidYouMean("--"+key, known)
		if hint == "" {
			hint = "flowsh help worker lists the flags, whose names are the keys"
		}
		return nil, fmt.Errorf("unknown key %s; %s", key, strings.ReplaceAll(hint, "--", ""))
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var values []string
	for _, v := range list {
		switch v := v.(type) {
		case string, int64, bool:
			values = append(values, fmt.Sprint(v))
		default:
			return nil, fmt.Errorf("%s is %v: write a text, a number, true, false, or a list of texts", key, v)
		}
	}
	return values, nil
}
