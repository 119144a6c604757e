package tone

import "trunkline/media"

// Kind is what a tone means.
type Kind uint8

// The kinds of tones. The frequencies and cadences are those of North America
// (two tones) and of CEPT (425 Hz, ITU-T E.180).
const (
	Ringback Kind = iota // 440+480 Hz for 2 s, or 425 Hz for 1 s; told after each ring
	Busy                 // 480+620 or 425 Hz, 0.5 s on and off
	Reorder              // 480+620 or 425 Hz, 0.25 s on and off: no line was free
	SIT                  // special information tone: three rising tones, before an announcement
	FaxCNG               // a calling fax: 1100 Hz for 0.5 s (ITU-T T.30); told after each
	FaxCED               // an answering fax or modem: 2100 Hz, told after 0.5 s (ITU-T T.30, V.8)
	Beep                 // one steady tone after speech, such as an answering machine's
	kinds
)

// String names the kind as the records do.
func (k Kind) String() string {
	names := [...]string{"ringback", "busy", "reorder", "sit", "fax_cng", "fax_ced", "beep", "unknown"}
	return names[min(k, kinds)]
}

// Event is a tone that was found.
type Event struct {
	Kind  Kind
	Start media.Samples // of the tone or the series, from the detector's first frame, give or take 20 ms
	End   media.Samples // of what was heard of it
	Hertz float64       // of a single tone; 0 for pairs and series
}

// Set is a choice of kinds.
type Set uint8

// Only makes a Set.
func Only(all ...Kind) Set {
	s := Set(0)
	for _, k := range all {
		s |= 1 << k
	}
	return s
}

// The usual choices.
var (
	Fax      = Only(FaxCNG, FaxCED)          // what an answered call may turn out to be
	Progress = Only(Ringback, Busy, Reorder) // what a call that is being placed hears
	All      = Set(1<<kinds - 1)
)

// Has says whether k was chosen.
func (s Set) Has(k Kind) bool { return s>>k&1 == 1 }
