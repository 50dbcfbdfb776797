package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// A Role is what a certificate allows its holder to be.
type Role string

// The roles.
const (
	Master Role = "master"
	Worker Role = "worker"
	User   Role = "client" // submits jobs
)

// JobRole is the role of both ends of a data link of a job.
func JobRole(job string) Role { return Role("job/" + url.PathEscape(job)) }

// How long certificates last, the authority's too.
const (
	validity    = 5 * 365 * 24 * time.Hour
	jobValidity = 7 * 24 * time.Hour // they are shown when an executor starts
)

// An Authority issues the certificates of one cluster, or of the data links of one job.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	validity    time.Duration
}

// NewAuthority makes an authority for a cluster.
func NewAuthority(cluster string, now time.Time) (*Authority, error) {
	return newAuthority(cluster, validity, now)
}

// NewJobAuthority makes an authority for the data links of a job. It lives in the head of the job and nowhere else, so
// that no node needs the key of the cluster's authority, and ends with it.
func NewJobAuthority(job string, now time.Time) (*Authority, error) {
	return newAuthority(job, jobValidity, now)
}

func newAuthority(name string, validity time.Duration, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := template("flowsh authority of "+name, validity, now)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate, key, validity}, err
}

func template(name string, validity time.Duration, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity), KeyUsage: x509.KeyUsageDigitalSignature,
	}, err
}

// PEM is the authority's certificate, which everybody in the cluster needs, as text.
func (a *Authority) PEM() []byte { return encode("CERTIFICATE", a.certificate.Raw) }

// Issue makes a certificate for a role and its key, both as text.
func (a *Authority) Issue(role Role, now time.Time) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t, err := template("flowsh "+string(role), a.validity, now)
	if err != nil {
		return nil, nil, err
	}
	t.URIs = []*url.URL{roleURI(role)}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.certificate, &private.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", secret), err
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func roleURI(role Role) *url.URL { return &url.URL{Scheme: "flowsh", Opaque: string(role)} }

// Credentials are what a process shows to others, and what it accepts of them. They are read-only.
type Credentials struct {
	own   tls.Certificate
	roots *x509.CertPool
	now   func() time.Time
}

// NewCredentials makes credentials of texts that an Authority made.
func NewCredentials(authority, certificate, key []byte, now func() time.Time) (*Credentials, error) {
	own, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("the authority's certificate cannot be read")
	}
	return &Credentials{own, roots, now}, nil
}

// config is mutual TLS 1.3 that accepts these roles of the other side. Names of hosts mean nothing here: who may be
// what is the authority's to say.
func (c *Credentials) config(accept []Role) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{c.own},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // VerifyPeerCertificate does all of it
		VerifyPeerCertificate:  func(raw [][]byte, _ [][]*x509.Certificate) error { return c.verify(raw, accept) },
		SessionTicketsDisabled: true,
	}
}

func (c *Credentials) verify(raw [][]byte, accept []Role) error {
	if len(raw) == 0 {
		return errors.New("no certificate was shown")
	}
	leaf, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return err
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.roots, CurrentTime: c.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return err
	}
	for _, role := range accept {
		if len(leaf.URIs) == 1 && *leaf.URIs[0] == *roleURI(role) {
			return nil
		}
	}
	return fmt.Errorf("a certificate of %v is not accepted here, only of %v", leaf.Subject.CommonName, accept)
}
