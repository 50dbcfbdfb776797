package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// completions are scripts that teach shells the commands and flags of flowsh: %[1]s are the commands, %[2]s the
// flags, each list with spaces between.
var completions = map[string]string{
	"bash": `_flowsh() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case $word in
        -*) COMPREPLY=($(compgen -W "%[2]s" -- "$word")) ;;
        *) [ "$COMP_CWORD" -eq 1 ] && COMPREPLY=($(compgen -W "%[1]s" -- "$word")) ;;
    esac
}
complete -o default -F _flowsh flowsh
`,
	"zsh": `#compdef flowsh
_flowsh() {
    if [[ $PREFIX == -* ]]; then
        compadd -- %[2]s
    else
        (( CURRENT == 2 )) && compadd -- %[1]s
        _files
    fi
}
compdef _flowsh flowsh
`,
	"fish": `complete -c flowsh -n __fish_use_subcommand -a "%[1]s"
for flag in %[2]s
    complete -c flowsh -n "string match -q -- '-*' (commandline -ct)" -f -a "$flag"
end
`,
}

// completion prints the script that teaches a shell to complete commands and flags.
func (c *cli) completion(before, rest []string) error {
	g := newGrammar(new(plainLine))
	more, shells := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	known := slices.Sorted(maps.Keys(completions))
	if len(shells) != 1 || completions[shells[0]] == "" {
		return usagef("for which shell? flowsh completion %s", strings.Join(known, "|"))
	}
	names := commandWords()
	flags := newGrammar(new(explainLine)).names()
	flags = slices.DeleteFunc(flags, func(name string) bool { return !strings.HasPrefix(name, "--") })
	return c.print(fmt.Sprintf(completions[shells[0]], strings.Join(names, " "), strings.Join(flags, " ")))
}
