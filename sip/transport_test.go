package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/gorilla/websocket"

	"trunkline/media/srtp"
	"trunkline/sip/certs"
	"trunkline/sip/certs/certstest"
	"trunkline/sip/digest"
	"trunkline/sip/locate"
	"trunkline/sip/sdp"
)

// issue makes a certificate for name and opens it.
func issue(t *testing.T, a *certstest.Authority, name string) *certs.Store {
	t.Helper()

	s, err := certs.Open(a.Issue(t, t.TempDir(), name), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// inSecureBubble is inBubble with a UA that listens for TLS and WebSockets
// too, and the authority of its certificate.
func inSecureBubble(t *testing.T, adapt func(*Config), f func(b *bed, a *certstest.Authority)) {
	t.Helper()

	var a *certstest.Authority

	inBubble(t, func(c *Config) {
		a = certstest.NewAuthority(t)
		ours := issue(t, a, "gw.example")
		c.TLS = TLS{Server: ours.Server(), Client: ours.Client()}
		c.Origins = []string{"https://phone.example"}
		c.Listen = append(c.Listen, Listen{"tls", "10.0.0.1:5061"}, Listen{"ws", "10.0.0.1:8080"}, Listen{"wss", "10.0.0.1:8443"})

		if adapt != nil {
			adapt(c)
		}
	}, func(b *bed) { f(b, a) })
}

// secure opens a TLS connection to the UA.
func (b *bed) secure(from, to string, client *certs.Store) (net.Conn, error) {
	b.Helper()

	conn, err := b.net.dial(from, netip.MustParseAddrPort(to))
	if err != nil {
		b.Fatal(err)
	}

	config := client.Client()
	config.ServerName = "gw.example"
	secure := tls.Client(conn, config)
	b.Cleanup(func() { conn.Close() })

	return secure, secure.HandshakeContext(ctx)
}

// TestTLS: a trunk is known by its certificate or its address, and the keys
// of its calls' audio are taken without further leave.
func TestTLS(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct{ from, certificate string }{
		"known by its certificate": {"192.0.2.9", "carrier.example"},
		"known by its address":     {"10.0.0.9", "someone.example"},
	} {
		t.Run(name, func(t *testing.T) {
			inSecureBubble(t, func(c *Config) {
				c.Trunks[0].Certificates = []string{"Carrier.example"}
				c.Trunks[0].SRTP.Security = sdp.SecurityRequired
			}, func(b *bed, a *certstest.Authority) {
				conn, err := b.secure(tt.from, "10.0.0.1:5061", issue(t, a, tt.certificate))
				if err != nil {
					t.Fatal(err)
				}

				b.over(conn)

				s := newScript("tls")
				s.transport = "TLS"

				key := srtp.NewKey(srtp.Suites()[0])
				offer := "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" +
					key.Inline() + "\n"
				d := b.establish(s, offer)

				if d.Info().Network != "TLS" || d.Info().Trunk != "carrier" {
					t.Errorf("Info = %+v", d.Info())
				}

				// The call's requests come by the same connection.
				hung := make(chan error, 1)
				go func() { hung <- d.Hangup(ctx, "done") }()

				bye := b.method(sipgo.BYE)
				if bye.Via().Transport != "TLS" || bye.Via().Port != 5061 {
					t.Errorf("BYE:\n%s", bye)
				}

				b.send(answerOf(bye, 200))

				if err := <-hung; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTLSStrangers(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct{ trunk, certificate string }{
		"no trunk of that name":    {"carrier.example", "someone.example"},
		"certificates not in use":  {"", "carrier.example"},
		"another authority's word": {"carrier.example", "forged"},
	} {
		t.Run(name, func(t *testing.T) {
			inSecureBubble(t, func(c *Config) {
				if tt.trunk != "" {
					c.Trunks[0].Certificates = []string{tt.trunk}
				}
			}, func(b *bed, a *certstest.Authority) {
				client := issue(t, a, tt.certificate)
				if tt.certificate == "forged" {
					client = issue(t, certstest.NewAuthority(t), "carrier.example")
				}

				conn, err := b.secure("192.0.2.9", "10.0.0.1:5061", client)
				if err == nil {
					_, err = conn.Read(make([]byte, 1))
				}

				if err == nil {
					t.Error("the connection stays open")
				}

				synctest.Wait()

				if s := b.ua.Stats(); s.Strangers+s.Handshakes != 1 {
					t.Errorf("%d strangers and %d failed handshakes are counted", s.Strangers, s.Handshakes)
				}
			})
		})
	}
}

// TestSilentHandshake: who connects and says nothing is let go.
func TestSilentHandshake(t *testing.T) {
	inSecureBubble(t, nil, func(b *bed, _ *certstest.Authority) {
		for _, to := range []string{"10.0.0.1:5061", "10.0.0.1:8080", "10.0.0.1:8443"} {
			conn, err := b.net.dial("10.0.0.9", netip.MustParseAddrPort(to))
			if err != nil {
				t.Fatal(err)
			}

			began := time.Now()
			if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(began) != handshakeLimit {
				t.Errorf("%s: %v after %v", to, err, time.Since(began))
			}
		}
	})
}

// farTLS is the far end of calls that the UA places by TLS.
func farTLS(b *bed, at string, store *certs.Store) {
	ln, err := b.net.kernel("10.0.0.9").stream(ctx, at)
	if err != nil {
		b.Fatal(err)
	}

	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}

			secure := tls.Server(conn, store.Server())
			if secure.HandshakeContext(ctx) != nil {
				conn.Close()
				continue
			}

			b.over(secure)
		}
	}()

	b.Cleanup(func() { ln.Close() })
}

// TestCallByTLS: the first target shows another's certificate, so the call
// goes to the second.
func TestCallByTLS(t *testing.T) {
	inSecureBubble(t, withTargets(nil, "sip:10.0.0.9:5071;transport=tls", "sips:10.0.0.9:5072"), func(b *bed, a *certstest.Authority) {
		farTLS(b, "10.0.0.9:5071", issue(t, a, "someone.example"))
		farTLS(b, "10.0.0.9:5072", issue(t, a, "10.0.0.9"))

		out := b.callFar(ctx, "+12025550199", CallOptions{})

		synctest.Wait()

		if b.stream == nil {
			t.Fatal("nobody was called")
		}

		invite := b.method(sipgo.INVITE)
		if invite.Via().Transport != "TLS" || invite.Contact().Address.UriParams.GetOr("transport", "") != "tls" {
			t.Errorf("INVITE:\n%s", invite)
		}

		b.respond(invite, 486, "t1", "")
		b.method(sipgo.ACK)

		if got := <-out; got.err == nil {
			t.Error("no error")
		}
	})
}

// TestTLSConnectionLost: the next request of a call opens a new connection to
// the same far end, which proves the same name, though its Contact is an address
// that its certificate does not show.
func TestTLSConnectionLost(t *testing.T) {
	inSecureBubble(t, withTargets(nil, "sip:carrier.example:5071;transport=tls"), func(b *bed, a *certstest.Authority) {
		b.ua.net.names = oneName{netip.MustParseAddr("10.0.0.9")}
		farTLS(b, "10.0.0.9:5071", issue(t, a, "carrier.example"))

		out := b.callFar(ctx, "+12025550199", CallOptions{})

		synctest.Wait()

		res := b.response(b.method(sipgo.INVITE), 200, "t1", answerPCMA)
		res.RemoveHeader("Contact")
		res.AppendHeader(sipgo.NewHeader("Contact", "<sip:desk@10.0.0.9:5071;transport=tls>"))
		b.send(res.String())
		b.method(sipgo.ACK)

		got := <-out
		if got.err != nil {
			t.Fatal(got.err)
		}

		before := b.stream
		before.conn.Close()
		synctest.Wait()

		hung := later(func() error { return got.d.Hangup(ctx, "done") })

		synctest.Wait()

		if b.stream == before {
			t.Fatal("no new connection")
		}

		b.send(answerOf(b.method(sipgo.BYE), 200))

		if err := <-hung; err != nil {
			t.Error(err)
		}
	})
}

// oneName is a DNS that has one address for every name.
type oneName struct{ addr netip.Addr }

func (oneName) NAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, nil }
func (oneName) SRV(context.Context, string) ([]locate.SRV, error)     { return nil, nil }

func (n oneName) Hosts(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{n.addr}, nil
}

// browser opens a WebSocket on a connection to the UA, which may be encrypted
// already.
func (b *bed) browser(conn net.Conn, origin string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	return websocket.NewClient(conn, &url.URL{Scheme: "ws", Host: "gw.example", Path: "/"}, //nolint:staticcheck // the dialer would resolve the name
		http.Header{"Origin": {origin}, "Sec-WebSocket-Protocol": protocols}, 4096, 4096)
}

// A browser that is asked for a certificate and has none closes the connection.
func TestOnlyTrunksAreAskedForCertificates(t *testing.T) {
	inSecureBubble(t, nil, func(b *bed, a *certstest.Authority) {
		for at, want := range map[string]bool{"10.0.0.1:5061": true, "10.0.0.1:8443": false} {
			conn, err := b.net.dial("10.0.0.9", netip.MustParseAddrPort(at))
			if err != nil {
				t.Fatal(err)
			}

			defer conn.Close()

			asked := false
			config := issue(t, a, "client.example").Client()
			config.ServerName = "gw.example"
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}

			if err := tls.Client(conn, config).HandshakeContext(ctx); err != nil {
				t.Fatalf("%s: %v", at, err)
			}

			if asked != want {
				t.Errorf("%s: the client is asked for a certificate: %v, want %v", at, asked, want)
			}
		}
	})
}

// TestWebSocketCall is a call of a browser's softphone, which proves who it
// is (RFC 7118 section 8.1).
func TestWebSocketCall(t *testing.T) {
	account := digest.Credentials{User: "desk", Password: "wonderland"}

	inSecureBubble(t, func(c *Config) { c.Trunks[0].Challenge = account }, func(b *bed, a *certstest.Authority) {
		secure, err := b.secure("10.0.0.9", "10.0.0.1:8443", issue(t, a, "browser.example"))
		if err != nil {
			t.Fatal(err)
		}

		ws, res, err := b.browser(secure, "https://phone.example", "sip")
		if err != nil {
			t.Fatal(err)
		}

		res.Body.Close()

		if ws.Subprotocol() != "sip" {
			t.Errorf("subprotocol %q", ws.Subprotocol())
		}

		b.over(&wsConn{Conn: secure, ws: ws})

		s := newScript("ws")
		s.transport = "WSS"
		b.send(s.request("INVITE", offerPCMU))

		challenge := b.status(401)
		b.send(s.ackFailure())

		client := digest.NewClient(account)
		if err := client.Challenge(headerValues(challenge, "WWW-Authenticate"), nil); err != nil {
			t.Fatal(err)
		}

		s.branch++
		s.extra = "\nAuthorization: " + client.Authorize("INVITE", "sip:agent@10.0.0.1")[0].Value

		d := b.establish(s, offerPCMU)
		if d.Info().Network != "WSS" {
			t.Errorf("Info = %+v", d.Info())
		}

		time.Sleep(5 * time.Minute) // pings keep it open

		s.extra = ""
		b.send(s.request("BYE", ""))
		b.status(200)
		<-d.Done()
	})
}

// wsConn lets a WebSocket be read as the stream of its messages.
type wsConn struct {
	net.Conn

	ws   *websocket.Conn
	left bytes.Buffer
}

func (c *wsConn) Read(p []byte) (int, error) {
	for c.left.Len() == 0 {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			return 0, err
		}

		c.left.Write(data)
	}

	return c.left.Read(p)
}

func (c *wsConn) Write(p []byte) (int, error) {
	return len(p), c.ws.WriteMessage(websocket.TextMessage, p)
}

func TestWebSocketRefusals(t *testing.T) {
	inSecureBubble(t, nil, func(b *bed, _ *certstest.Authority) {
		for name, tt := range map[string]struct {
			origin, protocol string
			status           int
		}{
			"another page":        {"https://evil.example", "sip", http.StatusForbidden},
			"another subprotocol": {"https://phone.example", "chat", http.StatusBadRequest},
		} {
			conn, err := b.net.dial("10.0.0.9", netip.MustParseAddrPort("10.0.0.1:8080"))
			if err != nil {
				t.Fatal(err)
			}

			_, res, err := b.browser(conn, tt.origin, tt.protocol)
			if err == nil || res == nil || res.StatusCode != tt.status {
				t.Errorf("%s: %v %v", name, res, err)
			}

			conn.Close()
		}
	})
}

func TestChallenge(t *testing.T) {
	account := digest.Credentials{User: "pbx", Password: "wonderland"}

	for name, tt := range map[string]struct {
		who    digest.Credentials
		status int
	}{
		"right": {account, 100},
		"wrong": {digest.Credentials{User: "pbx", Password: "guess"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer

			inBubble(t, func(c *Config) {
				c.Trunks[0].Challenge = account
				c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}, func(b *bed) {
				s := newScript("digest")
				b.send(s.request("INVITE", offerPCMU))

				res := b.status(401)
				b.send(s.ackFailure())

				client := digest.NewClient(tt.who)
				if err := client.Challenge(headerValues(res, "WWW-Authenticate"), nil); err != nil {
					t.Fatal(err)
				}

				s.branch++
				s.extra = "\nAuthorization: " + client.Authorize("INVITE", "sip:agent@10.0.0.1")[0].Value
				b.send(s.request("INVITE", offerPCMU))
				b.status(tt.status)

				if tt.status == 100 {
					if err := b.call().Reject(486, ""); err != nil {
						t.Error(err)
					}

					b.status(486)
				}

				b.send(s.ackFailure())
				synctest.Wait()

				if bytes.Contains(log.Bytes(), []byte("wonderland")) || bytes.Contains(log.Bytes(), []byte("response=")) {
					t.Errorf("credentials are in the log:\n%s", &log)
				}
			})
		})
	}
}
