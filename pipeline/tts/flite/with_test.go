//go:build offline

package flite

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trunkline/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk are sentences of a reception desk.
var desk = []string{
	"Hello, this is the automated assistant of Harbor Street Dental. How can I help you?",
	"We are open from Monday to Friday, from nine in the morning to five in the afternoon.",
	"Is there anything else I can do for you?",
	"So that is Tuesday at ten thirty in the morning, for John Smith. Is that right?",
	"I will put you through to a colleague. One moment, please.",
}

func newVoice(t testing.TB, name string) *Synthesizer {
	t.Helper()
	s, err := New(Options{Voice: name})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func say(t testing.TB, s *Synthesizer, text string) (samples []int16, words []media.Word) {
	t.Helper()
	for speech, err := range s.Synthesize(t.Context(), text) {
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, speech.Samples...)
		words = append(words, speech.Words...)
	}
	return samples, words
}

// dbov is the level of samples against a full-scale square wave.
func dbov(samples []int16) float64 {
	sum := 1e-9
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(samples))/(32768*32768))
}

// speech leaves the 20 ms frames out that are pauses.
func speech(samples []int16) []int16 {
	var out []int16
	for f := range slices.Chunk(samples, media.FrameSamples) {
		if dbov(f) > -45 {
			out = append(out, f...)
		}
	}
	return out
}

// edges is how long the silence lasts before and after what can be heard.
func edges(samples []int16) (before, after time.Duration) {
	const step = 40
	loud := func(i int) bool { return dbov(samples[i:i+step]) > -60 }
	from, to := 0, len(samples)-step
	for from+step < len(samples) && !loud(from) {
		from += step
	}
	for to > 0 && !loud(to) {
		to -= step
	}
	return media.Samples(from).Duration(), media.Samples(len(samples) - to - step).Duration()
}

func TestEveryVoiceIsAtTelephoneLevelAndTrimmed(t *testing.T) {
	t.Parallel()
	for _, name := range Voices() {
		s := newVoice(t, name)
		var all []int16
		for _, text := range desk {
			samples, _ := say(t, s, text)
			// A fricative at an end lies above the telephone band and counts
			// as silence here.
			if before, after := edges(samples); before > LeadIn+110*time.Millisecond || after > LeadOut+110*time.Millisecond {
				t.Errorf("%s: %q has %v of silence before and %v after", name, text, before, after)
			}
			all = append(all, samples...)
		}
		if l := dbov(speech(all)); l < -20.5 || l > -17.5 {
			t.Errorf("%s speaks at %.1f dBov, want -19 within 1.5", name, l)
		}
		if peak := max(slices.Max(all), -(slices.Min(all) + 1)); peak > 32500 {
			t.Errorf("%s: a peak of %d is clipped", name, peak)
		}
	}
}

func TestWordsArePlacedWhereTheySound(t *testing.T) {
	t.Parallel()
	for _, name := range Voices() {
		s := newVoice(t, name)
		for _, text := range desk[1:4] {
			samples, words := say(t, s, text)
			texts := make([]string, len(words))
			for i, w := range words {
				texts[i] = w.Text
				if i > 0 && w.Start <= words[i-1].Start || w.Start >= media.Samples(len(samples)) {
					t.Errorf("%s: %q at %d comes after %d of %d", name, w.Text, w.Start, words[max(i-1, 0)].Start, len(samples))
				}
			}
			if diff := cmp.Diff(strings.Fields(text), texts); diff != "" {
				t.Errorf("%s: words (-want +got):\n%s", name, diff)
			}
			if words[0].Start > media.SamplesIn(LeadIn) {
				t.Errorf("%s: the first word begins at %d", name, words[0].Start)
			}
		}
		// Between two sentences is a pause, which ends where the second begins.
		samples, words := say(t, s, "Where are you? Tomorrow.")
		at := int(words[3].Start)
		pause, sound := samples[at-int(media.SamplesIn(100*time.Millisecond)):at-80], samples[at:at+int(media.SamplesIn(300*time.Millisecond))]
		if dbov(pause) > -35 || dbov(sound) < -30 {
			t.Errorf("%s: %.0f dBov before the second sentence and %.0f dBov in it", name, dbov(pause), dbov(sound))
		}
	}
}

