package line_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/line"
	"trunkline/media/player"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leg is a caller made of frames. It notes the order of the calls.
type leg struct {
	log   *[]string
	in    []media.Kind // of the next frames; Quiet after them
	reads int16
	keys  []media.Digit
	hold  bool
	sent  []media.Frame
}

func (l *leg) note(what string) {
	if l.log != nil {
		*l.log = append(*l.log, what)
	}
}

func (l *leg) Read(f *media.Frame) media.Inbound {
	l.note("read")
	l.reads++
	clear(f[:])
	if len(l.in) == 0 {
		return media.Inbound{}
	}
	in := media.Inbound{Kind: l.in[0]}
	l.in = l.in[1:]
	if in.Kind != media.Quiet {
		f[0] = l.reads
	}
	return in
}

func (l *leg) Write(f *media.Frame) bool {
	l.note("write")
	if l.hold {
		return false
	}
	if cap(l.sent) > len(l.sent) {
		l.sent = append(l.sent, *f)
	}
	return true
}

func (l *leg) Digit() (media.Digit, bool) {
	if len(l.keys) == 0 {
		return media.Digit{}, false
	}
	d := l.keys[0]
	l.keys = l.keys[1:]
	return d, true
}

func (*leg) Stats() media.LegStats { return media.LegStats{} }
func (*leg) Close() error          { return nil }

// party is the VAD, the ear and the tap of a test.
type party struct {
	log    []string
	heard  []heard
	keys   []media.Digit
	taped  [][2]media.Frame
	onHear func()
}

type heard struct {
	First  int16
	Kind   media.Kind
	Voiced bool
}

func (p *party) Voiced(*media.Frame) bool {
	p.log = append(p.log, "vad")
	return true
}

func (p *party) Hear(f *media.Frame, in media.Inbound, voiced bool) {
	p.log = append(p.log, "hear")
	p.heard = append(p.heard, heard{First: f[0], Kind: in.Kind, Voiced: voiced})
	if p.onHear != nil {
		p.onHear()
	}
}

func (p *party) Key(d media.Digit) {
	p.log = append(p.log, "key")
	p.keys = append(p.keys, d)
}

func (p *party) Write(caller, agent *media.Frame) {
	p.log = append(p.log, "tap")
	p.taped = append(p.taped, [2]media.Frame{*caller, *agent})
}

// bundle is a line and all its parts.
type bundle struct {
	*line.Line
	leg    *leg
	party  *party
	player *player.Player
	events []player.Event
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{party: &party{}}
	b.leg = &leg{log: &b.party.log, sent: make([]media.Frame, 0, 100)}
	b.player = player.New(player.Options{Notify: func(e player.Event) {
		b.party.log = append(b.party.log, "notify")
		b.events = append(b.events, e)
	}})
	b.Line = line.New(line.Config{Leg: b.leg, Player: b.player, VAD: b.party, Ear: b.party, Tap: b.party})
	return b
}

// say queues a complete utterance of frames, each full of the same value.
func (b *bundle) say(t *testing.T, utterance, frames int, value int16) {
	t.Helper()
	s := b.player.Add(utterance, "words")
	if err := s.Write(t.Context(), slices.Repeat([]int16{value}, frames*media.FrameSamples), nil); err != nil {
		t.Fatalf("Write: %v", err)
	}
	s.Close()
	b.player.Seal(utterance)
}

func full(value int16) (f media.Frame) {
	for i := range f {
		f[i] = value
	}
	return f
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestOrderOfATick(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leg.in = []media.Kind{media.Received}
	b.leg.keys = []media.Digit{{Key: '5', Duration: 80 * time.Millisecond}, {Key: '#'}}
	b.say(t, 1, 2, 7)
	b.Tick(time.Now())
	equal(t, "order", b.party.log, []string{"read", "vad", "hear", "key", "key", "write", "notify"})
	equal(t, "keys", b.party.keys, []media.Digit{{Key: '5', Duration: 80 * time.Millisecond}, {Key: '#'}})
	equal(t, "sent", b.leg.sent, []media.Frame{full(7)})
	b.party.log = nil
	b.Tick(time.Now())
	equal(t, "order of the next one", b.party.log, []string{"read", "hear", "write", "notify", "tap"})
	equal(t, "taped, a tick later", b.party.taped, [][2]media.Frame{{{1}, full(7)}})
}

func TestEveryKindIsHeard(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leg.in = []media.Kind{media.Quiet, media.Received, media.Concealed, media.Received}
	b.leg.keys = []media.Digit{{Key: '1'}}
	b.say(t, 1, 2, 7)
	for range 5 {
		b.Tick(time.Now())
	}
	equal(t, "heard", b.party.heard, []heard{
		{0, media.Quiet, false},
		{2, media.Received, true},
		{3, media.Concealed, true},
		{4, media.Received, true},
		{0, media.Quiet, false},
	})
	equal(t, "stats", b.Stats(), line.Stats{Quiet: 2, Received: 2, Concealed: 1, Voiced: 3, Keys: 1, Speech: 2, Silence: 3})
}

func TestWhatTheEarDecidesHoldsAtTheSameTick(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(t, 1, 10, 1000)
	b.Tick(time.Now())
	b.party.onHear = b.player.Pause
	b.Tick(time.Now())
	b.Tick(time.Now())
	equal(t, "before", b.leg.sent[0], full(1000))
	if f := b.leg.sent[1]; f[0] >= 1000 || f[media.FrameSamples-1] != 0 {
		t.Errorf("the frame of the tick goes from %d to %d, want a ramp to 0", f[0], f[media.FrameSamples-1])
	}
	equal(t, "after", b.leg.sent[2], media.Frame{})
}

func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.say(t, 1, 2, 7)
		b.leg.hold = true
		for range 3 {
			b.Tick(time.Now())
		}
		equal(t, "events on hold", len(b.events), 0)
		equal(t, "taped on hold", b.party.taped[1], [2]media.Frame{})
		time.Sleep(time.Minute)
		b.leg.hold = false
		b.Tick(time.Now())
		b.Tick(time.Now())
		equal(t, "sent after hold", b.leg.sent, []media.Frame{full(7), full(7)})
		equal(t, "events", b.events, []player.Event{
			{Kind: player.Started, Utterance: 1, At: time.Now()},
			{Kind: player.Finished, Utterance: 1, At: time.Now()},
		})
		equal(t, "stats", b.Stats(), line.Stats{Quiet: 5, Speech: 2, Held: 3})
	})
}

