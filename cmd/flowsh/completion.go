package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// completions are scripts that teach shells the commands and flags of flowsh. In each, %[1]s are the commands, %[2]s the
// flags of a job, and %[3]s those of commands, as the function says it for one list of flags and the commands that have it.
var completions = map[string]struct {
	script string
	flags  func(commands, flags []string) string
}{
	"bash": {`_flowsh() {
    local word=${COMP_WORDS[COMP_CWORD]} flags
    case ${COMP_WORDS[1]} in
%[3]s        *) flags="%[2]s" ;;
    esac
    COMPREPLY=()
    case $word in
        -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
        *) [ "$COMP_CWORD" -eq 1 ] && COMPREPLY=($(compgen -W "%[1]s" -- "$word")) ;;
    esac
}
complete -o default -F _flowsh flowsh
`, caseOfShell},
	"zsh": {`#compdef flowsh
_flowsh() {
    local flags
    case $words[2] in
%[3]s        *) flags="%[2]s" ;;
    esac
    if [[ $PREFIX == -* ]]; then
        compadd -- ${=flags}
    else
        (( CURRENT == 2 )) && compadd -- %[1]s
        _files
    fi
}
compdef _flowsh flowsh
`, caseOfShell},
	"fish": {`complete -c flowsh -n __fish_use_subcommand -a "%[1]s"
for flag in %[2]s
    complete -c flowsh -n "string match -q -- '-*' (commandline -ct); and not __fish_seen_subcommand_from %[1]s" -f -a "$flag"
end
%[3]s`, func(commands, flags []string) string {
		return fmt.Sprintf(`for flag in %s
    complete -c flowsh -n "string match -q -- '-*' (commandline -ct); and __fish_seen_subcommand_from %s" -f -a "$flag"
end
`, strings.Join(flags, " "), strings.Join(commands, " "))
	}},
}

func caseOfShell(commands, flags []string) string {
	return fmt.Sprintf("        %s) flags=\"%s\" ;;\n", strings.Join(commands, "|"), strings.Join(flags, " "))
}

// completion prints the script that teaches a shell to complete commands and flags.
func (c *cli) completion(before, rest []string) error {
	g := newGrammar(new(plainLine))
	more, shells := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	if len(shells) == 1 {
		if shell, ok := completions[shells[0]]; ok {
			var ofCommands strings.Builder
			eachFlags(func(commands, flags []string) { ofCommands.WriteString(shell.flags(commands, flags)) })
			return c.print(fmt.Sprintf(shell.script, strings.Join(commandWords(), " "), strings.Join(longFlags(new(runLine)), " "), ofCommands.String()))
		}
	}
	return usagef("for which shell? flowsh completion %s", strings.Join(slices.Sorted(maps.Keys(completions)), "|"))
}

// eachFlags calls f with each list of flags, and the commands that have it, in order.
func eachFlags(f func(commands, flags []string)) {
	with := map[string][]string{}
	var lists []string
	for _, word := range commandWords() {
		cmd, _ := findCommand(unalias([]string{word})[0])
		list := strings.Join(longFlags(cmd.line), " ")
		if with[list] == nil {
			lists = append(lists, list)
		}
		with[list] = append(with[list], word)
	}
	for _, list := range lists {
		f(with[list], strings.Fields(list))
	}
}

// longFlags are the flags of a line that begin with two dashes, in order.
func longFlags(line any) []string {
	return slices.DeleteFunc(newGrammar(line).names(), func(name string) bool { return !strings.HasPrefix(name, "--") })
}
