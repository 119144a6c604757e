package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/echo"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/tts/flite"
)

// monologue is what the agent says while the caller makes a sound.
const monologue = "We are open from Monday to Friday, from nine in the morning to five in the afternoon, " +
	"and on Saturday until noon. You find us at twelve Harbour Street, next to the old post office, " +
	"and there is a car park behind the house that you may use while you are here with us."

// How long the agent has spoken when the sound comes, at least, and how long
// it is watched after it.
const (
	beforeSound = 1500 * time.Millisecond
	afterSound  = 2 * time.Second
)

// yieldVoices speak in turn, and yieldColumns head the table.
var (
	yieldVoices  = []string{"slt", "rms", "awb", "kal16"}
	yieldColumns = []string{
		"recogniser", "sound", "heard", "paused", "silent p95 ms", "right", "%", "verdict p50 ms", "p95 ms",
		"dead time p50 ms", "p95 ms", "ledger right",
	}
)

// yield measures what becomes of the agent's turn when the caller makes a
// sound.
func (b *bench) yield(ctx context.Context) error {
	set, err := soundings(ctx, yieldVoices, 1)
	if errors.Is(err, flite.ErrNotBuilt) {
		return fmt.Errorf("%w: %w", errSkipped, err)
	}
	if err != nil {
		return err
	}
	set = set[:pick(b, len(set), 8)]
	lines, err := b.monologue(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(b.Out, "\nIn the benchmark's own process and in real time: a caller who makes a sound over the agent's voice, through echo canceller, voice\n"+
		"activity detector, recogniser, turn machine and player. Silent: from the first frame of the sound that is above -45 dBov to the first\n"+
		"silent frame out. Dead time: the agent's silence until it goes on. Right: interruptions that end the agent's turn, and all else that does\n"+
		"not. The ledger is right when the words that count as heard differ by at most one from those in the audio that left.\n"+
		"Targets: silent p95 100 ms; right: interruptions 98 %, backchannels 97 %, coughs 95 %; ledger 100 %.\n")
	t := newTable(yieldColumns...)
	var wrong []string
	for _, r := range []string{"declared", "offline"} {
		results, err := b.yields(ctx, r, set, lines)
		if err != nil {
			return err
		}
		for _, class := range soundClasses {
			t.row(results.row(r, class)...)
		}
		wrong = append(wrong, results.wrong(r)...)
	}
	t.write(b.Out)
	printNotes(b.Out, wrong)

	return nil
}

// monologue prepares what the agent says.
func (b *bench) monologue(ctx context.Context) (*pipeline.Lines, error) {
	v, err := flite.New(flite.Options{})
	if err != nil {
		return nil, err
	}

	return pipeline.PrepareLines(ctx, v, pipeline.Texts{
		Greeting: monologue, Idle: []string{"Hello?"}, NotHeard: "Pardon?", Goodbye: "Bye.", HandOff: "Bye.",
		Busy: "Busy.", Apology: "Sorry.", Trouble: "Sorry.", CapWarning: "Soon.", CapGoodbye: "Bye.",
	})
}

// yielded is what became of one sound.
type yielded struct {
	sounding
	paused, cut     bool
	silent, verdict time.Duration
	dead            time.Duration
	ledger          bool // the words that count as heard are those that left
	reasons         []string
}

// right says whether the agent did what it should.
func (y *yielded) right() bool { return y.cut == (y.class == interrupting) }

type yields []yielded

// row is a class's row of the table.
func (all yields) row(recogniser, class string) []any {
	var silent, verdict, dead sample
	n, paused, right, cuts, ledger := 0, 0, 0, 0, 0
	for i := range all {
		y := &all[i]
		if y.class != class {
			continue
		}
		n++
		if y.right() {
			right++
		}
		if y.paused {
			paused++
			silent = append(silent, y.silent)
			verdict = append(verdict, y.verdict)
			if !y.cut {
				dead = append(dead, y.dead)
			}
		}
		if y.cut {
			cuts++
			if y.ledger {
				ledger++
			}
		}
	}

	return []any{
		recogniser, class, n, paused, silent.ms(0.95), right, fmt.Sprintf("%.1f", 100*float64(right)/float64(max(1, n))),
		verdict.ms(0.5), verdict.ms(0.95), dead.ms(0.5), dead.ms(0.95), fmt.Sprintf("%d of %d", ledger, cuts),
	}
}

// wrong tells of the sounds that were judged wrongly.
func (all yields) wrong(recogniser string) (notes []string) {
	for i := range all {
		if y := &all[i]; !y.right() {
			notes = append(notes, fmt.Sprintf("%s: %s %q: %s", recogniser, y.class, y.words, strings.Join(y.reasons, "; ")))
		}
	}

	return notes
}

// yields makes the sounds, some callers at once.
func (b *bench) yields(ctx context.Context, engine string, set []sounding, lines *pipeline.Lines) (yields, error) {
	atOnce := 40
	var offline pipeline.Recognizer
	if engine == "offline" {
		atOnce = 4
		phrases, err := receptionPhrases()
		if err != nil {
			return nil, err
		}
		r, err := b.recogniser(ctx, phrases, atOnce)
		if errors.Is(err, sphinx.ErrNotBuilt) {
			return nil, fmt.Errorf("%w: %w", errSkipped, err)
		}
		if err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }() // nothing was written
		offline = r
	}
	all := make(yields, len(set))
	failed := make([]error, len(set))
	free := make(chan struct{}, atOnce)
	var callers sync.WaitGroup
	for i := range set {
		free <- struct{}{}
		if i%atOnce == 0 {
			b.progressf("yield: %s, %d of %d", engine, i, len(set))
		}
		callers.Go(func() {
			defer func() { <-free }()
			r := offline
			if r == nil {
				r = declaredFor(&set[i])
			}
			all[i], failed[i] = makeSound(ctx, &set[i], r, lines, staggered(i))
		})
	}
	callers.Wait()

	return all, errors.Join(failed...)
}

