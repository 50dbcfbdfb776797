package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine/connector"
)

// messageFlags are understood everywhere.
type messageFlags struct {
	Quiet   bool   `short:"q"`
	Verbose bool   `short:"v"`
	JSON    bool   `name:"json"`
	Color   string `default:"auto" enum:"auto,always,never"`
	Help    bool   `short:"h"`
	Version bool
}

// runFlags say how a job runs. They stand before the script, and after it unless the job has a flag of that name.
type runFlags struct {
	Output    outputPath   `short:"o"`
	Format    outputFormat `short:"f"`
	Cores     coreCount    `short:"j"`
	Mem       budget       `short:"m"`
	Spill     string
	OnError   string
	MaxErrors errorBound
	MaxRecord recordSize
	DryRun    bool `short:"n"`
	Timeout   period
	Trace     string
	Resume    bool
	Chunk     taskSize
	Compress  string   `default:"s2" enum:"none,s2,zstd"`
	Intercept []string `sep:"none"`
}

// loadFlags govern loading itself and so stand only before the script.
type loadFlags struct {
	Expr     *string `short:"e"`
	Kernels  string  `default:"on" enum:"on,off,verify"`
	MaxSteps uint64
}

// What may follow each command. Flags before the command count too.
type (
	runLine struct {
		messageFlags `embed:""`
		runFlags     `embed:""`
		loadFlags    `embed:""`
	}
	afterLine struct {
		messageFlags `embed:""`
		runFlags     `embed:""`
	}
	planFlags struct {
		Dot     bool
		Mermaid bool
	}
	explainFlags struct {
		planFlags `embed:""`
		Analyze   bool
	}
	explainLine struct {
		runLine      `embed:""`
		explainFlags `embed:""`
	}
	fmtLine struct {
		messageFlags `embed:""`
		Check        bool
	}
	helpLine struct {
		messageFlags `embed:""`
		Man          bool
	}
	plainLine struct {
		messageFlags `embed:""`
	}
)

// A command is a verb of the command line: it gets the flags in front of it and the words that follow it.
type command struct {
	name string
	run  func(c *cli, before, rest []string) error
	line any // its flags
}

func commands() []command {
	return []command{
		{"run", (*cli).run, new(runLine)},
		{"check", (*cli).check, new(runLine)},
		{"explain", (*cli).explain, new(explainLine)},
		{"fmt", (*cli).format, new(fmtLine)},
		{"test", (*cli).test, new(testLine)},
		{"new", (*cli).create, new(plainLine)},
		{"submit", (*cli).submit, new(submitLine)},
		{"master", (*cli).master, new(masterLine)},
		{"worker", (*cli).worker, new(workerLine)},
		{"cluster", (*cli).cluster, new(clusterLine)},
		{"nodes", (*cli).nodes, new(clientLine)},
		{"jobs", (*cli).jobs, new(clientLine)},
		{"top", (*cli).top, new(clientLine)},
		{"result", (*cli).result, new(clientLine)},
		{"receipts", (*cli).receipts, new(receiptsLine)},
		{"trace", (*cli).traceChunk, new(clientLine)},
		{"logs", (*cli).logs, new(logsLine)},
		{"cancel", (*cli).cancel, new(clientLine)},
		{"pause", (*cli).pause, new(clientLine)},
		{"resume", (*cli).resumeQueue, new(clientLine)},
		{"set", (*cli).set, new(clientLine)},
		{"plan", (*cli).plan, new(planLine)},
		{"retry", (*cli).retry, new(retryLine)},
		{"forget", (*cli).forget, new(clientLine)},
		{"drain", (*cli).drain, new(clientLine)},
		{"attach", (*cli).attach, new(clientLine)},
		{"keygen", (*cli).keygen, new(plainLine)},
		{"completion", (*cli).completion, new(plainLine)},
		{"help", (*cli).help, new(helpLine)},
		{"version", (*cli).version, new(plainLine)},
	}
}

// aliases are other words for commands.
var aliases = map[string][]string{"steps": {"jobs"}, "results": {"result"}, "tail": {"logs", "-f"}}

// unalias writes a command for another word for it.
func unalias(words []string) []string {
	if len(words) == 0 || aliases[words[0]] == nil {
		return words
	}
	return slices.Concat(aliases[words[0]], words[1:])
}

