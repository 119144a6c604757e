package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"trunkline/media/g711"
	"trunkline/softphone/talkspurt"
)

var (
	start      = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	callerAddr = netip.MustParseAddrPort("127.0.0.1:40000")
	agentAddr  = netip.MustParseAddrPort("127.0.0.1:50000")
)

func isAgent(a netip.AddrPort) bool { return a.Port() >= 50000 }

// pcapFile writes captures for the tests.
type pcapFile struct {
	bytes.Buffer

	order binary.ByteOrder
	nano  bool
	link  uint32
}

func newCapture(order binary.ByteOrder, nano bool, link uint32) *pcapFile {
	f := &pcapFile{order: order, nano: nano, link: link}
	magic := uint32(0xa1b2c3d4)
	if nano {
		magic = 0xa1b23c4d
	}
	h := make([]byte, fileHeaderSize)
	order.PutUint32(h, magic)
	order.PutUint16(h[4:], 2)
	order.PutUint16(h[6:], 4)
	order.PutUint32(h[16:], maxRecord)
	order.PutUint32(h[20:], link)
	f.Write(h)

	return f
}

func (f *pcapFile) record(at time.Time, packet []byte) {
	h := make([]byte, recordHeaderSize)
	f.order.PutUint32(h, uint32(at.Unix()))
	fraction := at.Nanosecond()
	if !f.nano {
		fraction /= 1000
	}
	f.order.PutUint32(h[4:], uint32(fraction))
	f.order.PutUint32(h[8:], uint32(len(packet)))
	f.order.PutUint32(h[12:], uint32(len(packet)))
	f.Write(h)
	f.Write(packet)
}

func (f *pcapFile) udp(at time.Time, from, to netip.AddrPort, payload []byte) {
	ip := make([]byte, 28, 28+len(payload))
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	ip[8], ip[9] = 64, protoUDP
	copy(ip[12:], from.Addr().AsSlice())
	copy(ip[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(ip[20:], from.Port())
	binary.BigEndian.PutUint16(ip[22:], to.Port())
	binary.BigEndian.PutUint16(ip[24:], uint16(8+len(payload)))
	ip = append(ip, payload...)
	var link []byte
	switch f.link {
	case linkEthernet:
		link = append(make([]byte, 12), 0x08, 0x00)
	case linkSLL:
		link = append(make([]byte, 14), 0x08, 0x00)
	case linkSLL2:
		link = append([]byte{0x08, 0x00}, make([]byte, 18)...)
	case linkNull:
		link = make([]byte, 4)
		f.order.PutUint32(link, afInet)
	}
	f.record(at, slices.Concat(link, ip))
}

// sender makes the packets of one direction.
type sender struct {
	from, to  netip.AddrPort
	codec     g711.Codec
	ssrc      uint32
	seq       uint16
	timestamp uint32
}

func (s *sender) packet(loud bool, samples int) []byte {
	p := make([]byte, 12+samples)
	p[0], p[1] = 0x80, s.codec.PayloadType()
	binary.BigEndian.PutUint16(p[2:], s.seq)
	binary.BigEndian.PutUint32(p[4:], s.timestamp)
	binary.BigEndian.PutUint32(p[8:], s.ssrc)
	audio := make([]int16, samples)
	for i := range audio {
		if loud {
			audio[i] = int16(8000 * math.Sin(0.3*float64(i)))
		}
	}
	s.codec.Encode(p[12:], audio)
	s.seq++
	s.timestamp += uint32(samples)

	return p
}

// talk writes 20 ms packets of a whole call; loud says whether a side speaks.
func talk(f *pcapFile, frames int, caller, agent *sender, callerLoud, agentLoud func(n int) bool) {
	for n := range frames {
		at := start.Add(time.Duration(n) * 20 * time.Millisecond)
		f.udp(at, caller.from, caller.to, caller.packet(callerLoud(n), 160))
		f.udp(at.Add(5*time.Millisecond), agent.from, agent.to, agent.packet(agentLoud(n), 160))
	}
}

func between(first, last int) func(int) bool {
	return func(n int) bool { return n >= first && n <= last }
}

func pair() (caller, agent *sender) {
	return &sender{from: callerAddr, to: agentAddr, codec: g711.PCMU, ssrc: 1, seq: 65500, timestamp: 0xffffff00},
		&sender{from: agentAddr, to: callerAddr, codec: g711.PCMA, ssrc: 2}
}

func TestAnalyseEveryFormat(t *testing.T) {
	t.Parallel()
	for _, link := range []uint32{linkNull, linkEthernet, linkRaw, linkSLL, linkSLL2} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, nano := range []bool{false, true} {
				f := newCapture(order, nano, link)
				caller, agent := pair()
				talk(f, 100, caller, agent, between(10, 29), between(50, 79))
				streams, err := Analyse(f)
				if err != nil {
					t.Fatalf("link %d, %v, nano %v: %v", link, order, nano, err)
				}
				at := func(frame int) time.Time { return start.Add(time.Duration(frame) * 20 * time.Millisecond) }
				late := 5 * time.Millisecond
				want := []Stream{
					{
						Source: callerAddr, Destination: agentAddr, SSRC: 1, Codec: g711.PCMU, Packets: 100,
						First: at(0), Last: at(99), Spurts: []talkspurt.Spurt{{First: at(10), Last: at(29)}},
					},
					{
						Source: agentAddr, Destination: callerAddr, SSRC: 2, Codec: g711.PCMA, Packets: 100,
						First: at(0).Add(late), Last: at(99).Add(late),
						Spurts: []talkspurt.Spurt{{First: at(50).Add(late), Last: at(79).Add(late)}},
					},
				}
				if diff := cmp.Diff(want, streams, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
					t.Errorf("link %d, %v, nano %v (-want +got):\n%s", link, order, nano, diff)
				}
			}
		}
	}
}

