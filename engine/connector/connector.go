// Package connector reads records from the outside world and writes them to it.
//
// A Source is cut into Splits; a Reader hands out a split's Blocks in order, which costs little more than
// reading the bytes; Decoders, one per core, turn blocks into batches. In the other direction Encoders, one per
// core, turn batches into bytes and a Sink puts them out in order and commits them.
package connector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A Split is a piece of a source: the records that begin at Start or later and before End in one file. Splits
// are numbered in the order of the source.
type Split struct {
	File  string `json:"file,omitempty"`
	Index int    `json:"index"`          // number of the split in its source
	Input int    `json:"input"`          // number of the file (or list) in its source: the high bits of positions
	Start int64  `json:"start"`          // byte offset, or index
	End   int64  `json:"end"`            // exclusive; -1: to the end, the size is not known (stdin, compressed)
	Size  int64  `json:"size,omitempty"` // bytes on disk, 0 if unknown; for progress
}

// A Block is about 1 MiB of input cut at record ends, or a run of values of a list.
type Block struct {
	Split  *Split
	Base   uint64 // position of Offset 0 of Data: Input << chunk.PositionBits + Offset
	Offset int64  // of Data in the (decompressed) file; an index for lists
	Line   int64  // 1-based line number of the first record, 0 if lines are not counted
	Read   int64  // bytes consumed from the file since the last block, compressed; for progress
	Data   []byte // records may be views into it, and it stays as it is until Release
	Values chunk.Column

	held   int64        // see Held
	line   int64        // as Line, but for error messages, where it is known though nobody asked for it
	memory *blockMemory // of Data; nil: it is not used again
}

// Held is how many bytes of memory the block keeps: those of Data, and what was made for a long record and is left over.
func (b *Block) Held() int64 { return max(b.held, int64(len(b.Data))) }

// A Source is where a flow begins. It is made from a SourceSpec and safe for concurrent use.
type Source interface {
	// Splits lists the pieces in order. It opens nothing but what it must look at (globs, sizes, the first
	// bytes). A path that matches nothing is an error that names it.
	Splits(ctx context.Context) ([]Split, error)
	// Open starts reading at a split. Splits of one file that follow each other may be passed together, in
	// order; they are then read in one go.
	Open(ctx context.Context, splits []Split) (Reader, error)
	// NewDecoder makes the decoder for one goroutine.
	NewDecoder() Decoder
}

// A Reader hands out the blocks of its splits in order, then io.EOF. It is used by one goroutine at a time.
// Other errors are *ReadError: the file vanished, changed while it was read, is cut short or not what its first
// bytes promise, or holds a record that is too long.
type Reader interface {
	Next() (*Block, error)
	Close() error
}

// A Decoder turns a block into records. out is reset first; its Base, Relative and Origin are set.
//
// A record that cannot be decoded is passed to bad, in order, and left out; an error that bad returns stops the
// decoding and is returned.
type Decoder interface {
	Decode(b *Block, out *chunk.Batch, bad func(*RecordError) error) error
}

// A RecordError is one record that its source cannot decode.
type RecordError struct {
	Where  chunk.Origin // Base is the record's own offset
	Column string       // field name, if one is to blame
	Text   string       // the record's raw text, at most 1 KiB
	Err    error
}