func TestWordsComeWithTheChunkTheyBeginIn(t *testing.T) {
	t.Parallel()
	at := media.Samples(0)
	for speech, err := range newVoice(t, "slt").Synthesize(t.Context(), desk[0]+" "+desk[1]+" "+desk[3]) {
		if err != nil {
			t.Fatal(err)
		}
		end := at + media.Samples(len(speech.Samples))
		for _, w := range speech.Words {
			if w.Start < at || w.Start >= end {
				t.Errorf("%q at %d came with samples %d to %d", w.Text, w.Start, at, end)
			}
		}
		at = end
	}
}

// The engine's noise comes from rand(3), so that the three statistical voices
// never make the same samples twice; times and levels must be the same. kal16
// has no noise.
func TestManyAtOnceSoundTheSame(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"slt", "kal16"} {
		s, err := New(Options{Voice: name, Parallel: 24})
		if err != nil {
			t.Fatal(err)
		}
		want := make([][]int16, len(desk))
		wantWords := make([][]media.Word, len(desk))
		for i, text := range desk {
			want[i], wantWords[i] = say(t, s, text)
		}
		var all sync.WaitGroup
		for i := range 24 {
			all.Go(func() {
				k := i % len(desk)
				var got []int16
				var words []media.Word
				for speech, err := range s.Synthesize(t.Context(), desk[k]) {
					if err != nil {
						t.Error(err)
						return
					}
					got = append(got, speech.Samples...)
					words = append(words, speech.Words...)
				}
				same := name == "kal16" && slices.Equal(got, want[k]) || name != "kal16" && alikeInLevel(got, want[k])
				if !same || !slices.Equal(words, wantWords[k]) {
					t.Errorf("%s: %q sounds different among 24 at once", name, desk[k])
				}
			})
		}
		all.Wait()
	}
}

// alikeInLevel reports whether two sounds are as long, and within 3 dB in
// every 100 ms of speech.
func alikeInLevel(a, b []int16) bool {
	if len(a) != len(b) {
		return false
	}
	const step = 800
	for i := 0; i+step <= len(a); i += step {
		la, lb := dbov(a[i:i+step]), dbov(b[i:i+step])
		if max(la, lb) > -35 && math.Abs(la-lb) > 3 {
			return false
		}
	}
	return true
}

// The engine must stop at its next chunk when nobody listens.
func TestEngineStopsWhenNobodyListens(t *testing.T) {
	t.Parallel()
	for _, name := range Voices() {
		s := newVoice(t, name)
		u, err := newUtterance(split(desk[1])[0], s.gain)
		if err != nil {
			t.Fatal(err)
		}
		u.stop()
		u.run(s.voice)
		if u.made != 0 || u.err != nil {
			t.Errorf("%s: a stopped engine made %d samples, error %v", name, u.made, u.err)
		}
	}
}

