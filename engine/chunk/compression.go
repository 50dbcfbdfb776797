package chunk

import (
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Compression is how the bodies of chunks are compressed. Decode reads all.
type Compression string

// The ways of compressing.
const (
	S2   Compression = ""     // fast; the default
	Zstd Compression = "zstd" // smaller, and slower
	None Compression = "none"
)

// What the header says.
const (
	stored         = 0
	compressedS2   = 1
	compressedZstd = 2
)

// A body of which a sample does not become smaller by a part of sampleGain is not compressed.
const (
	sampleSize = 16 << 10
	sampleGain = 16
)

var samples = sync.Pool{New: func() any { return new([]byte) }}

// pays tries a part from the middle of a body.
func pays(raw []byte) bool {
	if len(raw) <= sampleSize {
		return true
	}
	sample := raw[len(raw)/2-sampleSize/2:][:sampleSize]
	buf := samples.Get().(*[]byte)
	defer samples.Put(buf)
	*buf = slices.Grow((*buf)[:0], s2.MaxEncodedLen(sampleSize))
	return len(s2.Encode((*buf)[:cap(*buf)], sample)) <= sampleSize-sampleSize/sampleGain
}

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are wrong
	}
	return e
})

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxRaw), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are wrong
	}
	return d
})

// compress appends a body, compressed if that makes it smaller, and says how it is.
func compress(dst, raw []byte, c Compression) ([]byte, byte) {
	body := len(dst)
	if c == None || !pays(raw) {
		return append(dst, raw...), stored
	}
	how := byte(compressedS2)
	if c == Zstd {
		how = compressedZstd
		dst = zstdEncoder().EncodeAll(raw, dst)
	} else {
		dst = slices.Grow(dst, s2.MaxEncodedLen(len(raw)))
		dst = dst[:body+len(s2.Encode(dst[body:cap(dst)], raw))]
	}
	if len(dst)-body >= len(raw) {
		return append(dst[:body], raw...), stored
	}
	return dst, how
}

// expand gives a body of so many bytes in memory of its own.
func expand(body []byte, how byte, size int) ([]byte, error) {
	got, err := len(body), error(nil)
	if how == compressedS2 {
		if got, err = s2.DecodedLen(body); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if how != compressedZstd && got != size {
		return nil, fmt.Errorf("%w: %d bytes instead of %d", ErrCorrupt, got, size)
	}
	raw := make([]byte, size)
	switch how {
	case stored:
		copy(raw, body)
	case compressedS2:
		_, err = s2.Decode(raw, body)
	case compressedZstd:
		if raw, err = zstdDecoder().DecodeAll(body, raw[:0]); err == nil && len(raw) != size {
			err = fmt.Errorf("%d bytes instead of %d", len(raw), size)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return raw, nil
}
