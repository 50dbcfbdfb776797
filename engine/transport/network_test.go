package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// networks are all implementations of Network, which must pass the same tests.
var networks = map[string]func() Network{
	"tcp":    func() Network { return TCP{} },
	"memory": func() Network { return NewMemory() },
	"bad memory": func() Network {
		m := NewMemory()
		m.Trouble(Trouble{Seed: 1, Delay: 2 * time.Millisecond})
		return m
	},
}

// pair is both ends of a connection.
func pair(t *testing.T, n Network) (near, far net.Conn) {
	t.Helper()
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	near, err = n.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	t.Cleanup(func() { _, _, _ = near.Close(), far.Close(), l.Close() })
	return near, far
}

func TestNetworks(t *testing.T) {
	for name, n := range networks {
		t.Run(name, func(t *testing.T) {
			t.Run("bytes go both ways", func(t *testing.T) { bothWays(t, n()) })
			t.Run("what was written before the end is read", func(t *testing.T) { untilTheEnd(t, n()) })
			t.Run("who waits sees the end", func(t *testing.T) { seesTheEnd(t, n()) })
			t.Run("a deadline ends a read", func(t *testing.T) { untilDeadline(t, n()) })
			t.Run("listeners", func(t *testing.T) { listeners(t, n()) })
		})
	}
}

func bothWays(t *testing.T, n Network) {
	near, far := pair(t, n)
	texts := [2][]byte{make([]byte, 3<<20), make([]byte, 2<<20)}
	r := rand.NewChaCha8([32]byte{1})
	var all sync.WaitGroup
	for i, ends := range [2][2]net.Conn{{near, far}, {far, near}} {
		_, _ = r.Read(texts[i]) // it cannot fail
		all.Go(func() {
			for rest := texts[i]; len(rest) > 0; {
				k := min(len(rest), 50_001)
				if _, err := ends[0].Write(rest[:k]); err != nil {
					t.Error(err)
				}
				rest = rest[k:]
			}
		})
		all.Go(func() {
			got := make([]byte, len(texts[i]))
			if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, texts[i]) {
				t.Errorf("other bytes came, %v", err)
			}
		})
	}
	all.Wait()
}

func untilTheEnd(t *testing.T, n Network) {
	near, far := pair(t, n)
	if _, err := near.Write([]byte("the last words")); err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	if text, err := io.ReadAll(far); err != nil || string(text) != "the last words" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := near.Write([]byte("x")); err == nil {
		t.Error("written to a closed connection")
	}
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Error("read from a closed connection")
	}
}

func seesTheEnd(t *testing.T, n Network) {
	near, far := pair(t, n)
	ended := make(chan error)
	go func() {
		_, err := far.Read(make([]byte, 1))
		ended <- err
	}()
	_ = near.Close()
	if err := <-ended; err == nil {
		t.Error("a read of nothing did not fail")
	}
	for i := 0; ; i++ { // who writes finds out, too
		if _, err := far.Write(make([]byte, 1<<16)); err != nil {
			break
		}
		if i == 1000 {
			t.Fatal("64 MiB were written to nobody")
		}
	}
}

