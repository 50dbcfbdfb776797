// Package scan finds records in bytes: lines, CSV and TSV records, JSON values. What it returns are views into
// the block that was scanned wherever the text can be used as it stands, so the block must never be written to
// again; nothing is allocated per record on the plain path.
//
// A line ends at '\n' or at the end of the input, and one '\r' before that is not part of it. Every other byte
// passes through as it is: NUL, lone '\r', and text that is not UTF-8.
package scan

import (
	"bytes"
	"unsafe"
)

// BOM is the UTF-8 byte order mark, which is not part of the text of a file that begins with it.
const BOM = "\xef\xbb\xbf"

// TrimBOM returns the start of a file without its byte order mark.
func TrimBOM(data []byte) []byte {
	return bytes.TrimPrefix(data, []byte(BOM))
}

// View is data as a string that shares its memory. data must not be written to while the string is in use.
func View(data []byte) string {
	return unsafe.String(unsafe.SliceData(data), len(data))
}

// bytesOf is text as bytes that share its memory and must not be written to.
func bytesOf(text string) []byte {
	return unsafe.Slice(unsafe.StringData(text), len(text))
}