func TestNoTap(t *testing.T) {
	t.Parallel()
	p := &party{}
	l := line.New(line.Config{Leg: &leg{}, Player: player.New(player.Options{}), VAD: p, Ear: p})
	l.Tick(time.Now())
	equal(t, "stats", l.Stats(), line.Stats{Quiet: 1, Silence: 1})
}

// TestThirtyMinutes runs a line on a clock for as long as a call may last.
func TestThirtyMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const ticks = 90_000
		c := clock.New(clock.Options{Shards: 2})
		if err := c.Start(); err != nil {
			t.Fatalf("Start: %v", err)
		}
		defer c.Stop()
		var e ear
		p := player.New(player.Options{})
		l := line.New(line.Config{Leg: &leg{in: []media.Kind{media.Received}}, Player: p, VAD: e, Ear: e})
		remove := c.Add(l)
		s := p.Add(1, "a long story")
		chunk := make([]int16, media.SampleRate) // one second
		for range 30 * 60 {
			if err := s.Write(t.Context(), chunk, nil); err != nil {
				t.Fatalf("Write: %v", err)
			}
		}
		s.Close()
		p.Seal(1)
		time.Sleep(time.Minute)
		remove()
		h := p.Heard(1)
		if h.Played != ticks*media.FrameSamples || !h.Complete {
			t.Errorf("heard %d samples, complete %v, want %d", h.Played, h.Complete, ticks*media.FrameSamples)
		}
		if n := l.Stats().Speech; n != ticks {
			t.Errorf("%d frames with speech, want %d", n, ticks)
		}
		if u := p.Stats(); u.Underruns != 0 {
			t.Errorf("stats %+v, want no underrun", u)
		}
	})
}

// ear is a VAD and an Ear that do nothing.
type ear struct{}

func (ear) Voiced(*media.Frame) bool               { return true }
func (ear) Hear(*media.Frame, media.Inbound, bool) {}
func (ear) Key(media.Digit)                        {}
func (ear) Write(caller, agent *media.Frame)       { agent[0] = caller[0] }

// received is the kinds of n frames in time.
func received(n int) []media.Kind { return slices.Repeat([]media.Kind{media.Received}, n) }

// queue gives p audio to play for d.
func queue(b testing.TB, p *player.Player, d time.Duration) {
	s := p.Add(1, "a long story")
	if err := s.Write(b.Context(), make([]int16, media.SamplesIn(d)), nil); err != nil {
		b.Fatal(err)
	}
}

func TestTickAllocatesNothing(t *testing.T) {
	var e ear
	p := player.New(player.Options{Bound: time.Hour})
	queue(t, p, time.Minute)
	g := &leg{in: received(2000)}
	l := line.New(line.Config{Leg: g, Player: p, VAD: e, Ear: e, Tap: e})
	now := time.Now()
	if got := testing.AllocsPerRun(1000, func() { l.Tick(now) }); got != 0 {
		t.Errorf("a tick allocates %v times, want none", got)
	}
	if n := l.Stats().Speech; n < 1000 {
		t.Errorf("%d frames with speech, want all", n)
	}
}

// mirror is an Echo that notes what it is given.
type mirror struct {
	*party

	far  []int16
	echo bool
}

func (m *mirror) Cancel(near, far *media.Frame, _ media.Kind) bool {
	m.log = append(m.log, "echo")
	m.far = append(m.far, far[media.FrameSamples-1]) // the first ones may be a ramp
	near[0] = -near[0]
	return m.echo
}

func TestEchoGoesFirst(t *testing.T) {
	t.Parallel()
	p := &party{}
	m := &mirror{party: p}
	g := &leg{log: &p.log, in: received(4)}
	pl := player.New(player.Options{})
	l := line.New(line.Config{Leg: g, Player: pl, VAD: p, Ear: p, Echo: m})
	s := pl.Add(1, "words")
	if err := s.Write(t.Context(), slices.Repeat([]int16{7}, 3*media.FrameSamples), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	l.Tick(time.Now())
	equal(t, "order", p.log, []string{"read", "echo", "vad", "hear", "write"})
	g.hold = true
	l.Tick(time.Now())
	g.hold = false
	m.echo = true
	l.Tick(time.Now())
	l.Tick(time.Now())
	equal(t, "what had left", m.far, []int16{0, 7, 0, 7})
	equal(t, "heard", p.heard, []heard{
		{-1, media.Received, true},
		{-2, media.Received, true},
		{-3, media.Received, false},
		{-4, media.Received, false},
	})
}
