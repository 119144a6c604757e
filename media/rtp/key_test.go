package rtp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
)

const ms = time.Millisecond

// keyPacket is one event packet of a test.
type keyPacket struct {
	at        time.Duration
	key       byte
	timestamp uint32
	duration  uint16
	end       bool
	marker    bool
}

// press is the usual run of packets: an update each 50 ms, the end three times.
func press(key byte, at time.Duration, timestamp uint32, held time.Duration) []keyPacket {
	var packets []keyPacket
	for d := 50 * ms; d < held; d += 50 * ms {
		packets = append(packets, keyPacket{at: at + d, key: key, timestamp: timestamp, duration: uint16(media.SamplesIn(d)), marker: d == 50*ms})
	}
	for range 3 {
		packets = append(packets, keyPacket{at: at + held, key: key, timestamp: timestamp, duration: uint16(media.SamplesIn(held)), end: true})
	}
	return packets
}

// digits is what a keyReceiver makes of the packets.
func digits(packets []keyPacket) []media.Digit {
	var k keyReceiver
	var got []media.Digit
	drain := func() {
		for d, ok := k.next(); ok; d, ok = k.next() {
			got = append(got, d)
		}
	}
	var last time.Duration
	for _, p := range packets {
		code, _ := keyCode(p.key)
		k.put(event{code: code, end: p.end, duration: p.duration}, p.timestamp, p.marker, epoch.Add(p.at))
		drain()
		last = p.at
	}
	k.expire(epoch.Add(last + time.Second))
	drain()
	return got
}

