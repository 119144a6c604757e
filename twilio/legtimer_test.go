package twilio

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
)

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l oneConn) Close() error {
	close(l.closed)

	return nil
}

func (oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// overPipe runs a leg whose socket is a pipe, which holds nothing: what the
// carrier does not read is stuck.
func overPipe(t *testing.T, test func(leg *Leg, far *websocket.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ln := oneConn{make(chan net.Conn, 1), make(chan struct{})}
		near, remote := net.Pipe()
		ln.conns <- near
		legs := make(chan *Leg, 1)
		d, _ := dialect.ByName("twilio")
		server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				t.Error(err)

				return
			}
			leg, err := newLeg(d, conn.NetConn(), framing.NewReader(dialect.MaxMessage), &dialect.Message{Stream: "MZ1", Format: pcmu()}, time.Now)
			if err != nil {
				t.Error(err)

				return
			}
			legs <- leg
			leg.attend()
			_ = leg.Close()
		})}
		go func() { _ = server.Serve(ln) }()
		dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return remote, nil }}
		far, answer, err := dialer.Dial("ws://door/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		leg := <-legs
		test(leg, far)
		<-leg.over
		far.Close()
		_ = server.Close()
		synctest.Wait()
	})
}

// A socket that brings nothing is given up after 30 s, and not sooner.
func TestSilentSockets(t *testing.T) {
	t.Parallel()
	overPipe(t, func(leg *Leg, far *websocket.Conn) {
		time.Sleep(silence - time.Second)
		tell(t, far, someMedia) // begins anew
		began := time.Now()
		<-leg.over
		if took := time.Since(began); took < silence || took > silence+time.Second || !errors.Is(leg.why, errSilent) {
			t.Errorf("ended after %s: %v", took, leg.why)
		}
	})
}

// A carrier that takes nothing more is given up after 10 s.
func TestStuckSockets(t *testing.T) {
	t.Parallel()
	overPipe(t, func(leg *Leg, far *websocket.Conn) {
		began := time.Now()
		for range 3 { // one is being written, and another waits for that
			leg.Write(&media.Frame{})
			leg.Flush()
			synctest.Wait()
		}
		tell(t, far, someMedia) // it still speaks
		<-leg.over
		if took := time.Since(began); took < stuck || took > stuck+time.Second || !errors.Is(leg.why, errStuck) {
			t.Errorf("ended after %s: %v", took, leg.why)
		}
	})
}
