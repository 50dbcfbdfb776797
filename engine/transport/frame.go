package transport

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/zeebo/xxh3"
)

// MaxFrame is the longest frame in bytes, its length not counted.
const MaxFrame = 48 << 20

// ErrFrame is what reading returns for bytes that are no frame of this protocol.
var ErrFrame = errors.New("not a frame of flowsh's protocol")

// frameHead is the length of what stands in front of a frame: four bytes of its length and four of its hash, the lower
// half of XXH3, both big-endian.
const frameHead = 8

// mostJoined is how long a frame may be to be written at once with what stands in front of it: a copy costs less than
// another write, which a session sends by itself.
const mostJoined = 256 << 10

var joinedFrames = sync.Pool{New: func() any { return new([]byte) }}

// WriteFrame writes a frame.
func WriteFrame(w io.Writer, data []byte) error {
	if len(data) > MaxFrame {
		return fmt.Errorf("a frame of %d bytes is too long: at most %d are sent", len(data), MaxFrame)
	}
	var head [frameHead]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(data)))
	binary.BigEndian.PutUint32(head[4:], uint32(xxh3.Hash(data)))
	if len(data) <= mostJoined {
		buf := joinedFrames.Get().(*[]byte)
		defer joinedFrames.Put(buf)
		*buf = append(append((*buf)[:0], head[:]...), data...)
		_, err := w.Write(*buf)
		return err
	}
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// frameStep is how much of a frame is read before more memory is taken for it: who lies about a length must send it.
const frameStep = 1 << 20

// ReadFrame reads a frame into buf's memory, or more if it is longer. At the end of the stream, between two frames,
// the error is io.EOF.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrFrame
		}
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > MaxFrame {
		return nil, fmt.Errorf("%w: it says that it has %d bytes", ErrFrame, n)
	}
	buf = buf[:0]
	for len(buf) < n {
		have, step := len(buf), min(n-len(buf), frameStep)
		if cap(buf)-have < step {
			grown := make([]byte, have, min(n, max(2*cap(buf), have+step)))
			copy(grown, buf)
			buf = grown
			step = min(n-have, cap(buf)-have)
		}
		buf = buf[:have+step]
		if _, err := io.ReadFull(r, buf[have:]); err != nil {
			return nil, fmt.Errorf("%w: it ends after %d of %d bytes", ErrFrame, have, n)
		}
	}
	if uint32(xxh3.Hash(buf)) != binary.BigEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: its bytes are not those that were sent", ErrFrame)
	}
	return buf, nil
}

// maxMessage is the longest message in bytes: a bundle of scripts is the longest there is.
const maxMessage = 32 << 20

// WriteMessage writes a message as a frame of JSON.
func WriteMessage(w io.Writer, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return WriteFrame(w, data)
}

// ReadMessage reads a message that WriteMessage wrote. What is not one is ErrFrame.
func ReadMessage(r io.Reader, message any) error {
	data, err := ReadFrame(r, nil)
	if err != nil {
		return err
	}
	if len(data) > maxMessage {
		return ErrFrame
	}
	if err := json.Unmarshal(data, message); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}
