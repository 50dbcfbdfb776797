package connector

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
)

// A runReader cuts the text of adjacent splits into blocks at record ends.
type runReader struct {
	ctx    context.Context
	source *fileSource
	splits []Split
	in     *input
	block  int64 // bytes to read at once
	end    int64 // a record that begins at end or later is not ours; -1: all are

	cut    scan.Cutter
	buf    []byte       // begins where a record does
	memory *blockMemory // of buf; nil: there is none yet
	long   int          // bytes of the last block, if it was a record longer than block; 0: it was not
	fed    int          // bytes of buf that cut has seen
	offset int64        // of buf in the text
	told   int64        // offset up to which blocks have said that it was read
	lines  int64        // newlines before offset, -1 if they are not counted
	header bool         // the file's first record is still to be looked at
	eof    bool
	done   bool  // nothing follows what was handed out, except err
	err    error // what ended the reading before its time
}

// newRun goes to the first record that begins in the splits.
func (s *fileSource) newRun(ctx context.Context, splits []Split, in *input) (*runReader, error) {
	r := &runReader{
		ctx: ctx, source: s, splits: splits, in: in, block: s.block, end: splits[len(splits)-1].End,
		cut: s.cutter(), header: s.tabular() && splits[0].Start == 0,
	}
	start := splits[0].Start
	if start == 0 {
		return r, nil
	}
	if s.tabular() {
		if err := s.readHeader(ctx, splits[0]); err != nil {
			return nil, err
		}
	}
	err := r.seek(start)
	r.told = r.offset
	return r, err
}

func (r *runReader) close() error {
	r.memory.leave()
	r.memory, r.buf = nil, nil
	return r.in.close()
}

