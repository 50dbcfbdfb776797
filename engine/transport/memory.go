package transport

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// A Memory is a network inside a process. Cut separates what listens at an address from everybody else, until Heal;
// Trouble makes its connections as bad as those of a real one.
type Memory struct {
	mu        sync.Mutex
	listeners map[string]*memoryListener
	conns     map[string][]*memoryConn // by the address that was dialled
	cut       map[string]bool
	trouble   Trouble
	ports     int
	dialled   uint64
}

// NewMemory makes a network on which nobody listens.
func NewMemory() *Memory {
	return &Memory{listeners: map[string]*memoryListener{}, conns: map[string][]*memoryConn{}, cut: map[string]bool{}}
}

// Trouble is what happens on the connections that are dialled from now on.
func (m *Memory) Trouble(t Trouble) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = t
}

// Listen implements Network.
func (m *Memory) Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if port == "0" {
		m.ports++
		address = net.JoinHostPort(host, strconv.Itoa(40000+m.ports))
	}
	if m.listeners[address] != nil {
		return nil, fmt.Errorf("%s is in use", address)
	}
	l := &memoryListener{network: m, address: address, queue: make(chan net.Conn), closed: make(chan struct{})}
	m.listeners[address] = l
	return l, nil
}

// Dial implements Network.
func (m *Memory) Dial(ctx context.Context, address string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listeners[address]
	if l == nil || m.cut[address] {
		m.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", address, errRefused)
	}
	m.dialled++
	near, far := memoryPipe(m.trouble, m.dialled, memoryAddr(address))
	m.conns[address] = append(m.conns[address], near, far)
	m.mu.Unlock()
	select {
	case l.queue <- far:
		return near, nil
	case <-l.closed:
		return nil, fmt.Errorf("%s: %w", address, errRefused)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Cut breaks all connections to an address and refuses new ones.
func (m *Memory) Cut(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[address] = true
	for _, c := range m.conns[address] {
		_ = c.Close() // it closes without error
	}
	delete(m.conns, address)
}

// Silence loses all that is sent on the connections to an address from now on, and new ones find nobody. Nobody is
// told: both sides are there for all that the other can see.
func (m *Memory) Silence(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[address] = true
	for _, c := range m.conns[address] {
		c.out.silence()
	}
}

// Heal lets an address be dialled again. Connections that were cut or silenced stay as they are.
func (m *Memory) Heal(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cut, address)
}

type memoryListener struct {
	network *Memory
	address string
	queue   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		delete(l.network.listeners, l.address)
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.address) }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }
