package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/media/dtls"
	"trunkline/media/g711"
	"trunkline/media/ice"
)

const (
	theirSum = "0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:0A:01"
	ourSum   = "0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:0B:02"
	theirPwd = "browserpasswordof22cha"
)

// chromium is an offer in the style of Chromium with JsSIP, with video besides.
const chromium = `v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:brow
a=ice-pwd:` + theirPwd + `
a=ice-options:trickle
a=fingerprint:sha-256 ` + theirSum + `
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=rtpmap:96 VP8/90000
`

func web(t *testing.T) Local {
	t.Helper()

	ours, err := ice.ParseCredentials("ours", "ourpasswordof22charact")
	if err != nil {
		t.Fatal(err)
	}

	return Local{Addr: netip.MustParseAddrPort("203.0.113.5:30000"), Fingerprint: fingerprint(t, ourSum), ICE: ours}
}

func fingerprint(t *testing.T, sum string) dtls.Fingerprint {
	t.Helper()

	f, err := dtls.ParseFingerprint("sha-256 " + sum)
	if err != nil {
		t.Fatal(err)
	}

	return f
}

func parse(t *testing.T, text string) *Offer {
	t.Helper()

	offer, err := ParseOffer([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}

	return offer
}

func TestAnswerToABrowser(t *testing.T) {
	t.Parallel()

	local := web(t)
	local.Keys = nil
	offer := parse(t, chromium)

	d, audio, err := Answer(offer, local)
	if err != nil {
		t.Fatal(err)
	}

	theirs := offer.Credentials()
	if theirs.Ufrag != "brow" || theirs.Password() != theirPwd {
		t.Errorf("their credentials are %v", theirs)
	}

	want := Audio{
		Codec: g711.PCMU, EventType: 126, Mux: true, Ptime: defaultPtime, Send: true, Receive: true,
		Web: Web{Ours: local.ICE, Theirs: theirs, Role: dtls.Passive, Fingerprint: fingerprint(t, theirSum)},
	}
	if diff := cmp.Diff(want, audio, compareAddr); diff != "" {
		t.Error(diff)
	}

	const text = `v=0
o=- 7 7 IN IP4 203.0.113.5
s=-
c=IN IP4 203.0.113.5
t=0 0
a=ice-lite
a=group:BUNDLE 0
m=audio 30000 UDP/TLS/RTP/SAVPF 0 126
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=fmtp:126 0-15
a=mid:0
a=msid:trunkline voice
a=ice-ufrag:ours
a=ice-pwd:ourpasswordof22charact
a=candidate:1 1 udp 2130706431 203.0.113.5 30000 typ host
a=end-of-candidates
a=fingerprint:sha-256 ` + ourSum + `
a=setup:passive
a=rtcp-mux
a=ptime:20
a=sendrecv
m=video 0 UDP/TLS/RTP/SAVPF 96
a=mid:1
`
	if diff := cmp.Diff(strings.ReplaceAll(text, "\n", "\r\n"), string(NewOrigin(7).Body(d))); diff != "" {
		t.Error(diff)
	}
}

// Firefox writes the fingerprint for the whole session.
func TestFingerprintOfTheSession(t *testing.T) {
	t.Parallel()

	line := "a=fingerprint:sha-256 " + theirSum + "\n"
	text := strings.Replace(strings.Replace(chromium, line, "", 1), "a=extmap-allow-mixed\n", line, 1)

	if _, audio, err := Answer(parse(t, text), web(t)); err != nil || audio.Web.Fingerprint != fingerprint(t, theirSum) {
		t.Errorf("%v, %v", audio.Web, err)
	}
}

func TestRolesOfDTLS(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		setup  string
		before dtls.Role
		want   dtls.Role
	}{
		{"actpass", 0, dtls.Passive},
		{"actpass", dtls.Passive, dtls.Passive},
		{"actpass", dtls.Active, dtls.Active},
		{"active", dtls.Active, dtls.Passive},
		{"passive", 0, dtls.Active},
	} {
		local := web(t)
		local.Role = test.before
		text := strings.Replace(chromium, "a=setup:actpass", "a=setup:"+test.setup, 1)

		d, audio, err := Answer(parse(t, text), local)
		if err != nil || audio.Web.Role != test.want || !strings.Contains(d.text(), "a=setup:"+test.want.String()+"\r\n") {
			t.Errorf("%s after %v: %v, %v", test.setup, test.before, audio.Web.Role, err)
		}
	}
}

