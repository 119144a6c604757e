package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/pipeline/endpoint"
	"trunkline/pipeline/endpoint/corpus"
	"trunkline/pipeline/tts/flite"
)

// endpointSeed is the rendering of the turns that is measured.
const endpointSeed = 1

// A turn is not taken before its last words are there: so long after the last
// voice, when the recogniser gives them as late as declared.
var wordsThere = vad.FastGate().Hangover + finalAfter

// silence is one silence of a turn, and what is known when it comes.
type silence struct {
	text    string // by the recogniser, or what was said
	lasts   time.Duration
	late    time.Duration
	prosody endpoint.Prosody
}

// spokenTurn is one turn of the set, as it was heard.
type spokenTurn struct {
	caller   int
	asked    endpoint.Asked
	silences []silence
}

// endpoints measures how well the end of a turn is told from a pause.
func (b *bench) endpoints(ctx context.Context) error {
	set, err := corpus.Make(endpointSeed, flite.Voices()...)
	if err != nil {
		return err
	}
	said, again, heard, err := b.hearSet(ctx, set)
	if errors.Is(err, flite.ErrNotBuilt) || errors.Is(err, sphinx.ErrNotBuilt) {
		return fmt.Errorf("%w: %w", errSkipped, err)
	}
	if err != nil {
		return err
	}
	pauses, paused := 0, 0
	for _, t := range said {
		pauses += len(t.silences) - 1
		if len(t.silences) > 1 {
			paused++
		}
	}
	fmt.Fprintf(b.Out, "\n%d turns for testing, of callers with pauses of their own; %d of them pause, %d times, for 0.2 to 2 s. Cut off: turns that are\n"+
		"taken before their end. Dead air: from the end of the speech to the turn being taken, not before %v, when the recogniser's\n"+
		"last words are there (%v after the gate's hangover of %v). Silence alone waits equally long after all words, and for the last words, too.\n"+
		"The offline recogniser (general and domain, which knows the lines for training) heard the first %d turns. Target: 500 ms at 5 %% cut off.\n",
		len(said), paused, pauses, wordsThere, finalAfter, vad.FastGate().Hangover, len(heard))
	texts := []transcribed{
		{"what was said", said}, {fmt.Sprintf("what was said, %d turns", len(again)), again}, {fmt.Sprintf("recogniser, %d turns", len(heard)), heard},
	}
	b.compareEndpoints(texts)
	b.defaultEndpoint(texts)

	return nil
}

// transcribed are turns with the words from somewhere.
type transcribed struct {
	from  string
	turns []spokenTurn
}

// recognised is how many callers the offline recogniser hears: it takes about
// a fifth of their time.
const recognised = 8

// hearSet renders the turns for testing and hears them with the words that
// were said; those of the first callers, again, with those that the offline
// recogniser understands.
func (b *bench) hearSet(ctx context.Context, set *corpus.Set) (said, again, heard []spokenTurn, err error) {
	var phrases []string
	for i := range set.Turns {
		if t := &set.Turns[i]; !t.Test {
			phrases = append(phrases, t.Text())
		}
	}
	r, err := sphinx.New(ctx, sphinx.Config{Cache: b.dir, Mode: sphinx.GeneralAndDomain, Phrases: phrases, Pool: listeners})
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	callers := set.Testers()
	callers = callers[:min(len(callers), pick(b, len(callers), listeners))]
	b.progressf("endpoint: %d callers", len(callers))
	var work sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next := make(chan int)
	for range listeners {
		work.Go(func() {
			for caller := range next {
				by := r
				if !slices.Contains(callers[:min(len(callers), recognised)], caller) {
					by = nil
				}
				a, c, err := hearCaller(ctx, set, caller, by)
				mu.Lock()
				said, failed = append(said, a...), errors.Join(failed, err)
				if by != nil {
					again, heard = append(again, a...), append(heard, c...)
				}
				mu.Unlock()
			}
		})
	}
	for _, c := range callers {
		next <- c
	}
	close(next)
	work.Wait()
	for _, turns := range [][]spokenTurn{said, again, heard} {
		slices.SortStableFunc(turns, func(a, b spokenTurn) int { return a.caller - b.caller })
	}

	return said, again, heard, failed
}

// listeners is how many callers are heard at once.
const listeners = 2

// hearCaller hears one caller's turns. Without a recogniser there are none of
// its words.
func hearCaller(ctx context.Context, set *corpus.Set, caller int, r *sphinx.Recognizer) (said, heard []spokenTurn, err error) {
	voice, err := flite.New(flite.Options{Voice: set.Callers[caller].Voice})
	if err != nil {
		return nil, nil, err
	}
	var stream pipeline.Recognition
	if r != nil {
		if stream, err = r.Open(ctx); err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, stream.Close()) }()
	}
	spurt := 0
	err = set.Hear(ctx, caller, voice, func(h corpus.Heard, a *corpus.Audio) error {
		plain := spokenTurn{caller: caller, asked: h.Asked}
		understood := plain
		var words []string
		for i := range h.Boundaries {
			x := &h.Boundaries[i]
			spurt++
			text, err := recognise(stream, spurt, x.Cut(a, preRoll, int(vad.FastGate().Hangover/media.FrameDuration)))
			if err != nil {
				return err
			}
			words = append(words, text)
			s := silence{text: h.Turn.Before(x.Parts), lasts: x.Silence, late: x.Late, prosody: x.Talkspurt.Prosody}
			plain.silences = append(plain.silences, s)
			s.text = strings.TrimSpace(strings.Join(words, " "))
			understood.silences = append(understood.silences, s)
		}
		if n := len(plain.silences); n > 0 && plain.silences[n-1].lasts == 0 {
			said, heard = append(said, plain), append(heard, understood)
		}

		return nil
	})

	return said, heard, err
}

