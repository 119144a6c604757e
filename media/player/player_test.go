package player_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/media/player"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ramp = 64  // samples, 8 ms
	fade = 120 // samples, 15 ms
)

// bundle is a player and what its tests watch.
type bundle struct {
	*player.Player
	t      *testing.T
	events []player.Event
}

func setup(t *testing.T, o player.Options) *bundle {
	t.Helper()
	b := &bundle{t: t}
	o.Notify = func(e player.Event) { b.events = append(b.events, e) }
	b.Player = player.New(o)
	return b
}

// say adds a complete segment.
func (b *bundle) say(utterance int, text string, samples []int16, words ...media.Word) *player.Segment {
	b.t.Helper()
	s := b.Add(utterance, text)
	b.write(s, samples, words...)
	s.Close()
	return s
}

func (b *bundle) write(s *player.Segment, samples []int16, words ...media.Word) {
	b.t.Helper()
	if err := s.Write(b.t.Context(), samples, words); err != nil {
		b.t.Fatalf("Write: %v", err)
	}
}

// take concatenates the next n frames.
func (b *bundle) take(n int) []int16 {
	var out []int16
	for range n {
		var f media.Frame
		b.Next(&f)
		out = append(out, f[:]...)
	}
	return out
}

// kinds is the events so far without their times.
func (b *bundle) kinds() []player.Event {
	var out []player.Event
	for _, e := range b.events {
		out = append(out, player.Event{Kind: e.Kind, Utterance: e.Utterance})
	}
	return out
}

func started(u int) player.Event  { return player.Event{Kind: player.Started, Utterance: u} }
func finished(u int) player.Event { return player.Event{Kind: player.Finished, Utterance: u} }

// steady is n samples of direct current at a level; a click in it is a jump.
func steady(n int, level int16) []int16 { return slices.Repeat([]int16{level}, n) }

// counting is n samples that all differ: from, from+1, ...
func counting(n int, from int16) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = from + int16(i)
	}
	return out
}

func zeros(n int) []int16 { return make([]int16, n) }

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestSilenceWhenThereIsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	f := media.Frame{1, 2, 3}
	if b.Next(&f) {
		t.Error("Next reports agent audio in an empty player")
	}
	equal(t, "frame", f, media.Frame{})
}

func TestSegmentsJoinWithoutAGap(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "one", counting(100, 1))
	b.say(1, "two", counting(30, 101))
	b.say(1, "", nil)
	b.Seal(1)
	b.say(2, "three", counting(190, 131))
	b.Seal(2)
	equal(t, "audio", b.take(2), counting(320, 1))
	equal(t, "events", b.kinds(), []player.Event{started(1), finished(1), started(2), finished(2)})
	equal(t, "heard", b.Heard(1), player.Heard{Text: "one two", Played: 130, Total: 130, Complete: true})
	equal(t, "heard", b.Heard(2), player.Heard{Text: "three", Played: 190, Total: 190, Complete: true})
}

func TestFinishedWaitsForSeal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, player.Options{})
		first := time.Now()
		b.say(7, "hello", steady(160, 5))
		b.take(3)
		equal(t, "events before the seal", b.events, []player.Event{{Kind: player.Started, Utterance: 7, At: first}})
		time.Sleep(time.Second)
		b.Seal(7)
		b.Seal(7)
		b.take(2)
		equal(t, "events", b.events, []player.Event{
			{Kind: player.Started, Utterance: 7, At: first},
			{Kind: player.Finished, Utterance: 7, At: first.Add(time.Second)},
		})
		equal(t, "stats", b.Stats(), player.Stats{})
	})
}

func TestUtteranceWithoutAudioFinishes(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.Add(1, "the engine failed").Close()
	b.Seal(1)
	b.Seal(2)
	b.take(1)
	equal(t, "events", b.kinds(), []player.Event{finished(1), finished(2)})
	equal(t, "heard", b.Heard(1), player.Heard{Complete: true})
}

func TestUtterancesPlayInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	s := b.Add(1, "first")
	b.say(2, "second", steady(160, 2))
	equal(t, "audio while the first has none", b.take(1), zeros(160))
	b.write(s, steady(160, 1))
	s.Close()
	b.Seal(1)
	equal(t, "audio", b.take(2), slices.Concat(steady(160, 1), steady(160, 2)))
}

