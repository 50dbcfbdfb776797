package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/flowsh/flowsh/engine/cluster"
)

// receiptsLine are the flags of receipts.
type receiptsLine struct {
	clientLine `embed:""`
	Open       bool
	Of         string
}

// receipts prints what became of a job's chunks: all of them, those that are open, or those of a node or chunk.
func (c *cli) receipts(before, rest []string) error {
	line := new(receiptsLine)
	g := newGrammar(line)
	flags, words := g.interspersed(before, rest)
	if err := g.parse(flags); err != nil {
		return err
	}
	for len(words) > 0 && !clusterJob().MatchString(words[0]) {
		switch {
		case words[0] == "open":
			line.Open, words = true, words[1:]
			continue
		case words[0] == "of" && len(words) > 1:
			line.Of, words = words[1], words[2:]
			continue
		}
		break
	}
	return c.printReceipts(line, words)
}

// traceChunk prints what became of one chunk.
func (c *cli) traceChunk(before, rest []string) error {
	line := new(receiptsLine)
	g := newGrammar(&line.clientLine)
	flags, words := g.interspersed(before, rest)
	if err := g.parse(flags); err != nil {
		return err
	}
	if len(words) == 0 {
		return usagef("which chunk? flowsh trace CHUNK [JOB]; flowsh receipts lists them")
	}
	line.Of = words[0]
	return c.printReceipts(line, words[1:])
}

// printReceipts prints receipts of a job, by default of the last one.
func (c *cli) printReceipts(line *receiptsLine, jobs []string) error {
	if len(jobs) > 1 {
		return usagef("of which job? flowsh receipts JOB; flowsh jobs lists them")
	}
	return c.toMaster(&line.clientLine, func(ctx context.Context, client *cluster.Client) error {
		id, err := oneOrLast(client, jobs)
		if err != nil {
			return err
		}
		out := bufio.NewWriter(c.host.Stdout)
		p := &receiptPrinter{out: out, json: line.JSON, of: line.Of}
		if line.Open {
			p.open = &openChunks{}
			if end, err := client.Receipts(ctx, id, p.open.note); err != nil || end.Status != statusDone {
				return c.failed(end, err)
			}
		}
		end, err := client.Receipts(ctx, id, p.print)
		if err == nil {
			err = outputError(out.Flush())
		}
		if err == nil && end.Status == statusDone && !p.began && !line.JSON && !line.Quiet {
			c.console.say(dim, message{Event: "none", Text: "flowsh: " + id + " has no " + p.what()})
		}
		return c.failed(end, err)
	})
}

// oneOrLast is the job that a command names, or the one that was submitted last.
func oneOrLast(client *cluster.Client, named []string) (string, error) {
	if len(named) > 0 {
		return named[0], nil
	}
	jobs, err := client.Jobs()
	if err != nil {
		return "", err
	}
	if len(jobs) == 0 {
		return "", usagef("there are no jobs; flowsh submit adds one")
	}
	return jobs[len(jobs)-1].ID, nil
}

// failed is the error of an answer.
func (c *cli) failed(end cluster.End, err error) error {
	if err != nil {
		return err
	}
	return c.ended(end)
}

// openChunks knows which chunks are open; it takes a byte for each chunk.
type openChunks struct{ stages map[[2]int][]byte }

// parseChunk takes the name of a chunk apart.
func parseChunk(name string) (stage [2]int, task int, ok bool) {
	n, err := fmt.Sscanf(name, "%d.%d.%d", &stage[0], &stage[1], &task)
	return stage, task, err == nil && n == 3 && task >= 0 && task < 1<<30
}

func (o *openChunks) note(r cluster.Receipt) error {
	stage, task, ok := parseChunk(r.Chunk)
	if !ok {
		return nil
	}
	if o.stages == nil {
		o.stages = map[[2]int][]byte{}
	}
	tasks := o.stages[stage]
	if task >= len(tasks) {
		tasks = append(tasks, make([]byte, task+1-len(tasks))...)
		o.stages[stage] = tasks
	}
	tasks[task] = 1
	if r.Ends() {
		tasks[task] = 0
	}
	return nil
}

func (o *openChunks) has(name string) bool {
	stage, task, ok := parseChunk(name)
	return ok && task < len(o.stages[stage]) && o.stages[stage][task] == 1
}

// A receiptPrinter prints receipts as they come.
type receiptPrinter struct {
	out   io.Writer
	json  bool
	of    string      // a node or chunk; "": all
	open  *openChunks // nil: all
	began bool
}

// what is the kind of receipts that are printed.
func (p *receiptPrinter) what() string {
	text := "receipts"
	if p.open != nil {
		text = "open chunks"
	}
	if p.of != "" {
		text += " of " + p.of
	}
	return text
}

func (p *receiptPrinter) print(r cluster.Receipt) error {
	if p.of != "" && !slices.Contains([]string{r.Node, r.Chunk}, p.of) || p.open != nil && !p.open.has(r.Chunk) {
		return nil
	}
	if p.json {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = p.out.Write(append(text, '\n'))
		return outputError(err)
	}
	const row = "%-12s  %-11s  %-10s  %7s  %-12s  %10s  %10s  %-16s  %s"
	if !p.began {
		p.began = true
		if _, err := fmt.Fprintf(p.out, row+"\n", "TIME", "EVENT", "CHUNK", "ATTEMPT", "NODE", "RECORDS", "BYTES", "HASH", "REASON"); err != nil {
			return outputError(err)
		}
	}
	attempt, records, size := "", "", ""
	if r.Attempt > 0 {
		attempt = fmt.Sprint(r.Attempt)
	}
	if r.Hash != "" {
		records, size = fmt.Sprint(r.Records), fmt.Sprint(r.Bytes)
	}
	_, err := fmt.Fprintf(p.out, row+"\n", r.At.Format("15:04:05.000"), r.Kind, r.Chunk, attempt, r.Node, records, size, r.Hash, r.Reason)
	return outputError(err)
}
