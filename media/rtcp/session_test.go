package rtcp

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/rtcp"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const ms = time.Millisecond

func newSession(ssrc uint32) *Session {
	return New(Options{SSRC: ssrc, CNAME: "test", Start: epoch, Random: rand.New(rand.NewPCG(1, uint64(ssrc))).Float64})
}

func report(t *testing.T, s *Session, now time.Time, sent Sent, received *Received) []byte {
	t.Helper()
	b, err := s.Report(now, sent, received)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func receive(t *testing.T, s *Session, b []byte, stream uint32, at time.Time) {
	t.Helper()
	if err := s.Receive(b, stream, true, at); err != nil {
		t.Fatal(err)
	}
}

// Two parties, 40 ms apart one way and 70 ms back, measure 110 ms, however
// long the answer waited.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{0, 3 * ms, 7 * time.Second, 60 * time.Second} {
		a, b := newSession(1), newSession(2)
		at := epoch.Add(2 * time.Second)
		out := report(t, a, at, Sent{Packets: 100, Octets: 16000}, nil)
		at = at.Add(40 * ms)
		receive(t, b, out, 1, at)
		at = at.Add(wait)
		back := report(t, b, at, Sent{Packets: 10}, &Received{SSRC: 1, Highest: 99, Expected: 100, Packets: 90, Jitter: 5 * ms})
		at = at.Add(70 * ms)
		receive(t, a, back, 2, at)
		view := a.View()
		if d := (view.RoundTrip - 110*ms).Abs(); d > 100*time.Microsecond {
			t.Errorf("after %v the round trip is %v", wait, view.RoundTrip)
		}
		view.RoundTrip = 0
		want := View{Packets: 1, Reports: 1, Lost: 10, Fraction: 25.0 / 256, Highest: 99, Jitter: 5 * ms}
		if diff := cmp.Diff(want, view); diff != "" {
			t.Error(diff)
		}
	}
}

// An echo of an SR that we never sent measures nothing.
func TestRoundTripOfAForgedReport(t *testing.T) {
	t.Parallel()
	s := newSession(1)
	report(t, s, epoch.Add(time.Second), Sent{Packets: 1}, nil)
	sr := s.ours[0]
	for name, block := range map[string]pion.ReceptionReport{
		"no SR":           {SSRC: 1},
		"another SR":      {SSRC: 1, LastSenderReport: sr + 1},
		"before the SR":   {SSRC: 1, LastSenderReport: sr, Delay: 5 * shortSecond},
		"another's block": {SSRC: 3, LastSenderReport: sr, Delay: 1},
	} {
		b, err := pion.Marshal([]pion.Packet{&pion.ReceiverReport{SSRC: 2, Reports: []pion.ReceptionReport{block}}})
		if err != nil {
			t.Fatal(err)
		}
		receive(t, s, b, 2, epoch.Add(2*time.Second))
		if trip := s.View().RoundTrip; trip != 0 {
			t.Errorf("%s: the round trip is %v", name, trip)
		}
	}
}

func TestReportContents(t *testing.T) {
	t.Parallel()
	s := newSession(7)
	parse := func(b []byte) []pion.Packet {
		packets, err := pion.Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := pion.CompoundPacket(packets).Validate(); err != nil {
			t.Errorf("not a valid compound packet: %v", err)
		}
		return packets
	}

	if p, ok := parse(report(t, s, epoch, Sent{}, nil))[0].(*pion.ReceiverReport); !ok || p.SSRC != 7 || len(p.Reports) != 0 {
		t.Errorf("before any packet: %v", p)
	}

	r := Received{SSRC: 9, Highest: 1<<16 + 40, Expected: 100, Packets: 100}
	sr, ok := parse(report(t, s, epoch.Add(1500*ms), Sent{Timestamp: 4, Packets: 5, Octets: 800}, &r))[0].(*pion.SenderReport)
	if !ok || sr.RTPTime != 4 || sr.PacketCount != 5 || sr.OctetCount != 800 {
		t.Fatalf("got %v", sr)
	}
	if got := time.Unix(int64(sr.NTPTime>>32)-eraOffset, 0).UTC(); got != epoch.Add(time.Second) || uint32(sr.NTPTime) != 1<<31 {
		t.Errorf("NTP time is %v + %d/2^32", got, uint32(sr.NTPTime))
	}
	if b := sr.Reports[0]; b.SSRC != 9 || b.FractionLost != 0 || b.TotalLost != 0 || b.LastSequenceNumber != 1<<16+40 || b.LastSenderReport != 0 {
		t.Errorf("the block is %+v", b)
	}

	// A quarter of the next 100 is lost; nothing was sent meanwhile.
	r.Expected, r.Packets = 200, 175
	rr, ok := parse(report(t, s, epoch.Add(6*time.Second), Sent{Packets: 5}, &r))[0].(*pion.ReceiverReport)
	if !ok || rr.Reports[0].FractionLost != 64 || rr.Reports[0].TotalLost != 25 {
		t.Fatalf("got %v", rr)
	}
	// More came than was sent, by duplicates: no loss.
	r.Expected, r.Packets = 250, 300
	rr, ok = parse(report(t, s, epoch.Add(7*time.Second), Sent{Packets: 5}, &r))[0].(*pion.ReceiverReport)
	if !ok || rr.Reports[0].FractionLost != 0 || rr.Reports[0].TotalLost != 0 {
		t.Errorf("got %v", rr)
	}
	// A new stream starts its own counts.
	r = Received{SSRC: 10, Expected: 10, Packets: 5}
	rr, ok = parse(report(t, s, epoch.Add(8*time.Second), Sent{Packets: 5}, &r))[0].(*pion.ReceiverReport)
	if !ok || rr.Reports[0].FractionLost != 128 || rr.Reports[0].TotalLost != 5 {
		t.Errorf("got %v", rr)
	}

	bye, err := s.Bye(epoch.Add(9*time.Second), Sent{Packets: 6}, nil)
	if err != nil {
		t.Fatal(err)
	}
	far := newSession(2)
	receive(t, far, bye, 7, epoch)
	if !far.View().Gone {
		t.Error("a BYE is not understood")
	}
}

