package sip

import (
	"testing"
	"time"
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
