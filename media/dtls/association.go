package dtls

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	pion "github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/deadline"

	"trunkline/media/srtp"
)

const (
	// limit is how long a handshake may take, with the wait for its place.
	limit = 15 * time.Second

	// maxTries is how many handshakes a call may begin.
	maxTries = 3

	// waiting bounds the datagrams that the handshake has not read. A flight
	// has six at most.
	waiting = 32

	// largest is the longest datagram that is taken.
	largest = 2048

	// mtu is what a datagram of ours has at most: it passes every tunnel.
	mtu = 1200
)

// ErrFingerprint says that the far end showed another certificate than its
// session description announced.
var ErrFingerprint = errors.New("dtls: the certificate is not the one of the session description")

// Role is our side of a handshake (RFC 8842 section 5).
type Role uint8

// The roles.
const (
	Passive Role = iota + 1 // the far end begins
	Active                  // we begin
)

// String is the role in SDP.
func (r Role) String() string {
	switch r {
	case Passive:
		return "passive"
	case Active:
		return "active"
	default:
		return "none"
	}
}

// Options of an Association.
type Options struct {
	Role   Role
	Remote Fingerprint // of the far end's certificate
	// Send sends a datagram to the far end. It does not wait, and does not keep
	// the datagram.
	Send func(datagram []byte)
	// Keys is told the keys, once, and Failed why there are none. They are called
	// from the association's goroutine; after Close neither is.
	Keys   func(keys srtp.Keys)
	Failed func(err error)
}

// Association is the DTLS association of one call. Its methods may be called
// from any goroutine.
type Association struct {
	endpoint *Endpoint
	options  Options
	queue    chan []byte   // what the far end sent
	first    []byte        // of queue, what began the handshake
	began    chan struct{} // closed when we may begin
	begin    sync.Once
	life     context.Context //nolint:containedctx // ends with Close, whatever waits
	end      context.CancelFunc
	running  sync.WaitGroup
}

// Open begins an association: a passive one waits for the far end, an active
// one for Begin.
func (e *Endpoint) Open(o Options) *Association {
	a := &Association{endpoint: e, options: o, queue: make(chan []byte, waiting), began: make(chan struct{})}
	a.life, a.end = context.WithCancel(context.Background())
	a.running.Go(a.run)

	return a
}

// Begin says that the far end can be reached: we begin, if that is our part.
func (a *Association) Begin() { a.begin.Do(func() { close(a.began) }) }

// Put takes a datagram of the far end. It never waits: what finds no room is
// dropped, and sent again by the far end.
func (a *Association) Put(datagram []byte) {
	if len(a.queue) == cap(a.queue) || len(datagram) > largest {
		return
	}
	select {
	case a.queue <- slices.Clone(datagram):
	default:
	}
}

// Close ends the association, tells the far end, and waits until nothing of it
// is left. It may be called twice, but not from Keys or Failed.
func (a *Association) Close() {
	a.end()
	a.running.Wait()
}

// run makes the handshake, and then answers what comes late of it.
func (a *Association) run() {
	defer a.end()
	var err error
	for range maxTries {
		if !a.ready() {
			return
		}
		if err = a.attempt(); err == nil || a.life.Err() != nil {
			return
		}
	}
	a.options.Failed(err)
}

// ready waits until a handshake can begin, and reports false at the end.
func (a *Association) ready() bool {
	if a.options.Role == Active {
		select {
		case <-a.began:
			return true
		case <-a.life.Done():
			return false
		}
	}
	for {
		select {
		case a.first = <-a.queue:
			if isClientHello(a.first) {
				return true
			}
		case <-a.life.Done():
			return false
		}
	}
}

// isClientHello tells what begins a handshake from what is left of another.
func isClientHello(datagram []byte) bool {
	const handshake, clientHello, message = 22, 1, 13 // RFC 6347 sections 4.1 and 4.2.2
	return len(datagram) > message && datagram[0] == handshake && datagram[message] == clientHello
}

// IsMessage tells DTLS from what else comes to the port (RFC 7983 section 7).
func IsMessage(datagram []byte) bool {
	const first, last = 20, 63
	return len(datagram) > 0 && datagram[0] >= first && datagram[0] <= last
}

