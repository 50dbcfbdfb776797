package connector

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/flowsh/flowsh/engine/chunk"
)

// streamShift says how many positions a stream of unknown length takes: one number of 1 TiB for each 4 GiB on
// disk, so that text may be 256 times as long as its compressed form.
const streamShift = 32

const maxInputs = 1 << (64 - chunk.PositionBits)

// Splits implements Source. Plain files are cut every 16 MiB x 2^k, k as small as 4,096 splits allow; standard
// input, pipes, compressed files and texts are one split each.
func (s *fileSource) Splits(ctx context.Context) ([]Split, error) {
	paths, err := resolvePaths(s.host.FS, s.spec.Paths)
	if err != nil {
		return nil, err
	}
	whole := make([]Split, len(paths))
	for i, p := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if whole[i], err = s.wholeSplit(p); err != nil {
			return nil, err
		}
	}
	if err := number(whole); err != nil {
		return nil, err
	}
	if err := s.compareHeaders(ctx, whole); err != nil {
		return nil, err
	}
	size := s.split
	if s.spec.SplitRecords > 0 {
		if size, err = s.sizeOf(s.spec.SplitRecords, whole); err != nil {
			return nil, err
		}
	}
	return cutSplits(whole, size), nil
}

// sizeOf is about how many bytes so many records have, by the length of the first ones of the first plain file.
func (s *fileSource) sizeOf(records int64, files []Split) (int64, error) {
	const sample, least = 64 << 10, 4 << 10
	for _, file := range files {
		if file.End <= 0 {
			continue
		}
		f, err := s.host.FS.Open(file.File)
		if err != nil {
			return 0, err
		}
		start := make([]byte, min(sample, file.End))
		n, err := io.ReadFull(f, start)
		_ = f.Close() // it was only read
		if err != nil && err != io.ErrUnexpectedEOF {
			return 0, &ReadError{File: file.File, Offset: -1, Err: cause(err)}
		}
		lines := max(1, int64(bytes.Count(start[:n], []byte("\n"))))
		return max(least, records*(int64(n)/lines)), nil
	}
	return s.split, nil
}

// wholeSplit is a file as one split.
func (s *fileSource) wholeSplit(p inputPath) (Split, error) {
	split := Split{File: p.path, End: -1}
	if p.info == nil || !p.info.Mode().IsRegular() {
		return split, nil // looking into a pipe would take bytes away
	}
	split.Size = p.info.Size()
	s.file(p.path).setStamp(stampOf(p.info))
	if split.Size == 0 || s.spec.Format == "text" {
		return split, nil // files of the kernel say 0 and have content
	}
	compressed, err := s.compressed(p.path)
	if err != nil {
		return split, &ReadError{File: p.path, Offset: -1, Err: cause(err)}
	}
	if !compressed {
		split.End = split.Size
	}
	return split, nil
}

func (s *fileSource) compressed(path string) (bool, error) {
	f, err := s.host.FS.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	start := make([]byte, magicLen)
	n, err := io.ReadFull(f, start)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return false, err
	}
	return compressionOf(start[:n]) != nil, nil
}

// number gives every file its positions.
func number(files []Split) error {
	next := int64(0)
	for i := range files {
		files[i].Input = int(next)
		next += positions(&files[i])
		if next > maxInputs {
			return errors.New("too many files, or too large ones, for one source: 16 million, or 16 EiB")
		}
	}
	return nil
}

// positions is how many input numbers a whole file takes, of 1 TiB each.
func positions(file *Split) int64 {
	if file.End < 0 {
		return 1 + file.Size>>streamShift
	}
	return max(1, (file.Size+1<<chunk.PositionBits-1)>>chunk.PositionBits)
}

// compareHeaders reads the columns of files that can be read twice. Those of a pipe are compared when it is read.
func (s *fileSource) compareHeaders(ctx context.Context, files []Split) error {
	if !s.tabular() {
		return nil
	}
	for _, f := range files {
		if f.Size == 0 {
			continue
		}
		if err := s.readHeader(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// cutSplits cuts plain files at multiples of a size that depends on the sizes of the files alone.
func cutSplits(files []Split, size int64) []Split {
	for countSplits(files, size) > max(maxSplits, len(files)) {
		size *= 2
	}
	splits := make([]Split, 0, countSplits(files, size))
	for _, f := range files {
		if f.End < 0 {
			f.Index = len(splits)
			splits = append(splits, f)
			continue
		}
		for start := int64(0); start < f.Size; start += size {
			part := f
			part.Index, part.Start, part.End = len(splits), start, min(start+size, f.Size)
			part.Size = part.End - part.Start
			splits = append(splits, part)
		}
	}
	return splits
}

func countSplits(files []Split, size int64) (n int) {
	for _, f := range files {
		if f.End < 0 {
			n++
		} else {
			n += int((f.Size + size - 1) / size)
		}
	}
	return n
}