func TestBrowsersRefused(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		from, to string
		local    func(l *Local)
		reason   string
	}{
		"no leave":           {local: func(l *Local) { l.Fingerprint = dtls.Fingerprint{} }, reason: "is not RTP/AVP"},
		"no fingerprint":     {from: "a=fingerprint", to: "a=x-fingerprint", reason: "without a fingerprint"},
		"a weak fingerprint": {from: "sha-256", to: "sha-1", reason: "without a fingerprint"},
		"no ICE":             {from: "a=ice-ufrag:brow\n", reason: "without ICE"},
		"a short password":   {from: theirPwd, to: "short", reason: "without ICE"},
		"ICE-lite":           {from: "a=extmap-allow-mixed", to: "a=ice-lite", reason: "both sides are ICE-lite"},
		"RTCP apart":         {from: "a=rtcp-mux\n", reason: "rtcp-mux is needed"},
		"held connection":    {from: "setup:actpass", to: "setup:holdconn", reason: "a=setup"},
		"no setup":           {from: "a=setup:actpass\n", reason: "a=setup"},
		"no codec":           {from: "0 8 13 110 126", to: "13 110 126", reason: "PCMU or PCMA is needed"},
		"DTLS only":          {from: "UDP/TLS/RTP/SAVPF", to: "RTP/AVP", local: func(l *Local) { l.WebOnly = true }, reason: "DTLS-SRTP is required"},
	} {
		local := web(t)
		if test.local != nil {
			test.local(&local)
		}

		text := chromium
		if test.from != "" {
			text = strings.Replace(text, test.from, test.to, 1)
		}

		_, _, err := Answer(parse(t, text), local)

		var na *NotAcceptableError
		if !errors.As(err, &na) || !strings.Contains(na.Reason, test.reason) {
			t.Errorf("%s: %v, want %q", name, err, test.reason)
		}
	}
}

// Our offer to a browser, its answer, and our offer once more.
func TestOfferToABrowser(t *testing.T) {
	t.Parallel()

	local := web(t)
	local.WebOnly = true
	d := MakeOffer(local)

	for _, line := range []string{"m=audio 30000 UDP/TLS/RTP/SAVPF 0 8 101", "a=setup:actpass", "a=group:BUNDLE 0", "a=mid:0", "a=rtcp-mux", "a=ice-lite"} {
		if !strings.Contains(d.text(), line+"\r\n") {
			t.Errorf("the offer lacks %s:\n%s", line, d.text())
		}
	}

	answer := strings.ReplaceAll(strings.Replace(chromium, "a=setup:actpass", "a=setup:active", 1), "\n", "\r\n")

	audio, err := ParseAnswer([]byte(answer), d)
	if err != nil || audio.Web.Role != dtls.Passive || audio.Web.Ours != local.ICE || audio.Web.Fingerprint != fingerprint(t, theirSum) || !audio.Mux || audio.Remote.IsValid() {
		t.Errorf("%+v, %v", audio, err)
	}

	plain := strings.ReplaceAll(answer, "UDP/TLS/RTP/SAVPF", "RTP/AVP")
	for name, bad := range map[string]string{
		"plain":   plain,
		"actpass": strings.Replace(answer, "a=setup:active", "a=setup:holdconn", 1),
		"no ICE":  strings.Replace(answer, "a=ice-pwd", "a=x-ice-pwd", 1),
	} {
		if _, err := ParseAnswer([]byte(bad), d); err == nil {
			t.Errorf("%s: taken", name)
		}
	}

	again, _, err := Answer(parse(t, chromium), web(t))
	if err != nil {
		t.Fatal(err)
	}

	if text := again.Again(true).text(); !strings.Contains(text, "a=setup:actpass\r\n") || !strings.Contains(text, "a=ice-ufrag:ours\r\n") || !strings.Contains(text, "a=sendonly\r\n") {
		t.Errorf("the session is offered again as\n%s", text)
	}
}

// A far end cannot have lines of ours written for it.
func TestNamesOfStreams(t *testing.T) {
	t.Parallel()

	for _, mid := range []string{"a b", strings.Repeat("x", 65), ""} {
		text := strings.Replace(chromium, "a=mid:0", "a=mid:"+mid, 1)

		d, _, err := Answer(parse(t, text), web(t))
		if err != nil {
			t.Fatal(err)
		}

		if strings.Contains(d.text(), "a=group") || strings.Contains(d.text(), "a=mid:"+mid+"\r\n") {
			t.Errorf("%q is told back", mid)
		}
	}
}
