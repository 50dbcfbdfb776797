package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/zeebo/xxh3"
)

// MaxRaw is how long a chunk may be before compression, in bytes: a record of the default --max-record with keys
// made of it, and room around them.
const MaxRaw = 64 << 20

// MaxDepth is how deep a value in a chunk may be nested: as deep as the JSON that flowsh reads.
const MaxDepth = 1000

var (
	// ErrCorrupt is what decoding returns for bytes that are not what was encoded. The chunk is lost: whoever
	// made it makes it again.
	ErrCorrupt = errors.New("chunk is corrupt")
	// ErrTooLarge is what encoding returns above MaxRaw, or above so many values that decoding would refuse
	// them. Whoever has more than one record cuts the batch.
	ErrTooLarge = fmt.Errorf("takes more than %d MiB as a chunk", MaxRaw>>20)
)

// A VersionError says that a chunk is not of a kind that this flowsh reads: another made it. Nobody retries.
type VersionError struct {
	What string // magic, version, format, contents or compression
	Got  string
	Want string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("chunk has %s %s, this flowsh reads %s", e.What, e.Got, e.Want)
}

// A Format is how records stand in a chunk. The zero Format is Columnar.
type Format uint8

// Columnar writes typed columns; its number in a chunk is 1. Rows writes msgpack values; its number is 0.
const (
	Columnar Format = iota
	Rows
)

// number is what stands for the format in a header; it is its own inverse.
func (f Format) number() byte { return 1 - byte(f) }

// A Header says what a chunk is, without its records.
type Header struct {
	ID      ID
	Format  Format
	Frame   bool   // made by AppendFrame
	Rows    int    // records of a batch, the longest column of a frame
	RawSize int    // bytes before compression
	Sum     uint64 // xxh3 of those bytes
}

// A header is 32 bytes, then the ID, then the body:
//
//	magic 4, version 1, format 1, contents 1, compression 1
//	check 8   xxh3 of all that follows, seeded with the 8 bytes before
//	sum 8     xxh3 of the body before compression
//	size 4    of it, rows 4
//
// Numbers are little-endian.
const (
	magic         = "flwc"
	version       = 1
	contentsBatch = 'B'
	contentsFrame = 'F'

	checkAt    = 8
	sumAt      = 16
	sizeAt     = 24
	rowsAt     = 28
	headerSize = 32
)

// seal appends the chunk of a body. It compresses the body if that makes it smaller.
func seal(dst []byte, h *Header, raw []byte, c Compression) ([]byte, error) {
	if len(raw) > MaxRaw {
		return dst, ErrTooLarge
	}
	if len(h.ID.Job) > MaxJob {
		return dst, fmt.Errorf("chunk: id of a job has %d bytes, at most %d fit", len(h.ID.Job), MaxJob)
	}
	start := len(dst)
	contents := byte(contentsBatch)
	if h.Frame {
		contents = contentsFrame
	}
	dst = append(append(dst, magic...), version, h.Format.number(), contents, stored)
	dst = binary.LittleEndian.AppendUint64(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, xxh3.Hash(raw))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(raw)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Rows))
	dst = h.ID.append(dst)
	dst, how := compress(dst, raw, c)
	sealed := dst[start:]
	sealed[checkAt-1] = how
	binary.LittleEndian.PutUint64(sealed[checkAt:], check(sealed))
	return dst, nil
}

func check(sealed []byte) uint64 {
	return xxh3.HashSeed(sealed[sumAt:], binary.LittleEndian.Uint64(sealed))
}

// Inspect reads the header of a chunk and checks that the chunk is whole. The errors are those of Decode.
func Inspect(data []byte) (Header, error) {
	h, _, _, err := parseHeader(data)
	return h, err
}

// parseHeader also gives the body and how it is compressed. Nothing of data is believed before its check.
func parseHeader(data []byte) (h Header, body []byte, compression byte, err error) {
	if len(data) < headerSize {
		return h, nil, 0, fmt.Errorf("%w: %d bytes are less than a header", ErrCorrupt, len(data))
	}
	if err := checkVersions(data); err != nil {
		return h, nil, 0, err
	}
	if binary.LittleEndian.Uint64(data[checkAt:]) != check(data) {
		return h, nil, 0, fmt.Errorf("%w: its bytes do not match their hash", ErrCorrupt)
	}
	h = Header{
		Format:  Format(1 - data[5]),
		Frame:   data[6] == contentsFrame,
		Sum:     binary.LittleEndian.Uint64(data[sumAt:]),
		RawSize: int(binary.LittleEndian.Uint32(data[sizeAt:])),
		Rows:    int(binary.LittleEndian.Uint32(data[rowsAt:])),
	}
	r := reader{rest: data[headerSize:]}
	h.ID.read(&r)
	if r.failed || h.RawSize > MaxRaw || h.Rows > maxCells {
		return h, nil, 0, fmt.Errorf("%w: bad header", ErrCorrupt)
	}
	return h, r.rest, data[7], nil
}

func checkVersions(data []byte) error {
	switch {
	case string(data[:4]) != magic:
		return &VersionError{"magic", strconv.Quote(string(data[:4])), strconv.Quote(magic)}
	case data[4] != version:
		return &VersionError{"version", strconv.Itoa(int(data[4])), strconv.Itoa(version)}
	case data[5] > 1:
		return &VersionError{"format", strconv.Itoa(int(data[5])), "0 (rows) and 1 (columns)"}
	case data[6] != contentsBatch && data[6] != contentsFrame:
		return &VersionError{"contents", strconv.Quote(string(data[6:7])), "B (a batch) and F (a frame)"}
	case data[7] > compressedZstd:
		return &VersionError{"compression", strconv.Itoa(int(data[7])), "0 (none), 1 (S2) and 2 (Zstandard)"}
	}
	return nil
}

// unseal gives the header and the body of a chunk: in memory of its own, or if that is not asked for perhaps a view of data.
func unseal(data []byte, own bool) (Header, []byte, error) {
	h, body, compression, err := parseHeader(data)
	if err != nil {
		return h, nil, err
	}
	raw := body
	if own || compression != stored || len(body) != h.RawSize {
		if raw, err = expand(body, compression, h.RawSize); err != nil {
			return h, nil, err
		}
	}
	if xxh3.Hash(raw) != h.Sum {
		return h, nil, fmt.Errorf("%w: its contents do not match their hash", ErrCorrupt)
	}
	return h, raw, nil
}
