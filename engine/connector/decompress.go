package connector

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

const readBuffer = 64 << 10 // bytes read at once from a stream

// magicLen is how many first bytes tell a compression.
const magicLen = 24

// maxWindow bounds the memory that a compressed file can ask for: the largest window that zstd and xz use unless
// they are told to use more.
const maxWindow = 128 << 20

// A compression is recognised by the first bytes of a file, never by its name.
type compression struct {
	name  string
	match func(start []byte) bool
	open  func(r *bufio.Reader, raw *counter) (io.Reader, error) // r reads from raw
}

var compressions = []*compression{
	{"gz", hasPrefix("\x1f\x8b\x08"), openGzip},
	{"zstd", isZstd, openZstd},
	{"bz2", isBzip2, openBzip2},
	{"xz", hasPrefix("\xfd7zXZ\x00"), openXz},
	{"lz4", hasPrefix("\x04\x22\x4d\x18"), openLz4},
}

// compressionOf returns nil for plain text.
func compressionOf(start []byte) *compression {
	for _, c := range compressions {
		if c.match(start) {
			return c
		}
	}
	return nil
}

func hasPrefix(magic string) func([]byte) bool {
	return func(start []byte) bool { return bytes.HasPrefix(start, []byte(magic)) }
}

// isZstd also knows the skippable frame that parallel compressors begin with.
func isZstd(start []byte) bool {
	return bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")) ||
		len(start) >= 4 && start[0]&0xf0 == 0x50 && string(start[1:4]) == "\x2a\x4d\x18"
}

// isBzip2 wants the mark of a block or of the end too: a text may well begin with BZh.
func isBzip2(start []byte) bool {
	if len(start) < 10 || string(start[:3]) != "BZh" || start[3] < '1' || start[3] > '9' {
		return false
	}
	mark := string(start[4:10])
	return mark == "\x31\x41\x59\x26\x53\x59" || mark == "\x17\x72\x45\x38\x50\x90"
}

func openGzip(r *bufio.Reader, _ *counter) (io.Reader, error) { return gzip.NewReader(r) }

func openBzip2(r *bufio.Reader, _ *counter) (io.Reader, error) { return bzip2.NewReader(r), nil }

func openLz4(r *bufio.Reader, _ *counter) (io.Reader, error) { return lz4.NewReader(r), nil }

func openZstd(r *bufio.Reader, _ *counter) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

func openXz(r *bufio.Reader, raw *counter) (io.Reader, error) {
	start, err := r.Peek(magicLen)
	if err != nil {
		return nil, noEOF(err)
	}
	if err := checkXzDictionary(start); err != nil {
		return nil, err
	}
	text, err := xz.NewReader(r)
	if err != nil {
		return nil, noEOF(err)
	}
	return &xzReader{text, raw}, nil
}

// An xzReader does not trust the library's io.EOF: a file that is cut between two blocks gets one too.
type xzReader struct {
	text io.Reader
	raw  *counter
}

func (x *xzReader) Read(p []byte) (int, error) {
	n, err := x.text.Read(p)
	if err == io.EOF && !isXzFooter(x.raw.tail) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// isXzFooter checks the last 12 bytes of a stream: CRC-32, size of the index, flags, magic.
func isXzFooter(tail []byte) bool {
	return len(tail) == tailLen && string(tail[10:]) == "YZ" &&
		binary.LittleEndian.Uint32(tail) == crc32.ChecksumIEEE(tail[4:10])
}

// checkXzDictionary looks at the header of the first block behind the 12 bytes of the stream's: its size, its
// flags, and in the usual case of one filter and no sizes the filter's id, 1, and the size of the dictionary. The
// library would allocate whatever size it finds there.
func checkXzDictionary(start []byte) error {
	const flags, filter, length, size = 13, 14, 15, 16
	if start[flags] != 0 || start[filter] != 0x21 || start[length] != 1 {
		return nil
	}
	dictionary, err := lzma.DecodeDictCap(start[size])
	if err != nil {
		return err
	}
	if dictionary > maxWindow {
		return fmt.Errorf("its dictionary of %d MiB is over the limit of %d MiB", dictionary>>20, maxWindow>>20)
	}
	return nil
}

// decompressed is the text of a stream, with the name of its compression, "" if there is none.
func decompressed(raw *counter) (text io.Reader, name string, err error) {
	r := bufio.NewReaderSize(raw, readBuffer)
	start, err := peekMagic(r)
	if err != nil {
		return nil, "", err
	}
	c := compressionOf(start)
	if c == nil {
		return r, "", nil
	}
	text, err = c.open(r, raw)
	return text, c.name, err
}

// peekMagic looks at the first bytes, at no more than it takes to tell text from what is compressed: a stream may
// give some now and the next ones much later.
func peekMagic(r *bufio.Reader) ([]byte, error) {
	for n := 1; ; n = min(max(n+1, r.Buffered()), magicLen) {
		start, err := r.Peek(n)
		switch {
		case err == io.EOF:
			return start, nil
		case err != nil:
			return nil, err
		case n == magicLen || !mayBeCompressed(start):
			return start, nil
		}
	}
}

// mayBeCompressed reports whether start, which is not empty, begins a compression or is the beginning of what does.
func mayBeCompressed(start []byte) bool {
	first := start[0]
	if first&0xf0 == 0x50 { // see isZstd
		first = 0x50
	}
	for _, magic := range []string{"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18", "BZh", "\xfd7zXZ\x00", "\x04\x22\x4d\x18"} {
		n := min(len(start), len(magic))
		if first == magic[0] && string(start[1:n]) == magic[1:n] {
			return true
		}
	}
	return false
}

// damaged says what an error of a decompressor means.
func damaged(name string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the %s data is cut short; get the whole file", name)
	}
	return fmt.Errorf("the %s data is damaged: %w", name, err)
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