func TestUnderrun(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	s := b.Add(1, "slow engine")
	b.take(3)
	equal(t, "stats before the first sample", b.Stats(), player.Stats{})
	b.write(s, steady(200, 1000))
	b.take(4)
	equal(t, "events", b.kinds(), []player.Event{started(1)})
	equal(t, "stats while it is silent", b.Stats(), player.Stats{})
	b.write(s, steady(400, 1000))
	s.Close()
	b.Seal(1)
	out := b.take(3)
	equal(t, "stats", b.Stats(), player.Stats{Underruns: 1, Gap: media.Samples(120 + 2*160).Duration()})
	equal(t, "events", b.kinds(), []player.Event{started(1), finished(1)})
	equal(t, "full level after the lead-in", out[ramp:ramp+400], steady(400, 1000))
	smooth(t, slices.Concat(zeros(1), out[:ramp+400]))
}

// smooth fails for a jump that a ramp of steady audio would not make.
func smooth(t *testing.T, samples []int16) {
	t.Helper()
	for i := 1; i < len(samples); i++ {
		if d := samples[i] - samples[i-1]; d > 20 || d < -20 {
			t.Fatalf("click at sample %d: from %d to %d", i, samples[i-1], samples[i])
		}
	}
}

func TestPauseKeepsThePosition(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	in := counting(1600, 10_000)
	b.say(1, "a longer sentence", in)
	equal(t, "before", b.take(2), in[:320])

	b.Pause()
	if !b.Paused() {
		t.Error("Paused() = false after Pause")
	}
	out := b.take(3)
	for i, s := range out[:ramp] {
		if s >= in[320+i] || s <= 0 {
			t.Errorf("ramp sample %d is %d, want between 0 and %d", i, s, in[320+i])
		}
	}
	equal(t, "after the ramp", out[ramp:], zeros(480-ramp))
	equal(t, "heard in the pause", b.Heard(1).Played, media.Samples(320))

	b.Resume()
	out = b.take(1)
	for i, s := range out[:ramp] {
		if s >= in[320-ramp+i] || s <= 0 {
			t.Errorf("lead-in sample %d is %d, want between 0 and %d", i, s, in[320-ramp+i])
		}
	}
	equal(t, "from the exact sample", out[ramp:], in[320:320+160-ramp])
	equal(t, "and on", b.take(1), in[480-ramp:640-ramp])
	equal(t, "stats", b.Stats(), player.Stats{Queued: 1600 - 640 + ramp})
}

func TestPauseDoesNotClick(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "hum", steady(4000, 1000))
	out := b.take(2)
	b.Pause()
	out = append(out, b.take(2)...)
	b.Resume()
	out = append(out, b.take(2)...)
	b.Clear()
	smooth(t, append(out, b.take(2)...))
}

func TestPauseAndResumeBetweenTicksChangeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	in := counting(480, 1)
	b.say(1, "steady on", in)
	out := b.take(1)
	b.Pause()
	b.Resume()
	equal(t, "audio", append(out, b.take(2)...), in)
}

func TestPauseBeforeTheFirstSample(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.Pause()
	in := counting(160, 1)
	b.say(1, "later", in)
	equal(t, "paused", b.take(2), zeros(320))
	equal(t, "events", b.kinds(), nil)
	b.Resume()
	equal(t, "resumed", b.take(1), in)
}

func TestClearFadesAndDrops(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "one two three four", steady(1600, 12_100))
	b.say(2, "never heard", steady(1600, 7))
	b.take(3)
	b.Clear()
	out := b.take(2)
	for i := range fade {
		if want := int16(12_100 * (fade - i) / (fade + 1)); out[i] != want {
			t.Fatalf("fade sample %d is %d, want %d", i, out[i], want)
		}
	}
	equal(t, "after the fade", out[fade:], zeros(320-fade))
	equal(t, "events", b.kinds(), []player.Event{started(1)})
	equal(t, "heard", b.Heard(1), player.Heard{Text: "one", Played: 480, Total: 1600})
	equal(t, "heard", b.Heard(2), player.Heard{Total: 1600})
	equal(t, "queued", b.Stats().Queued, media.Samples(0))

	b.Seal(1)
	b.say(3, "the next reply", steady(160, 3))
	equal(t, "the next reply", b.take(1), steady(160, 3))
	equal(t, "events", b.kinds(), []player.Event{started(1), started(3)})
}

