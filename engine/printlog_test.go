package engine

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
)

// What reducers print is kept as far as it can be shown, in whatever order it comes.
func TestPrintLogIsBounded(t *testing.T) {
	text := strings.Repeat("a", 1<<20)
	var log printLog
	for i := range 200 {
		log.add(chunk.Ordinal{Position: uint64(i * 77 % 200)}, kernel.Print{Text: text})
		if len(log.lines) > 33 {
			t.Fatalf("%d lines of 1 MiB are kept", len(log.lines))
		}
	}
	for range 200 {
		log.add(chunk.Ordinal{Position: 3}, kernel.Print{Text: "counted", Add: 1})
	}
	kept := log.inOrder()
	if len(kept) != 16 {
		t.Fatalf("kept %d", len(kept))
	}
	for i, line := range kept[:15] {
		if line.at.Position != uint64(i) || line.Text != text {
			t.Errorf("line %d is that of record %d", i, line.at.Position)
		}
	}
	if last := kept[15]; last.at.Position != 15 || last.Lines != 185 || last.Bytes != 185*(1<<20+1) {
		t.Errorf("left out: %d lines of %d bytes from record %d on", last.Lines, last.Bytes, last.at.Position)
	}
	if all := log.take(); len(all) != 17 || all[16] != (kernel.Print{Text: "counted", Add: 200}) {
		t.Errorf("%d lines and counts", len(all))
	}
}
