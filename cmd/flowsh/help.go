package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/builtins"
)

// help prints the usage, or explains a command or a word of the language.
func (c *cli) help(before, rest []string) error {
	line := new(helpLine)
	g := newGrammar(line)
	more, words := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	if line.Man {
		return c.print(manual())
	}
	if len(words) == 0 {
		return c.print(usageText)
	}
	for _, word := range words {
		text, ok := explainWord(word)
		if !ok {
			hint := cmp.Or(builtins.DidYouMean(word, shortNames()), "lang-spec.md explains the language")
			return usagef("no command and no word of the language is called %s; %s", word, hint)
		}
		if err := c.print(text); err != nil {
			return err
		}
	}
	return nil
}

// manual is the usage and the help of all commands as a man page.
func manual() string {
	var b strings.Builder
	b.WriteString(".TH FLOWSH 1\n.SH NAME\nflowsh \\- data jobs in Starlark, on one machine or on a cluster\n")
	section := func(title, text string) {
		text = strings.ReplaceAll(strings.TrimRight(text, "\n"), `\`, `\e`)
		text = strings.ReplaceAll("\n"+text, "\n.", "\n\\&.")
		text = strings.ReplaceAll(text, "\n'", "\n\\&'")
		b.WriteString(".SH " + title + "\n.nf" + strings.ReplaceAll(text, "-", `\-`) + "\n.fi\n")
	}
	section("USAGE", usageText)
	for _, cmd := range commands() {
		section("FLOWSH "+strings.ToUpper(cmd.name), commandHelp[cmd.name])
	}
	return b.String()
}

// shortNames are the words of the language, each without what stands before its last dot.
func shortNames() []string {
	var short []string
	for _, name := range builtins.Names() {
		name = strings.TrimPrefix(name, "def ")
		short = append(short, name[strings.LastIndexByte(name, '.')+1:])
	}
	return short
}

func explainWord(word string) (string, bool) {
	if text, ok := commandHelp[unalias([]string{word})[0]]; ok {
		return text, true
	}
	return builtins.Reference(word)
}

const usageText = `flowsh runs data jobs written in Starlark, on every core of this machine or on a cluster.

Usage:
  flowsh [flags] JOB.star [job flags] [FILE ...]      run a job (FILE - or none: stdin, where the job reads no path)
  flowsh [flags] -e 'FLOW' [FILE ...]                 run one expression
  flowsh COMMAND [flags] ...
  flowsh [flags]                                      a prompt, on a terminal

Examples:
  flowsh wordcount.star books/*.txt
  flowsh -e 'lines().filter(lambda l: " 503 " in l)' access.log.gz
  flowsh -o top.csv top.star --limit 20 < events.jsonl
  flowsh wordcount.star --help                        what this job does and its own flags

Commands:
  run JOB              the same as flowsh JOB; flowsh run - reads the script from stdin
  check JOB...         find mistakes without running
  explain [--analyze] JOB  stages, where records meet, what is compiled and what it costs; of a job of a cluster, too
  fmt [--check] FILE...  format scripts
  test [PATH...]       run the tests in files named *_test.star
  new NAME             make a folder with a job, its test and its data
  submit JOB           run a job on a cluster
  cluster up|down|status|kill  a cluster on this machine, to try things out
  master               start the master of a cluster
  worker --join ADDR   start a worker of it
  nodes                list the members of a cluster
  attach [HOST:PORT]   a prompt whose flows run on a cluster
  drain NAME           have a worker finish and leave
  jobs [JOB...]        list the jobs of a cluster; steps is the same
  top                  show how far the jobs of a cluster are
  result JOB           print what a job puts out, and end as it does; results is the same
  receipts [open|of NODE|of CHUNK] [JOB]  print what became of each chunk of a job
  trace CHUNK [JOB]    print what became of a chunk
  logs [-f] JOB        print what a job has said: print(), warnings, how it ended; tail JOB follows it
  cancel JOB           end a job
  pause                let no more jobs begin
  resume               let jobs begin again
  plan JOB             print the plan of a job of a cluster
  set rate JOB N       let a job take at most so many records a second
  retry JOB            submit a job again
  forget JOB           remove a job that has ended
  keygen DIR           make the keys of a cluster
  completion SHELL     a script that completes commands and flags: bash, zsh or fish
  version              what this binary was built from
  help [COMMAND | NAME | --man]  help reduce explains a word of the language

Run flags (before the script; after it too, unless the job has a flag of that name):
  -o, --output FILE        write the result to FILE, whole or not at all (default: stdout)
  -f, --format FORMAT      text, tsv, csv, jsonl, table, parquet (default: by record)
  -j, --cores N            cores to use (default: all that the cgroup grants)
  -m, --mem SIZE           memory budget, spills above it (default: half; 256MiB, 2GiB, 50%)
      --spill DIR          where to spill (default: $TMPDIR)
      --on-error WHAT      fail (default), drop, or a file for failed records
      --max-errors N|P%    stop after so many failed records
      --max-record SIZE    longest record (default 16MiB)
  -n, --dry-run            open everything, show first records of each stage, write nothing
      --timeout DURATION   stop the job after so long (exit 4)
      --resume             keep what is done until the job is, and go on where a run of it that had --resume was killed
      --chunk SIZE         how much is one task, on a cluster and with --resume: 16MiB of a file, 1000records, or of a
                           pipe what comes in 50ms (default: by the size of the input)
      --compress HOW       s2 (default), zstd, none: of what spills or travels; what does not become smaller stays as it is
      --intercept WHAT     watch the job: log, progress, jsonl:FILE, webhook:URL, or a script with functions such as on_error(event)
      --trace FILE         write what each core did when, for chrome://tracing or ui.perfetto.dev
Only before the script:
  -e, --expr FLOW          the job is this expression
      --kernels MODE       on (default), off, verify
      --max-steps N        Starlark steps allowed for a record and for load
Everywhere:
  -q, --quiet   -v, --verbose   --json (messages on stderr as JSON lines)   --color auto|always|never ($NO_COLOR)
  -h, --help    --version

A job's own flags follow the script: --name value, --name=value, --switch, --no-switch. After -- everything is a FILE.
Results go to stdout; progress, warnings, print() and errors to stderr. A first word that is a command is a command: write ./check for a script called check.

Exit status: 0 done, 1 the script or its data failed, 2 usage or a script that does not load, 3 machine or disk, 4 a limit, 130/143/129 interrupted, 141 stdout closed early.
`

var commandHelp = map[string]string{
	"run": `flowsh run [flags] JOB.star [job flags] [FILE ...]

Runs a job: the same as without the word run. The script - is read from stdin.`,

	"check": `flowsh check JOB.star... [job flags]

Loads each script and plans its job without reading any input, and prints what is wrong. Exit status 2 if anything
is. Job flags go to every script; a script with a required argument needs it.

Of a script that loads it also prints what its author should look at; these do not change the exit status:

    unused            a function that nothing uses
    no-input          an input file that is not there
    frozen-global     a function of records, or one that it calls, changes a global, which fails
    float-sum         a reducer adds floats one by one, where .sum(...) would be exact and use all cores
    float-merge       merge= adds floats, whose sum depends on the parts
    nondeterministic  a window or trigger that goes by the clock, or a function that calls time.now()

--json prints an object for each script.`,

	"explain": `flowsh explain [--analyze] [--dot|--mermaid|--json] [flags] JOB.star [job flags] [FILE ...]

Prints the stages of a job, the operators fused into each, its splits and lanes, where records are combined before
they move, and how each function runs: compiled, as a column that is there already, or interpreted and why.
--analyze runs the job, which writes its files but nothing to stdout, and adds to each stage and function its records,
CPU time and bytes, and which records compiled code gave up to the interpreter and why. --dot prints the graph for
Graphviz, --mermaid for Markdown, --json for programs.`,

	"fmt": `flowsh fmt [--check] FILE...

Formats scripts in place in the layout of Buildifier. - formats stdin to stdout. --check changes nothing, lists the
files that would change, and ends with status 1 if there are any.`,

	"test": `flowsh test [--run REGEXP] [--update] [flags] [PATH...]

Runs the tests of scripts: the functions named test_* in files named *_test.star, in PATH or below it (default: the
working directory).

    load("wordcount.star", "words")          # functions of a job can be tested alone

    def test_words():
        test.eq(words("a  b"), ["a", "b"])

    def test_counts():
        got = test.run("wordcount.star", input = ["a b", "a"])
        test.eq(got, [("a", 2), ("b", 1)])

flowsh help test.run explains what tests can do.

      --run REGEXP        only tests with such names
      --update            test.golden writes the files that differ
      --timeout DURATION  a test that takes longer fails (default 1m; 0: never)
  -j, --cores N   -m, --mem SIZE   --kernels MODE   --max-steps N   as for a job
  -v, --verbose           also what passes, and what it prints
      --json              a JSON object for each test

Exit status 1 if a test fails.`,

	"new": `flowsh new NAME

Makes the folder NAME with a job that runs, NAME.star, its test and its data, to begin with. NAME may be a path whose last
part is the name; the folders before it are made. A folder that exists is left alone.`,

	"submit": `flowsh submit [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--ship] [--detach] [--after JOB,...] [--anyway] [--on-failure stop] [--distribute WAY] [flags] JOB.star [job flags] [FILE ...]

Runs a job on a cluster. Output, messages and exit status are those of a run here. The script, what it loads and its
arguments travel to the cluster, and so does standard input where the job reads that; the files that it reads must be
there under the same names, unless --ship sends them along: at most 16 MiB with standard input. -o FILE is written here.
The master is that of --master, of $FLOWSH_MASTER, or of the cluster that flowsh cluster up has started. Ctrl-C ends the job.
A master that does not answer is an error at once, and a job waits for workers for ever, unless --wait says for how long.

Jobs begin in their order; --after names jobs that end before this one begins, which it does not if one of them fails,
unless --anyway is given. With --detach the name of the job is printed, and it goes on without this process: flowsh jobs
lists it, flowsh result prints what it puts out. With --on-failure stop no job begins after this one has failed, until
flowsh resume. A master that is killed goes on with its jobs when it is back.

--trace FILE shows when each worker had which task, and when the head of the job fetched what it gave.

--distribute says which worker gets a task: the one with most free slots (least_open, the default), one after another, as
many each (round_robin), or the same in every run (hash).`,

	"cluster": `flowsh cluster up [-n WORKERS] [-j CORES] [-m SIZE] [--keys DIR] [--allow-read DIR] [--allow-write DIR] [--allow-webhook URL] | down | status | kill NAME

Starts a master and workers on this machine, as processes of their own, ends them, or lists them; kill ends one without
warning, to see what becomes of jobs. -j and -m are for each worker; without -j they share the cores. With --keys they
talk encrypted. Jobs may use all files unless folders are named, and post to all servers unless --allow-webhook is given.
A whole session:

  flowsh cluster up -n 3
  flowsh submit wordcount.star books/*.txt
  flowsh nodes
  flowsh cluster down`,

	"master": `flowsh master [--listen HOST:PORT] [--gossip HOST:PORT] [--keys DIR] [--allow-read DIR] [--allow-write DIR] [--allow-webhook URL,...] [--name NAME] [-j CORES] [-m SIZE] [--jobs N] [--works] [--data-ports FIRST-LAST] [--admin HOST:PORT] [--announce FILE] [--state DIR] [--config FILE]

Starts the master of a cluster, at 127.0.0.1:7420 unless --listen says otherwise. Off loopback it needs keys. It says
at which address it gossips: that is what others join. Jobs write only below the folders of --allow-write, which may be
given several times, as may --allow-read; without them they reach no file. Symbolic links do not lead out of them; a hard
link is a file of the folder that it is in, which can be read, while outputs are new files, so that its other names keep what
they had. -m is the memory of the node; --jobs at a time (2) share it, others wait.
Jobs have no network: for --intercept webhook:URL the master posts, if URL is at the server of one of --allow-webhook, and
at its path or below it; --allow-webhook https:// is all of them. Redirects are not followed.
--announce writes both addresses to a file. --state DIR keeps the queue of jobs, what they put out and what their tasks
gave, so that a master that was killed goes on where it was when it is started again; without it the queue ends with it.
--works has the node do tasks too, with half of its memory. Its log says what becomes of jobs, and of tasks that had to be
done again; with -v of all tasks, with --json as JSON lines. ` + nodeSettings + `

` + nodeSession,

	"worker": `flowsh worker --join HOST:PORT[,HOST:PORT...] [--gossip HOST:PORT] [--keys DIR] [--allow-read DIR] [--name NAME] [-j CORES] [-m SIZE] [--jobs N] [--data-ports FIRST-LAST] [--admin HOST:PORT] [--config FILE]

Starts a worker, which does tasks of the jobs that a master runs. --join names where members of the cluster gossip,
any of them: the worker finds the master through them. It may come and go while jobs run. Jobs read only below the
folders of --allow-read, which may be given several times. -m is the memory of the node; --jobs at a time (2) share it,
others wait. What tasks give is fetched from the ports of --data-ports (any) at the host of --gossip (all of this machine's),
encrypted with keys that each job has for itself; where they cannot be reached it comes through the master. Until it is
fetched it is on the disk, in $TMPDIR: a worker that was killed, and is started again with the same --name, offers it, and
the tasks are not done again. ` + nodeSettings + `

` + nodeSession,

	"jobs": `flowsh jobs [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--json] [JOB ...]
flowsh steps ...

Lists the jobs of a cluster in the order in which they were submitted: queued, running, complete, complete_with_retries
(it was begun more than once, because the master was), failed, cancelled. The last 1000 that have ended are remembered.`,

	"top": `flowsh top [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--json]

Shows the workers of a cluster, and how many of their tasks its jobs are through with: first those that run and wait, then
those that ended last. On a terminal it looks again every second, until Ctrl-C. --json prints an object for each look.`,

	"result": `flowsh result [--master HOST:PORT] [--keys DIR] [--wait DURATION] JOB
flowsh results ...

Prints what a job that was submitted with --detach puts out, from its beginning, waits for its end, and ends with its
exit status. Ctrl-C ends this process, and not the job. The master keeps at most 1 GiB of output of a job: write more
to files. In a script, result(job = "JOB") is the flow of these lines, once the job has ended well.`,

	"receipts": `flowsh receipts [open] [of NODE|CHUNK] [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--json] [JOB]

Prints what became of each chunk of a job so far, by default of the job that was submitted last, in the order in which it
happened: distributed, sent to a worker, processed there, returned (it counts, and what it gave is fetched), received
whole, aggregated (the job has read it); retried, failed, lost, duplicate and dead say what went wrong, and recalled that
an earlier run of the job had it done. What came back has the number of records that the task has read, and of bytes that
it gave. A chunk is named STEP.STAGE.TASK. open leaves out chunks that were aggregated, of those of other nodes or chunks;
--open and --of are the same. --json prints an object for each. Receipts are kept as long as the job is listed, and those
of its last run only.`,

	"trace": `flowsh trace [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--json] CHUNK [JOB]

Prints the receipts of one chunk, STEP.STAGE.TASK: those of flowsh receipts of CHUNK.`,

	"logs": `flowsh logs [-f] [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--json] JOB
flowsh tail ...

Prints on stdout what a job has said so far: what its functions print, warnings, what went wrong with its chunks, and how it
ended. -f waits for more until it ends; so does tail. Under --json every line has the job, and where it comes of a stage or
a chunk, those with the attempt, as flowsh receipts has them. Logs are kept as long as the job is listed, and those of its
last run only.`,

	"pause": `flowsh pause [--master HOST:PORT] [--keys DIR] [--wait DURATION]

Lets no more jobs of the queue begin, until flowsh resume. Jobs that run go on. A master that is started again is still
paused.`,

	"resume": `flowsh resume [--master HOST:PORT] [--keys DIR] [--wait DURATION]

Lets jobs of the queue begin again, after flowsh pause.`,

	"cancel": `flowsh cancel [--master HOST:PORT] [--keys DIR] [--wait DURATION] JOB

Ends a job that waits or runs.`,

	"plan": `flowsh plan [--dot|--mermaid|--json] [--master HOST:PORT] [--keys DIR] [--wait DURATION] JOB
flowsh explain JOB

Prints the plan of a job of a cluster, as flowsh explain does of a script: its stages, and how each function runs. The job is
read as it was submitted, with its arguments. Workers do what a stage does that reads files. State by key that they have in
ranges is folded by them, each range by one of them, if there is more of it, as it is sent, than a sixteenth of the memory that
the head has; all other state is the head's.`,

	"set": `flowsh set [--master HOST:PORT] [--keys DIR] [--wait DURATION] rate JOB N|off

Lets a job that waits or runs take at most N records in a second from its sources, all together, until the rate is changed or
off. Records come in the batches in which they are read: the job rests after each. Its tasks are done that much more slowly,
but not one at a time. It survives a restart of the master.`,

	"retry": `flowsh retry [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--dead-only] [--ship] JOB [[flags] JOB.star [job flags] [FILE ...]]

Submits a job again, as --detach does, and prints its new name: with the script and the arguments that it had, or with
those that stand behind it, where a script was mended. If the job has failed, or records have, what its tasks gave is
kept, of the last eight such jobs: a task is not done again if its input, its functions and what they use are the same and
none of its records failed. With --dead-only the functions may differ: only tasks in which a record failed are done with
the new ones, or all of a stage whose state by key workers have folded. What is behind the tasks is always done again, and the job says which tasks were not. The input files must be
the same; nobody looks.`,

	"forget": `flowsh forget [--master HOST:PORT] [--keys DIR] [--wait DURATION] JOB

Removes a job that has ended, with its output.`,

	"nodes": `flowsh nodes [--master HOST:PORT] [--keys DIR] [--wait DURATION] [--json]

Lists the master and the workers of a cluster.`,

	"drain": `flowsh drain [--master HOST:PORT] [--keys DIR] [--wait DURATION] NAME

Has a worker finish the tasks that it has, take no more, and leave the cluster. Ctrl-C on a worker does the same, for ten
seconds at most.`,

	"attach": `flowsh attach [--keys DIR] [HOST:PORT]

Opens a prompt whose flows run on a cluster; flowsh alone opens one whose flows run on this machine. Type Starlark: a
flow shows its first records, flow.show(n) prints them aligned, flow.collect() gives a list, flow.run() writes what the
flow as a job would write, flow.explain() prints its plan. help(lines) explains a word, :help lists the commands, such
as :load FILE, :save FILE, :jobs and :cancel JOB. Tab completes. Ctrl-C ends what runs, Ctrl-D the prompt. Where the
input is no terminal it is read to its end, or to the first mistake. What was typed is kept in ~/.flowsh_history, or in
the file that $FLOWSH_HISTORY names.`,

	"keygen": `flowsh keygen DIR

Makes the keys of a new cluster: an authority, and a certificate with its key for the role of master, worker and
client each, and the key of the gossip. A node needs authority.crt, gossip.key and the two files of its role.`,

	"completion": `flowsh completion bash|zsh|fish

Prints a script that lets the shell complete commands and flags; files are completed as always. For bash:

    eval "$(flowsh completion bash)"`,

	"version": `flowsh version

Prints the version, the Go release and the commit that this binary was built from.`,

	"help": `flowsh help [COMMAND | NAME | --man]

Explains a command, or a word of the language: flowsh help reduce, flowsh help re.find. --man prints all commands as a
man page: flowsh help --man > flowsh.1`,
}

// nodeSettings says where else the flags of a node can stand.
const nodeSettings = `Flags can also stand in the environment, --allow-read as FLOWSH_ALLOW_READ, and in the file of
--config or FLOWSH_CONFIG: TOML whose keys are their names, for one role in the table [master] or [worker]. The command
line counts before the environment, and that before the file. --admin serves metrics, in Prometheus' form, at /metrics and
profiles at /debug/pprof/, to this machine alone; what functions of jobs count is flowsh_counted_total at the master. A
whole cluster:`

// nodeSession is a session on several machines.
const nodeSession = `  flowsh keygen keys                                          once; then copy the files that each node needs
  flowsh master --listen 10.0.0.1:7420 --gossip 10.0.0.1:7421 --keys keys --allow-read /data --allow-write /data/out
  flowsh worker --join 10.0.0.1:7421 --keys keys --allow-read /data   on other machines
  flowsh submit --master 10.0.0.1:7420 --keys keys job.star   from anywhere`