// attempt makes one handshake. After a good one it lasts as long as the
// association.
func (a *Association) attempt() error {
	within, cancel := context.WithTimeout(a.life, limit)
	defer cancel()
	conn, err := a.open()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // tells the far end
	if err := a.shake(within, conn); err != nil {
		return err
	}
	keys, err := a.export(conn)
	if err != nil {
		return err
	}
	a.options.Keys(keys)
	defer context.AfterFunc(a.life, func() { _ = conn.Close() })()
	// Nobody sends data, but reading keeps the handshake's own messages coming:
	// the far end may not have had our last flight.
	data := make([]byte, largest)
	for !errors.Is(err, io.EOF) {
		_, err = conn.Read(data)
	}

	return nil
}

// shake makes the handshake when there is a place for it.
func (a *Association) shake(within context.Context, conn *pion.Conn) error {
	select {
	case a.endpoint.places <- struct{}{}:
		defer func() { <-a.endpoint.places }()
	case <-within.Done():
		return fmt.Errorf("dtls: no place for a handshake within %v: %d run already", limit, maxHandshakes)
	}
	err := conn.HandshakeContext(within)
	if err != nil && within.Err() != nil && a.life.Err() == nil {
		return fmt.Errorf("dtls: the handshake was not complete after %v: %w", limit, err)
	}
	if err != nil {
		return fmt.Errorf("dtls: %w", err)
	}

	return nil
}

// open makes the connection of one attempt.
func (a *Association) open() (*pion.Conn, error) {
	w := &wire{queue: a.queue, first: a.first, send: a.options.Send, expiry: deadline.New(), closed: make(chan struct{})}
	options := []pion.Option{
		pion.WithCertificates(a.endpoint.certificate),
		pion.WithSRTPProtectionProfiles(pion.SRTP_AES128_CM_HMAC_SHA1_80), // every browser has it (RFC 8827 section 6.5)
		pion.WithExtendedMasterSecret(pion.RequireExtendedMasterSecret),   // as RFC 8827 section 6.5 asks
		pion.WithInsecureSkipVerify(true),                                 // of the chain; the fingerprint is verified
		pion.WithVerifyPeerCertificate(a.verify),
		pion.WithMTU(mtu),
		pion.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard}),
	}
	var conn *pion.Conn
	var err error
	if a.options.Role == Active {
		var client []pion.ClientOption
		for _, o := range options {
			client = append(client, o)
		}
		conn, err = pion.ClientWithOptions(w, w.LocalAddr(), client...)
	} else {
		server := []pion.ServerOption{pion.WithClientAuth(pion.RequireAnyClientCert)}
		for _, o := range options {
			server = append(server, o)
		}
		conn, err = pion.ServerWithOptions(w, w.LocalAddr(), server...)
	}
	if err != nil {
		return nil, fmt.Errorf("dtls: %w", err)
	}

	return conn, nil
}

// verify checks the certificate that the far end showed.
func (a *Association) verify(certificates [][]byte, _ [][]*x509.Certificate) error {
	if len(certificates) == 0 || !a.options.Remote.fits(certificates[0]) {
		return ErrFingerprint
	}

	return nil
}

// export takes the SRTP keys from the handshake (RFC 5764 section 4.2).
func (a *Association) export(conn *pion.Conn) (srtp.Keys, error) {
	if profile, ok := conn.SelectedSRTPProtectionProfile(); !ok || profile != pion.SRTP_AES128_CM_HMAC_SHA1_80 {
		return srtp.Keys{}, errors.New("dtls: the far end did not agree to SRTP")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return srtp.Keys{}, errors.New("dtls: the connection is gone")
	}
	material, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(srtp.KeySize+srtp.SaltSize))
	if err != nil {
		return srtp.Keys{}, fmt.Errorf("dtls: %w", err)
	}
	keys, salts := material[:2*srtp.KeySize], material[2*srtp.KeySize:]
	client := srtp.MakeKey(srtp.AES80, keys[:srtp.KeySize], salts[:srtp.SaltSize])
	server := srtp.MakeKey(srtp.AES80, keys[srtp.KeySize:], salts[srtp.SaltSize:])
	if a.options.Role == Active {
		return srtp.Keys{Ours: client, Theirs: server}, nil
	}

	return srtp.Keys{Ours: server, Theirs: client}, nil
}
