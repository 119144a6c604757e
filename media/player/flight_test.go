package player

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"trunkline/media"
)

// carrier is a far side that buffers: what is written reaches it after some
// ticks, it plays one frame per tick, and marks take as long to come back.
type carrier struct {
	media.Leg
	latency int // ticks each way
	ahead   int
	deaf    bool // marks never come back

	now   int
	way   []parcel // to the carrier
	queue []parcel
	back  []parcel // marks on their way home
	heard []int16  // played, silence left out
	drops int
}

// parcel is a frame, a mark or a drop on its way.
type parcel struct {
	due   int
	frame *media.Frame
	mark  *media.Mark
}

func (c *carrier) Ahead() int { return c.ahead }

func (c *carrier) Write(f *media.Frame) bool {
	sent := *f
	c.way = append(c.way, parcel{due: c.now + c.latency, frame: &sent})

	return true
}

func (c *carrier) Mark(m media.Mark) {
	c.way = append(c.way, parcel{due: c.now + c.latency, mark: &m})
}

func (*carrier) Flush() {}

func (c *carrier) Drop() {
	c.drops++
	c.way = append(c.way, parcel{due: c.now + c.latency})
}

func (c *carrier) Marked() (media.Mark, bool) {
	if len(c.back) == 0 || c.back[0].due > c.now {
		return media.Mark{}, false
	}
	m := *c.back[0].mark
	c.back = c.back[1:]

	return m, true
}

// tick plays one frame.
func (c *carrier) tick() {
	c.now++
	for len(c.way) > 0 && c.way[0].due <= c.now {
		p := c.way[0]
		c.way = c.way[1:]
		if p.frame != nil || p.mark != nil {
			c.queue = append(c.queue, p)

			continue
		}
		for _, q := range c.queue { // a clear sends all marks back
			c.comesBack(q.mark)
		}
		c.queue = nil
	}
	if len(c.queue) > 0 && c.queue[0].frame != nil {
		for _, v := range c.queue[0].frame {
			if v != 0 {
				c.heard = append(c.heard, v)
			}
		}
		c.queue = c.queue[1:]
	}
	for len(c.queue) > 0 && c.queue[0].mark != nil {
		c.comesBack(c.queue[0].mark)
		c.queue = c.queue[1:]
	}
}

func (c *carrier) comesBack(m *media.Mark) {
	if m != nil && !c.deaf {
		c.back = append(c.back, parcel{due: c.now + c.latency, mark: m})
	}
}

// counted is audio of which every sample tells its number.
func counted(n int) []int16 {
	audio := make([]int16, n)
	for i := range audio {
		audio[i] = int16(i + 1)
	}

	return audio
}

// buffered is a player with one whole utterance for a leg that buffers.
func buffered(t interface{ Fatal(args ...any) }, audio []int16, notify func(Event)) *Player {
	p := New(Options{Notify: notify})
	seg := p.Add(1, "one two three four five six seven eight nine ten")
	if err := seg.Write(context.Background(), audio, nil); err != nil {
		t.Fatal(err)
	}
	seg.Close()
	p.Seal(1)

	return p
}

// contains reports whether all samples were heard at full level, in order.
func contains(heard, audio []int16) (missing int) {
	at := make(map[int16]bool, len(heard))
	for _, v := range heard {
		at[v] = true
	}
	for _, v := range audio {
		if !at[v] {
			missing++
		}
	}

	return missing
}

func TestALegThatBuffersIsHeardWhole(t *testing.T) {
	t.Parallel()
	for _, deaf := range []bool{false, true} {
		var events []EventKind
		audio := counted(5 * media.SampleRate / 2)
		p := buffered(t, audio, func(e Event) { events = append(events, e.Kind) })
		c := &carrier{latency: 4, ahead: 10, deaf: deaf}
		var f media.Frame
		for range 2 * 125 * 110 { // a deaf carrier's marks are given up one by one
			p.PlayAhead(&f, c)
			c.tick()
			if h := p.Heard(1); h.Complete {
				break
			}
			if int(p.Heard(1).Played) > len(c.heard) {
				t.Fatalf("deaf %v: counts %d samples as heard of %d", deaf, p.Heard(1).Played, len(c.heard))
			}
		}
		if n := contains(c.heard, audio); n > 0 {
			t.Errorf("deaf %v: %d samples are missing", deaf, n)
		}
		p.PlayAhead(&f, c)
		if len(events) != 2 || events[0] != Started || events[1] != Finished {
			t.Errorf("deaf %v: events %v", deaf, events)
		}
	}
}

