package ledger

import "time"

// Stage is one point on the way from the caller's last word to the agent's
// first.
type Stage uint8

// The stages, in the order in which a plain turn passes them. Final may come
// before Endpoint. Filler comes only in turns that have one, and Written at any
// time after Token.
const (
	Speech   Stage = iota // the last packet with the caller's speech arrived
	Endpoint              // the turn was judged to be over
	Final                 // the final transcript came
	Token                 // the model wrote its first token
	Sentence              // the first sentence was complete
	Sample                // the first sample of it was synthesised
	Packet                // the first packet of the answer was sent
	Filler                // the first packet of a filler was sent
	Written               // the model has written all of the answer
	stages
)

// A Ledger holds one turn's stamps. The zero value has none. It is a value:
// copy it to keep it.
type Ledger struct {
	stamps [stages]time.Time
}

// Stamp notes when a stage was passed. The first stamp of a stage stands,
// except of Speech, where the last one does.
func (l *Ledger) Stamp(s Stage, at time.Time) {
	if s < stages && (s == Speech || l.stamps[s].IsZero()) {
		l.stamps[s] = at
	}
}

// Adopt notes that a reply was begun before the turn was judged to be over:
// what was made by then had been made at that moment, and took no time of the
// caller's.
func (l *Ledger) Adopt() {
	for s := Token; s < Packet; s++ {
		if at := l.stamps[s]; !at.IsZero() && at.Before(l.stamps[Endpoint]) {
			l.stamps[s] = l.stamps[Endpoint]
		}
	}
}

// At is when a stage was passed; zero when it was not.
func (l *Ledger) At(s Stage) time.Time {
	if s >= stages {
		return time.Time{}
	}
	return l.stamps[s]
}

// Total is the turn's latency: from the last speech packet in to the first
// packet of the answer out. It is false when either is missing.
func (l *Ledger) Total() (time.Duration, bool) {
	return l.between(Speech, Packet)
}

func (l *Ledger) between(a, b Stage) (time.Duration, bool) {
	if l.stamps[a].IsZero() || l.stamps[b].IsZero() {
		return 0, false
	}
	return l.stamps[b].Sub(l.stamps[a]), true
}

// Latency is a ledger for the records, in milliseconds. Each stage is the time
// since the stage before it; the stages of a whole turn add up to its total.
// A stage that was not passed is absent.
type Latency struct {
	Endpoint *float64 `json:"endpoint,omitempty"` // last speech packet in → turn judged to be over and its final words there
	Token    *float64 `json:"token,omitempty"`    // → first token
	Sentence *float64 `json:"sentence,omitempty"` // → first sentence
	Sample   *float64 `json:"sample,omitempty"`   // → first synthesised sample
	Packet   *float64 `json:"packet,omitempty"`   // → first packet of the answer out
	Total    *float64 `json:"total,omitempty"`    // last speech packet in → first packet of the answer out

	Final  *float64 `json:"final,omitempty"`  // last speech packet in → final transcript; a part of Endpoint
	Filler *float64 `json:"filler,omitempty"` // last speech packet in → first packet of a filler out
}

// Latency is the ledger as stage durations.
func (l *Ledger) Latency() Latency {
	return Latency{
		Endpoint: l.ms(Speech, Endpoint),
		Token:    l.ms(Endpoint, Token),
		Sentence: l.ms(Token, Sentence),
		Sample:   l.ms(Sentence, Sample),
		Packet:   l.ms(Sample, Packet),
		Total:    l.ms(Speech, Packet),
		Final:    l.ms(Speech, Final),
		Filler:   l.ms(Speech, Filler),
	}
}

func (l *Ledger) ms(a, b Stage) *float64 {
	d, ok := l.between(a, b)
	if !ok {
		return nil
	}
	v := float64(d.Microseconds()) / 1000
	return &v
}
