package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"trunkline/media/dtls"
	"trunkline/media/g711"
	"trunkline/media/ice"
	"trunkline/media/srtp"
)

var local = Local{Addr: netip.MustParseAddrPort("192.0.2.10:30000")}

var compareAddr = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, srtp.Key{}, ice.Credentials{}, dtls.Fingerprint{})

// offers are written in the style of common peers.
var offers = map[string]string{
	"asterisk": `v=0
o=- 1208273612 1208273612 IN IP4 198.51.100.20
s=Asterisk
c=IN IP4 198.51.100.20
t=0 0
m=audio 14022 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:150
a=sendrecv
`,
	"freeswitch": `v=0
o=FreeSWITCH 1699999999 1700000000 IN IP4 198.51.100.30
s=FreeSWITCH
c=IN IP4 198.51.100.30
t=0 0
m=audio 24680 RTP/AVP 9 8 0 101 13
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtpmap:13 CN/8000
a=rtcp:24681 IN IP4 198.51.100.30
a=ptime:20
`,
	"cisco": `v=0
o=CiscoSystemsSIP-GW-UserAgent 7712 4410 IN IP4 198.51.100.40
s=SIP Call
c=IN IP4 198.51.100.40
t=0 0
m=audio 17456 RTP/AVP 18 0 97
c=IN IP4 198.51.100.41
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:0 PCMU/8000
a=rtpmap:97 telephone-event/8000
a=fmtp:97 0-15
a=ptime:20
`,
	"twilio": `v=0
o=root 123456 123456 IN IP4 203.0.113.50
s=Twilio Media Gateway
c=IN IP4 203.0.113.50
t=0 0
m=audio 11112 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:20
a=sendrecv
`,
	"linphone": `v=0
o=ann 2890 1344 IN IP6 2001:db8::5
s=Talk
c=IN IP6 2001:db8::5
t=0 0
a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
m=audio 7078 RTP/AVP 96 97 98 0 8 99
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 speex/16000
a=rtpmap:98 speex/8000
a=rtpmap:99 telephone-event/8000
m=video 9078 RTP/AVP 100
a=rtpmap:100 VP8/90000
a=rtcp-fb:* ccm fir
`,
	"baresip": `v=0
o=- 3316544811 1100123123 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=tool:baresip 1.0.0
m=audio 10020 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:10021
a=sendrecv
a=label:1
a=rtcp-rsize
a=ssrc:1234567890 cname:sip:ann@127.0.0.1
a=ptime:20
`,
}

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

func offer(lines ...string) string {
	return "v=0\no=- 1 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\n" + strings.Join(lines, "\n") + "\n"
}

func mustOffer(t *testing.T, body string) *Offer {
	t.Helper()

	o, err := ParseOffer(crlf(body))
	if err != nil {
		t.Fatalf("ParseOffer: %v\n%s", err, body)
	}

	return o
}

