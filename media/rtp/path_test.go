package rtp

import (
	"runtime"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/echo"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/tone"
	"trunkline/media/vad"
)

// path is all of a call's media over loopback, which delivers before Write
// returns: the far end's packet, the socket, the jitter buffer, the echo
// canceller, keys, voice activity, tones, the player and the packet back.
type path struct {
	caller, agent *Session
	line          *line.Line
	player        *player.Player
	speech        *player.Segment
	said          []int16
	noise         media.Frame
	now           time.Time
}

// deaf is an ear that does not listen.
type deaf struct{}

func (deaf) Hear(*media.Frame, media.Inbound, bool) {}
func (deaf) Key(media.Digit)                        {}

func newPath(t testing.TB) *path {
	t.Helper()
	p := newAgent(t)
	p.said = make([]int16, media.SampleRate)
	p.caller = open(t)
	apply(t, p.caller, pcmu(p.agent.Local()))
	apply(t, p.agent, pcmu(p.caller.Local()))
	return p
}

// newAgent is our end of a path.
func newAgent(t testing.TB) *path {
	t.Helper()
	p := &path{now: epoch}
	p.agent = openWith(t, Options{now: func() time.Time { return p.now }})
	p.agent.ticked.Store(true) // nobody else shall take packets
	detector, err := vad.New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.noise {
		p.noise[i] = int16(i*7919%64) - 32
	}
	p.player = player.New(player.Options{})
	p.speech = p.player.Add(1, "a long story")
	p.line = line.New(line.Config{
		Leg: p.agent, Player: p.player, VAD: detector, Ear: deaf{}, Echo: echo.New(),
		Keys: dtmf.Auto, Tones: tone.Fax, OnTone: func(tone.Event) {},
	})
	return p
}

// talk gives the agent a second to say.
func (p *path) talk(t testing.TB) {
	t.Helper()
	if err := p.speech.Write(t.Context(), p.said, nil); err != nil {
		t.Fatal(err)
	}
}

func (p *path) tick() {
	p.now = p.now.Add(media.FrameDuration)
	p.caller.Write(&p.noise)
	p.line.Tick(p.now)
}

// Serial: allocations are counted for the whole process.
func TestWholePathAllocatesNothing(t *testing.T) {
	p := newPath(t)
	for range 10 {
		p.talk(t)
	}
	for range 10 {
		p.tick() // the jitter buffer fills
	}
	// Enough ticks that what the runtime allocates for itself meanwhile does not make one a tick.
	if got := testing.AllocsPerRun(400, p.tick); got != 0 {
		t.Errorf("a tick of the whole path allocates %v times, want none", got)
	}
	if s := p.line.Stats(); s.Received < 400 || s.Speech < 410 {
		t.Errorf("stats %+v: want packets in and speech out", s)
	}
	const ticks = 10 + 1 + 400 // AllocsPerRun runs once more to warm up
	in, out := p.agent.Stats(), p.caller.Stats()
	if in.PacketsIn != ticks || in.PacketsOut != ticks || out.PacketsOut != ticks {
		t.Errorf("%d packets in and %d out of %d, want all", in.PacketsIn, in.PacketsOut, out.PacketsOut)
	}
}

// BenchmarkPath is a tick of the whole path with its four system calls: two of
// them are the far end's.
func BenchmarkPath(b *testing.B) {
	p := newPath(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%50 == 0 {
			p.talk(b)
		}
		p.tick()
	}
}

// BenchmarkMemory is what the media of a call keeps, heap and stacks, once it
// has run for a second, without the audio that waits to be said.
func BenchmarkMemory(b *testing.B) {
	const calls = 200
	_, sink := socket(b)
	far := newPeer(b)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		paths := make([]*path, calls)
		for i := range paths {
			p := newAgent(b)
			apply(b, p.agent, pcmu(sink))
			for range 50 {
				p.now = p.now.Add(media.FrameDuration)
				p.agent.in.Lock()
				p.agent.in.datagram(far.talk(1000), sink, p.now)
				p.agent.in.Unlock()
				p.line.Tick(p.now)
			}
			paths[i] = p
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		used := after.HeapAlloc - before.HeapAlloc + after.StackInuse - before.StackInuse
		b.ReportMetric(float64(used)/calls/1024, "KiB/call")
		for _, p := range paths {
			p.agent.Close() // its ports are for the next round
		}
	}
}
