package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

// A replCommand is a word behind a colon.
type replCommand struct {
	name, args, help string
	run              func(r *repl, words []string) error
}

// replCommands are those that every prompt has.
func replCommands() []replCommand {
	return []replCommand{
		{"help", "", "list the commands", (*repl).helpCommand},
		{"load", "FILE", "add the text of a file, as if it were typed", (*repl).loadFile},
		{"reload", "", "begin again, with the files that were loaded", (*repl).reload},
		{"save", "FILE", "write what was typed as a script", (*repl).save},
		{"text", "", "print what was typed", (*repl).text},
		{"reset", "", "forget what was typed", (*repl).reset},
		{"run", "", "run the job that what was typed makes", (*repl).runJob},
		{"explain", "", "print the plan of that job", (*repl).explainJob},
		{"quit", "", "end the prompt", func(r *repl, _ []string) error { r.done = true; return nil }},
	}
}

// clusterCommands are those that the prompt of a cluster has besides: commands of the shell, too.
func clusterCommands() []replCommand {
	return []replCommand{
		{"submit", "", "have the cluster run that job, and do not wait for it", (*repl).detach},
		{"jobs", "[JOB...]", "list the jobs; :steps is the same", shellCommand("jobs")},
		{"top", "", "show how far the jobs are", shellCommand("top")},
		{"nodes", "", "list the nodes", shellCommand("nodes")},
		{"result", "JOB", "print what a job puts out, and wait for its end", shellCommand("result")},
		{"receipts", "[open|of NODE|of CHUNK] [JOB]", "print what became of each chunk of a job, by default the last one", shellCommand("receipts")},
		{"trace", "CHUNK [JOB]", "print what became of a chunk", shellCommand("trace")},
		{"logs", "JOB", "print what a job has said; -f follows it, and so does :tail JOB", shellCommand("logs")},
		{"pause", "", "let no more jobs begin", shellCommand("pause")},
		{"resume", "", "let jobs begin again", shellCommand("resume")},
		{"cancel", "JOB", "end a job", shellCommand("cancel")},
		{"plan", "JOB", "print the plan of a job; :explain JOB is the same", shellCommand("plan")},
		{"set", "rate JOB N", "let a job take at most N records a second; off lets it take any number", shellCommand("set")},
		{"retry", "JOB", "submit a job again", shellCommand("retry")},
		{"forget", "JOB", "remove a job that has ended", shellCommand("forget")},
		{"drain", "NODE", "have a worker finish and leave", shellCommand("drain")},
	}
}

func (r *repl) commands() []replCommand {
	if r.cluster == nil {
		return append(replCommands(), replCommand{"set", "rate N", "let flows take at most N records a second; off lets them take any number", (*repl).set})
	}
	return slices.Concat(replCommands(), clusterCommands())
}

// commandNames are the words of commands, and other words for them.
func (r *repl) commandNames() []string {
	var names []string
	for _, c := range r.commands() {
		names = append(names, c.name)
	}
	if r.cluster != nil {
		names = slices.AppendSeq(names, maps.Keys(aliases))
	}
	slices.Sort(names)
	return names
}

// replAliases are other words for commands, besides those of the shell.
var replAliases = map[string]string{"exit": "quit", "q": "quit"}

// command runs a command.
func (r *repl) command(words []string) error {
	if len(words) == 0 {
		words = []string{"help"}
	}
	words = unalias(words)
	if alias, ok := replAliases[words[0]]; ok {
		words = append([]string{alias}, words[1:]...)
	}
	for _, c := range r.commands() {
		if c.name == words[0] {
			return c.run(r, words[1:])
		}
	}
	hint := cmp.Or(builtins.DidYouMean(words[0], r.commandNames()), ":help lists the commands")
	if r.cluster == nil && slices.ContainsFunc(clusterCommands(), func(c replCommand) bool { return c.name == words[0] }) {
		hint = "flowsh attach HOST:PORT opens the prompt of a cluster"
	}
	return usagef("no command is called :%s here; %s", words[0], hint)
}

// set changes a setting of the prompt: the rate.
func (r *repl) set(words []string) error {
	if len(words) != 2 || words[0] != "rate" {
		return usagef("which rate? :set rate N, or :set rate off")
	}
	perSecond, err := parseRate(words[1])
	if err == nil {
		r.throttle.Set(perSecond)
	}
	return err
}