// declaredFor hears the sound's words and nothing else.
func declaredFor(s *sounding) *declared.Recognizer {
	return &declared.Recognizer{
		FirstPartial: 150 * time.Millisecond, PartialEvery: 60 * time.Millisecond, Final: 100 * time.Millisecond,
		Says: declared.Always(s.words),
	}
}

// staggered is how much later sound i comes, so that it meets the agent at
// another place.
func staggered(i int) time.Duration { return time.Duration(i%17) * 37 * time.Millisecond }

// makeSound is one call: the agent speaks, the caller makes the sound.
func makeSound(ctx context.Context, s *sounding, r pipeline.Recognizer, lines *pipeline.Lines, later time.Duration) (yielded, error) {
	far := &farCaller{sounding: s, at: int((beforeSound + later) / media.FrameDuration)}
	var conv *pipeline.Conversation
	p := player.New(player.Options{Notify: func(e player.Event) { conv.Played(e) }})
	conv = pipeline.NewConversation(pipeline.Config{}, pipeline.Providers{
		Recognizer: r, Model: &declared.Model{}, Synthesizer: &declared.Voice{}, Lines: lines,
	}, p, far)
	detector, err := vad.New()
	if err != nil {
		return yielded{}, err
	}
	l := line.New(line.Config{Leg: far, Player: p, VAD: detector, Ear: conv, Echo: echo.New()})
	defer conv.Stop()
	if err := conv.Prepare(ctx); err != nil {
		return yielded{}, err
	}
	conv.Start()
	length := len(s.audio)/media.FrameSamples + int(afterSound/media.FrameDuration)
	if s.echo {
		length = int(4 * time.Second / media.FrameDuration)
	}
	start := time.Now()
	for n := range far.at + length {
		if err := rest(ctx, time.Until(start.Add(time.Duration(n)*media.FrameDuration))); err != nil {
			return yielded{}, err
		}
		l.Tick(time.Now())
	}
	conv.Stop()

	return far.outcome(lines), nil
}
