package rtp

import (
	"testing"
	"time"

	pion "github.com/pion/rtp"

	"trunkline/media"
	"trunkline/media/g711"
)

// tick pushes one frame and returns the packets that leave.
func tick(t *testing.T, s *sender, f *media.Frame) []pion.Packet {
	t.Helper()
	s.push(f)
	var packets []pion.Packet
	for b := s.next(); b != nil; b = s.next() {
		var p pion.Packet
		if err := p.Unmarshal(append([]byte(nil), b...)); err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
	return packets
}

func params(ptime time.Duration) Params {
	return Params{Codec: g711.PCMA, PayloadType: 8, EventType: 101, Ptime: ptime, Send: true, Receive: true}
}

// Every packet length carries the same audio, with a timestamp that counts its
// samples and one marker at the start.
func TestSenderPacketLengths(t *testing.T) {
	t.Parallel()
	for _, ptime := range []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms} {
		s := newSender()
		s.apply(params(ptime))
		var packets []pion.Packet
		for i := range 60 {
			var f media.Frame
			for j := range f {
				f[j] = int16(i * 500)
			}
			packets = append(packets, tick(t, s, &f)...)
		}
		size := int(media.SamplesIn(ptime))
		if want := 60 * 160 / size; len(packets) != want {
			t.Errorf("ptime %v: %d packets of 1.2 s, want %d", ptime, len(packets), want)
		}
		for i, p := range packets {
			first := packets[0]
			if len(p.Payload) != size || p.SequenceNumber != first.SequenceNumber+uint16(i) ||
				p.Timestamp != first.Timestamp+uint32(i*size) || p.SSRC != first.SSRC ||
				p.PayloadType != 8 || p.Marker != (i == 0) {
				t.Fatalf("ptime %v: packet %d is %v", ptime, i, p)
			}
			var samples [maxPayload]int16
			g711.PCMA.Decode(samples[:], p.Payload)
			if want := i * size / 160 * 500; int(samples[0]) < want-want/16-16 || int(samples[0]) > want+want/16+16 {
				t.Fatalf("ptime %v: packet %d begins with sample %d, want about %d", ptime, i, samples[0], want)
			}
		}
	}
}

// A hold keeps the timestamp going and the sequence whole; the first packet
// after it has the marker.
func TestSenderResumesAfterAHold(t *testing.T) {
	t.Parallel()
	s := newSender()
	s.apply(params(20 * ms))
	var f media.Frame
	a := tick(t, s, &f)[0]
	for range 100 {
		s.pause()
	}
	b := tick(t, s, &f)[0]
	c := tick(t, s, &f)[0]
	if b.Timestamp != a.Timestamp+101*160 || b.SequenceNumber != a.SequenceNumber+1 || !b.Marker || c.Marker {
		t.Errorf("before %v\nafter %v\nnext %v", a.Header, b.Header, c.Header)
	}
}

func TestSenderStartsAtRandom(t *testing.T) {
	t.Parallel()
	a, b := newSender(), newSender()
	if a.header.SSRC == b.header.SSRC || a.clock == b.clock {
		t.Error("two senders begin alike")
	}
}

// A key takes the place of the audio; both share SSRC and numbering, and the
// audio after it has the timestamp it would have had.
func TestSenderSendsAKeyBetweenAudio(t *testing.T) {
	t.Parallel()
	s := newSender()
	s.apply(params(30 * ms))
	var f media.Frame
	var packets []pion.Packet
	for i := range 12 {
		if i == 3 && !s.keys.add(keyPress{code: 5, hold: 480}) {
			t.Fatal("no room for a key")
		}
		packets = append(packets, tick(t, s, &f)...)
	}
	start := packets[0].Timestamp
	type line struct {
		pt        uint8
		timestamp uint32
		size      int
	}
	want := []line{
		{8, 0, 240}, {8, 240, 240}, // 3 ticks of audio
		{101, 480, 4}, {101, 480, 4}, {101, 480, 4}, {101, 480, 4}, {101, 480, 4}, // 3 of the key, 2 more of its end
		{8, 1280, 240}, {8, 1520, 240}, // 4 ticks of audio, the rest waits
	}
	if len(packets) != len(want) {
		t.Fatalf("%d packets, want %d", len(packets), len(want))
	}
	for i, p := range packets {
		if got := (line{p.PayloadType, p.Timestamp - start, len(p.Payload)}); got != want[i] {
			t.Errorf("packet %d is %v, want %v", i, got, want[i])
		}
		if p.SequenceNumber != packets[0].SequenceNumber+uint16(i) || p.SSRC != packets[0].SSRC || p.Marker != (i == 0 || i == 2) {
			t.Errorf("packet %d has the header %v", i, p.Header)
		}
	}
	for i, want := range []event{{code: 5, duration: 160}, {code: 5, duration: 320}, {code: 5, duration: 480, end: true}} {
		want.volume = keyVolume
		if got, _ := parseEvent(packets[2+i].Payload); got != want {
			t.Errorf("event packet %d is %+v, want %+v", i, got, want)
		}
	}
}

// Audio that fills no packet when a key begins leaves before it.
func TestSenderFlushesAudioBeforeAKey(t *testing.T) {
	t.Parallel()
	s := newSender()
	s.apply(params(40 * ms))
	var f media.Frame
	if packets := tick(t, s, &f); len(packets) != 0 {
		t.Fatalf("%d packets after half a packet", len(packets))
	}
	s.keys.add(keyPress{code: 1, hold: 320})
	packets := tick(t, s, &f)
	if len(packets) != 2 || len(packets[0].Payload) != 160 || packets[1].PayloadType != 101 ||
		packets[1].Timestamp != packets[0].Timestamp+160 {
		t.Errorf("got %v", packets)
	}
}

func TestParamsValidate(t *testing.T) {
	t.Parallel()
	if err := params(20 * ms).Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Params){
		"payload type": func(p *Params) { p.PayloadType = 128 },
		"event type":   func(p *Params) { p.EventType = 200 },
		"same types":   func(p *Params) { p.EventType = p.PayloadType },
		"short ptime":  func(p *Params) { p.Ptime = 5 * ms },
		"long ptime":   func(p *Params) { p.Ptime = 120 * ms },
		"odd ptime":    func(p *Params) { p.Ptime = 20*ms + 1 },
		"no port":      func(p *Params) { p.Remote = addr("192.0.2.1:0") },
	} {
		p := params(20 * ms)
		change(&p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: %+v is taken", name, p)
		}
	}
}