// A file that dumpcap wrote on lo: 75 packets each way, a caller's talkspurt
// in packets 5 to 24, the agent's in 40 to 59, and one SIP request. tshark
// finds the same two streams in it.
func TestAnalyseDumpcap(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/loopback.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	streams, err := Analyse(file)
	if err != nil {
		t.Fatal(err)
	}
	calls := Calls(streams, isAgent)
	if len(streams) != 2 || len(calls) != 1 {
		t.Fatalf("%d streams, %d calls", len(streams), len(calls))
	}
	c := calls[0]
	if c.Caller.Source != callerAddr || c.Caller.Codec != g711.PCMU || c.Agent.Codec != g711.PCMA {
		t.Errorf("call = %+v", c)
	}
	for _, s := range streams {
		if s.Packets != 75 || s.Lost != 0 || s.Reordered != 0 || s.Jitter > time.Millisecond || s.Jitter == 0 {
			t.Errorf("stream = %+v", s)
		}
	}
	got := Responses(c.Caller, c.Agent)
	if len(got) != 1 {
		t.Fatalf("responses = %+v", got)
	}
	// 24 -> 40 is 16 packets.
	if d, ok := got[0].Response(); !ok || (d-320*time.Millisecond).Abs() > 5*time.Millisecond {
		t.Errorf("response = %v, want about 320ms", d)
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	f := newCapture(binary.LittleEndian, true, linkEthernet)
	caller, agent := pair()
	// In turn: 100-199 is answered at 230. The caller interrupts at 300 with
	// a pause inside; the agent stops with 305 and answers at 380.
	talk(f, 500, caller, agent,
		func(n int) bool { return between(100, 199)(n) || between(300, 320)(n) || between(340, 360)(n) },
		func(n int) bool { return between(230, 305)(n) || between(380, 450)(n) })
	streams, err := Analyse(f)
	if err != nil {
		t.Fatal(err)
	}
	got := Responses(streams[0], streams[1])
	if len(got) != 2 {
		t.Fatalf("%d responses: %+v", len(got), got)
	}
	const agentLate = 5 * time.Millisecond
	if d, ok := got[0].Response(); !ok || d != 31*20*time.Millisecond+agentLate || got[0].Interrupted {
		t.Errorf("first: %v, %+v", d, got[0])
	}
	if d, ok := got[1].Response(); !ok || d != 20*20*time.Millisecond+agentLate {
		t.Errorf("second: %v, %+v", d, got[1])
	}
	if d, ok := got[1].Yield(); !ok || d != 5*20*time.Millisecond+agentLate {
		t.Errorf("yield: %v, %+v", d, got[1])
	}
}

func TestLossReorderingAndGaps(t *testing.T) {
	t.Parallel()
	f := newCapture(binary.LittleEndian, true, linkRaw)
	caller, _ := pair()
	at := func(n int) time.Time { return start.Add(time.Duration(n) * 20 * time.Millisecond) }
	var held []byte
	for n := range 200 {
		p := caller.packet(between(20, 80)(n) || between(120, 150)(n), 160)
		switch {
		case n == 40: // lost
		case n == 50:
			held = p
		case n == 51: // 50 comes after 51
			f.udp(at(n), callerAddr, agentAddr, p)
			f.udp(at(n), callerAddr, agentAddr, held)
		case n > 80 && n < 120: // silence is not sent
			caller.seq--
		default:
			f.udp(at(n), callerAddr, agentAddr, p)
		}
	}
	streams, err := Analyse(f)
	if err != nil || len(streams) != 1 {
		t.Fatalf("%v, %v", streams, err)
	}
	s := streams[0]
	if s.Packets != 160 || s.Lost != 1 || s.Reordered != 1 {
		t.Errorf("packets %d, lost %d, reordered %d", s.Packets, s.Lost, s.Reordered)
	}
	want := []talkspurt.Spurt{{First: at(20), Last: at(80)}, {First: at(120), Last: at(150)}}
	if diff := cmp.Diff(want, s.Spurts); diff != "" {
		t.Errorf("talkspurts (-want +got):\n%s", diff)
	}
}

// Ports come back: the second call of the same two ports is another call.
func TestCallsOnReusedPorts(t *testing.T) {
	t.Parallel()
	f := newCapture(binary.LittleEndian, true, linkEthernet)
	caller, agent := pair()
	talk(f, 50, caller, agent, between(10, 20), between(30, 40))
	caller.ssrc, agent.ssrc = 11, 12
	for n := range 50 {
		at := start.Add(time.Minute + time.Duration(n)*20*time.Millisecond)
		f.udp(at, callerAddr, agentAddr, caller.packet(false, 160))
		f.udp(at, agentAddr, callerAddr, agent.packet(false, 160))
	}
	stranger := &sender{from: netip.MustParseAddrPort("127.0.0.1:41000"), to: agentAddr, ssrc: 99}
	for range 5 {
		f.udp(start, stranger.from, stranger.to, stranger.packet(true, 160))
	}
	streams, err := Analyse(f)
	if err != nil || len(streams) != 5 {
		t.Fatalf("%d streams, %v", len(streams), err)
	}
	calls := Calls(streams, isAgent)
	if len(calls) != 2 || calls[0].Caller.SSRC != 1 || calls[0].Agent.SSRC != 2 || calls[1].Caller.SSRC != 11 || calls[1].Agent.SSRC != 12 {
		t.Errorf("calls = %+v", calls)
	}
}

func TestPassedOver(t *testing.T) {
	t.Parallel()
	f := newCapture(binary.LittleEndian, true, linkEthernet)
	audio := (&sender{ssrc: 1}).packet(true, 160)
	rtcp := append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...)
	event := append([]byte{0x80, 101, 0, 1}, make([]byte, 12)...)
	for _, payload := range [][]byte{[]byte("OPTIONS sip:a SIP/2.0\r\n\r\n"), rtcp, event, audio[:12], audio[:11], nil} {
		f.udp(start, callerAddr, agentAddr, payload)
		f.udp(start, callerAddr, agentAddr, payload)
	}
	f.udp(start, callerAddr, agentAddr, audio) // a single one
	f.record(start, nil)
	f.record(start, make([]byte, 13))
	f.record(start, append(append(make([]byte, 12), 0x86, 0xdd), make([]byte, 60)...)) // IPv6
	streams, err := Analyse(f)
	if err != nil || streams != nil {
		t.Errorf("%+v, %v", streams, err)
	}
}

