package sip

import (
	"strings"
	"testing"
	"time"

	"trunkline/sip/hep"
)

// TestLadder keeps a call's messages of both directions from its INVITE to the
// answer of its BYE, and nothing of other calls.
func TestLadder(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("ladder")
		d := b.establish(s, offerPCMU)
		b.send(newScript("other").request("OPTIONS", ""))
		b.status(200)
		b.send(s.request("BYE", ""))
		b.status(200)
		<-d.Done()

		want := []struct {
			out  bool
			line string
		}{
			{false, "INVITE sip:agent@10.0.0.1 SIP/2.0"},
			{true, "SIP/2.0 100 Trying"},
			{true, "SIP/2.0 200 OK"},
			{false, "ACK sip:agent@10.0.0.1 SIP/2.0"},
			{false, "BYE sip:agent@10.0.0.1 SIP/2.0"},
			{true, "SIP/2.0 200 OK"},
		}

		began := time.Now()
		record := d.Ladder(began.Add(-time.Second))

		got := record.Messages
		if len(got) != len(want) || record.Dropped != 0 {
			t.Fatalf("%d messages, want %d: %+v", len(got), len(want), record)
		}

		for i, m := range got {
			if m.Line() != want[i].line || m.Out != want[i].out || m.Peer != farAddr || m.AtMS != 1000 {
				t.Errorf("message %d is %+v, want %+v", i, m, want[i])
			}
		}

		b.ua.mu.Lock()
		defer b.ua.mu.Unlock()

		if n := len(b.ua.ladders); n > 1 {
			t.Errorf("%d ladders kept", n)
		}
	})
}

func TestLadderOfAPlacedCall(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.respond(invite, 486, "t1", "")
		b.method("ACK")
		<-d.Done()

		got := d.Ladder(time.Now()).Messages
		if len(got) != 3 || !got[0].Out || got[1].Line() != "SIP/2.0 486 Busy Here" || got[2].Line() != "ACK sip:desk@10.0.0.9 SIP/2.0" {
			t.Errorf("ladder %+v", got)
		}
	})
}

// copies takes what is exported.
type copies chan hep.Message

func (c copies) Export(m hep.Message) {
	m.Text = append([]byte(nil), m.Text...)
	c <- m
}

// TestExport hands out each message once, as it went over the wire. A pressed
// key is in what the exporter masks, and masked in the ladder.
func TestExport(t *testing.T) {
	got := make(copies, 64)

	inBubble(t, func(c *Config) { c.Exporter = got }, func(b *bed) {
		s := newScript("exported")
		d := b.establish(s, offerPCMU)

		for kind, body := range map[string]string{"dtmf-relay": "Signal=5\r\nDuration=160\r\n", "dtmf": "7"} {
			b.send(s.info("application/"+kind, body))
			b.status(200)
		}

		b.send(s.request("BYE", ""))
		b.status(200)
		<-d.Done()

		rungs := d.Ladder(time.Now()).Messages
		if len(rungs) != 10 || len(got) != len(rungs) {
			t.Fatalf("%d messages, %d exported; want 10", len(rungs), len(got))
		}

		for i, r := range rungs {
			m := <-got
			peer, here := m.From, m.To

			if r.Out {
				peer, here = here, peer
			}

			if peer.String() != farAddr || here.String() != uaAddr || m.Network != "UDP" || !strings.HasPrefix(string(m.Text), r.Line()) || !strings.Contains(string(m.Text), m.CallID) {
				t.Errorf("message %d: exported %+v (%s), in the ladder %+v", i, m, m.Text, r)
			}

			if strings.HasPrefix(r.Text, "INFO ") && (strings.Contains(r.Text, "Signal=5") || strings.HasSuffix(r.Text, "\r\n7") || !strings.Contains(r.Text, "***")) {
				t.Errorf("the ladder shows a key: %q", r.Text)
			}
		}
	})
}
