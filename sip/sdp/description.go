package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Description is a session description of ours, offer or answer, without the
// version that its o= line carries. Make one with MakeOffer or Answer, and
// send it through an Origin.
type Description struct {
	addr      netip.AddrPort
	formats   []format // most preferred first
	event     uint8    // payload type of telephone-event, 0 for none
	noise     bool     // comfort noise too
	mux       bool     // RTCP on the RTP port
	ptime     time.Duration
	direction direction
	lines     []line   // the m-lines in their order
	audio     int      // index of our stream in lines; the others are refused
	crypto    []crypto // of our stream; none when it is not protected
	browser   browser  // of our stream when the far end is one
}

// line is what an m-line keeps when its stream is refused.
type line struct {
	media   string
	proto   string
	formats []string
	mid     string
}

// MakeOffer offers one audio stream in both directions, with static payload
// types and telephone-event.
func MakeOffer(local Local) Description {
	proto, keys := local.offered()
	d := Description{
		addr:   local.Addr,
		event:  eventType,
		noise:  local.Noise,
		mux:    local.Mux,
		ptime:  packetTime(local.Ptime, 0),
		lines:  []line{{media: "audio", proto: proto}},
		crypto: keys,
	}

	if local.WebOnly {
		d.browser, d.mux, d.crypto = local.offerWeb(), true, nil
		d.lines[0].proto = webProto
	}

	for _, c := range local.codecs() {
		d.formats = append(d.formats, format{payloadType: c.PayloadType(), codec: c})
	}

	return d
}

// Again offers the session of d once more, in both directions, or, to put the
// call on hold, in ours only: the same streams in the same places, with the
// payload types that were agreed (RFC 3264 section 8).
func (d Description) Again(hold bool) Description {
	d.direction = directionOf(true, !hold)

	if d.forBrowsers() {
		d.browser.setup = setupActpass // the roles stay (RFC 8842 section 5.3)
	}

	return d
}

// forBrowsers reports whether the stream's transport is ICE and DTLS.
func (d Description) forBrowsers() bool { return !d.browser.fingerprint.IsZero() }

// Origin writes the descriptions of one session, and numbers them in the o=
// line: the version rises by one exactly when the description differs from
// the one before (RFC 3264 section 8). It is not safe for concurrent use.
type Origin struct {
	id      uint64
	version uint64
	last    string
}

// NewOrigin begins a session with the given sess-id. RFC 4566 section 5.2
// wants one that is unique to the host; it should fit 63 bits, for the sake
// of endpoints with signed integers.
func NewOrigin(id uint64) *Origin {
	return &Origin{id: id, version: id}
}

// Body is the description as it is sent.
func (o *Origin) Body(d Description) []byte {
	rest := d.text()
	if o.last != "" && o.last != rest {
		o.version++
	}

	o.last = rest
	kind, addr := family(d.addr.Addr())

	return fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s %s\r\n%s", o.id, o.version, kind, addr, rest)
}

func family(addr netip.Addr) (string, netip.Addr) {
	addr = addr.Unmap()
	if addr.Is4() {
		return "IP4", addr
	}

	return "IP6", addr
}

// text is all that follows the o= line.
func (d Description) text() string {
	var b strings.Builder

	kind, addr := family(d.addr.Addr())
	fmt.Fprintf(&b, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", kind, addr)

	if d.forBrowsers() {
		d.browser.writeSession(&b)
	}

	for i, l := range d.lines {
		if i == d.audio {
			d.writeAudio(&b)
			continue
		}

		fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", l.media, l.proto, strings.Join(l.formats, " "))

		if d.forBrowsers() && l.mid != "" {
			fmt.Fprintf(&b, "a=mid:%s\r\n", l.mid)
		}
	}

	return b.String()
}

func (d Description) writeAudio(b *strings.Builder) {
	fmt.Fprintf(b, "m=audio %d %s", d.addr.Port(), d.lines[d.audio].proto)

	for _, f := range d.formats {
		b.WriteString(" " + strconv.Itoa(int(f.payloadType)))
	}

	if d.noise {
		b.WriteString(" " + strconv.Itoa(noiseType))
	}

	if d.event != 0 {
		b.WriteString(" " + strconv.Itoa(int(d.event)))
	}

	b.WriteString("\r\n")

	for _, f := range d.formats {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", f.payloadType, f.codec, clockRate)
	}

	if d.noise {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", noiseType, comfortNoise, clockRate)
	}

	if d.event != 0 {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", d.event, telephoneEvent, clockRate)
		fmt.Fprintf(b, "a=fmtp:%d %s\r\n", d.event, eventRange)
	}

	for _, c := range d.crypto {
		b.WriteString(c.line())
	}

	if d.forBrowsers() {
		d.browser.writeStream(b, d.addr)
	}

	if d.mux {
		b.WriteString("a=rtcp-mux\r\n")
	}

	fmt.Fprintf(b, "a=ptime:%d\r\na=%s\r\n", d.ptime/time.Millisecond, d.direction)
}
