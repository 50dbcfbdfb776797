package connector

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

func TestSuffixesDecideTheLayout(t *testing.T) {
	for _, c := range []struct {
		spec                SinkSpec
		format, compression string
		suffix              string
	}{
		{SinkSpec{Target: "-"}, "text", "", ".txt"},
		{SinkSpec{Target: "/dev/stdout", Format: "table"}, "table", "", ".txt"},
		{SinkSpec{Target: "a"}, "text", "", ".txt"},
		{SinkSpec{Target: "a.log"}, "text", "", ".txt"},
		{SinkSpec{Target: "a.dat.gz"}, "text", "gz", ".txt.gz"},
		{SinkSpec{Target: "dir.csv/a"}, "text", "", ".txt"},
		{SinkSpec{Target: "a.CSV"}, "csv", "", ".csv"},
		{SinkSpec{Target: "a.tsv.zst"}, "tsv", "zst", ".tsv.zst"},
		{SinkSpec{Target: "a.ndjson.xz"}, "jsonl", "xz", ".jsonl.xz"},
		{SinkSpec{Target: "a.json"}, "jsonl", "", ".jsonl"},
		{SinkSpec{Target: "a.csv", Format: "json", Compression: "gzip"}, "jsonl", "gz", ".jsonl.gz"},
		{SinkSpec{Target: "a.csv.lz4", Compression: "lz4"}, "csv", "lz4", ".csv.lz4"},
		{SinkSpec{Target: "parts/"}, "text", "", ".txt"},
		{SinkSpec{Target: "parts.csv.gz/"}, "csv", "gz", ".csv.gz"},
		{SinkSpec{Target: "by/{}.tsv", ByKey: true}, "tsv", "", ".tsv"},
		{SinkSpec{Target: "by/report.{}", ByKey: true}, "text", "", ".txt"},
	} {
		l, err := resolve(c.spec)
		if err != nil {
			t.Errorf("%+v: %v", c.spec, err)
			continue
		}
		if l.Format != c.format || l.Compression != c.compression || l.suffix() != c.suffix || l.MaxFiles != defaultMaxFiles {
			t.Errorf("%s: %s, %s, %s, %d files", c.spec.Target, l.Format, l.Compression, l.suffix(), l.MaxFiles)
		}
	}
}

func TestSpecsThatDoNotFitTogether(t *testing.T) {
	yes := true
	for _, c := range []struct {
		spec SinkSpec
		want string
	}{
		{SinkSpec{}, "the target is empty"},
		{SinkSpec{Target: "a\x00b"}, "NUL"},
		{SinkSpec{Target: "a.csv.bz2"}, ".bz2 cannot be written: use .parquet, or .txt, .tsv, .csv or .jsonl, and .gz, .zst"},
		{SinkSpec{Target: "a.avro"}, ".avro cannot be written: use .parquet, or .txt"},
		{SinkSpec{Target: "a.parquet.gz"}, "compressed inside"},
		{SinkSpec{Target: "a.parquet", Header: new(bool)}, "header= has no meaning"},
		{SinkSpec{Target: "a.parquet", Columns: []string{"a", "a"}}, `names "a" twice`},
		{SinkSpec{Target: "a", Compression: "bz2"}, `compression "bz2" cannot be written: use gz, zst, xz or lz4`},
		{SinkSpec{Target: "a", Format: "yaml"}, `format "yaml" cannot be written: use text, tsv, csv, jsonl, table`},
		{SinkSpec{Target: "by/{}.csv"}, "{} stands for a key: say by="},
		{SinkSpec{Target: "by/a.csv", ByKey: true}, `by= needs one {} in the path of a file, for the key, as in "out/{}.csv"`},
		{SinkSpec{Target: "by/{}/{}.csv", ByKey: true}, "by= needs one {}"},
		{SinkSpec{Target: "by/{}/", ByKey: true}, "by= needs one {}"},
		{SinkSpec{Target: "-", ByKey: true}, "by= needs one {}"},
		{SinkSpec{Target: "by/{}", ByKey: true, Format: "table"}, "a table is for one pair of eyes"},
		{SinkSpec{Target: "a.csv", Columns: []string{}}, "columns=[] leaves nothing to write"},
		{SinkSpec{Target: "a.csv", Columns: []string{"x", "x"}}, `columns= names "x" twice`},
		{SinkSpec{Target: "a.jsonl", Columns: []string{"x"}}, "columns= has no meaning for the format jsonl"},
		{SinkSpec{Target: "a.txt", Header: &yes}, "header= has no meaning for the format text"},
	} {
		_, err := NewSink(c.spec, host.NewMemory(), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "write") {
			t.Errorf("%+v: got %v, want %s", c.spec, err, c.want)
		}
	}
}
