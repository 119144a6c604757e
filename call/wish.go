package call

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance/optout"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
	"trunkline/storage"
)

// Wish is that of a person not to be called (47 CFR 64.1200(a)(10)).
type Wish struct {
	Call     uuid.UUID
	Number   privacy.Number // the person's
	Campaign string         // of a call that we placed; may be empty, as the seller
	Seller   string
	Class    optout.Class
	Key      bool          // it was a key, not words
	Words    privacy.Words // those, or the key
	At       time.Time
}

// wishKind is the kind of a recorded event that is not the turn machine's: the
// wish was found, Reason says of which class, and Fault why it could not be
// stored, if so.
const wishKind turn.EventKind = "opt_out"

// wishBound bounds the storing of a wish; the person waits for the answer.
const wishBound = 5 * time.Second

// wishGap is how long after some words others may still complete a wish.
const wishGap = 3 * time.Second

// wishes finds a person's wish not to be called in what they say and press,
// whatever the agent's model thinks of it. It belongs to the conversation's
// loop, and after the conversation to the call.
type wishes struct {
	call     *call
	language string
	words    string        // of the latest talkspurt that is over
	at       time.Duration // when that was, from the answer
	begun    string        // of a talkspurt whose last words have not come
	found    bool          // one that ends in suppression
	doubted  bool          // an ambiguous one
}

// step takes an event of the conversation.
func (w *wishes) step(e turn.Event) {
	switch e.Kind {
	case turn.LanguageChanged:
		w.language = e.Language
	case turn.Partial:
		w.begun = e.Text
	case turn.Final:
		w.begun = ""
		before := ""
		if e.At-w.at <= wishGap {
			before = w.words
		}
		w.words, w.at = e.Text, e.At
		w.look(before, e.Text)
	case turn.KeyPressed:
		if w.call.out != nil && e.Text == w.call.m.cfg.OptOutKey {
			w.tell(optout.Finding{Class: optout.OptOut, Words: e.Text}, true)
		}
	}
}

// end takes what was begun when the person hung up: many do right after such
// words.
func (w *wishes) end() { w.look("", w.begun) }

// look searches the words alone, and with those before them.
func (w *wishes) look(before, text string) {
	f := optout.Find(w.language, text)
	if f.Class == optout.None && before != "" {
		f = optout.Find(w.language, before+" "+text)
	}
	// "Stop" alone is such a wish only where the opening offered it.
	if f.Class == optout.None || f.Alone && w.call.out == nil {
		return
	}
	w.tell(f, false)
}

// tell has a wish stored, once.
func (w *wishes) tell(f optout.Finding, key bool) {
	doubt := f.Class == optout.Ambiguous
	if w.found || doubt && w.doubted {
		return
	}
	w.found, w.doubted = w.found || !doubt, true
	c := w.call
	wish := Wish{
		Call: c.rec.ID, Number: c.rec.From, Campaign: c.rec.Campaign, Class: f.Class, Key: key, Words: privacy.Words(f.Words), At: time.Now(),
	}
	if c.out != nil {
		wish.Number, wish.Seller = c.rec.To, c.out.order.Seller
	}
	c.work.Go(func() { c.keep(wish) })
}

// keep stores a wish, and only then has the person told.
func (c *call) keep(w Wish) {
	ctx, cancel := context.WithTimeout(context.Background(), wishBound) // the wish outlives the call
	defer cancel()
	err := c.m.cfg.Revoke(ctx, w)
	c.notes.wish(&w, err)
	if err != nil {
		c.log.Error("a wish not to be called could not be stored", slog.String("class", string(w.Class)), slog.Any("error", err))
	} else {
		c.log.Info("the person does not want to be called", slog.String("class", string(w.Class)), slog.Bool("key", w.Key))
	}
	if w.Class == optout.Ambiguous {
		return // a person reads it; nothing is promised
	}
	line := turn.OptedOut
	if err != nil {
		line = turn.OptOutFailed
	}
	c.wished <- granted{line, w.At} // there is one such wish in a call, and room for it
}

// granted is what a person whose wish was found is told, and when it was found.
type granted struct {
	line turn.Line
	at   time.Time
}

// answerWish tells the person that their wish stands, or that it could not be
// stored. A call that we placed then ends; who called us may have more to say.
func (c *call) answerWish(g granted) {
	if c.out == nil {
		c.conv.Announce(g.line)

		return
	}
	first := c.ending == ""
	c.finish(g.line, OptedOut)
	// Some states give the line back within a time, whatever is left to say.
	if within := c.owed.duty.Opening.EndWithin; first && within > 0 {
		c.force.Reset(min(c.longestFarewell(g.line), max(0, within-time.Since(g.at))))
	}
}

// wish notes a wish.
func (n *notes) wish(w *Wish, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := turn.Event{Kind: wishKind, Reason: string(w.Class), Text: string(w.Words)}
	if err != nil {
		e.Fault = err.Error()
	}
	n.event(time.Since(n.offered), StepData{Event: e})
}

// wished tells of the wishes in a finished call.
func wished(events []storage.Event) []string {
	var out []string
	for _, e := range events {
		d, ok := stepData(e)
		if !ok || d.Event.Kind != wishKind {
			continue
		}
		what := map[optout.Class]string{
			optout.OptOut:      "The person asked not to be called again",
			optout.WrongNumber: "The person said that the number is not theirs to call",
			optout.Ambiguous:   "The person may not want such calls, so none is made until somebody has read it",
		}[optout.Class(d.Event.Reason)]
		end := ": that is stored, and nothing is dialed against it."
		if d.Event.Fault != "" {
			end = ", and that could NOT be stored: suppress the number by hand (" + strings.TrimSuffix(d.Event.Fault, ".") + ")."
		}
		out = append(out, what+end)
	}

	return out
}
