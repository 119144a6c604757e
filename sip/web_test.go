package sip

import (
	"context"
	"strings"
	"testing"

	"trunkline/media/dtls"
	"trunkline/sip/certs/certstest"
	"trunkline/sip/sdp"
)

// webOffer is a browser's, with a fragment of user and fingerprint to be put in.
const webOffer = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 0 126
c=IN IP4 0.0.0.0
a=ice-ufrag:UFRAG
a=ice-pwd:passwordof22characters
a=fingerprint:sha-256 0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:01
a=setup:actpass
a=mid:0
a=rtcp-mux
a=rtpmap:126 telephone-event/8000
`

// attribute is the value of an attribute in a body.
func attribute(t *testing.T, body, name string) string {
	t.Helper()

	_, rest, ok := strings.Cut(body, "\r\na="+name+":")
	if !ok {
		t.Fatalf("no a=%s in\n%s", name, body)
	}

	value, _, _ := strings.Cut(rest, "\r\n")

	return value
}

func newFingerprint(t *testing.T) dtls.Fingerprint {
	t.Helper()

	e, err := dtls.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}

	return e.Fingerprint()
}

// A browser's call keeps its transport over a hold, and begins checks anew when
// the browser does.
func TestWebCall(t *testing.T) {
	ours := newFingerprint(t)

	inSecureBubble(t, func(c *Config) { c.Fingerprint = ours }, func(b *bed, a *certstest.Authority) {
		secure, err := b.secure("10.0.0.9", "10.0.0.1:8443", issue(t, a, "browser.example"))
		if err != nil {
			t.Fatal(err)
		}

		ws, res, err := b.browser(secure, "https://phone.example", "sip")
		if err != nil {
			t.Fatal(err)
		}

		res.Body.Close()
		b.over(&wsConn{Conn: secure, ws: ws})

		s := newScript("web")
		s.transport = "WSS"
		d := b.offer(s, strings.Replace(webOffer, "UFRAG", "brow", 1))

		if _, err := d.Answer(context.Background()); err != nil {
			t.Fatal(err)
		}

		ok := b.status(200)
		s.learn(ok)
		b.send(s.request("ACK", ""))

		first := string(ok.Body())
		if got := attribute(t, first, "fingerprint"); got != ours.String() {
			t.Errorf("our fingerprint is %q, want %q", got, ours)
		}

		agreed := b.media.last(t).latest(t).Web
		if agreed.Theirs.Ufrag != "brow" || agreed.Role != dtls.Passive || agreed.Ours.Ufrag != attribute(t, first, "ice-ufrag") {
			t.Errorf("the agreement is %+v", agreed)
		}

		again := func(offer string) string {
			b.send(s.request("INVITE", offer))
			res := b.status(200)
			b.send(s.request("ACK", ""))

			return string(res.Body())
		}

		held := again(strings.Replace(webOffer, "UFRAG", "brow", 1) + "a=sendonly\n")
		if attribute(t, held, "ice-ufrag") != agreed.Ours.Ufrag || b.media.last(t).latest(t).Web != agreed {
			t.Error("a hold changes the transport")
		}

		restarted := again(strings.Replace(webOffer, "UFRAG", "anew", 1))
		now := b.media.last(t).latest(t).Web

		if attribute(t, restarted, "ice-ufrag") == agreed.Ours.Ufrag || now.Theirs.Ufrag != "anew" || now.Fingerprint != agreed.Fingerprint || now.Role != agreed.Role {
			t.Errorf("the restart is answered by %+v", now)
		}

		b.send(s.request("BYE", ""))
		b.status(200)
	})
}

// Whose calls have ICE and DTLS: by default browsers', which come over
// WebSocket.
func TestKeying(t *testing.T) {
	fingerprint := newFingerprint(t)
	browser := strings.Replace(webOffer, "UFRAG", "brow", 1)

	for name, tt := range map[string]struct {
		keying Keying
		offer  string
		status int
	}{
		"a browser's offer over UDP":      {KeyingAuto, browser, 488},
		"keys of the signalling only":     {KeyingSDES, browser, 488},
		"DTLS only":                       {KeyingDTLS, browser, 200},
		"DTLS only, and none was offered": {KeyingDTLS, offerPCMU, 488},
		"an ordinary call":                {KeyingAuto, offerPCMU, 200},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *Config) { c.Fingerprint, c.Trunks[0].SRTP.Keying = fingerprint, tt.keying }, func(b *bed) {
				s := newScript("keying")
				b.send(s.request("INVITE", tt.offer))
				b.status(100)

				if tt.status == 488 {
					b.status(488)
					b.send(s.ackFailure())

					return
				}

				d := b.call()

				if _, err := d.Answer(context.Background()); err != nil {
					t.Fatal(err)
				}

				s.learn(b.status(200))
				b.send(s.request("ACK", ""))

				if web := b.media.last(t).latest(t).Web; (web != sdp.Web{}) != (tt.keying == KeyingDTLS) {
					t.Errorf("the agreement is %+v", web)
				}

				b.send(s.request("BYE", ""))
				b.status(200)
			})
		})
	}
}

func TestDTLSNeedsACertificate(t *testing.T) {
	t.Parallel()

	c := Config{
		Listen: []Listen{{"udp", uaAddr}}, Media: silentMedia{},
		Trunks: []Trunk{{Name: "web", Certificates: []string{"x"}, SRTP: SRTP{Keying: KeyingDTLS}}},
	}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "there is no certificate for that") {
		t.Errorf("validated: %v", err)
	}
}
