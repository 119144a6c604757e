package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/pipeline/bargein"
	"trunkline/pipeline/llm/script"
	"trunkline/testdata"
)

// spoken are the lines that the recogniser hears, both voices in turn.
var spoken = []string{
	"what-are-your-opening-hours", "awb-where-are-you-located", "i-would-like-to-book-an-appointment",
	"awb-on-monday-at-nine-in-the-morning", "my-name-is-john-smith", "awb-yes-please",
	"when-do-you-close-today", "awb-i-would-like-to-speak-to-a-person", "friday-at-half-past-two",
	"thank-you-goodbye",
}

// lineGap is the silence between two lines of one caller.
const lineGap = 600 * time.Millisecond

// lateFinal is how long the last words may take before a turn waits for them:
// the silence that ends a whole sentence, less that which ends the talkspurt.
const lateFinal = 300 * time.Millisecond

// asr measures the offline recogniser with callers who all speak at once.
func (b *bench) asr(ctx context.Context) error {
	phrases, err := receptionPhrases()
	if err != nil {
		return err
	}
	speech, err := spokenFrames()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "\nThe offline recogniser in its mode \"domain\", in the benchmark's own process. Callers speak all the time, in real time, with\n"+
		"%v between their lines, through the voice activity detector and gate of a call. First partial: from the first frame of\n"+
		"speech. Final: from the last frame of speech, of which %v is the gate's hangover; late is later than %v after the\n"+
		"hangover. Target: first partial p95 200 ms.\n", lineGap, vad.FastGate().Hangover, lateFinal)
	t := newTable("callers", "lines", "first partial p50 ms", "p95 ms", "final p50 ms", "p95 ms", "late", "CPU s per s of speech", "cores", "MiB per stream")
	follow := 0
	for _, n := range pick(b, []int{1, 4, 8, 16, 24, 28, 32}, []int{1, 2}) {
		b.progressf("asr: %d callers", n)
		r, err := b.recogniser(ctx, phrases, n)
		if errors.Is(err, sphinx.ErrNotBuilt) {
			return fmt.Errorf("%w: %w", errSkipped, err)
		}
		if err != nil {
			return err
		}
		m, err := listenTo(ctx, r, speech, n, pick(b, max(20*time.Second, 80*time.Second/time.Duration(n)), 4*time.Second))
		err = errors.Join(err, r.Close())
		if err != nil {
			return err
		}
		late := 0
		for _, d := range m.final {
			if d > vad.FastGate().Hangover+lateFinal {
				late++
			}
		}
		lines := len(m.final) + m.lost
		cost := m.load.used[0].total().Seconds()
		t.row(n, len(m.final), m.first.ms(0.5), m.first.ms(0.95), m.final.ms(0.5), m.final.ms(0.95), fmt.Sprintf("%d of %d", late+m.lost, lines),
			fmt.Sprintf("%.3f", cost/m.speech.Seconds()), m.load.cores(m.load.used[0].total()), m.perStream)
		if (late+m.lost)*20 <= lines {
			follow = n
		} else if (late+m.lost)*2 > lines {
			break // more callers would only be worse
		}
	}
	t.write(b.Out)
	fmt.Fprintf(b.Out, "\n%d callers who all speak at once were followed with no more than 5 %% of their last words late.\n", follow)

	return nil
}

// recogniser makes the offline recogniser of the sample reception desk.
func (b *bench) recogniser(ctx context.Context, phrases []string, streams int) (*sphinx.Recognizer, error) {
	return sphinx.New(ctx, sphinx.Config{
		Cache: filepath.Join(b.dir, "speech"), Mode: sphinx.Domain, Phrases: phrases, Pool: streams,
		Interjections: bargein.Phrases("en"),
	})
}

func receptionPhrases() ([]string, error) {
	src, err := testdata.Files.ReadFile(testdata.ReceptionScript)
	if err != nil {
		return nil, fmt.Errorf("sample script: %w", err)
	}
	s, err := script.Parse(src, testdata.ReceptionScript)
	if err != nil {
		return nil, err
	}

	return s.Phrases(), nil
}

// spokenFrames are the lines, each followed by silence.
func spokenFrames() ([][]media.Frame, error) {
	lines := make([][]media.Frame, len(spoken))
	for i, name := range spoken {
		audio, err := sampleSpeech(name)
		if err != nil {
			return nil, err
		}
		audio = append(audio, make([]int16, media.SamplesIn(lineGap))...)
		for k := 0; k+media.FrameSamples <= len(audio); k += media.FrameSamples {
			lines[i] = append(lines[i], media.Frame(audio[k:k+media.FrameSamples]))
		}
	}

	return lines, nil
}

// listened is what came of a number of callers.
type listened struct {
	first, final sample
	lost         int           // talkspurts that lost audio, or got no last words
	speech       time.Duration // given to the recogniser
	load         load
	perStream    string
}