func TestConsumerMayBreakOff(t *testing.T) {
	t.Parallel()
	s := newVoice(t, "slt")
	for range 5 {
		for _, err := range s.Synthesize(t.Context(), desk[1]) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if n := len(s.turns); n != 0 {
		t.Errorf("%d texts are still being worked on", n)
	}
}

func TestCancelEndsTheSequence(t *testing.T) {
	t.Parallel()
	s := newVoice(t, "rms")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	chunks := 0
	for _, err := range s.Synthesize(ctx, strings.Repeat(desk[2]+" ", 20)) {
		if last = err; err == nil {
			chunks++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || chunks > 20 {
		t.Errorf("%d chunks and then %v, want few and context.Canceled", chunks, last)
	}
}

func TestTextsWaitTheirTurn(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Voice: "kal16", Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.turns <- struct{}{} // another text is being worked on
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Synthesize(ctx, "Hello.") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v while the engine was taken, want context.Canceled", err)
		}
	}
	<-s.turns
	if samples, _ := say(t, s, "Hello."); len(samples) == 0 {
		t.Error("nothing was said when the engine was free again")
	}
}

func TestOddTexts(t *testing.T) {
	t.Parallel()
	s := newVoice(t, "kal16")
	for _, text := range []string{"", " ", "...", "日本", "\x00\x00", "****"} {
		if samples, words := say(t, s, text); len(samples) != 0 || len(words) != 0 {
			t.Errorf("%q gave %d samples and %v", text, len(samples), words)
		}
	}
	for _, text := range []string{
		"a", "1", "$5.20 & 30% of 1,234,567.89", "<speak>hi</speak>", "e.g. x/y @ home", "A.B.C.", "I-I-I",
		"99999999999999999999999999999999999999999999", strings.Repeat("x", 300), strings.Repeat("7", 100),
		"caf\u00e9 na\u00efve \U0001f642", "' ' '", "%s %n %d", "(((((", "O'Brien's", strings.Repeat("no ", 150),
	} {
		samples, words := say(t, s, text)
		if strings.ContainsFunc(text, speakable) && len(samples) == 0 {
			t.Errorf("%.40q gave no audio", text)
		}
		if len(words) > len(strings.Fields(text)) {
			t.Errorf("%.40q gave %d words", text, len(words))
		}
	}
}

func TestUnknownVoiceIsRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Voice: "alice"}, {Parallel: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) gave no error", o)
		}
	}
}

func FuzzSynthesize(f *testing.F) {
	for _, text := range append([]string{"", "$1.50", "10:30 a.m.", "x/y_z", "555-1234", "caf\u00e9", "St. John's Dr. (no. 5)"}, desk...) {
		f.Add(text)
	}
	s := newVoice(f, "kal16")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 400 {
			t.Skip("only more of the same")
		}
		total := media.Samples(0)
		var words []media.Word
		for speech, err := range s.Synthesize(t.Context(), text) {
			if err != nil {
				t.Fatal(err)
			}
			total += media.Samples(len(speech.Samples))
			words = append(words, speech.Words...)
		}
		for i, w := range words {
			if w.Start < 0 || w.Start > total || i > 0 && w.Start < words[i-1].Start {
				t.Errorf("word %d of %q is at %d of %d", i, text, w.Start, total)
			}
		}
	})
}

// BenchmarkVoices reports the time to the first audio and the real-time
// factor of the desk's texts, and how long a break takes after the first
// audio.
func BenchmarkVoices(b *testing.B) {
	for _, name := range Voices() {
		b.Run(name, func(b *testing.B) {
			s := newVoice(b, name)
			var first, whole, audio time.Duration
			n := 0
			for b.Loop() {
				start := time.Now()
				heard := false
				for speech, err := range s.Synthesize(b.Context(), desk[n%len(desk)]) {
					if err != nil {
						b.Fatal(err)
					}
					if !heard {
						heard = true
						first += time.Since(start)
					}
					audio += media.Samples(len(speech.Samples)).Duration()
				}
				whole += time.Since(start)
				n++
			}
			var stop time.Duration
			for i := range 4 * len(desk) {
				var at time.Time
				for range s.Synthesize(b.Context(), desk[i%len(desk)]) {
					at = time.Now()
					break
				}
				stop += time.Since(at)
			}
			b.ReportMetric(float64(stop.Microseconds())/float64(4*len(desk))/1000, "ms/stop")
			b.ReportMetric(float64(first.Microseconds())/float64(n)/1000, "ms/first-audio")
			b.ReportMetric(whole.Seconds()/audio.Seconds(), "rtf")
		})
	}
}
