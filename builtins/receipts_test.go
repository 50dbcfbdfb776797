package builtins_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// TestReceipts tests what receipts say of a job that loses a worker: every chunk is distributed first and aggregated
// last, each once; what is received is what was returned; and what a lost worker had is sent again.
func TestReceipts(t *testing.T) {
	w := newWorld(t, map[string]string{"in.txt": manyWords()}, "")
	var mu sync.Mutex
	way := map[string][]cluster.Receipt{} // by chunk
	w.Emit = func(e host.Event) {
		if r, ok := e.(cluster.Receipt); ok {
			mu.Lock()
			defer mu.Unlock()
			way[r.Chunk] = append(way[r.Chunk], r)
		}
	}
	script := "job = lines(\"in.txt\").flat_map(lambda l: l.split()).count(by = lambda w: w)"
	if _, err := w.run(script, engine.Options{Cores: 2, SplitSize: 50, BlockSize: 20, Tasks: &inMemory{workers: 3, dies: 3}}); err != nil {
		t.Fatal(err)
	}
	kinds, records := map[string]int{}, int64(0)
	for _, chunk := range slices.Sorted(maps.Keys(way)) {
		var names []string
		var returned, received string
		for _, r := range way[chunk] {
			kinds[r.Kind]++
			names = append(names, r.Kind)
			switch r.Kind {
			case cluster.ReceiptReturned:
				returned = fmt.Sprint(r.Attempt, r.Node, r.Pieces, r.Bytes, r.Hash)
			case cluster.ReceiptReceived:
				records += r.Records
				received = fmt.Sprint(r.Attempt, r.Node, r.Pieces, r.Bytes, r.Hash)
			}
		}
		all := strings.Join(names, " ")
		if names[0] != cluster.ReceiptDistributed || names[len(names)-1] != cluster.ReceiptAggregated ||
			strings.Count(all, cluster.ReceiptDistributed)+strings.Count(all, cluster.ReceiptAggregated) != 2 || returned != received || returned == "" {
			t.Errorf("chunk %s: %s; returned %s, received %s", chunk, all, returned, received)
		}
	}
	if want := int64(strings.Count(manyWords(), "\n")); records != want {
		t.Errorf("%d records were read, not %d", records, want)
	}
	if len(way) < 10 || kinds[cluster.ReceiptRetried] == 0 {
		t.Errorf("%d chunks, %v", len(way), kinds)
	}
}