// listenTo has callers speak for a time.
func listenTo(ctx context.Context, r *sphinx.Recognizer, lines [][]media.Frame, callers int, d time.Duration) (*listened, error) {
	m := &listened{perStream: "–"}
	before, err := residentOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err := r.Prewarm(ctx, callers); err != nil {
		return nil, err
	}
	ticks := clock.New(clock.Options{})
	if err := ticks.Start(); err != nil {
		return nil, err
	}
	defer ticks.Stop()
	speakers := make([]*speaker, 0, callers)
	var reading sync.WaitGroup
	defer func() {
		ticks.Stop()
		for _, s := range speakers {
			_ = s.stream.Close() // it ends the reading
		}
		reading.Wait()
	}()
	for i := range callers {
		s, err := newSpeaker(ctx, r, lines, i)
		if err != nil {
			return nil, err
		}
		speakers = append(speakers, s)
		reading.Go(s.read)
	}
	w, err := watchOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	for _, s := range speakers {
		ticks.Add(s)
	}
	if err := rest(ctx, d); err != nil {
		return nil, err
	}
	ticks.Stop()
	if m.load, err = w.stop(); err != nil {
		return nil, err
	}
	after, err := residentOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	if callers > 1 { // the first decoder is there before
		m.perStream = fmt.Sprintf("%.1f", float64(after-before)/float64(callers-1)/(1<<20))
	}
	if err := rest(ctx, time.Second); err != nil { // the last words of those who had finished
		return nil, err
	}
	for _, s := range speakers {
		s.mu.Lock()
		m.first = append(m.first, s.first...)
		m.final = append(m.final, s.final...)
		m.lost += s.lost
		for _, times := range s.open {
			if !times.ended.IsZero() { // it got no last words
				m.lost++
			}
		}
		m.speech += s.speech
		s.mu.Unlock()
	}

	return m, nil
}

// preRoll is how many frames from before the onset the recogniser gets.
const preRoll = int(pipeline.PreRoll / media.FrameDuration)

// speaker is one caller with the ear of a call.
type speaker struct {
	stream   pipeline.Recognition
	detector *vad.Detector
	gate     *vad.Gate
	lines    [][]media.Frame
	line, at int
	latest   []media.Frame // no more than preRoll
	spurt    int

	mu     sync.Mutex
	open   map[int]*talkspurtTimes // those without their last words, by number
	first  sample
	final  sample
	lost   int
	speech time.Duration
}

// talkspurtTimes are when a talkspurt's first and last frames of speech came.
type talkspurtTimes struct {
	began, ended time.Time
	partial      bool
}

func newSpeaker(ctx context.Context, r *sphinx.Recognizer, lines [][]media.Frame, n int) (*speaker, error) {
	d, err := vad.New()
	if err != nil {
		return nil, err
	}
	stream, err := r.Open(ctx)
	if err != nil {
		return nil, err
	}

	return &speaker{
		stream: stream, detector: d, gate: vad.NewGate(vad.FastGate()),
		lines: lines, line: n * 3 % len(lines), open: map[int]*talkspurtTimes{},
	}, nil
}

// Tick implements clock.Ticker.
func (s *speaker) Tick(now time.Time) {
	f := &s.lines[s.line][s.at]
	if s.at++; s.at == len(s.lines[s.line]) {
		s.line, s.at = (s.line+1)%len(s.lines), 0
	}
	change := s.gate.Step(s.detector.Voiced(f), vad.Level(f))
	ago := now.Add(-time.Duration(s.gate.Ago()) * media.FrameDuration)
	switch {
	case change == vad.Onset:
		s.spurt++
		s.mu.Lock()
		s.open[s.spurt] = &talkspurtTimes{began: ago}
		s.mu.Unlock()
		s.stream.Begin(s.spurt)
		for i := range s.latest {
			s.write(&s.latest[i])
		}
		s.write(f)
	case change == vad.Offset:
		s.mu.Lock()
		s.open[s.spurt].ended = ago
		s.mu.Unlock()
		s.stream.End()
	case s.gate.Talking():
		s.write(f)
	}
	if len(s.latest) == preRoll {
		copy(s.latest, s.latest[1:])
		s.latest = s.latest[:preRoll-1]
	}
	s.latest = append(s.latest, *f)
}

func (s *speaker) write(f *media.Frame) {
	s.stream.Write(f)
	s.mu.Lock()
	s.speech += media.FrameDuration
	s.mu.Unlock()
}

// read takes the words until the stream is closed.
func (s *speaker) read() {
	for t := range s.stream.Transcripts() {
		now := time.Now()
		s.mu.Lock()
		times := s.open[t.Spurt]
		switch {
		case times == nil:
		case t.Err != nil:
			s.lost++
			delete(s.open, t.Spurt)
		case t.Final:
			s.final = append(s.final, now.Sub(times.ended))
			delete(s.open, t.Spurt)
		case t.Text != "" && !times.partial:
			times.partial = true
			s.first = append(s.first, now.Sub(times.began))
		}
		s.mu.Unlock()
	}
}
