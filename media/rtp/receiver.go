package rtp

import (
	"net/netip"
	"sync"
	"time"

	pion "github.com/pion/rtp"

	"trunkline/media"
	"trunkline/media/cn"
	"trunkline/media/jitter"
	"trunkline/media/plc"
	"trunkline/media/rtcp"
	"trunkline/media/srtp"
)

// decodings are the memory of a packet's samples on their way to the jitter
// buffer, which calls share.
var decodings = sync.Pool{New: func() any { return new([maxPayload]int16) }}

// receiver takes the datagrams of one call and gives back frames and digits.
// It owns no socket and reads no clock.
type receiver struct {
	params  Params
	applied bool

	opener *srtp.Opener // nil without SRTP

	packet pion.Packet // reused

	latch   latch
	source  source
	buffer  *jitter.Buffer
	conceal plc.Concealer
	keys    keyReceiver

	accepted, reordered, foreign, malformed uint64
	stranger                                netip.AddrPort // the latest foreign source

	firstPacket, lastPacket time.Time
}

func newReceiver(o Options) *receiver {
	r := &receiver{}
	if r.latch.window = o.LatchWithin; o.LatchWithin == 0 {
		r.latch.window = latchWindow
	}
	r.packet.CSRC = make([]uint32, 0, 15)              // as many as a header can name,
	r.packet.Extensions = make([]pion.Extension, 0, 4) // so that parsing allocates nothing
	r.buffer = jitter.New(jitter.Options{Max: o.MaxDelay, Concealer: &r.conceal})
	return r
}

// apply takes new parameters, and says whether the far end is looked for anew.
func (r *receiver) apply(p Params, now time.Time) (fresh bool) {
	if fresh = r.latch.expect(p, now); fresh {
		r.source.renew()
		r.keys.restart()
	}
	if !p.Receive {
		r.buffer.Flush()
		r.keys.restart()
	}
	r.params, r.applied = p, true
	return fresh
}

// datagram takes what came from the socket. It reports true for the packet
// that settled who the far end is.
func (r *receiver) datagram(b []byte, from netip.AddrPort, at time.Time) (settled bool) {
	if !r.applied {
		r.foreign++
		return false
	}
	if r.latch.refuses(from) { // a flood costs no more than this
		r.strange(from)
		return false
	}
	if r.opener != nil {
		var err error
		if b, err = r.opener.Open(b); err != nil {
			r.malformed++
			return false
		}
	}
	if !r.parse(b) {
		r.malformed++
		return false
	}
	p := &r.packet
	ours, settled := r.latch.admit(from, p.SSRC, p.SequenceNumber, at)
	if !ours {
		r.strange(from)
		return false
	}
	stream := r.source.ssrc
	before := r.source.highest
	seq, ok := r.source.place(p.SSRC, p.SequenceNumber)
	if !ok {
		r.malformed++
		return settled
	}
	if p.SSRC != stream {
		r.keys.restart()
	}
	r.accepted++
	if r.firstPacket.IsZero() {
		r.firstPacket = at
	}
	r.lastPacket = at
	verdict := r.deliver(seq, at)
	if verdict != jitter.Duplicate {
		r.source.count()
	}
	if verdict == jitter.Queued && seq < before {
		r.reordered++
	}
	return settled
}

// strange counts what a stranger sent.
func (r *receiver) strange(from netip.AddrPort) {
	r.foreign++
	r.stranger = from
}

// parse reads b into r.packet; it reports false unless b is RTP of this call.
func (r *receiver) parse(b []byte) bool {
	const version2 = 2
	p := &r.packet
	if err := p.Unmarshal(b); err != nil || p.Version != version2 {
		return false
	}
	switch p.PayloadType {
	case r.params.PayloadType:
		return len(p.Payload) > 0 && len(p.Payload) <= maxPayload
	case comfortNoise:
		return true
	}
	return r.isEvent() && len(p.Payload) >= eventSize
}

func (r *receiver) isEvent() bool {
	return r.params.EventType != 0 && r.packet.PayloadType == r.params.EventType
}

// deliver hands a placed packet on. Events and comfort noise go through the
// jitter buffer too: they say that the sender is silent.
func (r *receiver) deliver(seq int64, at time.Time) jitter.Verdict {
	p := &r.packet
	if !r.params.Receive {
		return jitter.Queued
	}
	samples := decodings.Get().(*[maxPayload]int16) //nolint:errcheck,forcetypeassert // New makes nothing else
	defer decodings.Put(samples)
	audio := samples[:0]
	if p.PayloadType == r.params.PayloadType {
		audio = samples[:r.params.Codec.Decode(samples[:], p.Payload)]
	}
	if r.isEvent() {
		if e, ok := parseEvent(p.Payload); ok {
			r.keys.put(e, p.Timestamp, p.Marker, at)
		}
	}
	var noise cn.Noise
	if p.PayloadType == comfortNoise {
		noise, _ = cn.Parse(p.Payload) // what says nothing is silence
	}
	return r.buffer.Put(jitter.Packet{Seq: seq, Timestamp: p.Timestamp, Samples: audio, Noise: noise, Arrived: at})
}

// take gives the frame of one tick.
func (r *receiver) take(f *media.Frame, now time.Time) media.Inbound {
	r.keys.expire(now)
	if !r.params.Receive {
		clear(f[:])
		return media.Inbound{Kind: media.Quiet}
	}
	return r.buffer.Take(f, now)
}

// shift is the buffer's wish for the time of ticks.
func (r *receiver) shift(step time.Duration) int {
	if !r.params.Receive {
		return 0
	}
	return r.buffer.Shift(step)
}

// fill adds the receiver's part to the statistics of the leg.
func (r *receiver) fill(s *media.LegStats) {
	b := r.buffer.Stats()
	s.PacketsIn = r.accepted
	s.Lost = r.source.lost()
	s.Late = b.Late + b.Dropped
	s.Reordered = r.reordered
	s.Duplicates = b.Duplicates
	s.Foreign = r.foreign
	if r.stranger.IsValid() {
		s.Stranger = r.stranger.String()
	}
	s.Malformed = r.malformed
	s.Concealed = b.Concealed
	s.Stretched = b.Stretched
	s.Jitter = b.Jitter
	s.Delay = b.Delay
	s.Target = b.Target
	s.FirstPacket = r.firstPacket
	s.LastPacket = r.lastPacket
}

// reception is the far end's stream as RTCP reports it; false while there is
// none.
func (r *receiver) reception() (rtcp.Received, bool) {
	if !r.source.known {
		return rtcp.Received{}, false
	}
	return rtcp.Received{
		SSRC:     r.source.ssrc,
		Highest:  r.source.extended(),
		Expected: r.source.expected(),
		Packets:  r.source.received,
		Jitter:   r.buffer.Stats().Jitter,
	}, true
}
