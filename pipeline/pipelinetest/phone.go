package pipelinetest

import (
	"time"

	"trunkline/media"
)

// Phone is the caller's end: a leg, and the VAD that knows when it is loud.
type Phone struct {
	Loud   bool          // the caller speaks
	Lossy  bool          // the frames of speech are concealed
	Held   time.Duration // by the jitter buffer
	OnHold bool          // the caller hears nothing
	Keys   []media.Digit // to be pressed
	Sent   []media.Frame // to the caller
	SentAt []time.Time   // each of Sent
}

var (
	voice = sounding(func(i int) int16 { return int16(12000 - i%40*600) }) // of 200 Hz
	room  = sounding(func(int) int16 { return 8 })                         // nobody speaks
)

func sounding(sample func(i int) int16) (f media.Frame) {
	for i := range f {
		f[i] = sample(i)
	}

	return f
}

// Read implements media.Leg.
func (p *Phone) Read(f *media.Frame) media.Inbound {
	*f = room
	if p.Loud {
		*f = voice
	}
	if p.Loud && p.Lossy {
		return media.Inbound{Kind: media.Concealed}
	}

	return media.Inbound{Kind: media.Received, Arrived: time.Now().Add(-p.Held)}
}

// Write implements media.Leg.
func (p *Phone) Write(f *media.Frame) bool {
	if p.OnHold {
		return false
	}
	p.Sent, p.SentAt = append(p.Sent, *f), append(p.SentAt, time.Now())

	return true
}

// Silent says whether the caller hears nothing.
func (p *Phone) Silent() bool { return len(p.Sent) == 0 || Silent(&p.Sent[len(p.Sent)-1]) }

// Silent says whether nothing is heard in a frame.
func Silent(f *media.Frame) bool { return *f == media.Frame{} }

// Digit implements media.Leg.
func (p *Phone) Digit() (media.Digit, bool) {
	if len(p.Keys) == 0 {
		return media.Digit{}, false
	}
	d := p.Keys[0]
	p.Keys = p.Keys[1:]

	return d, true
}

// Voiced implements the line's VAD.
func (*Phone) Voiced(f *media.Frame) bool { return f[0] > 1000 }

// Stats implements media.Leg.
func (*Phone) Stats() media.LegStats { return media.LegStats{} }

// Close implements media.Leg.
func (*Phone) Close() error { return nil }
