package host

import (
	"runtime"
	"testing"
)

func TestPiecesComeBackWithoutTheirOwner(t *testing.T) {
	type owner struct {
		piece *[1 << 16]byte
	}
	var pieces Pieces[[1 << 16]byte]
	before := Outside()
	var owners []*owner
	for i := range 200 {
		o := new(owner)
		o.piece = PieceFor(&pieces, o)
		o.piece[0], o.piece[1<<16-1] = byte(i), byte(i)
		owners = append(owners, o)
	}
	for i, o := range owners {
		if o.piece[0] != byte(i) || o.piece[1<<16-1] != byte(i) {
			t.Fatalf("piece %d is another's too", i)
		}
	}
	runtime.KeepAlive(owners)
	for range 1000 {
		if runtime.GC(); Outside() == before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d bytes are left", Outside()-before)
}
