package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	sizes := []int{0, 1, 5, frameStep - 1, frameStep, frameStep + 1, 3*frameStep + 7}
	for _, n := range sizes {
		if err := WriteFrame(&b, bytes.Repeat([]byte{byte(n)}, n)); err != nil {
			t.Fatal(err)
		}
	}
	var buf []byte
	for _, n := range sizes {
		var err error
		if buf, err = ReadFrame(&b, buf); err != nil || len(buf) != n || bytes.Count(buf, []byte{byte(n)}) != n {
			t.Fatalf("frame of %d bytes: %d, %v", n, len(buf), err)
		}
	}
	if _, err := ReadFrame(&b, buf); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// Frames that lie about their length cost no more memory than was sent.
func TestFramesThatLie(t *testing.T) {
	for _, n := range []uint32{1, 100, MaxFrame, MaxFrame + 1, 1<<32 - 1} {
		data := append(binary.BigEndian.AppendUint32(nil, n), "hashx"...)
		if n == 1 {
			data = data[:8]
		}
		allocated := testing.AllocsPerRun(1, func() {
			if _, err := ReadFrame(bytes.NewReader(data), nil); !errors.Is(err, ErrFrame) {
				t.Errorf("%d: %v", n, err)
			}
		})
		if allocated > 20 {
			t.Errorf("%d: %v allocations", n, allocated)
		}
	}
	if err := WriteFrame(io.Discard, make([]byte, MaxFrame+1)); err == nil {
		t.Error("a frame that is too long was written")
	}
	var message struct{}
	if err := ReadMessage(frameOf("{"), &message); !errors.Is(err, ErrFrame) {
		t.Errorf("a message that is no JSON: %v", err)
	}
}

// frameOf is a frame that can be read.
func frameOf(text string) io.Reader {
	var b bytes.Buffer
	_ = WriteFrame(&b, []byte(text)) // memory takes everything
	return &b
}