// next hands out what comes before an error first, so that how the input is cut does not show.
func (r *runReader) next() (*Block, error) {
	for !r.done {
		if err := r.fill(); err != nil {
			return nil, err
		}
		n := r.cutRecords()
		if r.eof && !r.done {
			n, r.done = len(r.buf), true
		}
		if n = r.checkLength(n); n == 0 {
			continue
		}
		b, err := r.take(n)
		if b != nil || err != nil {
			return b, err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := r.in.unchanged(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

// progress is how many bytes more were read with the next n of the text: of a plain file those that its records take,
// so that the splits of a file add up to it however far each had to look.
func (r *runReader) progress(n int) int64 {
	if r.end < 0 {
		return r.in.progress()
	}
	before := r.told
	r.told = r.offset + int64(n)
	return r.told - before
}

// fill reads on. An error of the input ends the run after the records that came before it.
func (r *runReader) fill() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	have := len(r.buf)
	atStart := r.offset == 0 && have == 0
	p := r.room(atStart)
	n, err := r.read(p, atStart)
	r.buf = r.buf[:have+n]
	if err != nil && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if atStart && bytes.HasPrefix(r.buf, []byte(scan.BOM)) {
		r.cut.SkipBOM()
		r.buf, r.offset = r.buf[len(scan.BOM):], int64(len(scan.BOM))
	}
	if err == io.EOF {
		err = r.checkEnd()
		r.eof = err == nil
	} else if err != nil {
		err = r.in.failed(err)
	}
	if err != nil {
		r.err, r.done = err, true
	}
	return nil
}

// room makes room in buf for what is to be read next. What was handed out before it in the same array stays. A record that
// is longer than blocks is often followed by others as long: there is room for one at once then, and little left over.
func (r *runReader) room(atStart bool) []byte {
	want := r.block
	if r.end >= 0 {
		left := r.end - r.offset - int64(len(r.buf))
		if left <= 0 {
			left = readBuffer // the end of the last record
		}
		want = min(want, left)
	}
	if atStart {
		want = max(want, int64(len(scan.BOM)))
	}
	have := len(r.buf)
	if int64(cap(r.buf)-have) < min(want, readBuffer) {
		grown := newBlockMemory(max(have+int(want), have+have/2, r.long+int(want)))
		copy(grown.bytes, r.buf)
		r.memory.leave()
		r.memory, r.buf = grown, grown.bytes[:have]
	}
	return r.buf[have:min(cap(r.buf), have+int(want))]
}

// read fills p from files; from a pipe it takes what there is. A partial read is returned with its error.
func (r *runReader) read(p []byte, atStart bool) (n int, err error) {
	least := len(p)
	if r.end < 0 && r.in.zip == "" {
		least = 1
	}
	for err == nil && (n < least || atStart && beginsBOM(p[:n])) {
		var k int
		k, err = r.in.text.Read(p[n:])
		n += k
	}
	return n, err
}

// beginsBOM reports whether text may turn out to be a byte order mark.
func beginsBOM(text []byte) bool {
	return len(text) < len(scan.BOM) && strings.HasPrefix(scan.BOM, string(text))
}

// checkEnd is called at the end of the file.
func (r *runReader) checkEnd() error {
	if r.end < 0 || r.offset+int64(len(r.buf)) >= r.end {
		return nil
	}
	if err := r.in.unchanged(); err != nil {
		return err
	}
	return r.in.whole(errChanged)
}

// cutRecords returns the end of the last record in buf to be handed out, 0 if there is none, and sets done when
// it is the last of the splits: the one that ends at r.end or, as the first, after it.
func (r *runReader) cutRecords() int {
	inside := len(r.buf)
	if r.end >= 0 {
		inside = int(min(max(r.end-1-r.offset, int64(r.fed)), int64(inside)))
	}
	last := r.cut.Last(r.buf[r.fed:inside])
	if last > 0 {
		last += r.fed
	}
	if n := r.cut.First(r.buf[inside:]); n > 0 {
		last, r.done, r.err = inside+n, true, nil
	}
	r.fed = len(r.buf)
	return last
}

// checkLength looks for a record over the limit in the first n bytes of buf, or in all of it if it holds the
// beginning of a record only. It returns how much comes before that record.
func (r *runReader) checkLength(n int) int {
	limit := int(r.source.mostRecord())
	whole := n
	if n == 0 {
		whole = len(r.buf)
	}
	for at := 0; whole-at > limit; {
		cut := r.source.cutter()
		k := cut.Last(r.buf[at:min(at+limit+1, whole)])
		if k == 0 {
			r.err, r.done = r.in.at(r.offset+int64(at), r.source.tooLong()), true
			return at
		}
		at += k
	}
	return n
}

// take hands out the first n bytes of buf, nil if they held only the header.
func (r *runReader) take(n int) (*Block, error) {
	if r.header {
		r.header = false
		k, err := r.source.takeHeader(r.in, r.offset, r.buf[:n])
		if err != nil {
			r.done, r.err = true, err
			return nil, err
		}
		r.drop(k)
		n -= k
	}
	if err := r.checkPosition(n); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	split := r.splitAt(r.offset)
	b := &Block{Split: split, Base: base(split, r.offset), Offset: r.offset, Data: r.buf[:n:n], Read: r.progress(n), memory: r.memory}
	b.held = int64(n)
	if r.long = 0; n > int(r.block) {
		r.long, b.held = n, int64(cap(r.buf))
	}
	r.memory.users.Add(1)
	if r.lines >= 0 {
		b.line = r.lines + 1
		if r.source.spec.Origin {
			b.Line = b.line
		}
	}
	r.drop(n)
	return b, nil
}

// drop leaves the first n bytes of buf behind.
func (r *runReader) drop(n int) {
	if r.lines >= 0 && r.source.countsLines() {
		r.lines += int64(bytes.Count(r.buf[:n], newline))
	}
	r.offset += int64(n)
	r.buf = r.buf[n:]
	r.fed = max(r.fed-n, 0)
}

var errTooLarge = errors.New("the text is longer than 1 TiB for each 4 GiB on disk")

// checkPosition refuses to go on into the positions of the next file.
func (r *runReader) checkPosition(n int) error {
	if r.end >= 0 || r.in.file == nil {
		return nil
	}
	if limit := positions(&r.splits[0]) << chunk.PositionBits; r.offset+int64(n) > limit {
		r.err = r.in.at(r.offset, errTooLarge)
		r.done = true
	}
	return r.err
}

func (r *runReader) splitAt(offset int64) *Split {
	i := len(r.splits) - 1
	for i > 0 && r.splits[i].Start > offset {
		i--
	}
	return &r.splits[i]
}
