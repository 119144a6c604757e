package sip

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// BenchmarkCall is a whole inbound call at its door, on a network in memory:
// INVITE, 100, 180, 200, ACK, BYE and its 200, without audio. The far end's
// share, three requests from a template, is in it. Run it with a -benchtime
// in calls, such as 3000x.
func BenchmarkCall(b *testing.B) {
	mem := newMemNet()

	ua, err := New(Config{
		Listen: []Listen{{"udp", uaAddr}},
		Trunks: []Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.8/29")}}},
		Media:  silentMedia{},
		Limits: Limits{Messages: 1e9},
	}, handlerFunc(func(d *Dialog) {
		if d.Ring() != nil {
			return
		}

		if _, err := d.Answer(context.Background()); err == nil {
			<-d.Done()
		}
	}))
	if err != nil {
		b.Fatal(err)
	}

	ua.net = mem.kernel("10.0.0.1")
	far := mem.packet(farAddr)

	if err := ua.Start(); err != nil {
		b.Fatal(err)
	}

	defer func() {
		if err := ua.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()

	invite := crlf(newScript("callx").request("INVITE", offerPCMU))
	tagged := newScript("callx")
	tagged.seq, tagged.toTag = 1, "tagx"
	ack := crlf(tagged.request("ACK", ""))
	bye := crlf(tagged.request("BYE", ""))
	to := netip.MustParseAddrPort(uaAddr)

	send := func(text string, n int, tag string) {
		text = strings.NewReplacer("callx", fmt.Sprint("call", n), "tagx", tag).Replace(text)
		_ = far.write([]byte(text), to) // into memory
	}

	// until waits for a response to the method and gives its To tag.
	until := func(status, method string) string {
		for d := range far.queue {
			if bytes.HasPrefix(d.data, []byte("SIP/2.0 "+status)) && bytes.Contains(d.data, []byte(" "+method+"\r\n")) {
				_, rest, _ := bytes.Cut(d.data, []byte("\r\nTo: "))
				line, _, _ := bytes.Cut(rest, []byte("\r\n"))
				_, tag, _ := bytes.Cut(line, []byte(";tag="))

				return string(tag)
			}

			if d.data[8] >= '4' {
				b.Fatalf("refused:\n%s", d.data)
			}
		}

		return ""
	}

	b.ReportAllocs()

	n := 0
	for b.Loop() {
		n++
		send(invite, n, "")
		tag := until("200", "INVITE")
		send(ack, n, tag)
		send(bye, n, tag)
		until("200", "BYE")
	}
}

// silentMedia opens audio that goes nowhere.
type silentMedia struct{}

func (silentMedia) Open() (MediaSession, error) { return &memSession{port: 20000}, nil }
