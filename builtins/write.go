package builtins

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/connector"
	"go.starlark.net/starlark"
)

// write ends a flow: flow.write(target, by=, format=, columns=, header=, max_files=).
var write = &operator{
	name: "write", kind: engine.OpWrite, finish: writes,
	params: []param{
		required(target()), record("by"), format(), strs("columns", func(d *draft) *[]string { return &d.sink().Columns }),
		writeHeader(), maxFiles(),
	},
}

// defaultFiles is how many files a write with by= makes at most.
const defaultFiles = 10_000

var formats = []string{"text", "tsv", "csv", "jsonl", "table", "parquet"}

// foreign are formats that other programs write, by suffix; a sink refuses them by name when it opens.
var foreign = []string{"avro", "orc", "arrow", "feather", "xlsx", "protobuf", "msgpack"}

func (d *draft) sink() *connector.SinkSpec {
	if d.op.Sink == nil {
		d.op.Sink = &connector.SinkSpec{}
	}
	return d.op.Sink
}

func target() param {
	return param{name: "target", set: func(d *draft, v starlark.Value) error {
		s, ok := starlark.AsString(v)
		switch {
		case !ok:
			return mistake("the flow that is not written goes to stdout", "want a path, not %s", v.Type())
		case s == "":
			return mistake(`write "-" for stdout`, "the path is empty")
		case strings.Contains(s, "://"):
			return mistake("", "%q: %s", s, noConnectors)
		}
		d.sink().Target = s
		return nil
	}}
}

func format() param {
	return param{name: "format", set: func(d *draft, v starlark.Value) (err error) {
		d.sink().Format, err = formatName(v)
		return err
	}}
}

// formatName reads the name of an output format; json is another name for jsonl.
func formatName(v starlark.Value) (string, error) {
	s, ok := starlark.AsString(v)
	switch {
	case ok && s == "json":
		return "jsonl", nil
	case ok && slices.Contains(formats, s):
		return s, nil
	}
	return "", mistake(didYouMean(s, formats), "this build writes %s, not %s", strings.Join(formats, ", "), v)
}

func writeHeader() param {
	return param{name: "header", set: func(d *draft, v starlark.Value) error {
		d.sink().Header = new(bool)
		return unpack(v, d.sink().Header)
	}}
}

func maxFiles() param {
	return param{name: "max_files", set: func(d *draft, v starlark.Value) error {
		var n int64
		err := integer("max_files", 1, 1<<20, func(*engine.Op) *int64 { return &n }).set(d, v)
		d.sink().MaxFiles = int(n)
		return err
	}}
}

func writes(d *draft) error {
	s := d.sink()
	s.ByKey = d.has("by")
	pattern := strings.Contains(s.Target, "{}")
	switch {
	case s.ByKey && !pattern:
		e := d.mistake("write: by= makes a file for each key, but %q has no {} for the key", s.Target)
		e.Hint = `write("out/{}.csv", by = ...)`
		return e
	case !s.ByKey && pattern:
		return d.mistake("write: %q has a {}, but there is no by= to fill it", s.Target)
	case !s.ByKey && d.has("max_files"):
		return d.mistake("write: max_files is for by=")
	}
	if s.ByKey && s.MaxFiles == 0 {
		s.MaxFiles = defaultFiles
	}
	if suffix := strings.TrimPrefix(filepath.Ext(s.Target), "."); s.Format == "" && slices.Contains(foreign, suffix) {
		s.Format = suffix
		d.u.warn(d.at, "%s: this build cannot write %s, the run will refuse it; it writes %s", s.Target, suffix, strings.Join(formats, ", "))
	}
	return nil
}
