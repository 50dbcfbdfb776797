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
	left := func() int {
		pieces.mu.Lock()
		defer pieces.mu.Unlock()
		return len(pieces.pages)
	}
	if Outside() < int64(left())*pagesAtOnce {
		t.Errorf("%d bytes are counted of %d pages", Outside(), left())
	}
	runtime.KeepAlive(owners)
	for range 1000 {
		if runtime.GC(); left() == 0 {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d pages are left", left())
}