func TestAnswerToKnownPeers(t *testing.T) {
	t.Parallel()

	six := Local{Addr: netip.MustParseAddrPort("[2001:db8::1]:30000")}
	tests := map[string]struct {
		local  Local
		audio  Audio
		answer string
	}{
		"asterisk": {local, Audio{
			Remote: netip.MustParseAddrPort("198.51.100.20:14022"), RTCP: netip.MustParseAddrPort("198.51.100.20:14023"),
			Codec: g711.PCMU, PayloadType: 0, EventType: 101, Ptime: 20 * time.Millisecond, Send: true, Receive: true,
		}, "m=audio 30000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n"},
		"freeswitch": {local, Audio{
			Remote: netip.MustParseAddrPort("198.51.100.30:24680"), RTCP: netip.MustParseAddrPort("198.51.100.30:24681"),
			Codec: g711.PCMA, PayloadType: 8, EventType: 101, Ptime: 20 * time.Millisecond, Send: true, Receive: true,
		}, "m=audio 30000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n"},
		"cisco": {local, Audio{
			Remote: netip.MustParseAddrPort("198.51.100.41:17456"), RTCP: netip.MustParseAddrPort("198.51.100.41:17457"),
			Codec: g711.PCMU, PayloadType: 0, EventType: 97, Ptime: 20 * time.Millisecond, Send: true, Receive: true,
		}, "m=audio 30000 RTP/AVP 0 97\na=rtpmap:0 PCMU/8000\na=rtpmap:97 telephone-event/8000\na=fmtp:97 0-15\na=ptime:20\na=sendrecv\n"},
		"linphone": {six, Audio{
			Remote: netip.MustParseAddrPort("[2001:db8::5]:7078"), RTCP: netip.MustParseAddrPort("[2001:db8::5]:7079"),
			Codec: g711.PCMU, PayloadType: 0, EventType: 99, Ptime: 20 * time.Millisecond, Send: true, Receive: true,
		}, "m=audio 30000 RTP/AVP 0 99\na=rtpmap:0 PCMU/8000\na=rtpmap:99 telephone-event/8000\na=fmtp:99 0-15\na=ptime:20\na=sendrecv\nm=video 0 RTP/AVP 100\n"},
	}
	for name, test := range tests {
		desc, audio, err := Answer(mustOffer(t, offers[name]), test.local)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		if diff := cmp.Diff(test.audio, audio, compareAddr); diff != "" {
			t.Errorf("%s: audio (-want +got)\n%s", name, diff)
		}

		body := string(NewOrigin(7).Body(desc))
		kind := "IP4"

		if test.local.Addr.Addr().Is6() {
			kind = "IP6"
		}

		addr := test.local.Addr.Addr().String()
		want := string(crlf("v=0\no=- 7 7 IN " + kind + " " + addr + "\ns=-\nc=IN " + kind + " " + addr + "\nt=0 0\n" + test.answer))

		if diff := cmp.Diff(want, body); diff != "" {
			t.Errorf("%s: answer (-want +got)\n%s", name, diff)
		}
	}
}

func TestLineEndsDoNotMatter(t *testing.T) {
	t.Parallel()

	for name, body := range offers {
		bare, err := ParseOffer([]byte(body))
		if err != nil {
			t.Errorf("%s with bare line feeds: %v", name, err)
			continue
		}

		trimmed, err := ParseOffer(crlf(strings.TrimSuffix(body, "\n")))
		if err != nil {
			t.Errorf("%s without a final line end: %v", name, err)
			continue
		}

		for _, got := range []*Offer{bare, trimmed} {
			if len(got.streams) != len(mustOffer(t, body).streams) {
				t.Errorf("%s: %d streams", name, len(got.streams))
			}
		}
	}
}

