package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// A Network listens and dials. TCP is the real one; tests have one in memory.
type Network interface {
	// Listen accepts connections at an address; port 0 stands for any that is free.
	Listen(address string) (net.Listener, error)
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// TCP is the network of this machine.
type TCP struct{}

// Listen implements Network.
func (TCP) Listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

// Dial implements Network.
func (TCP) Dial(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// ListenFrom listens at the first port from first to last that is free; 0 to 0 stands for any.
func ListenFrom(n Network, host string, first, last int) (l net.Listener, err error) {
	for port := first; port <= last; port++ {
		if l, err = n.Listen(net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no port from %d to %d is free: %w", first, last, err)
}

// handshakeTimeout is how long the other side may take to say who it is.
const handshakeTimeout = 10 * time.Second

// Dial connects to an address and begins a session with a process of one of these roles. Without credentials only
// loopback is dialled, in the clear.
func Dial(ctx context.Context, n Network, address string, c *Credentials, accept ...Role) (*Session, error) {
	if err := Guard(address, c); err != nil {
		return nil, err
	}
	conn, err := n.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if c != nil {
		secure := secured(conn, func(conn net.Conn) *tls.Conn { return tls.Client(conn, c.config(accept)) })
		if err := handshake(ctx, secure); err != nil {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
		conn = secure
	}
	return Client(conn)
}

// Serve begins a session on an accepted connection with a process of one of these roles, and says which. Without
// credentials it is "": the other side is on this machine, and may be anything.
func Serve(ctx context.Context, conn net.Conn, c *Credentials, accept ...Role) (*Session, Role, error) {
	role := Role("")
	if c != nil {
		secure := secured(conn, func(conn net.Conn) *tls.Conn { return tls.Server(conn, c.config(accept)) })
		if err := handshake(ctx, secure); err != nil {
			return nil, "", err
		}
		role = Role(secure.ConnectionState().PeerCertificates[0].URIs[0].Opaque) // verified to be there
		conn = secure
	}
	s, err := Server(conn)
	return s, role, err
}

func handshake(ctx context.Context, conn *secureConn) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	err := conn.HandshakeContext(ctx)
	if err != nil {
		_ = conn.Close() // the handshake's error says why
	}
	return err
}

// Guard refuses an address that is not loopback where there are no credentials.
func Guard(address string, c *Credentials) error {
	if c != nil || Loopback(address) {
		return nil
	}
	return fmt.Errorf("%s is not loopback, and there are no keys: make some with flowsh keygen, and name their folder with --keys", address)
}

// Loopback reports whether an address, host:port, is this machine's own.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// errRefused is what dialling returns where nobody listens.
var errRefused = errors.New("connection refused")