func TestKeyReceiver(t *testing.T) {
	t.Parallel()
	five := media.Digit{Key: '5', Duration: 200 * ms}
	whole := press('5', 0, 1000, 200*ms)
	unmarked := press('5', 0, 1000, 200*ms)
	unmarked[0].marker = false
	shuffled := []keyPacket{whole[1], whole[0], whole[3], whole[2], whole[0], whole[4]}
	tests := []struct {
		name    string
		packets []keyPacket
		want    []media.Digit
	}{
		{"whole", whole, []media.Digit{five}},
		{"no marker", unmarked, []media.Digit{five}},
		{"lost start", whole[2:], []media.Digit{five}},
		{"only the last end", whole[5:], []media.Digit{five}},
		{"only one end", whole[:4], []media.Digit{five}},
		{"no end", whole[:3], []media.Digit{{Key: '5', Duration: 150 * ms}}},
		{"out of order", shuffled, []media.Digit{five}},
		{"twice the same key", append(whole[:len(whole):len(whole)], press('5', 300*ms, 3400, 200*ms)...), []media.Digit{five, five}},
		{"same key, end lost", append(whole[:3:3], press('5', 160*ms, 2600, 200*ms)...), []media.Digit{{Key: '5', Duration: 150 * ms}, five}},
		{"next key at once", append(whole[:3:3], press('#', 160*ms, 2600, 100*ms)...), []media.Digit{{Key: '5', Duration: 150 * ms}, {Key: '#', Duration: 100 * ms}}},
		{"an old end after the next key began", append(append(whole[:4:4], press('1', 250*ms, 3000, 100*ms)[0]), append(whole[4:5:5], press('1', 250*ms, 3000, 100*ms)[1:]...)...), []media.Digit{five, {Key: '1', Duration: 100 * ms}}},
		{"updates after a release by silence", append(whole[:2:2], keyPacket{at: 400 * ms, key: '5', timestamp: 1000, duration: 3200, end: true}), []media.Digit{{Key: '5', Duration: 100 * ms}}},
		{"timestamp wrap", append(press('A', 0, 0xFFFFFF00, 100*ms), press('B', 200*ms, 0x500, 100*ms)...), []media.Digit{{Key: 'A', Duration: 100 * ms}, {Key: 'B', Duration: 100 * ms}}},
		{"timestamps set back", append(press('*', 0, 0x40000000, 100*ms), press('0', 200*ms, 10, 100*ms)...), []media.Digit{{Key: '*', Duration: 100 * ms}, {Key: '0', Duration: 100 * ms}}},
		{"end of no length", []keyPacket{{key: 'D', timestamp: 1, end: true}}, []media.Digit{{Key: 'D'}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, digits(tt.packets)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeyReceiverIgnoresOtherEvents(t *testing.T) {
	t.Parallel()
	var k keyReceiver
	k.put(event{code: 16, end: true}, 1, true, epoch) // a hook flash
	k.put(event{code: 255, end: true}, 2, true, epoch)
	if d, ok := k.next(); ok {
		t.Errorf("got %v", d)
	}
}

// When nobody takes digits, a bounded number is kept: the oldest.
func TestKeyReceiverIsBounded(t *testing.T) {
	t.Parallel()
	var k keyReceiver
	for i := range uint32(100) {
		k.put(event{code: uint8(i % 10), end: true}, i*1000, true, epoch)
	}
	for i := range keysHeld {
		if d, ok := k.next(); !ok || d.Key != '0'+byte(i%10) {
			t.Fatalf("digit %d is %q, %v", i, d.Key, ok)
		}
	}
	if _, ok := k.next(); ok {
		t.Error("more digits than the bound")
	}
}

// Keys that a keySender sends are the keys that a keyReceiver hears, whatever
// their length, and with any packets lost but one end of each and, of a long
// key, one in any 200 ms.
func TestKeysSurviveTheWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var out keySender
		var in keyReceiver
		var want, got []media.Digit
		lossy := rapid.Bool().Draw(t, "lossy")
		for range rapid.IntRange(1, 8).Draw(t, "keys") {
			code := uint8(rapid.IntRange(0, 15).Draw(t, "code"))
			frames := rapid.IntRange(2, 1500).Draw(t, "frames") // up to 30 s
			hold := media.Samples(frames * media.FrameSamples)
			out.add(keyPress{code: code, hold: hold})
			want = append(want, media.Digit{Key: keys[code], Duration: hold.Duration()})
		}
		clock := rapid.Uint32().Draw(t, "clock")
		at := epoch
		ends, run := 0, 0
		for out.busy() {
			e, timestamp, marker := out.step(clock)
			clock += media.FrameSamples
			at = at.Add(media.FrameDuration)
			if e.end {
				ends++
			}
			lost := lossy && rapid.IntRange(0, 3).Draw(t, "lost") == 0 && (!e.end || ends%3 != 0) && run < 8
			run++
			if !lost {
				run = 0
				in.put(e, timestamp, marker, at)
			}
			for d, ok := in.next(); ok; d, ok = in.next() {
				got = append(got, d)
			}
		}
		if ends != 3*len(want) {
			t.Fatalf("%d end packets for %d keys", ends, len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-sent +heard):\n%s", diff)
		}
	})
}

// A long key is cut where its duration no longer fits (RFC 4733 section
// 2.5.1.3): the segment ends full and without the end bit, the next one starts
// where it ended, without a marker.
func TestKeySenderSplitsALongKey(t *testing.T) {
	t.Parallel()
	var k keySender
	k.add(keyPress{code: 1, hold: media.SamplesIn(10 * time.Second)})
	var segments []uint32
	var last event
	markers := 0
	for clock := uint32(500); k.busy(); clock += media.FrameSamples {
		e, timestamp, marker := k.step(clock)
		if marker {
			markers++
		}
		if len(segments) == 0 || segments[len(segments)-1] != timestamp {
			if len(segments) > 0 && (last.duration != maxDuration || last.end) {
				t.Errorf("a segment ends with %+v", last)
			}
			segments = append(segments, timestamp)
		} else if e.duration < last.duration {
			t.Errorf("the duration falls from %d to %d", last.duration, e.duration)
		}
		last = e
	}
	if diff := cmp.Diff([]uint32{500, 500 + maxDuration}, segments); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
	if markers != 1 || !last.end || last.duration != 80_000-maxDuration {
		t.Errorf("%d markers, last packet %+v", markers, last)
	}
}

func TestEventPayload(t *testing.T) {
	t.Parallel()
	var b [eventSize]byte
	want := event{code: 11, end: true, volume: 10, duration: 0x1234}
	want.put(b[:])
	if diff := cmp.Diff([]byte{11, 0x8A, 0x12, 0x34}, b[:]); diff != "" {
		t.Error(diff)
	}
	if got, ok := parseEvent(b[:]); !ok || got != want {
		t.Errorf("parsed %+v, %v", got, ok)
	}
	if _, ok := parseEvent(b[:3]); ok {
		t.Error("three octets parse")
	}
}