func TestVLAN(t *testing.T) {
	t.Parallel()
	plain := newCapture(binary.LittleEndian, true, linkEthernet)
	s := &sender{from: callerAddr, to: agentAddr, ssrc: 1}
	plain.udp(start, s.from, s.to, s.packet(true, 160))
	packet := plain.Bytes()[fileHeaderSize+recordHeaderSize:]
	f := newCapture(binary.LittleEndian, true, linkEthernet)
	for range 2 {
		f.record(start, append(append(append([]byte{}, packet[:12]...), 0x81, 0, 0, 7), packet[12:]...))
	}
	if streams, err := Analyse(f); err != nil || len(streams) != 1 || streams[0].Packets != 2 {
		t.Errorf("%+v, %v", streams, err)
	}
}

func TestDamagedCaptures(t *testing.T) {
	t.Parallel()
	whole := func() *pcapFile {
		f := newCapture(binary.LittleEndian, false, linkEthernet)
		caller, agent := pair()
		talk(f, 50, caller, agent, between(10, 20), between(30, 40))

		return f
	}
	for _, test := range []struct {
		name      string
		file      func() []byte
		streams   int
		truncated bool
		want      string
	}{
		{"empty", func() []byte { return nil }, 0, false, "read capture: not a pcap file: it is shorter than the file header"},
		{"a WAV", func() []byte { return append([]byte("RIFF"), make([]byte, 40)...) }, 0, false, "read capture: not a pcap file: it begins with 0x46464952"},
		{"pcapng", func() []byte { return append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, make([]byte, 40)...) }, 0, false, "read capture: this is a pcapng file: capture with dumpcap -P, or convert it with editcap -F pcap"},
		{"wireless", func() []byte { return newCapture(binary.LittleEndian, false, 127).Bytes() }, 0, false, "read capture: link type 127 is not known: capture on an Ethernet or loopback interface"},
		{"cut in a packet", func() []byte { b := whole().Bytes(); return b[:len(b)-100] }, 2, true, "read capture: the capture ends in the middle of a packet"},
		{"cut in a record header", func() []byte { b := whole().Bytes(); return b[:len(b)-14-28-172-8] }, 2, true, "read capture: the capture ends in the middle of a packet"},
		{"snap length", func() []byte { b := whole().Bytes(); b[fileHeaderSize+12]++; return b }, 0, false, "read capture: a packet of 215 bytes was cut to 214: capture without a snap length (-s 0)"},
		{"absurd size", func() []byte { b := whole().Bytes(); b[fileHeaderSize+11] = 0x7f; return b }, 0, false, "read capture: damaged: a packet of 2130706646 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			streams, err := Analyse(bytes.NewReader(test.file()))
			if err == nil || err.Error() != test.want || errors.Is(err, ErrTruncated) != test.truncated {
				t.Errorf("error = %v, want %s", err, test.want)
			}
			if len(streams) != test.streams {
				t.Errorf("%d streams, want %d", len(streams), test.streams)
			}
		})
	}
}