func TestClearEndsAPause(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "one", steady(1600, 1000))
	b.take(1)
	b.Pause()
	b.take(1)
	b.Clear()
	if b.Paused() {
		t.Error("Paused() = true after Clear")
	}
	equal(t, "a paused player has nothing to fade", b.take(1), zeros(160))
	b.say(2, "two", steady(160, 2))
	equal(t, "audio", b.take(1), steady(160, 2))
}

func TestClearedSegmentsRefuseAudio(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	open := b.Add(1, "cut")
	b.write(open, steady(160, 1))
	b.Clear()
	for name, s := range map[string]*player.Segment{"open": open, "added later": b.Add(1, "too late")} {
		if err := s.Write(t.Context(), steady(1, 1), nil); !errors.Is(err, player.ErrCleared) {
			t.Errorf("Write to the %s segment = %v, want ErrCleared", name, err)
		}
		s.Close()
	}
	equal(t, "audio", b.take(1), zeros(160))
}

func TestEndedSegmentsRefuseAudio(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	s := b.say(1, "done", steady(1, 1))
	b.Seal(1)
	for name, s := range map[string]*player.Segment{"closed": s, "of a sealed utterance": b.Add(1, "more")} {
		if err := s.Write(t.Context(), steady(1, 1), nil); !errors.Is(err, player.ErrClosed) {
			t.Errorf("Write to the segment %s = %v, want ErrClosed", name, err)
		}
	}
}

func TestHoldPlaysNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	in := counting(480, 1)
	b.say(1, "held", in)
	b.Seal(1)
	var f media.Frame
	refuse := func(*media.Frame) bool { return false }
	for range 50 {
		if _, sent := b.Play(&f, refuse); sent {
			t.Fatal("Play reports a frame that did not leave as sent")
		}
	}
	equal(t, "events on hold", b.kinds(), nil)
	equal(t, "heard on hold", b.Heard(1), player.Heard{Total: 480})
	equal(t, "audio after hold", b.take(3), in)
	equal(t, "events", b.kinds(), []player.Event{started(1), finished(1)})
}

func TestHoldInMidSentence(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	in := counting(800, 1000)
	b.say(1, "held", in)
	b.take(1)
	var f media.Frame
	b.Play(&f, func(*media.Frame) bool { return false })
	out := b.take(1)
	equal(t, "goes on with the first sample that had not left", out[ramp:], in[160:320-ramp])
	b.Clear()
	b.Play(&f, func(*media.Frame) bool { return false })
	equal(t, "no stale fade after a hold", b.take(1), zeros(160))
}

func TestAudioThatBrokeOffInMidFrameIsLedIn(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	in := counting(600, 1000)
	s := b.Add(1, "slow engine")
	b.write(s, in[:200])
	b.take(2)
	b.write(s, in[200:])
	b.Pause()
	equal(t, "paused after a break", b.take(1), zeros(160))
	b.Resume()
	out := b.take(1)
	if out[0] >= in[200-ramp] {
		t.Errorf("audio comes back with %d, want a ramp", out[0])
	}
	equal(t, "after the ramp", out[ramp:], in[200:360-ramp])
}

func TestNextSegmentMayFillUpWhenItsTurnComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, player.Options{Bound: time.Second}) // 8000 samples
		b.say(1, "one", steady(320, 1))
		s := b.Add(1, "two")
		done := make(chan error, 1)
		go func() { done <- s.Write(t.Context(), steady(8000, 2), nil) }()
		synctest.Wait()
		equal(t, "queued", b.Stats().Queued, media.Samples(8000))
		b.take(2)
		synctest.Wait()
		equal(t, "queued when the first is over", b.Stats().Queued, media.Samples(8000))
		if err := <-done; err != nil {
			t.Errorf("Write: %v", err)
		}
	})
}

func TestWriteBlocksAtTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, player.Options{Bound: 200 * time.Millisecond}) // 1600 samples
		in := counting(4000, 1)
		s := b.Add(1, "long")
		done := make(chan error, 1)
		go func() {
			done <- s.Write(t.Context(), in, nil)
			s.Close()
		}()
		var out []int16
		for range 25 {
			synctest.Wait()
			if q := b.Stats().Queued; q > 1600 {
				t.Fatalf("%d samples are queued, bound 1600", q)
			}
			out = append(out, b.take(1)...)
		}
		equal(t, "audio", out, in)
		if err := <-done; err != nil {
			t.Errorf("Write: %v", err)
		}
	})
}

func TestSentencesMadeAheadDoNotStarveTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, player.Options{Bound: 100 * time.Millisecond}) // 800 samples
		first, second := b.Add(1, "one"), b.Add(1, "two")
		go func() {
			defer second.Close()
			if err := second.Write(t.Context(), steady(2000, 2), nil); err != nil {
				t.Errorf("second: %v", err)
			}
		}()
		synctest.Wait()
		go func() {
			defer first.Close()
			if err := first.Write(t.Context(), steady(2000, 1), nil); err != nil {
				t.Errorf("first: %v", err)
			}
		}()
		var out []int16
		for range 25 {
			synctest.Wait()
			out = append(out, b.take(1)...)
		}
		equal(t, "audio", out, slices.Concat(steady(2000, 1), steady(2000, 2)))
	})
}

func TestBlockedWriteEnds(t *testing.T) {
	t.Parallel()
	reason := errors.New("the caller hung up")
	for name, tt := range map[string]struct {
		end  func(b *bundle, s *player.Segment, cancel context.CancelCauseFunc)
		want error
	}{
		"by Clear": {func(b *bundle, _ *player.Segment, _ context.CancelCauseFunc) { b.Clear() }, player.ErrCleared},
		"by ctx":   {func(_ *bundle, _ *player.Segment, cancel context.CancelCauseFunc) { cancel(reason) }, reason},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, player.Options{Bound: 20 * time.Millisecond})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				s := b.Add(1, "long")
				done := make(chan error)
				go func() { done <- s.Write(ctx, steady(1000, 1), nil) }()
				synctest.Wait()
				tt.end(b, s, cancel)
				if err := <-done; !errors.Is(err, tt.want) {
					t.Errorf("Write = %v, want %v", err, tt.want)
				}
			})
		})
	}
}

func TestLedgerIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	const all = 30
	for u := range all {
		b.say(u, "ok", steady(160, 1))
		b.Seal(u)
		b.take(1)
	}
	for u := range all {
		want := player.Heard{}
		if u >= all-9 {
			want = player.Heard{Text: "ok", Played: 160, Total: 160, Complete: true}
		}
		equal(t, "heard", b.Heard(u), want)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	b := setup(t, player.Options{Bound: time.Hour})
	b.events = make([]player.Event, 0, 100)
	for u := range 20 {
		b.say(u, "a sentence", steady(2000, 1000))
		b.say(u, "and another", steady(2000, 1000))
		b.Seal(u)
	}
	var f media.Frame
	n := 0
	if got := testing.AllocsPerRun(400, func() {
		switch n++; n % 20 {
		case 5:
			b.Pause()
		case 8:
			b.Resume()
		}
		b.Next(&f)
	}); got != 0 {
		t.Errorf("Next allocates %v times, want none", got)
	}
	if len(b.events) < 20 {
		t.Errorf("%d events: the run did not cross utterances", len(b.events))
	}
}

func BenchmarkNext(b *testing.B) {
	p := player.New(player.Options{})
	in := steady(8000, 1000)
	s := p.Add(1, "endless")
	var f media.Frame
	for i := 0; b.Loop(); i++ {
		if i%50 == 0 {
			if err := s.Write(b.Context(), in, nil); err != nil {
				b.Fatal(err)
			}
		}
		p.Next(&f)
	}
}

// A shared line takes no memory of its own, however long, nor does it wait for
// room; it is complete.
func TestShareDoesNotCopy(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{Bound: time.Second})
	line := make([]int16, 60*media.SampleRate)
	s := b.Add(1, "a long greeting")
	s.Share(line, nil)
	for i := range line {
		line[i] = int16(i % 1000)
	}
	b.Seal(1)
	if out := b.take(1); out[159] != 159 {
		t.Error("the line was copied")
	}
	if err := s.Write(t.Context(), line, nil); !errors.Is(err, player.ErrClosed) {
		t.Errorf("Write after Share: %v, want %v", err, player.ErrClosed)
	}
	b.Clear()
	s = b.Add(1, "too late")
	s.Share(line, nil)
	if queued := b.Stats().Queued; queued != 0 {
		t.Errorf("%d samples of a cleared utterance wait", queued)
	}
}
