package ladder

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestRing(t *testing.T) {
	t.Parallel()

	var r Ring

	for i := range 100 {
		r.Add(time.Unix(int64(i), 0), i%2 == 0, netip.AddrPort{}, fmt.Appendf(nil, "INFO %d\r\nX: y", i))
	}

	got, dropped := r.Messages()
	if len(got) != first+last || dropped != 100-first-last {
		t.Fatalf("%d kept, %d dropped", len(got), dropped)
	}

	for i, m := range got {
		want := i
		if i >= first {
			want = i + dropped
		}

		if m.Line() != fmt.Sprint("INFO ", want) || m.Out != (want%2 == 0) {
			t.Errorf("message %d is %+v, want number %d", i, m, want)
		}
	}

	r.Add(time.Now(), true, netip.AddrPort{}, []byte(strings.Repeat("x", 2*longest)))

	if got, _ := r.Messages(); len(got[len(got)-1].Text) != longest {
		t.Error("a long message is not cut")
	}
}

func TestMask(t *testing.T) {
	t.Parallel()

	for _, c := range []struct{ text, secret, stays string }{
		{"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"SECRET\"\r\nVia: x\r\n\r\n", "SECRET", "\r\nVia: x\r\n\r\n"},
		{"A\r\nproxy-authorization : Digest username=\"u\",\r\n response=\"SECRET\"\r\nVia: x\r\n\r\n", "SECRET", "\r\nVia: x"},
		{"A\r\n\r\nv=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:SECRET\r\na=setup:actpass\r\n", "SECRET", "a=ice-ufrag:abcd\r\na=ice-pwd:***\r\na=setup:actpass"},
		{"A\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^31\r\na=sendrecv\r\n", "SECRET", "AES_CM_128_HMAC_SHA1_80 inline:***\r\na=sendrecv"},
		{"A\r\n\r\nv=0\r\nk=base64:SECRET\r\na=key-mgmt:mikey SECRET\r\nt=0 0\r\n", "SECRET", "t=0 0"},
		{"INFO a b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n", "7", "Duration=160"},
		{"INFO a b\r\nContent-Type: application/dtmf\r\nX: y\r\n\r\n7", "7", "X: y\r\n\r\n***"},
		{"INVITE sip:user:SECRET@example.com SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n", "SECRET", "@example.com SIP/2.0\r\nTo: <sip:a@b>"},
		{"A\r\nVia: SIP/2.0/UDP 192.0.2.1:5060\r\nContact: <sip:a@192.0.2.1:5060>\r\n\r\n", "nothing", "Contact: <sip:a@192.0.2.1:5060>"},
		{"A\r\nContact: <sip:192.0.2.1:5060>\r\nTo: <sip:a@b>\r\n\r\n", "nothing", "Contact: <sip:192.0.2.1:5060>\r\nTo: <sip:a@b>"},
		{"A\r\nContact: <sip:a@192.0.2.1:5060;transport=tcp>, <SIPS:b:SECRET@c>\r\n\r\n", "SECRET", "<SIPS:b:***@c>"},
		{"A\r\nTo: <sip:user:SECR", "SECR", "<sip:user:***"},
		{"A\r\nAuthorization: Digest response=\"SECRET\"", "SECRET", "Authorization: Digest ***"},
		{"A\n\nauthorization: SECRET x\n\n SECRET\n", "SECRET x", "***\n\n SECRET\n"},
		{"A\nC : Application/DTMF ; x=y\n\n7\n8\n", "7\n8", "\n\n***"},
		{"A\r\nContent-Type: application/dtmf-relay\r\n\r\nsignal = 7\r\nsignal strength: 7\r\n", "signal = 7", "signal =***\r\nsignal strength: 7"},
	} {
		got := Mask(c.text)
		if strings.Contains(got, c.secret) || !strings.Contains(got, c.stays) {
			t.Errorf("%q became %q", c.text, got)
		}
	}
}

// FuzzMask masks what is masked already no further.
func FuzzMask(f *testing.F) {
	f.Add("A\r\nAuthorization: Digest x\r\n\r\na=crypto:1 s inline:k")
	f.Add("A\nc: application/dtmf\r\n\r\n7")
	f.Add("A\n\nauthorization: x\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		once := Mask(text)
		if twice := Mask(once); twice != once {
			t.Errorf("%q became %q, then %q", text, once, twice)
		}
	})
}

// BenchmarkMask is a message of a usual call, which has no secrets.
func BenchmarkMask(b *testing.B) {
	text := "INVITE sip:+12025550100@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-524287-1;rport\r\nMax-Forwards: 70\r\n" +
		"From: \"Ann Caller\" <sip:+12025550123@192.0.2.9>;tag=4ab2\r\nTo: <sip:+12025550100@198.51.100.1>\r\nCall-ID: 8c1f@192.0.2.9\r\n" +
		"CSeq: 1 INVITE\r\nContact: <sip:ann@192.0.2.9:5060>\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n" +
		"c=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"

	b.ReportAllocs()

	for b.Loop() {
		if Mask(text) != text {
			b.Fatal("something was masked")
		}
	}
}
