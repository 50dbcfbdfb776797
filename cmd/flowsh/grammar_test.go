package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct{ args, before, rest string }{
		{"job.star", "", "job.star"},
		{"-q job.star -q", "-q", "job.star -q"},
		{"-o out.txt job.star", "-o out.txt", "job.star"},
		{"-oout.txt job.star", "-oout.txt", "job.star"},
		{"-o - -", "-o -", "-"},
		{"--output=x job.star", "--output=x", "job.star"},
		{"--output x job.star --top 3", "--output x", "job.star --top 3"},
		{"-qj 2 job.star", "-qj 2", "job.star"},
		{"-qj2 job.star", "-qj2", "job.star"},
		{"-jq job.star", "-jq", "job.star"},
		{"-- -odd.star x", "", "-odd.star x"},
		{"--nonsense job.star", "--nonsense", "job.star"},
		{"-e lines() file", "-e lines()", "file"},
		{"-q", "-q", ""},
		{"-o", "-o", ""},
	} {
		before, rest := newGrammar(new(runLine)).split(strings.Fields(tt.args))
		if got := strings.Join(before, " "); got != tt.before {
			t.Errorf("%s: flags %q, want %q", tt.args, got, tt.before)
		}
		if got := strings.Join(rest, " "); got != tt.rest {
			t.Errorf("%s: rest %q, want %q", tt.args, got, tt.rest)
		}
	}
}

func TestKnown(t *testing.T) {
	after := newGrammar(new(afterLine))
	for _, tt := range []struct {
		name         string
		takes, known bool
	}{
		{"cores", true, true},
		{"j", true, true},
		{"--cores", true, true},
		{"-j", true, true},
		{"dry-run", false, true},
		{"q", false, true},
		{"on-error", true, true},
		{"kernels", false, false},
		{"e", false, false},
		{"top", false, false},
		{"", false, false},
	} {
		if takes, known := after.known(tt.name); takes != tt.takes || known != tt.known {
			t.Errorf("%s: takes a value %v, known %v", tt.name, takes, known)
		}
	}
}

func TestParseRunLine(t *testing.T) {
	line := new(runLine)
	args := strings.Fields("-o out.csv -f csv -j 3 -m 25% --spill /x --on-error bad.jsonl --max-errors 1% --max-record 1MiB -n --timeout 5s --kernels off -q --color never")
	if err := newGrammar(line).parse(args); err != nil {
		t.Fatal(err)
	}
	rules, err := line.errorRules(nil)
	if err != nil || rules.File != "bad.jsonl" || rules.MaxShare != 0.01 {
		t.Errorf("rules %+v, %v", rules, err)
	}
	if line.Cores != 3 || line.Mem.share != 0.25 || line.MaxRecord.size != 1<<20 || !line.DryRun || !line.Quiet || line.Kernels != "off" {
		t.Errorf("%+v", line)
	}
}

func TestParseRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--master x":        "unknown flag --master",
		"--format xml":      `"xml" is not a format: text, tsv, csv, jsonl, table or parquet`,
		"--mem lots":        `"lots" is not a size`,
		"--mem 0%":          "is not a share of the memory",
		"--max-record 1XB":  "is not a size",
		"--max-errors none": "is not a number of records",
		"--max-errors 200%": "is not a share of the records",
		"--color blue":      "--color must be one of",
		"--kernels maybe":   "--kernels must be one of",
		"--max-record 2GiB": "at most 1GiB",
		"--timeout soon":    `"soon" is not a duration: write 30s`,
		"--timeout -5s":     `"-5s" is not a duration`,
		"--cores x":         `"x" is not a number of cores`,
		"--cores -1":        `"-1" is not a number of cores`,
		"--cores":           "--cores needs a value",
		"-qn --limit 3":     "unknown flag --limit; flowsh --help lists the flags; those of a job follow its script",
		"-qx":               "unknown flag -x",
	} {
		err := newGrammar(new(runLine)).parse(strings.Fields(args))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
		if exitStatus(err) != statusUsage {
			t.Errorf("%s: status %d", args, exitStatus(err))
		}
	}
}

func TestCommandsHaveHelp(t *testing.T) {
	for _, c := range commands() {
		if !strings.HasPrefix(commandHelp[c.name], "flowsh "+c.name) {
			t.Errorf("help of %s: %q", c.name, commandHelp[c.name])
		}
		if !strings.Contains(usageText, "\n  "+c.name+" ") {
			t.Errorf("the usage does not name %s", c.name)
		}
	}
	if len(commandHelp) != len(commands()) {
		t.Error("help for a command that is not there")
	}
}

// TestHelpNamesFlags looks for flags that a command's help names and that the command does not have.
func TestHelpNamesFlags(t *testing.T) {
	flag := regexp.MustCompile(`--[a-z][a-z-]*`)
	for _, c := range commands() {
		usage, _, _ := strings.Cut(commandHelp[c.name], "\n\n")
		for _, name := range flag.FindAllString(usage, -1) {
			if !slices.Contains(longFlags(c.line), name) {
				t.Errorf("flowsh %s does not know %s", c.name, name)
			}
		}
	}
}

func TestUsageNamesEveryFlag(t *testing.T) {
	for name := range newGrammar(new(runLine)).flags {
		if !slices.ContainsFunc(strings.Fields(usageText), func(word string) bool { return strings.Trim(word, ",") == name }) {
			t.Errorf("the usage does not name %s", name)
		}
	}
}
