package wire

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/rtp"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/vad"
	"trunkline/softphone/talkspurt"
)

// Stream is one direction of one call's audio: the packets of one SSRC
// between two addresses.
type Stream struct {
	Source      netip.AddrPort
	Destination netip.AddrPort
	SSRC        uint32
	Codec       g711.Codec // of its first packet
	Packets     int        // with audio
	Lost        int        // RFC 3550 section A.3: expected less received
	Reordered   int        // that came after a later one, or twice
	Jitter      time.Duration
	First, Last time.Time // its first and last packet with audio
	Spurts      []talkspurt.Spurt
}

// Analyse finds the G.711 streams in a classic pcap file, in the order of
// their first packets. When the file ends in the middle of a packet, it
// returns what stood before and an error that wraps ErrTruncated.
func Analyse(r io.Reader) ([]Stream, error) {
	c, err := openCapture(r)
	if err != nil {
		return nil, err
	}
	found := make(map[streamKey]*follower)
	for {
		at, packet, err := c.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return finish(found), nil
			}
			if errors.Is(err, ErrTruncated) {
				return finish(found), err
			}

			return nil, err
		}
		ip, ok := c.ipv4(packet)
		if !ok {
			continue
		}
		if d, ok := udp(ip); ok {
			follow(found, at, d)
		}
	}
}

// streamKey tells streams apart.
type streamKey struct {
	source, destination netip.AddrPort
	ssrc                uint32
}

// follow gives a datagram to its stream if it is RTP with G.711 audio. SIP
// begins with a letter and RTCP has other payload types, so neither is.
func follow(found map[streamKey]*follower, at time.Time, d datagram) {
	if len(d.payload) < 12 {
		return
	}
	codec, ok := codecOf(d.payload[1] & 0x7f)
	if !ok || d.payload[0]>>6 != 2 {
		return
	}
	var p rtp.Packet
	if err := p.Unmarshal(d.payload); err != nil || len(p.Payload) == 0 {
		return
	}
	key := streamKey{d.source, d.destination, p.SSRC}
	f := found[key]
	if f == nil {
		f = &follower{Stream: Stream{Source: d.source, Destination: d.destination, SSRC: p.SSRC, Codec: codec, First: at}}
		found[key] = f
	}
	f.packet(at, &p, codec)
}

// codecOf knows the static payload types (RFC 3551 section 6).
func codecOf(payloadType uint8) (g711.Codec, bool) {
	for _, c := range []g711.Codec{g711.PCMU, g711.PCMA} {
		if c.PayloadType() == payloadType {
			return c, true
		}
	}

	return 0, false
}

func finish(found map[streamKey]*follower) []Stream {
	var streams []Stream
	for _, f := range found {
		if f.Packets < 2 {
			continue // chance: a single datagram that looked like RTP
		}
		f.ended(f.detector.Flush())
		f.Lost = max(int(f.highest-f.base)+1-f.Packets, 0)
		f.Jitter = time.Duration(f.jitter)
		streams = append(streams, f.Stream)
	}
	slices.SortFunc(streams, func(a, b Stream) int {
		return cmp.Or(a.First.Compare(b.First), a.Source.Compare(b.Source), a.Destination.Compare(b.Destination), cmp.Compare(a.SSRC, b.SSRC))
	})

	return streams
}

// follower measures a stream packet by packet.
type follower struct {
	Stream

	detector talkspurt.Detector
	base     int64  // first sequence number
	highest  int64  // highest sequence number, extended beyond 16 bits
	next     uint32 // time stamp due next
	transit  time.Duration
	jitter   float64 // ns
}

func (f *follower) packet(at time.Time, p *rtp.Packet, codec g711.Codec) {
	f.Packets++
	f.Last = at
	samples := len(p.Payload)
	if f.Packets == 1 {
		f.base, f.highest = int64(p.SequenceNumber), int64(p.SequenceNumber)
		f.next = p.Timestamp
		f.transit = at.Sub(f.First) - media.Samples(p.Timestamp).Duration()
	} else {
		ahead := int16(p.SequenceNumber - uint16(f.highest))
		if ahead <= 0 {
			f.Reordered++

			return
		}
		f.highest += int64(ahead)
	}
	// Time stamps wrap at 32 bits; a jump back is a sender that starts anew.
	if gap := int32(p.Timestamp - f.next); gap > 0 {
		f.ended(f.detector.Step(vad.Silence, at, media.Samples(gap).Duration()) == talkspurt.Offset)
	}
	f.arrival(at, p.Timestamp)
	f.next = p.Timestamp + uint32(samples)
	f.ended(f.detector.Step(levelOf(codec, p.Payload), at, media.Samples(samples).Duration()) == talkspurt.Offset)
}

// arrival is the inter-arrival jitter of RFC 3550 section 6.4.1.
func (f *follower) arrival(at time.Time, timestamp uint32) {
	transit := at.Sub(f.First) - media.Samples(timestamp).Duration()
	if d := (transit - f.transit).Abs(); d < time.Second { // else a wrapped or restarted time stamp
		f.jitter += (float64(d) - f.jitter) / 16
	}
	f.transit = transit
}

func (f *follower) ended(over bool) {
	if over {
		f.Spurts = append(f.Spurts, f.detector.Spurt())
	}
}

// squares holds the square of the sample of each octet, by codec.
var squares = func() (table [2][256]int64) {
	for _, codec := range []g711.Codec{g711.PCMU, g711.PCMA} {
		for octet := range table[codec] {
			var sample [1]int16
			codec.Decode(sample[:], []byte{byte(octet)})
			table[codec][octet] = int64(sample[0]) * int64(sample[0])
		}
	}

	return table
}()

func levelOf(codec g711.Codec, payload []byte) vad.DBov {
	var energy int64
	for _, octet := range payload {
		energy += squares[codec][octet]
	}
	if energy == 0 {
		return vad.Silence
	}

	return vad.DBov(10 * math.Log10(float64(energy)/float64(len(payload))/(1<<30)))
}