func TestReceiveRefuses(t *testing.T) {
	t.Parallel()
	good := report(t, newSession(1), epoch, Sent{Packets: 1}, nil)
	edit := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	for name, b := range map[string][]byte{
		"empty":              {},
		"one octet":          {0x80},
		"cut":                good[:len(good)-4],
		"longer than it is":  edit(func(b []byte) []byte { b[3]++; return b }),
		"trailing octet":     edit(func(b []byte) []byte { return append(b, 0) }),
		"version 1":          edit(func(b []byte) []byte { b[0] = b[0]&0x3F | 0x40; return b }),
		"padding at first":   edit(func(b []byte) []byte { b[0] |= 0x20; return b }),
		"begins with SDES":   edit(func(b []byte) []byte { b[1] = 202; return b }),
		"more blocks":        edit(func(b []byte) []byte { b[0] |= 31; return b }),
		"an RTP packet":      {0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1},
		"an SR too short":    {0x80, 200, 0, 1, 0, 0, 0, 1},
		"an SDES of rubbish": append(edit(func(b []byte) []byte { return b[:28] }), 0x81, 202, 0, 1, 0, 0, 0, 1),
	} {
		s := newSession(2)
		if err := s.Receive(b, 1, true, epoch); err == nil {
			t.Errorf("%s is taken", name)
		}
		if s.View() != (View{}) || !s.report.arrived.IsZero() {
			t.Errorf("%s changed the session", name)
		}
	}
	s := newSession(2)
	if err := s.Receive(good, 99, true, epoch); !errors.Is(err, ErrStranger) {
		t.Errorf("another sender: %v", err)
	}
	if err := s.Receive(good, 0, false, epoch); err != nil {
		t.Errorf("before any RTP: %v", err)
	}
}

// The count of losses is signed, and the far end's clock may be coarse.
func TestOddButLegalReports(t *testing.T) {
	t.Parallel()
	s := newSession(1)
	out := report(t, s, epoch.Add(time.Second), Sent{Packets: 1}, nil)
	far := newSession(2)
	receive(t, far, out, 1, epoch.Add(time.Second))
	b, err := pion.Marshal([]pion.Packet{&pion.ReceiverReport{SSRC: 2, Reports: []pion.ReceptionReport{
		{SSRC: 1, TotalLost: 0xFFFFFE, LastSenderReport: s.ours[0], Delay: 20, Jitter: 0xFFFFFFFF},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, s, b, 2, epoch.Add(time.Second))
	if v := s.View(); v.Lost != 0 || v.RoundTrip != time.Microsecond || v.Jitter != longestTrip {
		t.Errorf("got %+v", v)
	}
}

// Reports are 5 s apart on average, never in step, never nearer than 2 s.
func TestInterval(t *testing.T) {
	t.Parallel()
	s := newSession(1)
	if first := s.Due().Sub(epoch); first < 1*time.Second || first > 3100*ms {
		t.Errorf("the first report is due after %v", first)
	}
	var reports int
	var last time.Time
	shortest, longest := time.Hour, time.Duration(0)
	for now := epoch; now.Sub(epoch) < 24*time.Hour; {
		now = s.Due()
		if !s.Ready(now) {
			if !s.Due().After(now) {
				t.Fatal("not ready, and due at once")
			}
			continue
		}
		if reports > 0 {
			shortest, longest = min(shortest, now.Sub(last)), max(longest, now.Sub(last))
		}
		reports++
		last = now
	}
	if mean := 24 * time.Hour / time.Duration(reports); mean < 4800*ms || mean > 5200*ms {
		t.Errorf("the mean interval is %v", mean)
	}
	if shortest < 2*time.Second || longest > 13*time.Second {
		t.Errorf("intervals from %v to %v", shortest, longest)
	}
}

// The round trip is right at any time of the NTP era's wraps of 18 hours.
func TestRoundTripAtAnyTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := epoch.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "at")))
		there := time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "there"))
		wait := time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "wait"))
		a, b := newSession(1), newSession(2)
		out, err := a.Report(at, Sent{Packets: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Receive(out, 1, true, at.Add(there)); err != nil {
			t.Fatal(err)
		}
		back, err := b.Report(at.Add(there+wait), Sent{}, &Received{SSRC: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Receive(back, 2, true, at.Add(2*there+wait)); err != nil {
			t.Fatal(err)
		}
		if got := a.View().RoundTrip; (got - 2*there).Abs() > 100*time.Microsecond {
			t.Fatalf("round trip %v, want %v", got, 2*there)
		}
	})
}
