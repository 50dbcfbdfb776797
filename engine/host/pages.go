package host

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Pieces hands out pieces of memory that lie outside of the heap. State takes most of the memory of a job that has much
// of it, and all of it is used to the end: to the collector it is only a reason to wait longer, until garbage takes as
// much again. T has no pointers. The zero Pieces is ready for use, and safe for concurrent use.
//
// A piece belongs to an owner in the heap, and is handed out again when the collector finds that nobody has the owner any
// more. The memory goes back to the system when nobody has a piece.
type Pieces[T any] struct {
	mu    sync.Mutex
	free  []*T
	pages [][]byte // what the pieces are parts of
	used  int      // pieces
}

// pagesAtOnce is how many bytes are asked for, in large pages where the system has them.
const pagesAtOnce = 4 * hugePage

// hugePage is the size of a large page on most machines.
const hugePage = 2 << 20

var outside atomic.Int64

// Outside is how many bytes of the process Pieces and Ranges have from the system.
func Outside() int64 { return outside.Load() }

// PieceFor gives a piece to an owner. What it holds is what its last owner left in it.
func PieceFor[T, Owner any](p *Pieces[T], owner *Owner) *T {
	piece := p.take()
	runtime.AddCleanup(owner, p.put, piece)
	return piece
}

func (p *Pieces[T]) take() *T {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 && !p.grow() {
		return new(T)
	}
	p.used++
	piece := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return piece
}

// grow reports false if the system gives no pages.
func (p *Pieces[T]) grow() bool {
	pages := mapPages(pagesAtOnce)
	if pages == nil {
		return false
	}
	start := unsafe.Pointer(unsafe.SliceData(pages))
	HugePages(start, pagesAtOnce)
	outside.Add(pagesAtOnce)
	p.pages = append(p.pages, pages)
	size := unsafe.Sizeof(*new(T))
	for n := pagesAtOnce / size; n > 0; n-- {
		p.free = append(p.free, (*T)(unsafe.Add(start, (n-1)*size)))
	}
	return true
}

func (p *Pieces[T]) put(piece *T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.has(piece) {
		return
	}
	p.free = append(p.free, piece)
	if p.used--; p.used > 0 {
		return
	}
	for _, pages := range p.pages {
		outside.Add(-int64(len(pages)))
		unmapPages(pages)
	}
	p.free, p.pages = nil, nil
}

// has reports whether a piece is part of the pages.
func (p *Pieces[T]) has(piece *T) bool {
	for _, pages := range p.pages {
		if from := uintptr(unsafe.Pointer(piece)) - uintptr(unsafe.Pointer(unsafe.SliceData(pages))); from < pagesAtOnce {
			return true
		}
	}
	return false
}
