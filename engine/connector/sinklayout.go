package connector

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A sinkKind is what a target stands for.
type sinkKind uint8

const (
	toStdout sinkKind = iota
	toFile
	toFolder
	toKeys
)

// A layout is a SinkSpec with everything decided that its suffixes leave open.
type layout struct {
	SinkSpec
	kind sinkKind
}

var (
	sinkFormats = []string{"text", "tsv", "csv", "jsonl", "table", "parquet"}

	formatBySuffix = map[string]string{
		".txt": "text", ".log": "text", ".tsv": "tsv", ".csv": "csv",
		".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet",
	}
	suffixOf = map[string]string{"text": ".txt", "table": ".txt", "tsv": ".tsv", "csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet"}

	compressionNames    = map[string]string{"gz": "gz", "gzip": "gz", "zst": "zst", "zstd": "zst", "xz": "xz", "lz4": "lz4"}
	compressionSuffixes = []string{".gz", ".zst", ".xz", ".lz4"}

	// Suffixes that promise a format which a sink cannot write: text under such a name would mislead.
	foreignSuffixes = []string{".avro", ".orc", ".arrow", ".feather", ".xlsx", ".xls", ".zip", ".bz2", ".7z", ".sqlite", ".db"}
)

const defaultMaxFiles = 10000

// resolve decides what the spec leaves open, and refuses what does not fit together.
func resolve(spec SinkSpec) (*layout, error) {
	l := &layout{SinkSpec: spec}
	if spec.Target == "" {
		return nil, errors.New(`write: the target is empty: name a file, a folder "x/", or "-" for stdout`)
	}
	for _, decide := range []func() error{l.decideKind, l.decideCompression, l.decideFormat, l.checkColumns} {
		if err := decide(); err != nil {
			return nil, fmt.Errorf("write %q: %w", spec.Target, err)
		}
	}
	if l.MaxFiles <= 0 {
		l.MaxFiles = defaultMaxFiles
	}
	return l, nil
}

func (l *layout) decideKind() error {
	holes := strings.Count(l.Target, "{}")
	folder := strings.HasSuffix(l.Target, "/")
	switch {
	case l.ByKey && (holes != 1 || folder):
		return errors.New(`by= needs one {} in the path of a file, for the key, as in "out/{}.csv"`)
	case !l.ByKey && holes > 0:
		return errors.New("{} stands for a key: say by=, the selector of the key")
	case strings.ContainsRune(l.Target, 0):
		return errors.New("a path cannot contain the character NUL")
	case l.ByKey:
		l.kind = toKeys
	case folder:
		l.kind = toFolder
	case l.Target == "-" || l.Target == "/dev/stdout":
		l.kind = toStdout
	default:
		l.kind = toFile
	}
	return nil
}

func (l *layout) decideCompression() error {
	if l.Compression == "" {
		if suffix := l.lastSuffix(); slices.Contains(compressionSuffixes, suffix) {
			l.Compression = suffix[1:]
		}
		return nil
	}
	name, ok := compressionNames[l.Compression]
	if !ok {
		return fmt.Errorf("compression %q cannot be written: use gz, zst, xz or lz4", l.Compression)
	}
	l.Compression = name
	return nil
}

func (l *layout) decideFormat() error {
	suffix := l.lastSuffix()
	switch {
	case slices.Contains(foreignSuffixes, suffix):
		return fmt.Errorf("%s cannot be written: use .parquet, or .txt, .tsv, .csv or .jsonl, and .gz, .zst, .xz or .lz4 after it", suffix)
	case l.Format == "json":
		l.Format = "jsonl"
	case l.Format == "":
		l.Format = "text"
		if format, ok := formatBySuffix[suffix]; ok {
			l.Format = format
		}
	case !slices.Contains(sinkFormats, l.Format):
		return fmt.Errorf("format %q cannot be written: use %s", l.Format, strings.Join(sinkFormats, ", "))
	}
	return nil
}

// lastSuffix is the suffix that tells the format, or the compression as long as that is not decided.
func (l *layout) lastSuffix() string {
	if l.kind == toStdout {
		return ""
	}
	name := strings.ToLower(filepath.Base(l.Target))
	if l.Compression != "" {
		for _, suffix := range compressionSuffixes {
			name = strings.TrimSuffix(name, suffix)
		}
	}
	return filepath.Ext(name)
}

func (l *layout) checkColumns() error {
	switch {
	case l.Format == "table" && l.ByKey:
		return errors.New("a table is for one pair of eyes: say text, tsv, csv or jsonl with by=")
	case l.Format == "parquet" && l.Compression != "":
		return errors.New("a Parquet file is compressed inside: leave the compression out")
	case l.Format == "parquet" && l.Header != nil:
		return errors.New("header= has no meaning for the format parquet: its columns always have names")
	case l.Format == "parquet" || l.tabular():
		return checkDistinct(l.Columns)
	case l.Columns != nil:
		return fmt.Errorf(`columns= has no meaning for the format %s: say format="csv", "tsv", "table" or "parquet"`, l.Format)
	case l.Header != nil && *l.Header:
		return fmt.Errorf(`header= has no meaning for the format %s: say format="csv", "tsv" or "table"`, l.Format)
	}
	return nil
}

func checkDistinct(columns []string) error {
	if columns != nil && len(columns) == 0 {
		return errors.New("columns=[] leaves nothing to write: name the columns")
	}
	for i, column := range columns {
		if slices.Contains(columns[:i], column) {
			return fmt.Errorf("columns= names %q twice", column)
		}
	}
	return nil
}

// tabular reports whether the format has columns.
func (l *layout) tabular() bool { return l.Format == "csv" || l.Format == "tsv" || l.Format == "table" }

// converted reports whether what the encoders write is not yet what the file holds.
func (l *layout) converted() bool { return l.Compression != "" || l.Format == "parquet" }

// newRows makes the format's writer for one encoder.
func (l *layout) newRows() rowWriter {
	switch {
	case l.tabular():
		return &tableWriter{csv: l.Format == "csv", columns: l.Columns}
	case l.Format == "jsonl":
		return &jsonlWriter{}
	case l.Format == "parquet":
		return parquetRows{}
	}
	return &textWriter{}
}

// suffix is what the name of a file of this layout ends in.
func (l *layout) suffix() string {
	s := suffixOf[l.Format]
	if l.Compression != "" {
		s += "." + l.Compression
	}
	return s
}

// PlainFormat is the format that a target's name asks for. It fails if the target is not a single file that is written
// as it is.
func PlainFormat(target string) (string, error) {
	l, err := resolve(SinkSpec{Target: target})
	switch {
	case err != nil:
		return "", err
	case l.kind != toFile || l.Compression != "":
		return "", fmt.Errorf("write %q: it is not a single file without compression", target)
	}
	return l.Format, nil
}
