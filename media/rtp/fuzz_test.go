package rtp

import (
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
)

// FuzzDatagrams feeds a receiver what the network might: data is a run of
// datagrams, each behind one octet of length (in units of 2 octets) and one
// that chooses its source and the time since the one before.
func FuzzDatagrams(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		p := pcmu(public)
		p.Codec, p.PayloadType = g711.PCMA, 8
		r := listening(p)
		at := epoch
		count := uint64(0)
		var frame media.Frame
		for len(data) >= 2 {
			length, how := int(data[0])*2, data[1]
			data = data[2:]
			length = min(length, len(data))
			from := public
			if how&0x80 != 0 {
				from = robber
			}
			at = at.Add(time.Duration(how&0x7F) * ms)
			r.datagram(data[:length], from, at)
			data = data[length:]
			count++
			in := r.take(&frame, at)
			if (in.Kind == media.Received) == in.Arrived.IsZero() {
				t.Fatalf("a frame of kind %v arrived at %v", in.Kind, in.Arrived)
			}
		}
		var stats media.LegStats
		r.fill(&stats)
		if got := stats.PacketsIn + stats.Foreign + stats.Malformed; got != count {
			t.Fatalf("%d of %d datagrams are accounted for: %+v", got, count, stats)
		}
		if stats.Late+stats.Duplicates > stats.PacketsIn || stats.Jitter < 0 || stats.Delay < 0 {
			t.Fatalf("stats are %+v", stats)
		}
	})
}

// FuzzEvents feeds a keyReceiver a run of event packets: 4 octets of payload,
// 4 of timestamp, one of marker and time. Each packet that is not a key is
// ignored, and no packet ends more than two presses.
func FuzzEvents(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		const size = eventSize + 5
		var k keyReceiver
		at := epoch
		for ; len(data) >= size; data = data[size:] {
			e, ok := parseEvent(data)
			if !ok {
				t.Fatal("four octets are no event")
			}
			var again [eventSize]byte
			e.put(again[:])
			if back, _ := parseEvent(again[:]); back != e {
				t.Fatalf("%+v comes back as %+v", e, back)
			}
			timestamp := uint32(data[4])<<24 | uint32(data[5])<<16 | uint32(data[6])<<8 | uint32(data[7])
			at = at.Add(time.Duration(data[8]&0x7F) * ms)
			k.put(e, timestamp, data[8]&0x80 != 0, at)
			heard := 0
			for d, ok := k.next(); ok; d, ok = k.next() {
				heard++
				if _, ok := keyCode(d.Key); !ok || d.Duration < 0 {
					t.Fatalf("heard %v", d)
				}
			}
			if heard > 2 || heard > 0 && !e.isKey() {
				t.Fatalf("one packet ended %d presses", heard)
			}
		}
	})
}
