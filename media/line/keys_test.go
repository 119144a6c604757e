package line_test

import (
	"math"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/tone"
)

// phone is a caller who presses keys. It may agree to telephone events.
type phone struct {
	leg

	events  bool
	pressed bool
	sound   dtmf.Generator
}

func (p *phone) Keying() (events, pressed bool) { return p.events, p.pressed }

func (p *phone) Read(f *media.Frame) media.Inbound {
	clear(f[:])
	p.sound.Next(f)
	return media.Inbound{Kind: media.Received}
}

// press makes the tone of a key of 100 ms.
func (p *phone) press(t *testing.T, key byte) {
	t.Helper()
	if err := p.sound.Press(key, 100*time.Millisecond, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

// keyer is an ear that hears loudness and keys.
type keyer struct {
	keys   string
	loud   int // frames with a sound
	voiced int
	taped  int // frames with a sound
}

func audible(f *media.Frame) int {
	for _, s := range f {
		if s > 100 || s < -100 {
			return 1
		}
	}
	return 0
}

func (k *keyer) Voiced(*media.Frame) bool { return true }
func (k *keyer) Hear(f *media.Frame, _ media.Inbound, voiced bool) {
	k.loud += audible(f)
	if voiced && audible(f) > 0 {
		k.voiced++
	}
}
func (k *keyer) Key(d media.Digit)            { k.keys += string(d.Key) }
func (k *keyer) Write(caller, _ *media.Frame) { k.taped += audible(caller) }

func TestKeysByEveryWay(t *testing.T) {
	t.Parallel()
	five := media.Digit{Key: '5', Duration: 100 * time.Millisecond}
	for _, tt := range []struct {
		name               string
		mode               dtmf.Mode
		agreed             bool
		event, info, tones bool // how the key comes
		want               string
		hears              int // frames of the tone that the ear may get
	}{
		{"auto: event", dtmf.Auto, true, true, false, false, "5", 0},
		{"auto: info", dtmf.Auto, true, false, true, false, "5", 0},
		{"auto: tone, no events agreed", dtmf.Auto, false, false, false, true, "5", 0},
		{"auto: tone, events agreed", dtmf.Auto, true, false, false, true, "", 6},
		{"auto: event and tone", dtmf.Auto, true, true, false, true, "5", 0},
		{"auto: info and tone", dtmf.Auto, false, false, true, true, "5", 0},
		{"events only: info", dtmf.EventsOnly, true, false, true, false, "", 0},
		{"events only: all", dtmf.EventsOnly, true, true, true, true, "5", 0},
		{"info only: event", dtmf.InfoOnly, true, true, false, false, "", 0},
		{"info only: all", dtmf.InfoOnly, true, true, true, false, "5", 0},
		{"always: tone", dtmf.Always, true, false, false, true, "5", 0},
		{"always: all", dtmf.Always, true, true, true, true, "5", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, k := &phone{events: tt.agreed}, &keyer{}
			told := make(chan media.Digit, 1)
			l := line.New(line.Config{
				Leg: p, Player: player.New(player.Options{}), VAD: k, Ear: k, Tap: k,
				Keys: tt.mode, Told: told,
			})
			now := time.Now()
			for n := range 25 {
				switch {
				case n == 3 && tt.tones:
					p.press(t, '5')
				case n == 7 && tt.info:
					told <- five
				case n == 9 && tt.event:
					p.keys = append(p.keys, five)
				}
				p.pressed = tt.event && n >= 3 && n < 8
				l.Tick(now)
				now = now.Add(media.FrameDuration)
			}
			if k.keys != tt.want {
				t.Errorf("keys %q, want %q", k.keys, tt.want)
			}
			if k.loud > tt.hears || k.voiced > tt.hears {
				t.Errorf("the ear heard %d frames of the tone, %d of them as speech, want %d at most", k.loud, k.voiced, tt.hears)
			}
			if k.taped != 0 {
				t.Errorf("the tap got %d frames of the tone", k.taped)
			}
			if got := l.Stats(); got.Keys != uint64(len(tt.want)) || (got.Withheld > 0) != (tt.hears == 0 && (tt.tones || tt.event && tt.mode != dtmf.InfoOnly)) {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

func TestTones(t *testing.T) {
	t.Parallel()
	p, k := &fax{}, &keyer{}
	var got []tone.Event
	l := line.New(line.Config{
		Leg: p, Player: player.New(player.Options{}), VAD: k, Ear: k,
		Tones: tone.Fax, OnTone: func(e tone.Event) { got = append(got, e) },
	})
	for range 100 {
		l.Tick(time.Now())
	}
	if len(got) != 1 || got[0].Kind != tone.FaxCED {
		t.Errorf("told %+v, want one fax_ced", got)
	}
}

// fax answers with 2100 Hz.
type fax struct {
	leg

	n int
}

func (p *fax) Read(f *media.Frame) media.Inbound {
	for i := range f {
		f[i] = int16(5000 * math.Sin(2*math.Pi*2100*float64(p.n*media.FrameSamples+i)/media.SampleRate))
	}
	p.n++
	return media.Inbound{Kind: media.Received}
}

func TestTickWithKeysAllocatesNothing(t *testing.T) {
	p, k := &phone{}, ear{}
	l := line.New(line.Config{
		Leg: p, Player: player.New(player.Options{}), VAD: k, Ear: k,
		Keys: dtmf.Always, Told: make(chan media.Digit), Tones: tone.All, OnTone: func(tone.Event) {},
	})
	now := time.Now()
	n := 0
	got := testing.AllocsPerRun(1000, func() {
		if n++; n%10 == 0 {
			_ = p.sound.Press('5', 0, 0) // it is a key
		}
		l.Tick(now)
	})
	if got != 0 {
		t.Errorf("a tick allocates %v times, want none", got)
	}
}

// listening is a far end that keeps what the agent sends.
type listening struct {
	leg

	heard []int16
}

func (p *listening) Write(f *media.Frame) bool {
	p.heard = append(p.heard, f[:]...)
	return true
}

// TestPress sends keys while the agent speaks: the keys arrive, and no word is
// lost for them.
func TestPress(t *testing.T) {
	t.Parallel()
	p, k := &listening{}, &keyer{}
	pl := player.New(player.Options{})
	words := make([]int16, 50*media.FrameSamples)
	for i := range words {
		words[i] = int16(1 + i%50)
	}
	said := pl.Add(1, "so many words")
	if err := said.Write(t.Context(), words, nil); err != nil {
		t.Fatal(err)
	}
	said.Close()
	pl.Seal(1)
	l := line.New(line.Config{Leg: p, Player: pl, VAD: k, Ear: k})
	for n := range 120 {
		if n == 10 {
			if err := l.Press("4071#", 100*time.Millisecond, 60*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		l.Tick(time.Now())
	}
	var d dtmf.Detector
	var keys string
	spoken := 0
	for x := p.heard; len(x) > 0; x = x[media.FrameSamples:] {
		f := (*media.Frame)(x)
		if h := d.Step(f); h.Released.Key != 0 {
			keys += string(h.Released.Key)
		}
		if f[0] > 0 && f[0] <= 50 && f[1] == f[0]%50+1 {
			spoken++
		}
	}
	if keys != "4071#" || spoken != 50 {
		t.Errorf("heard the keys %q and %d frames of speech, want 4071# and 50", keys, spoken)
	}
	if err := l.Press("1x", 0, 0); err == nil {
		t.Error("what is no key was taken")
	}
}
