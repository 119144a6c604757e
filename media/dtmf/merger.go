package dtmf

import (
	"time"

	"trunkline/media"
)

// Source is a way by which a key arrives.
type Source uint8

// The sources of keys.
const (
	Event  Source = iota // an RFC 4733 telephone event
	Info                 // a SIP INFO request
	InBand               // tones in the audio
	sources
)

// String is the source's name.
func (s Source) String() string {
	return [...]string{Event: "telephone event", Info: "INFO", InBand: "tone", sources: "unknown"}[min(s, sources)]
}

const (
	// slack is how far apart two reports of one key press may be: gateways
	// send the event, the audio waits in the jitter buffer, an INFO is sent
	// again after 500 ms.
	slack = 700 * time.Millisecond

	// remembered is how many key presses are compared: more than anybody
	// presses within slack.
	remembered = 16
)

// Merger counts a key press once that arrives by several ways, as from
// gateways that send events and leave the tone in the audio. Two presses of
// one key by one way are two. The zero value is ready.
type Merger struct {
	known [remembered]known
	next  int
}

// known is a key press that was counted.
type known struct {
	key        byte
	began, end time.Time
	by         [sources]bool // the ways by which it was reported
}

// Take takes a key press that ended, or became known, at now; it reports
// whether it is a new one.
func (m *Merger) Take(d media.Digit, by Source, now time.Time) bool {
	began := now.Add(-d.Duration)
	for i := range remembered { // oldest first
		k := &m.known[(m.next+i)%remembered]
		if k.key != d.Key || k.by[by] || began.After(k.end.Add(slack)) || k.began.After(now.Add(slack)) {
			continue
		}
		k.by[by] = true
		return false
	}
	k := known{key: d.Key, began: began, end: now}
	k.by[by] = true
	m.known[m.next] = k
	m.next = (m.next + 1) % remembered
	return true
}