// Jitter of packets that come by turns 4 ms early and 4 ms late tends to 8 ms.
func TestJitter(t *testing.T) {
	t.Parallel()
	f := newCapture(binary.LittleEndian, true, linkEthernet)
	s := &sender{from: callerAddr, to: agentAddr, ssrc: 1, timestamp: 0xfffffff0}
	for n := range 500 {
		off := 4 * time.Millisecond * time.Duration(1-2*(n%2))
		f.udp(start.Add(time.Duration(n)*20*time.Millisecond+off), s.from, s.to, s.packet(false, 160))
	}
	streams, err := Analyse(f)
	if err != nil || len(streams) != 1 {
		t.Fatalf("%v, %v", streams, err)
	}
	if j := streams[0].Jitter; (j - 8*time.Millisecond).Abs() > 100*time.Microsecond {
		t.Errorf("jitter = %v, want 8ms", j)
	}
}

// The level of a payload is that of its samples.
func TestLevelOf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec := rapid.SampledFrom([]g711.Codec{g711.PCMU, g711.PCMA}).Draw(t, "codec")
		payload := rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(t, "payload")
		samples := make([]int16, len(payload))
		codec.Decode(samples, payload)
		sum := 0.0
		for _, s := range samples {
			sum += float64(s) * float64(s)
		}
		want := 20 * math.Log10(math.Sqrt(sum/float64(len(samples)))/32768)
		if got := float64(levelOf(codec, payload)); sum > 0 && math.Abs(got-want) > 1e-6 {
			t.Fatalf("level = %v, want %v", got, want)
		}
	})
}

func FuzzAnalyse(f *testing.F) {
	captured, err := os.ReadFile("testdata/loopback.pcap")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(captured[:4096])
	for _, link := range []uint32{linkNull, linkEthernet, linkRaw, linkSLL, linkSLL2} {
		c := newCapture(binary.BigEndian, link%2 == 0, link)
		caller, agent := pair()
		talk(c, 12, caller, agent, between(2, 5), between(6, 9))
		f.Add(c.Bytes())
	}
	f.Add([]byte{0x0a, 0x0d, 0x0d, 0x0a})
	f.Fuzz(func(t *testing.T, file []byte) {
		streams, err := Analyse(bytes.NewReader(file))
		if err != nil && !errors.Is(err, ErrTruncated) && streams != nil {
			t.Error("streams with an error")
		}
		for _, s := range streams {
			if s.Packets < 2 || s.Lost < 0 || s.Reordered < 0 || s.Reordered >= s.Packets {
				t.Errorf("stream %+v", s)
			}
		}
		for _, c := range Calls(streams, isAgent) {
			Responses(c.Caller, c.Agent)
		}
	})
}

func BenchmarkAnalyse(b *testing.B) {
	f := newCapture(binary.LittleEndian, false, linkEthernet)
	caller, agent := pair()
	talk(f, 5000, caller, agent, func(n int) bool { return n%200 < 50 }, func(n int) bool { return n%200 >= 100 })
	b.SetBytes(int64(f.Len()))
	for b.Loop() {
		if _, err := Analyse(bytes.NewReader(f.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10000, "ns/packet")
}
