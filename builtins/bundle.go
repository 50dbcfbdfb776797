package builtins

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"
)

// A bundle hashes everything that decides what a job is: its script with the files it loads, its arguments, its
// time and its seed. Loading the same bundle again gives the same graph.
type bundle struct{ hash hash.Hash }

func newBundle() *bundle {
	b := &bundle{sha256.New()}
	b.part("flowsh bundle 1")
	return b
}

// part adds a text, with its length so that no two sequences of parts look alike.
func (b *bundle) part(text string) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(text)))
	b.hash.Write(length[:])
	b.hash.Write([]byte(text))
}

func (b *bundle) file(name string, source []byte) {
	b.part("file")
	b.part(name)
	b.part(string(source))
}

func (b *bundle) argument(name, value string) {
	b.part("argument")
	b.part(name)
	b.part(value)
}

// sum ends the bundle with the files on the command line, the job's time and its seed.
func (b *bundle) sum(files []string, now time.Time, seed int64) string {
	for _, f := range files {
		b.argument("", f)
	}
	var last [16]byte
	binary.LittleEndian.PutUint64(last[:], uint64(now.UnixNano()))
	binary.LittleEndian.PutUint64(last[8:], uint64(seed))
	b.part(string(last[:]))
	return hex.EncodeToString(b.hash.Sum(nil))
}