func (e *RecordError) Error() string {
	at := ""
	if e.Column != "" {
		at = ", field " + e.Column
	}
	if e.Where.Line > 0 {
		return fmt.Sprintf("%s:%d%s: %v", chunk.FileName(e.Where.File), e.Where.Line, at, e.Err)
	}
	return fmt.Sprintf("%s: at byte %d%s: %v", chunk.FileName(e.Where.File), e.Where.Base, at, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// A ReadError is a failure of the input itself, at an offset of a file. It is never retried.
type ReadError struct {
	File   string
	Offset int64 // -1: the whole file
	Of     Bytes // that Offset counts
	Err    error
}

// Bytes says what bytes of a file an offset counts.
type Bytes string

// Of a compressed file there are two kinds, of another one.
const (
	PlainBytes        Bytes = ""
	CompressedBytes   Bytes = "compressed"
	DecompressedBytes Bytes = "decompressed"
)

func (e *ReadError) Error() string {
	switch {
	case e.Offset < 0:
		return fmt.Sprintf("%s: %v", chunk.FileName(e.File), e.Err)
	case e.Of == CompressedBytes: // how far it was read, for a decompressor does not tell where it stands
		return fmt.Sprintf("%s: after %d compressed bytes: %v", chunk.FileName(e.File), e.Offset, e.Err)
	case e.Of == DecompressedBytes:
		return fmt.Sprintf("%s: at byte %d of the decompressed text: %v", chunk.FileName(e.File), e.Offset, e.Err)
	}
	return fmt.Sprintf("%s: at byte %d: %v", chunk.FileName(e.File), e.Offset, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// SourceSpec describes a source as plain data; it is part of the graph.
type SourceSpec struct {
	Format    string   `json:"format"`          // lines, csv, tsv, jsonl, text or list
	Paths     []string `json:"paths,omitempty"` // as written: files, globs, "-" for stdin
	Origin    bool     `json:"origin,omitempty"`
	Header    bool     `json:"header,omitempty"`
	Columns   []string `json:"columns,omitempty"`
	Types     []Typed  `json:"types,omitempty"`
	Delimiter string   `json:"delimiter,omitempty"`
	Ragged    string   `json:"ragged,omitempty"` // error (default), pad or skip
	MaxRecord int64    `json:"max_record,omitempty"`
	// MostHeld is how long a record may be because of the memory that there is; 0: MaxRecord alone counts.
	MostHeld int64 `json:"-"`
	// Linger is how long what came from stdin or a pipe waits for more to make up a block; 0: it is handed on as it comes.
	Linger time.Duration `json:"linger,omitempty"`

	// Sizes of splits and blocks in bytes; 0 for what the file's size suggests.
	SplitSize int64 `json:"-"`
	// SplitRecords is about how many records of a plain file are a split, by the length of its first ones; 0: SplitSize tells.
	SplitRecords int64 `json:"-"`
	BlockSize    int64 `json:"-"`
}

// Typed names a CSV column and what its text becomes: int, float, bool or str. An empty field becomes None.
type Typed struct {
	Column string `json:"column"`
	Type   string `json:"type"`
}

// SinkSpec describes where a flow ends; it is part of the graph.
type SinkSpec struct {
	Target      string   `json:"target"`                // path, "-" for stdout, a folder with a final "/", or a pattern with {}
	Format      string   `json:"format,omitempty"`      // text, tsv, csv, jsonl, table, parquet; "" by suffix, else by record
	Compression string   `json:"compression,omitempty"` // gz, zst, ...; "" by suffix
	Columns     []string `json:"columns,omitempty"`
	Header      *bool    `json:"header,omitempty"` // nil: as the format does
	ByKey       bool     `json:"by,omitempty"`     // one file per key; the key column is passed to the encoder
	MaxFiles    int      `json:"max_files,omitempty"`
}

// A Sink writes one output of a step. NewEncoder and Written may be called concurrently; everything else is called
// by one goroutine. The order of calls is Write*, Prepare, then Commit or Abort; Abort may come at any time, even
// after Commit if another output of the step fails, and leaves nothing behind. None of them is retried.
//
// Errors are *EncodeError for a record that does not fit, *WriteError for an output that cannot be written, and
// ErrClosedOutput for a stdout that nobody reads any more.
type Sink interface {
	// NewEncoder makes an encoder for one goroutine.
	NewEncoder() Encoder
	// Write puts out an encoded batch; batches come in the order of the flow. It takes e over: its memory goes
	// back to the sink's encoders.
	Write(e *Encoded) error
	// Prepare flushes and syncs what was written under a temporary name.
	Prepare() error
	// Commit makes the output appear under its name, whole. It is idempotent.
	Commit() error
	// Abort removes what was written.
	Abort() error
	// Written reports the records, and the bytes of text before compression, written so far.
	Written() (records, bytes int64)
}

// An Encoder formats batches. keys is nil unless the sink's spec says ByKey. An error is an *EncodeError, of the
// first record that the format cannot hold.
type Encoder interface {
	Encode(b *chunk.Batch, keys *chunk.Column) (*Encoded, error)
}

// Encoded is a formatted batch on its way to Sink.Write.
type Encoded struct {
	Records int
	Parts   []EncodedPart // one, or one per key in order of first occurrence
}

// Views reports whether e may refer to text of the records that it was made of: columns are named by those of a record.
func (e *Encoded) Views() bool {
	return slices.ContainsFunc(e.Parts, func(p EncodedPart) bool {
		return slices.ContainsFunc(p.Shapes, func(s Shape) bool { return s.Columns != nil })
	})
}

// EncodedPart is the text of the records of one output file.
type EncodedPart struct {
	Name    string   // the file, for sinks by key
	Columns []string // header that these records ask for, nil if none
	Shapes  []Shape  // where records with other columns begin, for the error that names the record
	Records int
	Data    []byte

	first int   // index in the batch of the first record
	ends  []int // offset after each record, for sinks that cut between records
	base  int   // the offset at which Data begins
}

// A Shape is a run of records in a part that have the same columns. A part with a second one has records that
// cannot stand in the same file: Write fails, and what follows is not encoded.
type Shape struct {
	Record  int // index in the batch of the run's first record
	Columns []string
	Text    string // the first record, at most 1 KiB; empty for the first shape of a part of a key

	at int // index in the part of the run's first record
}