func findCommand(word string) (command, bool) {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == word })
	if i < 0 {
		return command{}, false
	}
	return all[i], true
}

// commandWords are the words that are commands, and other words for them.
func commandWords() []string {
	var words []string
	for _, cmd := range commands() {
		words = append(words, cmd.name)
	}
	return append(words, slices.Sorted(maps.Keys(aliases))...)
}

// dispatch takes args apart at the first word that is a command or a script, and runs it.
func (c *cli) dispatch(args []string) error {
	if len(args) > 0 && args[0] == executorCommand {
		return c.executor(args[1:])
	}
	if len(args) > 0 && args[0] == packCommand {
		return c.packing(args[1:])
	}
	var g *grammar // nil: there are no flags, and a short job notices what it takes to make one
	before, rest := []string(nil), args
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		g = newGrammar(new(explainLine))
		before, rest = g.split(args)
	}
	expression := slices.ContainsFunc(before, isExpression)
	switch {
	case slices.ContainsFunc(before, isHelp):
		return c.print(usageText)
	case slices.Contains(before, "--version"):
		return c.version(nil, nil)
	case !expression && len(rest) == 0:
		return c.nothing(before)
	case !expression:
		rest = unalias(rest)
		if cmd, ok := findCommand(rest[0]); ok {
			return c.command(cmd, before, rest[1:])
		}
		if err := cmp.Or(g.check(before), c.neither(rest[0])); err != nil {
			return err
		}
	}
	return c.run(before, rest)
}

// neither is the error for a bare word that is no command and no script.
func (c *cli) neither(word string) error {
	if word == "-" || filepath.Ext(word) != "" || filepath.Base(word) != word {
		return nil
	}
	if _, err := c.host.FS.Stat(word); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	hint := cmp.Or(builtins.DidYouMean(word, commandWords()), "flowsh --help lists the commands")
	return usagef("%s is not a command, and no script of this name exists; %s", word, hint)
}

func (c *cli) command(cmd command, before, rest []string) error {
	flags, _ := newGrammar(new(explainLine)).split(rest)
	if slices.ContainsFunc(flags, isHelp) {
		return c.print(commandHelp[cmd.name])
	}
	return cmd.run(c, before, rest)
}

// nothing is a command line without a script and without a command: on a terminal it opens a prompt.
func (c *cli) nothing(flags []string) error {
	if err := newGrammar(new(runLine)).parse(flags); err != nil {
		return err
	}
	if readsTerminal(c.host) && isTerminal(c.host.Stdout) {
		return c.repl(flags)
	}
	return &usageError{text: strings.TrimRight(usageText, "\n"), plain: true}
}

// print puts text on stdout, with a newline at its end. A reader of stdout that has gone has seen enough.
func (c *cli) print(text string) error {
	if isTerminal(c.host.Stdout) {
		text = visible(text)
	}
	_, err := fmt.Fprintln(c.host.Stdout, strings.TrimRight(text, "\n"))
	return outputError(err)
}

func outputError(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return connector.ErrClosedOutput
	}
	return err
}

func isHelp(token string) bool { return token == "-h" || token == "--help" }

func isExpression(token string) bool {
	return token == "--expr" || strings.HasPrefix(token, "--expr=") ||
		strings.HasPrefix(token, "-e") && !strings.HasPrefix(token, "--")
}

// An outputPath is where the result goes; "" is stdout.
type outputPath string

// UnmarshalText refuses an empty name, which is a mistake in a shell script.
func (p *outputPath) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("--output needs the name of a file, or - for stdout")
	}
	*p = outputPath(text)
	return nil
}

// An outputFormat is how records become text; "" is by record.
type outputFormat string

var outputFormats = []string{"text", "tsv", "csv", "jsonl", "json", "table", "parquet"}

// UnmarshalText accepts the name of a format.
func (f *outputFormat) UnmarshalText(text []byte) error {
	if !slices.Contains(outputFormats, string(text)) {
		return fmt.Errorf("%q is not a format: text, tsv, csv, jsonl, table or parquet", text)
	}
	*f = outputFormat(text)
	return nil
}
