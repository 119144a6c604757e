package rtp

import (
	"net/netip"
	"testing"
	"time"

	pion "github.com/pion/rtp"

	"trunkline/media"
	"trunkline/media/g711"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// peer makes the datagrams of a far end.
type peer struct {
	t testing.TB
	pion.Header
	codec g711.Codec
}

func newPeer(t testing.TB) *peer {
	t.Helper()
	return &peer{t: t, Header: pion.Header{Version: 2, SSRC: 77, SequenceNumber: 65500, Timestamp: 0xFFFF0000}}
}

// talk is a packet of one frame at a steady level.
func (p *peer) talk(level int16) []byte {
	var f media.Frame
	for i := range f {
		f[i] = level
	}
	payload := make([]byte, len(f))
	p.codec.Encode(payload, f[:])
	b := p.marshal(payload)
	p.Timestamp += media.FrameSamples
	return b
}

func (p *peer) marshal(payload []byte) []byte {
	p.t.Helper()
	b, err := (&pion.Packet{Header: p.Header, Payload: payload}).Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	p.SequenceNumber++
	return b
}

func listening(p Params) *receiver {
	r := newReceiver(Options{})
	r.apply(p, epoch)
	return r
}

func pcmu(remote netip.AddrPort) Params {
	return Params{Remote: remote, PayloadType: 0, EventType: 101, Send: true, Receive: true}
}

// level is the loudest sample.
func level(f *media.Frame) int16 {
	var l int16
	for _, s := range f {
		l = max(l, s)
	}
	return l
}

// A call of 30 minutes crosses the wraps of sequence number and timestamp; in
// it the far end changes its SSRC, as after a transfer behind a carrier's
// border, and starts its numbering anew.
func TestReceiverThirtyMinutes(t *testing.T) {
	t.Parallel()
	r := listening(pcmu(public))
	far := newPeer(t)
	received := 0
	var f media.Frame
	for i := range 90_000 {
		switch i {
		case 30_000:
			far.SSRC, far.SequenceNumber, far.Timestamp = 78, 3, 99
		case 60_000:
			far.SequenceNumber -= 20_000
		}
		at := epoch.Add(time.Duration(i) * media.FrameDuration)
		r.datagram(far.talk(1000), public, at)
		if in := r.take(&f, at.Add(5*ms)); in.Kind == media.Received {
			received++
			if l := level(&f); l < 900 || l > 1100 {
				t.Fatalf("frame %d has level %d", i, l)
			}
		}
	}
	var stats media.LegStats
	r.fill(&stats)
	// Two packets were needed to believe each new start.
	if received < 90_000-10 || stats.PacketsIn != 90_000-2 || stats.Lost != 0 || stats.Late != 0 || stats.Malformed != 2 {
		t.Errorf("%d frames received, stats %+v", received, stats)
	}
}

func TestReceiverCountsWhatItRefuses(t *testing.T) {
	t.Parallel()
	r := listening(pcmu(public))
	far := newPeer(t)
	r.datagram(far.talk(1), robber, epoch)
	r.datagram(far.talk(1), public, epoch)
	r.datagram(far.talk(1), robber, epoch)
	good := far.talk(1)
	r.datagram(good, public, epoch)
	r.datagram(good, public, epoch)
	far.SequenceNumber++
	r.datagram(far.talk(1), public, epoch)

	malformed := [][]byte{nil, {0x80}, good[:11], good[:12], make([]byte, 172)}
	wrongType := append([]byte(nil), good...)
	wrongType[1] = 96
	padding := append([]byte(nil), good...)
	padding[0] |= 0x20
	padding[len(padding)-1] = 255
	rtcp := append([]byte(nil), good...)
	rtcp[1] = 200
	malformed = append(malformed, wrongType, padding, rtcp, append(good[:12:12], make([]byte, maxPayload+1)...))
	for _, b := range malformed {
		r.datagram(b, public, epoch)
	}
	var stats media.LegStats
	r.fill(&stats)
	if stats.Foreign != 2 || stats.Malformed != uint64(len(malformed)) || stats.PacketsIn != 4 || stats.Duplicates != 1 || stats.Lost != 2 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestReceiverCountsReordering(t *testing.T) {
	t.Parallel()
	r := listening(pcmu(public))
	far := newPeer(t)
	first, second, third := far.talk(1), far.talk(1), far.talk(1)
	for _, b := range [][]byte{first, third, second} {
		r.datagram(b, public, epoch)
	}
	var stats media.LegStats
	r.fill(&stats)
	if stats.Reordered != 1 || stats.Lost != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

// During a key press nothing is made up in place of the audio, and the audio
// goes on after it.
func TestReceiverKeyAmongAudio(t *testing.T) {
	t.Parallel()
	r := listening(pcmu(public))
	far := newPeer(t)
	at := epoch
	var f media.Frame
	var kinds []byte
	step := func(b []byte) {
		r.datagram(b, public, at)
		in := r.take(&f, at.Add(5*ms))
		kinds = append(kinds, ".RC"[in.Kind])
		at = at.Add(media.FrameDuration)
	}
	for range 5 {
		step(far.talk(1000))
	}
	press := keySender{}
	press.add(keyPress{code: 3, hold: 4 * media.FrameSamples})
	for press.busy() {
		e, timestamp, marker := press.step(far.Timestamp)
		audio := far.Header
		var payload [eventSize]byte
		e.put(payload[:])
		far.PayloadType, far.Timestamp, far.Marker = 101, timestamp, marker
		b := far.marshal(payload[:])
		seq := far.SequenceNumber
		far.Header = audio
		far.SequenceNumber = seq
		far.Timestamp += media.FrameSamples
		step(b)
	}
	for range 5 {
		step(far.talk(1000))
	}
	if got, want := string(kinds), ".RRRRR......RRRR"; got != want {
		t.Errorf("frames are %s, want %s", got, want)
	}
	d, ok := r.keys.next()
	if want := (media.Digit{Key: '3', Duration: 80 * ms}); !ok || d != want {
		t.Errorf("heard %v, %v, want %v", d, ok, want)
	}
	if d, ok := r.keys.next(); ok {
		t.Errorf("heard %v too", d)
	}
}

// Comfort noise belongs to the stream and is heard at the level that its
// packet tells.
func TestReceiverComfortNoise(t *testing.T) {
	t.Parallel()
	r := listening(pcmu(public))
	far := newPeer(t)
	var f media.Frame
	r.datagram(far.talk(1000), public, epoch)
	far.PayloadType = comfortNoise
	r.datagram(far.marshal([]byte{40}), public, epoch)
	r.take(&f, epoch.Add(5*ms))
	for i, want := range []media.Kind{media.Received, media.Quiet, media.Quiet, media.Quiet} {
		if in := r.take(&f, epoch.Add(time.Duration(25+20*i)*ms)); in.Kind != want {
			t.Errorf("frame %d is %v, want %v", i, in.Kind, want)
		}
	}
	if l := level(&f); l < 300 || l > 700 { // 328 root mean square
		t.Errorf("the noise reaches %d", l)
	}
}

// What the far end sends while we do not receive is neither heard nor kept.
func TestReceiverOnHold(t *testing.T) {
	t.Parallel()
	p := pcmu(public)
	r := listening(p)
	far := newPeer(t)
	var f media.Frame
	run := func(from, to int) (received int) {
		for i := from; i < to; i++ {
			at := epoch.Add(time.Duration(i) * media.FrameDuration)
			r.datagram(far.talk(1000), public, at)
			if in := r.take(&f, at.Add(5*ms)); in.Kind != media.Quiet {
				received++
			} else if f != (media.Frame{}) {
				t.Fatal("a quiet frame has sound")
			}
		}
		return received
	}
	if got := run(0, 50); got != 49 {
		t.Errorf("%d of 50 frames before the hold", got)
	}
	p.Receive = false
	r.apply(p, epoch)
	if got := run(50, 100); got != 0 {
		t.Errorf("%d frames on hold", got)
	}
	p.Receive = true
	r.apply(p, epoch)
	if got := run(100, 150); got < 49 {
		t.Errorf("%d of 50 frames after the hold", got)
	}
}

// An answer may bring another codec in mid-call.
func TestReceiverChangesCodec(t *testing.T) {
	t.Parallel()
	p := pcmu(public)
	r := listening(p)
	far := newPeer(t)
	var f media.Frame
	for i := range 100 {
		if i == 50 {
			p.Codec, p.PayloadType = g711.PCMA, 8
			r.apply(p, epoch)
			far.codec, far.PayloadType = g711.PCMA, 8
		}
		at := epoch.Add(time.Duration(i) * media.FrameDuration)
		r.datagram(far.talk(1000), public, at)
		in := r.take(&f, at.Add(5*ms))
		if l := level(&f); i > 0 && (in.Kind != media.Received || l < 900 || l > 1100) {
			t.Fatalf("frame %d is %v with level %d", i, in.Kind, l)
		}
	}
}
