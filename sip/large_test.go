package sip

import (
	"context"
	"net"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
)

// identity is a header of the size of a signed caller identity's (RFC 8224).
var identity = Header{"Identity", strings.Repeat("x", 1000)}

func TestLargeRequestsLeaveByTCP(t *testing.T) {
	for name, c := range map[string]struct {
		target  string
		headers []Header
		listens bool // the far end does, for TCP
		want    string
	}{
		"small":            {"sip:10.0.0.9", nil, true, "UDP"},
		"large":            {"sip:10.0.0.9", []Header{identity}, true, "TCP"},
		"nobody listens":   {"sip:10.0.0.9", []Header{identity}, false, "UDP"},
		"UDP is asked for": {"sip:10.0.0.9;transport=udp", []Header{identity}, true, "UDP"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(cfg *Config) { cfg.Trunks[0].Targets = []Target{{URI: c.target}} }, func(b *bed) {
				var far net.Listener

				if c.listens {
					var err error
					if far, err = b.net.kernel("10.0.0.9").stream(ctx, "10.0.0.9:5060"); err != nil {
						t.Fatal(err)
					}
					defer far.Close()
				}

				out := make(chan *Dialog, 1)

				go func() {
					d, err := b.ua.Call(context.Background(), "carrier", "+12025550123", CallOptions{Headers: c.headers})
					if err != nil {
						t.Error(err)
					}
					out <- d
				}()

				if c.want == "TCP" {
					conn, err := far.Accept()
					if err != nil {
						t.Fatal(err)
					}

					b.over(conn)
				}

				invite := b.method("INVITE")
				if got := invite.Via().Transport; got != c.want || invite.Contact().Address.UriParams.GetOr("transport", "udp") != strings.ToLower(c.want) {
					t.Errorf("the INVITE came by %s:\n%s", got, invite)
				}

				b.respond(invite, 486, "t1", "")
				b.method(sipgo.ACK)

				d := <-out
				<-d.Done()

				if got := d.Info().Network; got != c.want {
					t.Errorf("the call is known as one by %s", got)
				}
			})
		})
	}
}
