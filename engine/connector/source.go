package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/scan"
)

const (
	defaultBlock     = 256 << 10 // bytes
	defaultSplit     = 16 << 20  // bytes
	maxSplits        = 4096      // of one source, unless it has more files
	defaultMaxRecord = 16 << 20
	largestMaxRecord = 1 << 30 // positions in a block are 32 bits wide
)

// stdin is the path of standard input.
const stdin = "-"

// A fileSource reads records from files and standard input.
type fileSource struct {
	spec  SourceSpec
	host  *host.Host
	block int64
	split int64
	delim byte

	mu     sync.Mutex
	files  map[string]*inputFile
	header *header // of the first file whose columns are known
}

// NewSource makes a source of format lines, csv, tsv, jsonl or text. It opens nothing, but an option that cannot
// be right is an error.
//
// lines gives strings, jsonl what json.decode gives. csv and tsv give dicts named by each file's first record, or
// by Columns if Header is unset; with both, Columns selects. Without either they give tuples of strings. text
// gives one (file, content) per file. With Origin every record is paired with where it began: (at, record), at a
// struct of file, line and byte offset.
//
// A record is at most MaxRecord bytes long, its line end not counted; 0 stands for 16 MiB.
func NewSource(spec SourceSpec, h *host.Host) (Source, error) {
	if err := checkSpec(&spec); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Format, err)
	}
	s := &fileSource{spec: spec, host: h, block: defaultBlock, split: defaultSplit, files: map[string]*inputFile{}}
	if spec.BlockSize > 0 {
		s.block = spec.BlockSize
	}
	if spec.SplitSize > 0 {
		s.split = spec.SplitSize
	}
	if s.spec.MaxRecord == 0 {
		s.spec.MaxRecord = defaultMaxRecord
	}
	if s.tabular() {
		s.delim = spec.Delimiter[0]
	}
	return s, nil
}

func checkSpec(spec *SourceSpec) error {
	if !slices.Contains([]string{"lines", "csv", "tsv", "jsonl", "text"}, spec.Format) {
		return fmt.Errorf("not a format of files; there are lines, csv, tsv, jsonl and text")
	}
	if spec.MaxRecord < 0 || spec.MaxRecord > largestMaxRecord {
		return fmt.Errorf("a record of %d bytes cannot be the longest; choose from 1 to %d", spec.MaxRecord, largestMaxRecord)
	}
	if len(spec.Paths) == 0 {
		return fmt.Errorf("no path is given")
	}
	if n := slices.Index(spec.Paths, stdin); n >= 0 && slices.Contains(spec.Paths[n+1:], stdin) {
		return fmt.Errorf(`"-" (stdin) is given twice, but can be read only once`)
	}
	if spec.Format == "csv" || spec.Format == "tsv" {
		return checkTable(spec)
	}
	return nil
}

func checkTable(spec *SourceSpec) error {
	if spec.Delimiter == "" {
		spec.Delimiter = map[string]string{"csv": ",", "tsv": "\t"}[spec.Format]
	}
	if len(spec.Delimiter) != 1 || strings.ContainsAny(spec.Delimiter, "\"\r\n\\") {
		return fmt.Errorf("delimiter %q must be one byte, and not a quote, a backslash or a line end", spec.Delimiter)
	}
	if spec.Ragged == "" {
		spec.Ragged = "error"
	}
	if !slices.Contains([]string{"error", "pad", "skip"}, spec.Ragged) {
		return fmt.Errorf(`ragged = %q: write "error", "pad" or "skip"`, spec.Ragged)
	}
	if name, ok := duplicate(spec.Columns); ok {
		return fmt.Errorf("columns names %q twice", name)
	}
	for _, t := range spec.Types {
		if _, ok := conversions[t.Type]; !ok {
			return fmt.Errorf("types: %q cannot become %s; there are int, float, bool and str", t.Column, t.Type)
		}
	}
	if len(spec.Types) > 0 && !spec.Header && len(spec.Columns) == 0 {
		return fmt.Errorf("types names columns, but without a header they have no names: give columns = [...] too")
	}
	return nil
}

func duplicate(names []string) (string, bool) {
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

// tabular reports whether records have columns.
func (s *fileSource) tabular() bool { return s.spec.Format == "csv" || s.spec.Format == "tsv" }

// cutter stands at the start of a file's first record.
func (s *fileSource) cutter() scan.Cutter {
	if s.spec.Format == "csv" {
		return scan.NewQuoteCutter(s.delim)
	}
	return scan.NewCutter()
}

// Open implements Source.
func (s *fileSource) Open(ctx context.Context, splits []Split) (Reader, error) {
	return &fileReader{ctx: ctx, source: s, runs: runsOf(splits)}, nil
}

// runsOf groups splits that can be read in one go.
func runsOf(splits []Split) [][]Split {
	var runs [][]Split
	for _, split := range splits {
		if n := len(runs); n > 0 {
			last := runs[n-1][len(runs[n-1])-1]
			if last.Input == split.Input && last.File == split.File && last.End == split.Start {
				runs[n-1] = append(runs[n-1], split)
				continue
			}
		}
		runs = append(runs, []Split{split})
	}
	return runs
}

// Name is how messages and records call the split's file.
func (s Split) Name() string { return displayName(s.File) }

// displayName is how messages and records call a file.
func displayName(path string) string {
	if path == stdin {
		return "stdin"
	}
	return path
}
