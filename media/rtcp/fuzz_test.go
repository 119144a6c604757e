package rtcp

import (
	"testing"

	pion "github.com/pion/rtcp"
)

// Whatever arrives, the session stays sound and goes on reporting.
func FuzzReceive(f *testing.F) {
	far := newSession(1)
	for _, s := range []Sent{{}, {Packets: 5, Octets: 800}} {
		b, err := far.Report(epoch, s, &Received{SSRC: 2, Expected: 10, Packets: 7})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	bye, err := far.Bye(epoch, Sent{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bye)
	xr, err := pion.Marshal([]pion.Packet{
		&pion.ReceiverReport{SSRC: 1},
		&pion.ExtendedReport{SenderSSRC: 1, Reports: []pion.ReportBlock{&pion.VoIPMetricsReportBlock{SSRC: 2, MOSLQ: 41}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(xr)
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 205, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSession(2)
		if _, err := s.Report(epoch, Sent{Packets: 1}, nil); err != nil {
			t.Fatal(err)
		}
		_, compound := Sender(b)
		err := s.Receive(b, 1, false, epoch)
		if err == nil && !compound {
			t.Error("taken, and no compound packet")
		}
		if v := s.View(); v.RoundTrip < 0 || v.RoundTrip > longestTrip || v.Fraction < 0 || v.Fraction > 1 || v.Jitter < 0 {
			t.Errorf("the view is %+v", v)
		}
		if _, err := s.Report(epoch, Sent{Packets: 2}, &Received{SSRC: 1}); err != nil {
			t.Error(err)
		}
	})
}