func TestNegotiation(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		offer  string
		codecs []g711.Codec
		check  func(Audio) bool
	}{
		{"static types need no rtpmap", offer("m=audio 4000 RTP/AVP 8 0"), nil, func(a Audio) bool { return a.Codec == g711.PCMA && a.PayloadType == 8 && a.EventType == 0 }},
		{"dynamic type for PCMU", offer("m=audio 4000 RTP/AVP 113 101", "a=rtpmap:113 pcmu/8000/1", "a=rtpmap:101 Telephone-Event/8000"), nil, func(a Audio) bool { return a.Codec == g711.PCMU && a.PayloadType == 113 && a.EventType == 101 }},
		{"our codecs bound the choice", offer("m=audio 4000 RTP/AVP 0 8"), []g711.Codec{g711.PCMA}, func(a Audio) bool { return a.Codec == g711.PCMA }},
		{"static type bound to another codec", offer("m=audio 4000 RTP/AVP 0 8", "a=rtpmap:0 L16/44100"), nil, func(a Audio) bool { return a.Codec == g711.PCMA }},
		{"wideband events are not ours", offer("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/16000"), nil, func(a Audio) bool { return a.EventType == 0 }},
		{"ptime", offer("m=audio 4000 RTP/AVP 0", "a=ptime:40"), nil, func(a Audio) bool { return a.Ptime == 40*time.Millisecond }},
		{"ptime with a fraction", offer("m=audio 4000 RTP/AVP 0", "a=ptime:30.0"), nil, func(a Audio) bool { return a.Ptime == 30*time.Millisecond }},
		{"maxptime", offer("m=audio 4000 RTP/AVP 0", "a=ptime:60", "a=maxptime:30"), nil, func(a Audio) bool { return a.Ptime == 30*time.Millisecond }},
		{"huge ptime", offer("m=audio 4000 RTP/AVP 0", "a=ptime:2000"), nil, func(a Audio) bool { return a.Ptime == 100*time.Millisecond }},
		{"nonsense ptime", offer("m=audio 4000 RTP/AVP 0", "a=ptime:fast"), nil, func(a Audio) bool { return a.Ptime == 20*time.Millisecond }},
		{"session level direction", strings.Replace(offer("m=audio 4000 RTP/AVP 0"), "t=0 0\n", "t=0 0\na=inactive\n", 1), nil, func(a Audio) bool { return !a.Send && !a.Receive }},
		{"media level direction wins", strings.Replace(offer("m=audio 4000 RTP/AVP 0", "a=sendonly"), "t=0 0\n", "t=0 0\na=inactive\n", 1), nil, func(a Audio) bool { return !a.Send && a.Receive }},
		{"old hold", strings.Replace(offer("m=audio 4000 RTP/AVP 0"), "c=IN IP4 198.51.100.1", "c=IN IP4 0.0.0.0", 1), nil, func(a Audio) bool { return !a.Send && a.Receive && !a.Remote.IsValid() && !a.RTCP.IsValid() }},
		{"rtcp elsewhere", offer("m=audio 4000 RTP/AVP 0", "a=rtcp:5000 IN IP4 198.51.100.9"), nil, func(a Audio) bool { return a.RTCP == netip.MustParseAddrPort("198.51.100.9:5000") }},
		{"second audio stream", offer("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0"), nil, func(a Audio) bool { return a.Remote.Port() == 4002 }},
		{"no name for the session", "v=0\no=- 1 1 IN IP4 198.51.100.1\nc=IN IP4 198.51.100.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n", nil, func(a Audio) bool { return a.Remote.Port() == 4000 }},
	}
	for _, test := range tests {
		o, err := ParseOffer(crlf(test.offer))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}

		_, a, err := Answer(o, Local{Addr: local.Addr, Codecs: test.codecs})
		if err != nil || !test.check(a) {
			t.Errorf("%s: %+v, %v", test.name, a, err)
		}
	}
}