func untilDeadline(t *testing.T, n Network) {
	near, far := pair(t, n)
	_ = far.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_ = far.SetReadDeadline(time.Time{})
	if _, err := near.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func listeners(t *testing.T, n Network) {
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if _, err := n.Listen(address); err == nil {
		t.Error("two listen at one address")
	}
	accepting := make(chan error)
	go func() {
		_, err := l.Accept()
		accepting <- err
	}()
	_ = l.Close()
	if err := <-accepting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that was closed gives %v", err)
	}
	if _, err := n.Dial(t.Context(), address); err == nil {
		t.Error("dialled where nobody listens")
	}
	again, err := n.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
	if _, err := n.Listen("nonsense"); err == nil {
		t.Error("listening at nonsense")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := n.Dial(ctx, address); err == nil {
		t.Error("dialled for somebody who has gone")
	}
}

// bubble runs a test with a clock of its own. The library below keeps timers for the next session that needs one: those
// of an earlier bubble must be gone.
func bubble(t *testing.T, f func(t *testing.T)) {
	runtime.GC()
	runtime.GC()
	synctest.Test(t, f)
	runtime.GC()
	runtime.GC()
}

// sessions is both ends of a session over a connection in memory, and its address.
func sessions(t *testing.T, m *Memory) (near, far *Session, address string) {
	t.Helper()
	a, b := pair(t, m)
	var err error
	if near, err = Client(a); err != nil {
		t.Fatal(err)
	}
	if far, err = Server(b); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far, a.RemoteAddr().String()
}

// echo sends a frame there and back on a stream of its own.
func echo(near, far *Session, text []byte) error {
	go func() {
		if stream, err := far.Accept(context.Background()); err == nil {
			if frame, err := ReadFrame(stream, nil); err == nil {
				_ = WriteFrame(stream, frame) // the other side sees what is wrong
			}
			_ = stream.Close()
		}
	}()
	stream, err := near.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := WriteFrame(stream, text); err != nil {
		return err
	}
	got, err := ReadFrame(stream, nil)
	if err == nil && !bytes.Equal(got, text) {
		err = errors.New("other bytes came back")
	}
	return err
}

// A network that loses one write in five loses no session in five minutes, whatever the seed.
func TestLossEndsNoSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for seed := range uint64(20) {
			m := NewMemory()
			m.Trouble(Trouble{Seed: seed, Loss: 0.2, Delay: 50 * time.Millisecond})
			near, far, _ := sessions(t, m)
			for range 10 {
				time.Sleep(30 * time.Second) // of the bubble: nothing but the keep-alive goes to and fro
				if err := echo(near, far, make([]byte, 100_000)); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
			select {
			case <-near.Done():
				t.Errorf("seed %d: the session has ended", seed)
			case <-far.Done():
				t.Errorf("seed %d: the session has ended", seed)
			default:
			}
			_, _ = near.Close(), far.Close()
		}
	})
}

// mostSilence is how long a network may be silent before a session over it ends.
const mostSilence = 14 * time.Second

func TestSilenceEndsASession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for after := time.Duration(0); after < 2*keepAlive; after += 700 * time.Millisecond {
			m := NewMemory()
			near, far, address := sessions(t, m)
			time.Sleep(after)
			m.Silence(address)
			began := time.Now()
			for _, s := range []*Session{near, far} {
				<-s.Done()
				if took := time.Since(began); took > mostSilence {
					t.Errorf("silent after %v: noticed after %v", after, took)
				}
			}
			if _, err := m.Dial(t.Context(), address); !errors.Is(err, errRefused) {
				t.Errorf("dialled into the silence: %v", err)
			}
		}
	})
}

// A process that is killed closes its connections: that is seen at once.
func TestAKillIsSeenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := pair(t, NewMemory())
		near, err := Client(a)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_ = b.Close()
		<-near.Done()
		if took := time.Since(began); took > 0 {
			t.Errorf("after %v", took)
		}
		_ = near.Close()
	})
}

// A connection that breaks or lies gives the frames that were sent, or an error, and never other bytes.
func TestBadConnections(t *testing.T) {
	frame := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 1000) }
	outcomes := map[string]int{}
	bubble(t, func(t *testing.T) {
		for seed := range uint64(200) {
			m := NewMemory()
			m.Trouble([]Trouble{{Seed: seed, Cut: 0.05}, {Seed: seed, Flip: 0.1}}[seed%2])
			near, far := pair(t, m)
			var writer sync.WaitGroup
			writer.Go(func() {
				for i := range 10 {
					if WriteFrame(near, frame(i)) != nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
				_ = near.Close()
			})
			_ = far.SetReadDeadline(time.Now().Add(time.Minute)) // a length that was not meant: the reader waits for more
			outcome := "ErrFrame"
			for i := 0; ; i++ {
				got, err := ReadFrame(far, nil)
				if err == nil && !bytes.Equal(got, frame(i)) {
					t.Errorf("seed %d: frame %d has other bytes", seed, i)
				}
				if err != nil {
					if !errors.Is(err, ErrFrame) {
						outcome = err.Error()
					}
					break
				}
			}
			outcomes[outcome]++
			_ = far.Close()
			writer.Wait()
		}
	})
	for _, want := range []string{"ErrFrame", io.EOF.Error(), io.ErrClosedPipe.Error()} {
		if outcomes[want] < 5 {
			t.Errorf("connections ended in these ways, which are not all: %v", outcomes)
		}
	}
}
