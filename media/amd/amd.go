package amd

import (
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/media/tone"
)

// Class is who or what answered.
type Class uint8

// The classes. Unknown is to be treated as Human.
const (
	Unknown Class = iota
	Human
	Machine   // takes messages
	Screening // asks who calls and why, and may let a person hear it
	Menu      // reads choices out
	Fax
)

// String names the class as the records do.
func (c Class) String() string {
	return [...]string{"unknown", "human", "machine", "screening", "menu", "fax"}[min(c, Fax)]
}

// Kind is what a Detector tells.
type Kind uint8

// The kinds of an Event.
const (
	// Decided says what answered. It comes once, and again at most once when
	// what seemed a person turns out to be something else. Words of a person that
	// follow a carrier's verdict decide once more.
	Decided Kind = iota + 1
	// Silent says that the callee is silent: the agent may speak. It comes
	// once, Settle after the greeting or NoSpeech after the answer, and again
	// after words that overrule a carrier.
	Silent
	// Ready says that a machine takes its message now. It comes once.
	Ready
)

// Event is what a Detector tells. Times count from the answer.
type Event struct {
	Kind  Kind
	Class Class
	At    time.Duration
	// Greeted is when the greeting ended, in a Silent; 0: there was none.
	Greeted time.Duration
	// Why is the ground of a Decided, for the records.
	Why string
}

// Detector tells who or what answered one call. New makes one.
type Detector struct {
	p     Params
	now   time.Duration
	out   []Event
	class Class

	decided, revised, silent, ready, beeped bool

	human  bool // words of a person were heard
	theirs bool // the class is the carrier's

	talking bool
	began   time.Duration // the greeting's start
	spoke   time.Duration // the end of the latest speech; 0: none was heard
}

// New makes a Detector whose answer is now. p was validated.
func New(p Params) *Detector { return &Detector{p: p.WithDefaults()} }

// Class is what is known so far.
func (d *Detector) Class() Class { return d.class }

// Done says that nothing more will be told.
func (d *Detector) Done() bool {
	return d.silent && d.decided && (d.class == Machine && d.ready || d.class != Machine && d.now > d.p.Watch)
}

// Frame takes the next 20 ms of the callee's audio: whether a talkspurt runs,
// and for how long its speaker has been quiet. It returns what follows, nil as
// a rule.
func (d *Detector) Frame(talking bool, quiet time.Duration) []Event {
	d.out = nil
	d.now += media.FrameDuration
	d.talking = talking
	if talking {
		d.spoke = max(d.now-quiet, media.FrameDuration)
		if d.began == 0 {
			d.began = d.spoke
		}
	}
	d.judge()

	return d.out
}

// Words takes what a recogniser heard of the callee: all words of one
// talkspurt so far.
func (d *Detector) Words(text string) []Event {
	d.out = nil
	class, phrase := classOf(text)
	d.human = d.human || class == Human
	if class == Human && d.theirs && !d.ready {
		d.theirs, d.decided, d.silent = false, false, false
	}
	if class != Unknown {
		d.decide(class, fmt.Sprintf("%q was said", phrase))
	}

	return d.out
}

// Tone takes a tone in the callee's audio.
func (d *Detector) Tone(k tone.Kind) []Event {
	d.out = nil
	switch k {
	case tone.FaxCED, tone.FaxCNG:
		d.decide(Fax, k.String())
	case tone.Beep:
		d.beeped = true
		d.decide(Machine, "a beep after speech")
		d.judge()
	default:
	}

	return d.out
}

// Carrier takes the verdict of the carrier's own detection. Machine and Fax
// count, unless words of a person were heard; another class tells nothing.
func (d *Detector) Carrier(c Class) []Event {
	d.out = nil
	if (c == Machine || c == Fax) && !d.human {
		before := d.class
		d.decide(c, "the carrier says so")
		d.theirs = d.class != before
		d.judge()
	}

	return d.out
}

// judge looks at how long the callee has spoken and been silent.
func (d *Detector) judge() {
	greeting, pause := d.spoke-d.began, d.now-d.spoke
	over := d.spoke == 0 && d.now >= d.p.NoSpeech || d.spoke != 0 && pause >= d.p.Settle
	if !d.decided {
		d.judgeLength(greeting, over)
	}
	if over && !d.silent {
		d.silent = true
		d.tell(Event{Kind: Silent, Greeted: d.spoke})
	}
	if d.class == Machine && !d.ready && (d.beeped || d.spoke != 0 && pause >= d.p.Quiet || d.now >= d.p.Wait) {
		d.ready = true
		d.tell(Event{Kind: Ready})
	}
}

// judgeLength decides by the length of the greeting so far.
func (d *Detector) judgeLength(greeting time.Duration, over bool) {
	switch {
	case greeting >= d.p.Long:
		d.decide(Machine, "a long greeting")
	case !over:
	case d.spoke == 0:
		d.decide(Unknown, "nothing was said")
	case greeting <= d.p.Short:
		d.decide(Human, "a short greeting")
	default:
		d.decide(Unknown, "neither a short nor a long greeting")
	}
}

// decide fixes the class. What seemed a person may turn out to be something
// else by a surer sign: a beep, a fax's tone or words, within Watch.
func (d *Detector) decide(c Class, why string) {
	person := d.class == Unknown || d.class == Human
	switch {
	case !d.decided:
	case c == d.class || c == Unknown || c == Human || d.revised || !person || d.now > d.p.Watch:
		return
	default:
		d.revised = true
	}
	d.decided, d.class = true, c
	d.tell(Event{Kind: Decided, Why: why})
}

func (d *Detector) tell(e Event) {
	e.At, e.Class = d.now, d.class
	d.out = append(d.out, e)
}