// A bit that has changed on the way is found, wherever it is.
func TestFramesThatAreCorrupt(t *testing.T) {
	var b bytes.Buffer
	if err := WriteFrame(&b, []byte(`{"task": 12}`)); err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * b.Len() {
		data := bytes.Clone(b.Bytes())
		data[bit/8] ^= 1 << (bit % 8)
		if _, err := ReadFrame(bytes.NewReader(data), nil); !errors.Is(err, ErrFrame) {
			t.Errorf("bit %d: %v", bit, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	whole, _ := io.ReadAll(frameOf("ab")) // memory
	f.Add(whole)
	f.Add([]byte("\x00\x00\x00\x02hashab"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := ReadFrame(bytes.NewReader(data), nil)
		if err == nil && !bytes.Equal(frame, data[frameHead:frameHead+len(frame)]) {
			t.Errorf("got %q", frame)
		}
	})
}

func keys(t *testing.T, a *Authority, role Role, now time.Time) *Credentials {
	t.Helper()
	certificate, key, err := a.Issue(role, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredentials(a.PEM(), certificate, key, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// meet has a client dial a master.
func meet(t *testing.T, client, master *Credentials) (role Role, dialled, served error) {
	t.Helper()
	ctx := context.Background()
	n := NewMemory()
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			served = err
			return
		}
		defer conn.Close()
		var s *Session
		if s, role, served = Serve(ctx, conn, master, Worker, User); served == nil {
			defer s.Close()
			var stream Stream
			if stream, served = s.Accept(ctx); served == nil {
				_, served = stream.Write([]byte("hello"))
				_ = stream.Close()
				<-s.Done()
			}
		}
	}()
	s, dialled := Dial(ctx, n, l.Addr().String(), client, Master)
	if dialled == nil {
		var stream Stream
		if stream, dialled = s.Open(); dialled == nil {
			_, dialled = stream.Write([]byte("x")) // a stream begins with what is written
			if dialled == nil {
				var text []byte
				text, dialled = io.ReadAll(stream)
				if string(text) != "hello" && dialled == nil {
					dialled = errors.New("no hello")
				}
			}
		}
		_ = s.Close()
	}
	<-done
	return role, dialled, served
}

func TestWhoMayTalk(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	own, err := NewAuthority("own", now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAuthority("other", now)
	if err != nil {
		t.Fatal(err)
	}
	master := keys(t, own, Master, now)
	for _, c := range []struct {
		name           string
		client, master *Credentials
		ok             bool
	}{
		{"a client", keys(t, own, User, now), master, true},
		{"a worker", keys(t, own, Worker, now), master, true},
		{"a second master", keys(t, own, Master, now), master, false},
		{"of another authority", keys(t, other, User, now), master, false},
		{"expired", keys(t, own, User, now.Add(-2*validity)), master, false},
		{"the master is none", keys(t, own, User, now), keys(t, own, Worker, now), false},
		{"in the clear", nil, master, false},
		{"the master in the clear", keys(t, own, User, now), nil, false},
		{"nobody has keys", nil, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, dialled, served := meet(t, c.client, c.master)
			if ok := dialled == nil && served == nil; ok != c.ok {
				t.Errorf("dialled: %v, served: %v", dialled, served)
			}
		})
	}
	if role, _, _ := meet(t, keys(t, own, Worker, now), master); role != Worker {
		t.Errorf("the master takes it for a %s", role)
	}
}

func TestOnlyLoopbackWithoutKeys(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, "10.0.0.1:1": false, ":1": false, "": false, "host:1": false,
	} {
		if err := Guard(address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A side that is cut off is gone for the other.
func TestCut(t *testing.T) {
	n := NewMemory()
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if s, _, err := Serve(context.Background(), conn, nil); err == nil {
			<-s.Done()
		}
	}()
	s, err := Dial(context.Background(), n, l.Addr().String(), nil, Master)
	if err != nil {
		t.Fatal(err)
	}
	n.Cut(l.Addr().String())
	<-s.Done()
	if _, err := s.Open(); !errors.Is(err, ErrClosed) {
		t.Errorf("open: %v", err)
	}
	if _, err := n.Dial(context.Background(), l.Addr().String()); !errors.Is(err, errRefused) {
		t.Errorf("dial: %v", err)
	}
	_ = s.Close()
}

// A lateConn passes what is written on at once; while it is late, it says so of more than a session's frame head (12 bytes) only when it is closed.
type lateConn struct {
	net.Conn
	late   atomic.Bool
	closed chan struct{}
	close  sync.Once
}

func (c *lateConn) Write(data []byte) (int, error) {
	n, err := c.Conn.Write(data)
	if len(data) > 12 && c.late.Load() {
		<-c.closed
	}
	return n, err
}

func (c *lateConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Whoever answers and goes is heard, even before it is known here that the request was sent.
func TestAnswerOfOneWhoHasGone(t *testing.T) {
	for _, late := range []bool{false, true} {
		here, there := net.Pipe()
		done := make(chan error, 1)
		go func() {
			s, err := Server(there)
			if err != nil {
				done <- err
				return
			}
			stream, err := s.Accept(t.Context())
			var request string
			if err == nil {
				err = ReadMessage(stream, &request)
			}
			if err == nil {
				_ = WriteMessage(stream, request+", too") // the other side goes as soon as it has it
			}
			done <- errors.Join(err, s.Close())
		}()
		conn := &lateConn{Conn: here, closed: make(chan struct{})}
		s, err := Client(conn)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		conn.late.Store(late)
		var answer string
		if err := s.Ask(stream, "hello", &answer); err != nil || answer != "hello, too" {
			t.Errorf("late %v: %q, %v", late, answer, err)
		}
		if err := errors.Join(s.Close(), <-done); err != nil {
			t.Error(err)
		}
		if err := s.Call("hello", &answer); !errors.Is(err, ErrClosed) {
			t.Errorf("late %v, ended: %v", late, err)
		}
	}
}
