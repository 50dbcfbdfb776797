package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chzyer/readline"
	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine/transport"
)

// newLines reads from the terminal, with history and completion, or from anything else as it is.
func (r *repl) newLines() (lineReader, error) {
	if !r.prompted {
		return &plainLines{bufio.NewReaderSize(r.host.Stdin, 64<<10)}, nil
	}
	history := r.historyFile()
	if history != "" { // made here: nobody else may read it
		if f, err := os.OpenFile(history, os.O_CREATE|os.O_RDONLY, 0o600); err == nil {
			_ = f.Close() // nothing was written
		} else {
			history = ""
		}
	}
	pastes := &pasteReader{keys: readline.Stdin}
	terminal, err := readline.NewEx(&readline.Config{
		Stdin:       readline.NewCancelableStdin(pastes),
		HistoryFile: history, HistoryLimit: 2000, DisableAutoSaveHistory: true,
		AutoComplete: &completer{r}, InterruptPrompt: "^C", EOFPrompt: "\n",
	})
	if err != nil {
		return nil, err
	}
	return &terminalLines{terminal, pastes}, nil
}

// historyFile is where what was typed is kept, "" if there is no home.
func (r *repl) historyFile() string {
	if path, ok := r.host.LookupEnv("FLOWSH_HISTORY"); ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".flowsh_history")
}

// plainLines are those of a file or pipe.
type plainLines struct{ *bufio.Reader }

func (p *plainLines) read(string) (string, error) {
	line, err := p.ReadString('\n')
	if line != "" && errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimSuffix(line, "\n"), err
}

func (p *plainLines) remember(string) {}
func (p *plainLines) close() error    { return nil }

// terminalLines are typed by a person.
type terminalLines struct {
	*readline.Instance
	pastes *pasteReader
}

func (t *terminalLines) read(prompt string) (string, error) {
	t.SetPrompt(prompt)
	_, _ = io.WriteString(t.Config.Stdout, askForMarks) // a terminal that knows none is no reason to stop
	line, err := t.Readline()
	_, _ = io.WriteString(t.Config.Stdout, noMoreMarks)
	line = t.pastes.whole(line)
	if errors.Is(err, readline.ErrInterrupt) {
		return "", errInterrupted
	}
	return line, err
}

// longestRemembered is how long a line of the history is at most; nobody edits a longer one.
const longestRemembered = 4 << 10

// remember keeps the lines of what was typed. A history that cannot be written is none.
func (t *terminalLines) remember(text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.TrimSpace(line) != "" && len(line) <= longestRemembered {
			_ = t.SaveHistory(line)
		}
	}
}

func (t *terminalLines) close() error { return t.Close() }

// A completer completes commands, the names of jobs, names, methods of flows, and paths in strings.
type completer struct{ *repl }

// Do implements readline.AutoCompleter.
func (c *completer) Do(line []rune, pos int) (rest [][]rune, length int) {
	word, candidates := c.candidates(string(line[:pos]))
	for _, candidate := range candidates {
		if after, ok := strings.CutPrefix(candidate, word); ok && after != "" {
			rest = append(rest, []rune(after))
		}
	}
	return rest, len([]rune(word))
}

// candidates are the word that stands last in a text, and what it may become.
func (c *completer) candidates(text string) (word string, candidates []string) {
	if trimmed := strings.TrimLeft(text, " "); strings.HasPrefix(trimmed, ":") {
		command, argument, spaced := strings.Cut(trimmed[1:], " ")
		if !spaced {
			return command, c.commandNames()
		}
		word = argument[strings.LastIndexByte(argument, ' ')+1:]
		return word, c.arguments(unalias([]string{command})[0], word)
	}
	if quoted, ok := openString(text); ok {
		return quoted, paths(quoted)
	}
	start := strings.LastIndexFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) + 1
	word = text[start:]
	if word == "" && !strings.HasSuffix(text, ".") {
		return "", nil
	}
	if strings.HasSuffix(text[:start], ".") {
		return word, builtins.Members(lastName(text[:start-1]), c.session)
	}
	return word, c.names()
}

// arguments are what may stand behind a command: files, or what the cluster has.
func (c *completer) arguments(command, begun string) []string {
	switch command {
	case "load", "save":
		return paths(begun)
	case "drain":
		_, nodes := c.ofCluster()
		return nodes
	case "receipts":
		jobs, nodes := c.ofCluster()
		return slices.Concat([]string{"open", "of"}, jobs, nodes)
	case "set":
		jobs, _ := c.ofCluster()
		return append(jobs, "rate")
	case "jobs", "result", "trace", "logs", "cancel", "plan", "explain", "retry", "forget":
		jobs, _ := c.ofCluster()
		return jobs
	}
	return nil
}

// completesWithin is how long the master has to answer whoever completes a word.
const completesWithin = time.Second

// ofCluster are the names of the jobs and of the workers that the cluster has; none if it does not answer.
func (c *completer) ofCluster() (jobs, workers []string) {
	if c.cluster == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), completesWithin)
	defer cancel()
	client, err := c.connect(ctx, &clientLine{Master: c.cluster.Master, Keys: c.cluster.Keys})
	if err != nil {
		return nil, nil
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })() // it waits no longer
	infos, _ := client.Jobs()
	for _, j := range infos {
		jobs = append(jobs, j.ID)
	}
	nodes, _ := client.Nodes()
	for _, n := range nodes {
		if n.Role == string(transport.Worker) {
			workers = append(workers, n.Name)
		}
	}
	return jobs, workers
}

// lastName is the name that a text ends with, "" if it ends with something else.
func lastName(text string) string {
	start := strings.LastIndexFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) + 1
	return text[start:]
}

// openString is the part of a string that has begun and not ended.
func openString(text string) (string, bool) {
	var quote byte
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case quote == 0 && (text[i] == '"' || text[i] == '\''):
			quote, start = text[i], i+1
		case quote != 0 && text[i] == '\\':
			i++
		case text[i] == quote:
			quote = 0
		}
	}
	return text[min(start, len(text)):], quote != 0
}

// paths are the files that a path may become; folders end with a slash.
func paths(begun string) []string {
	dir := begun[:strings.LastIndexByte(begun, '/')+1]
	from := dir
	if from == "" {
		from = "."
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		name := dir + e.Name()
		if strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(begun[len(dir):], ".") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
