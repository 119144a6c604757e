package dtmf

import "fmt"

// Mode says by which ways a trunk's keys are taken. The zero value is Auto.
type Mode uint8

// The modes.
const (
	// Auto takes telephone events and INFO; it listens for tones when the
	// session description has no telephone events.
	Auto Mode = iota
	// EventsOnly takes telephone events alone.
	EventsOnly
	// InfoOnly takes INFO alone, for trunks that agree to telephone events
	// and send false ones.
	InfoOnly
	// Always listens for tones also where telephone events were agreed on,
	// for trunks that do not send them; events and INFO are taken too.
	Always
)

// modes are the names in configurations.
var modes = [...]string{Auto: "auto", EventsOnly: "rfc4733", InfoOnly: "info", Always: "inband"}

// ParseMode finds a mode by its name; the empty name is Auto.
func ParseMode(name string) (Mode, error) {
	for m, n := range modes {
		if n == name {
			return Mode(m), nil
		}
	}
	if name == "" {
		return Auto, nil
	}
	return Auto, fmt.Errorf("dtmf: mode %q is not known: want one of %v", name, modes)
}

// String is the mode's name.
func (m Mode) String() string { return modes[min(m, Always)] }

// Sends says by which way our own keys go out. events says whether telephone
// events were agreed on.
func (m Mode) Sends(events bool) Source {
	switch {
	case m == InfoOnly:
		return Info
	case events:
		return Event
	default:
		return InBand
	}
}

// Takes says whether keys from a source count. events says whether telephone
// events were agreed on.
func (m Mode) Takes(s Source, events bool) bool {
	switch m {
	case EventsOnly:
		return s == Event
	case InfoOnly:
		return s == Info
	case Always:
		return true
	default:
		return s != InBand || !events
	}
}