// recognise gives the last words of a talkspurt; none without a stream.
func recognise(stream pipeline.Recognition, n int, audio []media.Frame) (string, error) {
	if stream == nil {
		return "", nil
	}
	stream.Begin(n)
	for i := range audio {
		stream.Write(&audio[i])
	}
	stream.End()
	for t := range stream.Transcripts() {
		if t.Spurt == n && t.Final {
			return t.Text, t.Err
		}
	}

	return "", errors.New("the recogniser's stream has ended")
}

// ender says how long a silence ends a turn.
type ender struct {
	name    string
	caution float64       // of the endpoint
	fixed   time.Duration // for every silence, in place of the endpoint
	prosody bool
	habit   bool
}

// endings are what became of the turns.
type endings struct {
	cutOff  float64 // share of the turns, per cent
	deadAir sample
}

// end runs an ender over turns.
func (e *ender) end(turns []spokenTurn) endings {
	var out endings
	var habit endpoint.Habit
	cut := 0
	for i := range turns {
		t := &turns[i]
		if !e.habit || i == 0 || t.caller != turns[i-1].caller {
			habit = endpoint.Habit{}
		}
		wasCut := false
		for _, s := range t.silences {
			wait := max(e.wait(t.asked, &s, habit), wordsThere)
			if s.lasts == 0 {
				out.deadAir = append(out.deadAir, wait+s.late)

				continue
			}
			wasCut = wasCut || s.lasts > wait
			if e.habit {
				habit.Pause(s.lasts)
			}
		}
		if wasCut {
			cut++
		}
	}
	out.cutOff = 100 * float64(cut) / float64(max(1, len(turns)))

	return out
}

func (e *ender) wait(asked endpoint.Asked, s *silence, habit endpoint.Habit) time.Duration {
	if e.fixed > 0 {
		return e.fixed
	}
	in := endpoint.Input{Text: s.text, Asked: asked, Habit: habit}
	if e.prosody {
		in.Prosody = s.prosody
	}

	return endpoint.Decide(endpoint.Config{Caution: e.caution}, &in).Wait
}

// best finds the least mean dead air at which no more than a share of the
// turns is cut off.
func (e *ender) best(turns []spokenTurn, share float64) (found endings, at ender, ok bool) {
	for i := range 120 {
		try := *e
		if e.fixed > 0 {
			try.fixed = time.Duration(i+8) * media.FrameDuration
		} else {
			try.caution = math.Pow(10, -0.05*float64(i)) * 0.99
		}
		got := try.end(turns)
		if got.cutOff <= share && (!ok || got.deadAir.mean() < found.deadAir.mean()) {
			found, at, ok = got, try, true
		}
	}

	return found, at, ok
}

// mean of the durations; 0 when there are none.
func (s sample) mean() time.Duration {
	sum := time.Duration(0)
	for _, d := range s {
		sum += d
	}

	return sum / time.Duration(max(1, len(s)))
}

// enders are what is compared.
func enders() []ender {
	return []ender{
		{name: "silence alone", fixed: 1},
		{name: "words"},
		{name: "words, prosody", prosody: true},
		{name: "words, prosody, habit", prosody: true, habit: true},
	}
}

// compareEndpoints prints the curves.
func (b *bench) compareEndpoints(texts []transcribed) {
	t := newTable("cut off at most", "end of turn by", "words from", "set to", "cut off %", "dead air mean ms", "p50 ms", "p90 ms")
	for _, share := range []float64{2, 5, 10, 20} {
		for _, e := range enders() {
			for i, text := range texts {
				from := text.from
				if e.fixed > 0 {
					from = "–"
				}
				if e.fixed > 0 && i > 0 {
					continue // it hears no words
				}
				got, at, ok := e.best(text.turns, share)
				if !ok {
					t.row(fmt.Sprintf("%.0f %%", share), e.name, from, "–", "–", "–", "–", "–")

					continue
				}
				t.row(fmt.Sprintf("%.0f %%", share), e.name, from, at.setting(), fmt.Sprintf("%.1f", got.cutOff),
					milliseconds(got.deadAir.mean()), got.deadAir.ms(0.5), got.deadAir.ms(0.9))
			}
		}
	}
	t.write(b.Out)
}

func (e *ender) setting() string {
	if e.fixed > 0 {
		return e.fixed.String()
	}

	return fmt.Sprintf("caution %.3f", e.caution)
}

// defaultEndpoint prints what the default settings do, and what is left for
// the model and the voice.
func (b *bench) defaultEndpoint(texts []transcribed) {
	fmt.Fprintf(b.Out, "\nWith the default settings. Whole turn: with the declared model (%v to the first token) and voice (%v), asked when the turn is taken;\n"+
		"and as the least that a guess at the reply can reach, which starts when the words are there, %v after the speech.\n", tokenAfter, audioAfter, finalAfter)
	t := newTable("words from", "cut off %", "dead air mean ms", "p50 ms", "p95 ms", "whole turn p50 ms", "p95 ms", "with a guess p50 ms", "p95 ms")
	for _, text := range texts {
		e := ender{prosody: true, habit: true}
		got := e.end(text.turns)
		var whole, guessed sample
		for _, d := range got.deadAir {
			whole = append(whole, d+tokenAfter+audioAfter)
			guessed = append(guessed, max(d, finalAfter+tokenAfter+audioAfter))
		}
		t.row(text.from, fmt.Sprintf("%.1f", got.cutOff), milliseconds(got.deadAir.mean()), got.deadAir.ms(0.5), got.deadAir.ms(0.95),
			whole.ms(0.5), whole.ms(0.95), guessed.ms(0.5), guessed.ms(0.95))
	}
	t.write(b.Out)
}
