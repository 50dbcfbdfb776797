package kernel

import (
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A slot is the place of a cell in a frame.
type slot uint16

const (
	slotCount = 1 << 10
	slotMask  = slotCount - 1
)

// A frame is what compiled code works on: the variables of all functions of a program, which have places of their
// own because calls are compiled in line and never recurse, and memory for what a record's code makes.
//
// A frame belongs to one goroutine.
type frame struct {
	slots   [slotCount]cell
	fuel    int64 // what loops may still spend until they look up
	reserve int64 // what the record may spend after that
	sig     signal
	row     int // of in

	in      *chunk.Batch
	columns []*chunk.Column // of in, that the program reads
	opened  *call           // whose columns they are, of a reducer
	out     *Output

	env     *Env
	thread  *starlark.Thread
	at      *uint64 // the position of the record, for who asks what is running
	journal journal
	args    [2]starlark.Value // of the method that changes something; no code of the script runs in between
	json    *scan.JSON        // nil until it is needed
	memory

	lane    uint32   // of the record
	passed  []int64  // per step: records that filters and flat_maps let through
	saved   []int64  // passed, when the current record began
	sibling []uint32 // per step: as the interpreter counts them
	begun   int      // length of the output when the current record began
	// begunFolded is what out.folded was then.
	begunFolded int
	done        int64 // records of the batch that were taken through
	batches     int64 // that were looked at; the number of this one
	failed      deopt
}

// A code runs for its effect on the frame.
type code func(*frame)

// A deopt is why compiled code gave a record up. It travels as a panic to the runner, which has the interpreter
// run the record instead.
type deopt struct {
	why  reason
	line int32
}

// A reason is a guard that failed.
type reason uint8

const (
	errorRaised reason = iota // the interpreter's error, most likely
	overflow
	otherType
	outOfRange
	noKey
	zeroDivision
	badNumber
	outOfFuel
	interrupted
	frozenValue
	muchMemory
	reasonCount
)

var reasonText = [reasonCount]string{
	"an error", "an int over 64 bits", "a value of another type", "an index out of range", "a missing key",
	"a division by zero", "text that is no number", "many steps", "an interrupt", "a change of what is frozen or iterated over",
	"much memory",
}

// bail gives the record up.
func (f *frame) bail(why reason, line int32) {
	f.failed = deopt{why, line}
	panic(&f.failed)
}

// quantum of fuel between two looks at the interrupt.
const fuelQuantum = 1 << 16

// mostFuel is what compiled code spends on a record at most: a longer computation goes on in the interpreter, where
// the limits hold at every step.
const mostFuel = 1 << 23

// refuel goes on with a long computation, unless it was interrupted or spent what a record may.
func (f *frame) refuel() {
	f.env.Moves.Add(1)
	if f.env.Interrupt.Load() != nil {
		f.bail(interrupted, 0)
	}
	next := min(f.reserve, fuelQuantum)
	if f.fuel+next < 0 {
		f.bail(outOfFuel, 0)
	}
	f.fuel += next
	f.reserve -= next
}

// spend takes n of the fuel.
func (f *frame) spend(n int64) {
	if f.fuel -= n; f.fuel < 0 {
		f.refuel()
	}
}

// A memory holds the lists that the code for one record makes, and the text of a batch. What is beyond its bounds
// comes from Go's heap.
type memory struct {
	cells     []cell
	used      int
	lists     []list
	usedLists int
	places    []int32
	texts     []byte // never reused: results keep views of it
	made      int    // bytes for this record
}

const (
	minCells  = 1 << 9
	maxCells  = 1 << 14
	listBlock = 1 << 6
	textBlock = 1 << 15
	cellBytes = 16
	// mostMade is how many bytes compiled code makes for a record: the limits on memory hold in the interpreter.
	mostMade = 8 << 20
)

// muchMade is the panic of a record that needs more than mostMade.
var muchMade = deopt{why: muchMemory}

// count counts bytes that are made for the record, and gives it up if they are too many.
func (m *memory) count(bytes int) {
	if m.made += bytes; m.made > mostMade || bytes < 0 {
		panic(&muchMade)
	}
}

// forget drops what the last record made. Memory that was too small grows.
func (m *memory) forget() {
	if m.used > len(m.cells) && len(m.cells) < maxCells {
		m.cells = make([]cell, min(max(2*m.used, minCells), maxCells))
	}
	if m.usedLists > len(m.lists) {
		m.lists = make([]list, listBlock)
	}
	m.used, m.usedLists, m.made = 0, 0, 0
}

// release drops all views of blocks.
func (f *frame) release() {
	clear(f.slots[:])
	clear(f.cells)
	clear(f.lists)
	clear(f.columns)
	f.in, f.out, f.texts = nil, nil, nil
}

// drop drops what the records of a batch have left in the frame's memory.
func (f *frame) drop() {
	clear(f.columns)
	f.opened = nil
	clear(f.cells[:min(f.used, len(f.cells))])
	clear(f.lists[:min(f.usedLists, len(f.lists))])
	f.in, f.texts = nil, nil
}

// take is room for n cells, of any content.
func (m *memory) take(n int) []cell {
	m.count(n * cellBytes)
	m.used += n
	if m.used <= len(m.cells) {
		return m.cells[m.used-n : m.used : m.used]
	}
	if m.used > maxCells {
		m.used = maxCells + 1
	}
	return make([]cell, n)
}

// newList is an empty list.
func (m *memory) newList() *list {
	if m.usedLists < len(m.lists) {
		l := &m.lists[m.usedLists]
		m.usedLists++
		*l = list{}
		return l
	}
	m.usedLists = len(m.lists) + 1
	return new(list)
}

// concat is a + b.
func (m *memory) concat(a, b string) string {
	n := len(a) + len(b)
	m.count(n)
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	case n > textBlock/4:
		return a + b
	}
	return view(append(append(m.room(n), a...), b...), m)
}

// concatThree is a + b + c.
func (m *memory) concatThree(a, b, c string) string {
	n := len(a) + len(b) + len(c)
	if n > textBlock/4 {
		return m.concat(m.concat(a, b), c)
	}
	return view(append(append(append(m.room(n), a...), b...), c...), m)
}

// room is an empty slice with a capacity of n or more, at the end of the texts.
func (m *memory) room(n int) []byte {
	m.count(n)
	if cap(m.texts)-len(m.texts) < n {
		m.texts = make([]byte, 0, max(textBlock, n))
	}
	return m.texts[len(m.texts):]
}

// view makes a string of what was appended to room.
func view(b []byte, m *memory) string {
	if len(b) == 0 {
		return ""
	}
	m.texts = m.texts[:len(m.texts)+len(b)]
	return unsafe.String(&b[0], len(b))
}

// A list is a Starlark list in compiled code: n elements, each as many cells wide as its type.
type list struct {
	cells  []cell
	n      int
	locks  int32 // loops over it
	frozen bool
}

// push makes room for one more element of a width and returns its cells.
func (l *list) push(m *memory, width int) []cell {
	at := len(l.cells)
	if at+width > cap(l.cells) {
		grown := m.take(max(2*cap(l.cells), 4*width))
		l.cells = grown[:copy(grown, l.cells)]
	}
	l.cells = l.cells[:at+width]
	l.n++
	return l.cells[at:]
}

// at is the cells of element i.
func (l *list) at(i, width int) []cell { return l.cells[i*width : (i+1)*width] }