// Whatever pauses there are, everything is heard in the end; a pause is silent
// one tick and the way to the carrier later; and nothing counts as heard that was not.
func TestPausesOnALegThatBuffers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &carrier{latency: rapid.IntRange(0, 15).Draw(t, "latency"), ahead: rapid.IntRange(3, 25).Draw(t, "ahead")}
		audio := counted(2 * media.SampleRate)
		p := buffered(t, audio, nil)
		var f media.Frame
		tick := func(n int) {
			for range n {
				p.PlayAhead(&f, c)
				c.tick()
				if h := p.Heard(1); int(h.Played) > len(c.heard) {
					t.Fatalf("%d samples count as heard, %d were", h.Played, len(c.heard))
				}
			}
		}
		for range rapid.IntRange(0, 5).Draw(t, "pauses") {
			tick(rapid.IntRange(1, 60).Draw(t, "speech"))
			p.Pause()
			tick(1 + c.latency)
			heard := len(c.heard)
			tick(rapid.IntRange(1, 40).Draw(t, "pause"))
			if len(c.heard) != heard {
				t.Fatalf("%d samples were heard in a pause", len(c.heard)-heard)
			}
			lost := heard - int(p.Heard(1).Played)
			if most := (2*c.latency + markEvery + 3) * media.FrameSamples; lost > most+5*2*most {
				t.Fatalf("%d samples more were heard than count", lost)
			}
			if rapid.Bool().Draw(t, "word") {
				p.ResumeWord()
			} else {
				p.Resume()
			}
		}
		for range 3000 { // a short buffer far away plays slowly
			tick(1)
			if p.Heard(1).Complete {
				break
			}
		}
		if n := contains(c.heard, audio); n > 0 {
			t.Fatalf("%d samples were never heard", n)
		}
		if h := p.Heard(1); !h.Complete || h.Played != media.Samples(len(audio)) {
			t.Fatalf("at the end: %+v", h)
		}
	})
}

// A word that is cut off is at most one word away from where the ledger says.
func TestACutOnALegThatBuffers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &carrier{latency: rapid.IntRange(0, 8).Draw(t, "latency"), ahead: 10}
		audio := counted(10 * 300 * media.SampleRate / 1000) // ten words of 300 ms
		p := buffered(t, audio, nil)
		var f media.Frame
		for range rapid.IntRange(1, 140).Draw(t, "ticks") {
			p.PlayAhead(&f, c)
			c.tick()
		}
		p.Clear()
		h := p.Heard(1)
		for range 20 {
			p.PlayAhead(&f, c)
			c.tick()
		}
		if p.Heard(1).Played != h.Played {
			t.Fatal("marks of a generation that is over were believed")
		}
		if late := len(c.heard) - int(h.Played); late < 0 || late > (2*c.latency+markEvery+3)*media.FrameSamples {
			t.Fatalf("%d samples count as heard, %d were", h.Played, len(c.heard))
		}
	})
}

// What the far side waits for does not wait for a tick.
func TestBetweenTwoTicks(t *testing.T) {
	t.Parallel()
	c := &carrier{ahead: 10}
	p := New(Options{})
	var f media.Frame
	seg := p.Add(1, "one two three")
	tick := func() {
		c.tick()
		p.PlayAhead(&f, c)
	}
	write := func(frames int) {
		if err := seg.Write(t.Context(), counted(frames*media.FrameSamples), nil); err != nil {
			t.Fatal(err)
		}
	}
	sent := func(what string, want int) {
		t.Helper()
		if n := p.flight.sent - p.flight.first; n != uint64(want) {
			t.Errorf("%s: %d frames are in flight, want %d", what, n, want)
		}
	}
	write(2)
	sent("before the first tick", 0)
	tick()
	sent("at the first tick", 2)
	write(1)
	sent("while the far side plays", 2)
	p.Pause()
	if sent("paused", 0); c.drops != 1 {
		t.Errorf("a pause dropped the queue %d times before the next tick", c.drops)
	}
	tick()
	p.Resume()
	sent("resumed", 3)
	p.Clear()
	if sent("cleared", 0); c.drops != 2 {
		t.Errorf("the queue was dropped %d times, want 2", c.drops)
	}
	seg = p.Add(2, "four")
	if err := seg.Write(t.Context(), counted(2*media.FrameSamples+100), nil); err != nil {
		t.Fatal(err)
	}
	sent("without the frame that is not whole", 2)
	p.Clear()
	seg = p.Add(3, "five")
	write(1)
	sent("too little to be worth it", 0)
	seg.Close()
	sent("all that there is", 1)
	p.Clear()
	p.Leave()
	seg = p.Add(4, "six")
	write(9)
	sent("without ticks", 0)
	p.Pause()
	p.Clear()
	if c.drops != 4 {
		t.Errorf("the queue was dropped %d times, want 4", c.drops)
	}
}

func TestPlayAheadAllocatesNothing(t *testing.T) {
	p := buffered(t, counted(4*media.SampleRate), nil)
	leg := &sink{}
	var f media.Frame
	if n := testing.AllocsPerRun(100, func() { p.PlayAhead(&f, leg) }); n > 0 {
		t.Errorf("%v allocations a tick", n)
	}
}

// sink takes everything and plays it at once.
type sink struct {
	media.Leg
	mark media.Mark
	has  bool
}

func (*sink) Ahead() int              { return 10 }
func (*sink) Write(*media.Frame) bool { return true }
func (s *sink) Mark(m media.Mark)     { s.mark, s.has = m, true }
func (*sink) Drop()                   {}
func (*sink) Flush()                  {}

func (s *sink) Marked() (media.Mark, bool) {
	had := s.has
	s.has = false

	return s.mark, had
}
