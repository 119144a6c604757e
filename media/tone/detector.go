package tone

import "trunkline/media"

// Detector finds tones. New makes one.
type Detector struct {
	want    Set
	frames  int
	pairs   pairs
	cadence cadence
	singles singles
}

// New makes a Detector of the kinds in want. Those of Progress and Beep cost
// extra: pairs of tones are looked for only with one of them.
func New(want Set) *Detector { return &Detector{want: want} }

// Step takes the next 20 ms, and what the voice activity detector says of
// them, which matters to Beep alone. It reports a tone that was found: one at
// most per frame.
func (d *Detector) Step(f *media.Frame, voiced bool) (Event, bool) {
	n := d.frames
	d.frames++
	s := listen(f)
	p := none
	if d.want&(Progress|Only(Beep)) != 0 {
		p = d.pairs.step(f, &s)
	}
	e, ok := d.singles.step(&s, voiced && p == none, n)
	if d.want&Progress != 0 {
		if p == none && ceptTone.holds(s.hertz) {
			p = single
		}
		if k, start, found := d.cadence.step(p, n); found {
			e, ok = Event{Kind: k, Start: at(start), End: at(n - settle + 1)}, true
		}
	}
	return e, ok && d.want.Has(e.Kind)
}
