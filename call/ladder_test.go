package call

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"trunkline/sip/ladder"
	"trunkline/storage"
)

// signalled is a door with signalling to look at.
type signalled struct{ ladder ladder.Ring }

func (s *signalled) Ladder(began time.Time) ladder.Record { return s.ladder.Record(began) }

// TestSignallingIsTold records what the door said, as one event, and tells it
// line by line.
func TestSignallingIsTold(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		n := newNotes(&r.manager.cfg, storage.Call{ID: storage.NewID(), StartedAt: time.Now()})
		s := &signalled{}
		s.ladder.Add(time.Now(), false, netip.AddrPort{}, []byte("INVITE sip:desk@example.com SIP/2.0\r\nAuthorization: Digest response=\"secret\"\r\n\r\n"))
		time.Sleep(1500 * time.Millisecond)

		for range 70 {
			s.ladder.Add(time.Now(), true, netip.AddrPort{}, []byte("SIP/2.0 180 Ringing\r\n\r\n"))
		}
		n.follow(s)
		n.follow(nil) // of a door that has nothing to look at
		n.signalling()

		events := rowsOf[storage.Event](r.journal)
		got := ladderStory(events)
		for i, want := range map[int]string{
			0:  "Signalling (-> to us, <- from us):",
			1:  "      0.000 s  ->  INVITE sip:desk@example.com SIP/2.0",
			2:  "      1.500 s  <-  SIP/2.0 180 Ringing",
			17: "  ... 7 messages were not kept",
		} {
			if got[i] != want {
				r.Errorf("line %d is %q, want %q", i, got[i], want)
			}
		}
		r.same("lines", 1+64+1, len(got))
		r.same("events", 1, len(events))
		if strings.Contains(string(events[0].Data), "secret") || events[0].Kind != "sip_ladder" {
			r.Errorf("event %+v", events[0])
		}
	})
}