func (r *repl) helpCommand([]string) error {
	var b strings.Builder
	b.WriteString("What is typed becomes a script. A flow that stands alone shows its first records; flow.show(n), flow.collect(),\n" +
		"flow.run() and flow.explain() run it, take(n) shows n. _ is the last value. help(lines) explains a word.\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range r.commands() {
		fmt.Fprintf(w, "  %s\t%s\n", ":"+strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	_ = w.Flush() // a Builder takes everything
	return r.cli.print(b.String())
}

func oneFile(command string, words []string) (string, error) {
	if len(words) != 1 {
		return "", usagef("which file? :%s FILE", command)
	}
	return words[0], nil
}

func (r *repl) loadFile(words []string) error {
	name, err := oneFile("load", words)
	if err != nil {
		return err
	}
	if err := r.add(name); err != nil {
		return err
	}
	r.files = append(r.files, name)
	return nil
}

// add runs the text of a file.
func (r *repl) add(name string) error {
	text, err := r.readFile(name)
	if err != nil {
		return err
	}
	return r.eval(string(text))
}

func (r *repl) reload([]string) error {
	if len(r.files) == 0 {
		return usagef("no file was loaded; :load FILE does")
	}
	r.session.Reset()
	for _, name := range r.files {
		if err := r.add(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *repl) save(words []string) error {
	name, err := oneFile("save", words)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return usagef("%v", err)
	}
	_, err = f.WriteString(r.session.Text())
	return cmp.Or(err, f.Close())
}

func (r *repl) text([]string) error { return r.cli.print(r.session.Text()) }

func (r *repl) reset([]string) error {
	r.session.Reset()
	r.files = nil
	return nil
}

// job is the job that the text makes.
func (r *repl) job() (*builtins.Job, engine.Options, error) {
	ctx, stop := r.interruptible()
	defer stop()
	r.packed = r.pack()
	job, err := r.session.Job(ctx)
	if err != nil {
		return nil, engine.Options{}, err
	}
	options, err := r.options(r.line, job)
	options.Host = r.host
	return job, options, err
}

func (r *repl) runJob([]string) error {
	job, options, err := r.job()
	if err != nil {
		return err
	}
	ctx, stop := r.interruptible()
	defer stop()
	if r.cluster == nil {
		return r.runHere(ctx, job.Program, options, true)
	}
	b, err := r.whole()
	if err != nil {
		return err
	}
	return r.submitBundle(ctx, b, r.host.Stdout, true)
}

// whole is the bundle of the job that the text makes.
func (r *repl) whole() (*bundle, error) {
	b := *r.packed
	var err error
	b.Prompt, err = r.session.State()
	return &b, err
}

func (r *repl) explainJob(words []string) error {
	if len(words) > 0 {
		return r.command(append([]string{"plan"}, words...))
	}
	job, options, err := r.job()
	if err != nil {
		return err
	}
	plan, err := engine.Explain(job.Program, options)
	if err != nil {
		return err
	}
	return r.cli.print(plan.Text())
}

// detach submits the job for nobody to wait for.
func (r *repl) detach([]string) error {
	if _, _, err := r.job(); err != nil {
		return err
	}
	b, err := r.whole()
	if err != nil {
		return err
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	ctx, stop := r.interruptible()
	defer stop()
	client, err := r.connect(ctx, r.cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	o := ownLine{Detach: true}
	job, end, err := client.Submit(ctx, o.job(&packing{Bundle: data}, []string{sessionName}), r.host.Stdout, nil)
	if err != nil {
		return err
	}
	if job.ID == "" {
		return r.ended(end)
	}
	return r.cli.print(job.ID)
}

// shellCommand is a command of the shell, for the master of the prompt.
func shellCommand(name string) func(r *repl, words []string) error {
	return func(r *repl, words []string) error {
		cmd, _ := findCommand(name)
		var flags []string
		if r.cluster.Master != "" {
			flags = append(flags, "--master="+r.cluster.Master)
		}
		if r.cluster.Keys != "" {
			flags = append(flags, "--keys="+r.cluster.Keys)
		}
		own := *r.cli // it gets a console of its own
		return cmd.run(&own, flags, words)
	}
}
