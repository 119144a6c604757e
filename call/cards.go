package call

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trunkline/compliance/redact"
	"trunkline/media"
	"trunkline/media/record"
)

// CardPolicy is what becomes of a recording in which a caller says a card
// number.
type CardPolicy string

// The policies.
const (
	// SilenceCards erases the stretch in which it was said, of both channels; the
	// whole recording, where it is not known which one it is.
	SilenceCards CardPolicy = "silence"
	DestroyCards CardPolicy = "destroy" // the whole recording
	KeepCards    CardPolicy = "keep"    // nothing but a note: somebody else takes care of it
)

// cardMargin is how much more is erased before and after the talkspurts that
// the number was in: onsets are found late, and ends early.
const cardMargin = time.Second

// saying is a turn of somebody's, and where it stands in the recording.
type saying struct {
	redact.Turn

	at record.Stretch
}

// turns are the words of some turns.
func turns(all []saying) []redact.Turn {
	out := make([]redact.Turn, len(all))
	for i := range all {
		out[i] = all[i].Turn
	}

	return out
}

// position is where the recording is now; where it will be, if it begins later.
func (n *notes) position() media.Samples {
	if t := n.tap.Load(); t != nil {
		return t.position()
	}

	return 0
}

// positionAt is where the recording was at an instant of a moment ago.
func (n *notes) positionAt(t time.Time) media.Samples {
	return max(n.position()-media.SamplesIn(time.Since(t)), 0)
}

// heldCards takes the stretches in which cards were found, for who cares. The
// notes' lock is not held.
func (n *notes) heldCards() {
	n.mu.Lock()
	found, open := n.keep.found, n.keep.suspect
	n.keep.found = nil
	n.mu.Unlock()
	if n.cards == nil || !n.recorded.Load() {
		return
	}
	if len(found) > 0 {
		n.cards(found)
	}
	if open != n.suspected {
		n.suspected = open
		n.mayHold(open)
	}
}

// holdsCard sees to it that what a card number was said in does not stay in the
// recording. It is called on the conversation's goroutine.
func (c *call) holdsCard(found []record.Stretch) {
	r := c.recorder.Load()
	if r == nil {
		return
	}
	const said = "a card number was said"
	var what string
	var err error
	switch c.m.cfg.Cards {
	case KeepCards:
		c.notes.recording("holds a number that may not be kept: the caller has said it")

		return
	case DestroyCards:
		what, err = "will be destroyed: "+said, c.m.cfg.Recordings.Destroy(r, said)
	default:
		margin := media.SamplesIn(cardMargin)
		for i := range found {
			found[i].From, found[i].To = max(found[i].From-margin, 0), found[i].To+margin
			what += fmt.Sprintf("%s to %s, ", seconds(found[i].From.Duration()), seconds(found[i].To.Duration()))
		}
		what, err = what+"will be silenced: "+said, c.m.cfg.Recordings.Silence(r, found...)
		if err != nil {
			what, err = "will be destroyed: "+said, errors.Join(err, c.m.cfg.Recordings.Destroy(r, said))
		}
	}
	if err != nil {
		c.log.Error("a card number may stay in the recording", slog.Any("error", err))
		what = "holds a number that may not be kept: the caller has said it, and it cannot be erased: " + err.Error()
	}
	if c.carrier != nil {
		what += "; the carrier's own recording holds it still"
	}
	c.notes.recording(what)
}

// mayHold has what a card number may be in erased if this process dies before
// that is known. from is below 0 when it is none after all.
func (c *call) mayHold(from media.Samples) {
	r := c.recorder.Load()
	if r == nil || c.m.cfg.Cards == KeepCards {
		return
	}
	if from >= 0 {
		from = max(from-media.SamplesIn(cardMargin), 0)
	}
	if err := c.m.cfg.Recordings.Suspect(r, from); err != nil {
		c.log.Warn("a crash now would leave the beginning of a number in the recording", slog.Any("error", err))
	}
}