func TestNotAcceptable(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		offer   string
		warning int
	}{
		"no stream":        {offer(), warnMediaType},
		"video only":       {offer("m=video 4000 RTP/AVP 31"), warnMediaType},
		"disabled":         {offer("m=audio 0 RTP/AVP 0"), warnMediaType},
		"SRTP":             {offer("m=audio 4000 RTP/SAVP 0"), warnTransport},
		"feedback profile": {offer("m=audio 4000 RTP/AVPF 0"), warnTransport},
		"other codecs":     {offer("m=audio 4000 RTP/AVP 9 18 96", "a=rtpmap:96 opus/48000/2"), warnMediaFormat},
		"events only":      {offer("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), warnMediaFormat},
		"host name":        {strings.Replace(offer("m=audio 4000 RTP/AVP 0"), "c=IN IP4 198.51.100.1", "c=IN IP4 media.example", 1), warnNetworkAddress},
		"multicast":        {strings.Replace(offer("m=audio 4000 RTP/AVP 0"), "c=IN IP4 198.51.100.1", "c=IN IP4 224.2.1.1/127", 1), warnNetworkAddress},
		"other family":     {strings.Replace(offer("m=audio 4000 RTP/AVP 0"), "c=IN IP4 198.51.100.1", "c=IN IP6 2001:db8::1", 1), warnNetworkAddress},
	}
	for name, test := range tests {
		_, _, err := Answer(mustOffer(t, test.offer), local)

		var na *NotAcceptableError
		if !errors.As(err, &na) || na.Warning != test.warning {
			t.Errorf("%s: %v, want warning %d", name, err, test.warning)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()

	for name, body := range map[string]string{
		"empty":               "",
		"no lines":            "hello",
		"no origin":           "v=0\n",
		"no connection":       strings.Replace(offer("m=audio 4000 RTP/AVP 0"), "c=IN IP4 198.51.100.1\n", "", 1),
		"port":                offer("m=audio 70000 RTP/AVP 0"),
		"format not number":   offer("m=audio 4000 RTP/AVP zero"),
		"format over 127":     offer("m=audio 4000 RTP/AVP 128"),
		"rtpmap":              offer("m=audio 4000 RTP/AVP 0", "a=rtpmap:0"),
		"too many streams":    offer(strings.Repeat("m=audio 0 RTP/AVP 0\n", 40)),
		"binary":              "v=0\no=\x00\xff\n",
		"version of a future": strings.Replace(offers["asterisk"], "v=0", "v=1", 1),
	} {
		if _, err := ParseOffer(crlf(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestOfferAndItsAnswer(t *testing.T) {
	t.Parallel()

	desc := MakeOffer(Local{Addr: local.Addr, Codecs: []g711.Codec{g711.PCMA, g711.PCMU}})
	body := NewOrigin(1).Body(desc)
	far := Local{Addr: netip.MustParseAddrPort("198.51.100.1:4000")}

	theirs, heard, err := Answer(mustOffer(t, string(body)), far)
	if err != nil {
		t.Fatal(err)
	}

	if heard.Codec != g711.PCMA || heard.Remote != local.Addr || heard.EventType != eventType {
		t.Errorf("the far end hears %+v", heard)
	}

	got, err := ParseAnswer(NewOrigin(2).Body(theirs), desc)
	if err != nil {
		t.Fatal(err)
	}

	want := Audio{
		Remote: far.Addr, RTCP: netip.MustParseAddrPort("198.51.100.1:4001"), Codec: g711.PCMA, PayloadType: 8,
		EventType: eventType, Ptime: 20 * time.Millisecond, Send: true, Receive: true,
	}
	if diff := cmp.Diff(want, got, compareAddr); diff != "" {
		t.Errorf("we hear (-want +got)\n%s", diff)
	}
}

func TestUnusableAnswers(t *testing.T) {
	t.Parallel()

	desc := MakeOffer(local)
	for name, body := range map[string]string{
		"refused":           offer("m=audio 0 RTP/AVP 0"),
		"codec not offered": offer("m=audio 4000 RTP/AVP 18"),
		"type not offered":  offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/8000"),
		"profile":           offer("m=audio 4000 RTP/SAVP 0"),
	} {
		var na *NotAcceptableError
		if _, err := ParseAnswer(crlf(body), desc); !errors.As(err, &na) {
			t.Errorf("%s: %v", name, err)
		}
	}

	if _, err := ParseAnswer(crlf(offer()), desc); !errors.Is(err, ErrMalformed) {
		t.Errorf("an answer without streams: %v", err)
	}
}

func TestVersionRisesOnlyOnChange(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		o := NewOrigin(1000)
		version, last := uint64(1000), direction(0)

		for i, d := range rapid.SliceOfN(rapid.Uint8Range(0, 3), 1, 20).Draw(t, "directions") {
			desc := MakeOffer(local)
			desc.direction = direction(d)

			if i > 0 && desc.direction != last {
				version++
			}

			last = desc.direction
			body := string(o.Body(desc))

			var id, got uint64
			if n, err := sscanOrigin(body, &id, &got); n != 2 || err != nil || id != 1000 || got != version {
				t.Fatalf("o= line of %q: id %d, version %d, want 1000, %d", body, id, got, version)
			}
		}
	})
}

func TestAgainKeepsTheStreams(t *testing.T) {
	t.Parallel()

	held := strings.Replace(offers["linphone"], "a=rtpmap:96", "a=sendonly\na=rtpmap:96", 1)
	six := Local{Addr: netip.MustParseAddrPort("[2001:db8::1]:30000")}

	desc, _, err := Answer(mustOffer(t, held), six)
	if err != nil {
		t.Fatal(err)
	}

	if desc.direction != recvOnly {
		t.Errorf("answered %v", desc.direction)
	}

	o := NewOrigin(1)
	first, again := string(o.Body(desc)), string(o.Body(desc.Again(false)))
	want := strings.Replace(strings.Replace(first, "a=recvonly", "a=sendrecv", 1), "o=- 1 1 ", "o=- 1 2 ", 1)

	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// FuzzOffer checks that no body breaks the parser, and that what we answer
// parses and keeps the offer's m-lines.
func FuzzOffer(f *testing.F) {
	f.Add(crlf(common + "m=image 4002 udptl t38\nx=1\n"))
	for _, body := range offers {
		f.Add(crlf(body))
		f.Add([]byte(body))
	}

	f.Add(crlf(offer("m=audio 4000/2 RTP/AVP 0", "a=rtcp:x IN IP4 1")))
	f.Add(crlf(offer("m=image 4000 udptl t38", "a=T38FaxVersion:0")))
	f.Add(crlf(offer("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=rtpmap:0 PCMA/8000")))

	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := ParseOffer(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}

			return
		}

		_, _ = ParseAnswer(body, MakeOffer(local))

		for _, addr := range []string{"192.0.2.10:30000", "[2001:db8::1]:30000"} {
			desc, audio, err := Answer(o, Local{Addr: netip.MustParseAddrPort(addr)})
			if err != nil {
				var na *NotAcceptableError
				if !errors.As(err, &na) || na.Warning < 300 || na.Warning > 399 {
					t.Fatalf("untyped error %v", err)
				}

				continue
			}

			if audio.EventType != 0 && audio.EventType == audio.PayloadType || audio.Ptime < minPtime || audio.Ptime > maxPtime ||
				audio.Send && !audio.Remote.IsValid() {
				t.Fatalf("agreed on %+v", audio)
			}

			answer := NewOrigin(1).Body(desc)

			again, err := ParseOffer(answer)
			if err != nil {
				t.Fatalf("our answer does not parse: %v\n%s", err, answer)
			}

			if len(again.streams) != len(o.streams) {
				t.Fatalf("%d streams answer %d", len(again.streams), len(o.streams))
			}

			for i, s := range again.streams {
				if s.media != o.streams[i].media || (s.port != 0) != (i == desc.audio) {
					t.Fatalf("stream %d: %s %d answers %s", i, s.media, s.port, o.streams[i].media)
				}
			}
		}
	})
}

func sscanOrigin(body string, id, version *uint64) (int, error) {
	return fmt.Sscanf(strings.Split(body, "\r\n")[1], "o=- %d %d ", id, version)
}

// TestHold answers and offers so that nothing comes, whatever the far end
// wants, and what it asked for otherwise.
// TestOfferingKeepsPayloadTypes offers codecs anew, each with the type that it
// has in the session (RFC 3264 section 8.3.2).
func TestOfferingKeepsPayloadTypes(t *testing.T) {
	t.Parallel()

	local := Local{Addr: netip.MustParseAddrPort("192.0.2.1:4000")}

	offer, err := ParseOffer([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 97 101\r\n" +
		"a=rtpmap:97 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\nm=video 5000 RTP/AVP 31\r\n"))
	if err != nil {
		t.Fatal(err)
	}

	d, _, err := Answer(offer, local)
	if err != nil {
		t.Fatal(err)
	}

	law := g711.PCMA
	for want, codecs := range map[string][]g711.Codec{
		"m=audio 4000 RTP/AVP 97 8 101\r\n": {g711.PCMU, g711.PCMA},
		"m=audio 4000 RTP/AVP 8 97 101\r\n": local.Preferring(&law),
		"m=audio 4000 RTP/AVP 8 101\r\n":    {g711.PCMA},
	} {
		if body := string(NewOrigin(1).Body(d.Offering(codecs...))); !strings.Contains(body, want) || !strings.Contains(body, "m=video 0 ") {
			t.Errorf("want %q in\n%s", want, body)
		}
	}

	if got := (Local{Codecs: []g711.Codec{g711.PCMU}}).Preferring(&law); !slices.Equal(got, []g711.Codec{g711.PCMU}) {
		t.Errorf("a codec that is not ours is preferred: %v", got)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()

	for theirs, want := range map[string]string{
		"sendrecv": "sendonly", "recvonly": "sendonly", "sendonly": "inactive", "inactive": "inactive",
	} {
		offer, err := ParseOffer([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=" + theirs + "\r\n"))
		if err != nil {
			t.Fatal(err)
		}

		desc, audio, err := Answer(offer, Local{Addr: netip.MustParseAddrPort("192.0.2.1:20000"), Hold: true})
		if err != nil {
			t.Fatal(err)
		}

		if audio.Receive || desc.direction.String() != want {
			t.Errorf("%s on hold is answered %s, receive %v; want %s", theirs, desc.direction, audio.Receive, want)
		}

		if got := desc.Again(true).direction; got != sendOnly {
			t.Errorf("hold offers %s", got)
		}
	}
}
