package declared_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

var errBroken = errors.New("broken")

// heard is a transcript and when it came.
type heard struct {
	At time.Duration
	pipeline.Transcript
}

// collect reads transcripts until the stream is closed.
func collect(r pipeline.Recognition, start time.Time) <-chan []heard {
	done := make(chan []heard, 1)
	go func() {
		var got []heard
		for t := range r.Transcripts() {
			got = append(got, heard{time.Since(start), t})
		}
		done <- got
	}()
	return done
}

func TestRecognizerKeepsItsDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{
			FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: 90 * ms,
			Says: declared.InTurn("on tuesday please", "no"),
		}
		stream, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := collect(stream, time.Now())
		var f media.Frame
		stream.Begin(7)
		for range 15 { // 300 ms: two of the three words come as partials
			stream.Write(&f)
			time.Sleep(20 * ms)
		}
		stream.End()
		time.Sleep(50 * ms)
		stream.Begin(8) // while the final of 7 is still to come
		time.Sleep(200 * ms)
		stream.End()
		time.Sleep(time.Second)
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		want := []heard{
			{160 * ms, pipeline.Transcript{Spurt: 7, Text: "on"}},
			{260 * ms, pipeline.Transcript{Spurt: 7, Text: "on tuesday"}},
			{390 * ms, pipeline.Transcript{Spurt: 7, Text: "on tuesday please", Final: true, Confidence: 1}},
			{510 * ms, pipeline.Transcript{Spurt: 8, Text: "no"}},
			{640 * ms, pipeline.Transcript{Spurt: 8, Text: "no", Final: true, Confidence: 1}},
		}
		if diff := cmp.Diff(want, <-got); diff != "" {
			t.Errorf("transcripts (-want +got):\n%s", diff)
		}
	})
}

func TestRecognizerFollowsTheSpeech(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{
			FirstPartial: 60 * ms, Final: 150 * ms,
			Says: declared.Always("on the tuesday"), Lasts: declared.For(1200*ms, 600*ms),
		}
		stream, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		early, ok := stream.(pipeline.Anticipator)
		if !ok {
			t.Fatal("it is no Anticipator")
		}
		got := collect(stream, time.Now())
		stream.Begin(1)
		time.Sleep(500 * ms)
		early.Lull()
		time.Sleep(100 * ms)
		early.Resume()
		time.Sleep(600 * ms)
		early.Lull()
		time.Sleep(120 * ms)
		stream.End()
		stream.Begin(2)
		time.Sleep(200 * ms)
		early.Lull()
		time.Sleep(300 * ms)
		stream.End()
		time.Sleep(time.Second)
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		want := []heard{
			{260 * ms, pipeline.Transcript{Spurt: 1, Text: "on"}},
			{560 * ms, pipeline.Transcript{Spurt: 1, Text: "on the"}},
			{1260 * ms, pipeline.Transcript{Spurt: 1, Text: "on the tuesday"}},
			{1350 * ms, pipeline.Transcript{Spurt: 1, Text: "on the tuesday", Final: true, Confidence: 1}},
			{1480 * ms, pipeline.Transcript{Spurt: 2, Text: "on"}},
			{1630 * ms, pipeline.Transcript{Spurt: 2, Text: "on the"}},
			{1820 * ms, pipeline.Transcript{Spurt: 2, Text: "on the tuesday", Final: true, Confidence: 1}},
		}
		if diff := cmp.Diff(want, <-got); diff != "" {
			t.Errorf("transcripts (-want +got):\n%s", diff)
		}
	})
}

func TestRecognizerIsThereWhenReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{Ready: 300 * ms, Streams: 1}
		start := time.Now()
		stream, err := r.Open(t.Context())
		if took := time.Since(start); err != nil || took != 300*ms {
			t.Fatalf("Open took %v: %v", took, err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
		defer cancel()
		if _, err := r.Open(ctx); !errors.Is(err, context.DeadlineExceeded) || r.InUse() != 0 {
			t.Errorf("Open given up: %v, %d streams in use", err, r.InUse())
		}
	})
}

func TestRecognizerFinalsStayInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{Final: 500 * ms}
		stream, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := collect(stream, time.Now())
		for n := range 20 {
			stream.Begin(n)
			stream.End() // all at one instant: their timers fire in any order
		}
		time.Sleep(time.Second)
		_ = stream.Close()
		for i, h := range <-got {
			if h.Spurt != i || !h.Final || h.Text != "yes" {
				t.Fatalf("transcript %d is %+v", i, h)
			}
		}
	})
}

func TestRecognizerIsBoundedAndGivesStreamsBack(t *testing.T) {
	t.Parallel()
	r := &declared.Recognizer{Streams: 1}
	a, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(t.Context()); !errors.Is(err, pipeline.ErrBusy) {
		t.Fatalf("a second stream gave %v, want ErrBusy", err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.InUse(); n != 0 {
		t.Fatalf("%d streams in use after Close, want 0", n)
	}
	a.Begin(1)
	a.End() // after Close nothing may happen
	b, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
}

func TestRecognizerCloseLeavesNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{FirstPartial: 100 * ms, Final: 100 * ms}
		stream, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stream.Begin(1)
		stream.End()
		stream.Begin(2)
		_ = stream.Close()
		time.Sleep(time.Second) // a timer that still fired would send on a closed channel
		if tr, open := <-stream.Transcripts(); open {
			t.Errorf("transcript %+v after Close", tr)
		}
	})
}

func TestRecognizerDropsWhatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{Final: 10 * ms}
		stream, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 1000 {
			stream.Begin(n)
			stream.End()
		}
		time.Sleep(time.Second)
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRecognizerFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{
			FirstPartial: 10 * ms, PartialEvery: 10 * ms, Final: 10 * ms, Says: declared.Always("one two three"),
			Opens: declared.At(0, declared.Fault{Err: errBroken}),
			Faults: func(n int) declared.Fault {
				return []declared.Fault{{Stall: true, After: 1}, {Err: errBroken}, {}}[n]
			},
		}
		if _, err := r.Open(t.Context()); !errors.Is(err, errBroken) {
			t.Fatalf("the first Open gave %v, want errBroken", err)
		}
		stream, err := r.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := collect(stream, time.Now())
		for n := range 3 {
			stream.Begin(n)
			time.Sleep(15 * ms)
			stream.End()
			time.Sleep(time.Minute)
		}
		_ = stream.Close()
		var seen []string
		for _, h := range <-got {
			seen = append(seen, fmt.Sprintf("%d %q final=%v err=%v", h.Spurt, h.Text, h.Final, errors.Is(h.Err, errBroken)))
		}
		want := []string{
			`0 "one" final=false err=false`, // and then nothing
			`1 "" final=true err=true`,
			`2 "one" final=false err=false`,
			`2 "one two three" final=true err=false`,
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("transcripts (-want +got):\n%s", diff)
		}
	})
}

func TestModelKeepsItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &declared.Model{
			FirstToken: 300 * ms, TokensPerSecond: 20,
			Reply: func(pipeline.Request) (string, *pipeline.Act) {
				return "We are open.", &pipeline.Act{Name: pipeline.ActHangUp}
			},
		}
		start := time.Now()
		var got []string
		for d, err := range m.Generate(t.Context(), pipeline.Request{}) {
			if err != nil {
				t.Fatal(err)
			}
			what := d.Text
			if d.Act != nil {
				what = d.Act.Name
			}
			got = append(got, fmt.Sprint(time.Since(start), " ", what))
			time.Sleep(30 * ms) // a consumer that takes its time does not push the rest back
		}
		want := []string{"300ms We", "350ms  are", "400ms  open.", "450ms hang_up"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("deltas (-want +got):\n%s", diff)
		}
	})
}

func TestRepliesFollowTheHistory(t *testing.T) {
	t.Parallel()
	m := &declared.Model{Reply: declared.Replies("one", "two")}
	history := []pipeline.Message{{Role: pipeline.Caller}}
	for _, want := range []string{"one", "two", "one"} {
		got := ""
		for d, err := range m.Generate(t.Context(), pipeline.Request{History: history}) {
			if err != nil {
				t.Fatal(err)
			}
			got += d.Text
		}
		if got != want {
			t.Errorf("with %d messages: %q, want %q", len(history), got, want)
		}
		history = append(history, pipeline.Message{Role: pipeline.Agent}, pipeline.Message{Role: pipeline.Caller})
	}
}

func TestModelFailsStallsAndStopsWhereTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &declared.Model{
			FirstToken: 10 * ms, TokensPerSecond: 100,
			Faults: func(n int) declared.Fault {
				return []declared.Fault{{Err: errBroken, After: 2}, {Stall: true, After: 1}, {}}[n]
			},
		}
		generate := func(ctx context.Context) (tokens int, err error) {
			for _, err = range m.Generate(ctx, pipeline.Request{}) {
				if err == nil {
					tokens++
				}
			}
			return tokens, err
		}
		if n, err := generate(t.Context()); n != 2 || !errors.Is(err, errBroken) {
			t.Errorf("a failing reply gave %d tokens and %v, want 2 and errBroken", n, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		start := time.Now()
		if n, err := generate(ctx); n != 1 || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("a stalled reply gave %d tokens and %v after %v, want 1 and the context's error after an hour", n, err, time.Since(start))
		}
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), 25*ms)
		defer cancel()
		if n, err := generate(ctx); n != 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled after 25 ms: %d tokens and %v, want 2 and the context's error", n, err)
		}
	})
}

func TestVoiceKeepsItsPaceAndPlacesWords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &declared.Voice{FirstAudio: 40 * ms, Speed: 10, PerWord: 130 * ms}
		start := time.Now()
		var words []media.Word
		var all []int16
		var at []time.Duration
		for s, err := range v.Synthesize(t.Context(), "We are open.") {
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range s.Words {
				if w.Start < media.Samples(len(all)) || w.Start >= media.Samples(len(all)+len(s.Samples)) {
					t.Errorf("word %+v does not begin in its chunk", w)
				}
			}
			words = append(words, s.Words...)
			all = append(all, s.Samples...)
			at = append(at, time.Since(start))
		}
		if want := int(media.SamplesIn(390 * ms)); len(all) != want {
			t.Errorf("%d samples, want %d", len(all), want)
		}
		if diff := cmp.Diff([]time.Duration{40 * ms, 50 * ms, 60 * ms, 70 * ms}, at); diff != "" {
			t.Errorf("chunks (-want +got):\n%s", diff)
		}
		wantWords := []media.Word{{Text: "We"}, {Text: "are", Start: 1040}, {Text: "open.", Start: 2080}}
		if diff := cmp.Diff(wantWords, words); diff != "" {
			t.Errorf("words (-want +got):\n%s", diff)
		}
		for i := 20; i < len(all); i++ {
			if all[i] != all[i-20] {
				t.Fatalf("the tone breaks at sample %d", i)
			}
		}
	})
}

func TestVoiceGivesSpeechUnchanged(t *testing.T) {
	t.Parallel()
	speech := make([]int16, 1234)
	for i := range speech {
		speech[i] = int16(i)
	}
	v := &declared.Voice{Speech: func(string) []int16 { return speech }}
	var all []int16
	for s, err := range v.Synthesize(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s.Samples...)
		clear(s.Samples) // a consumer may do what it likes with its chunk
	}
	if diff := cmp.Diff(speech, all, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("speech (-want +got):\n%s", diff)
	}
}

func TestVoiceFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &declared.Voice{Faults: declared.Every(declared.Fault{Err: errBroken, After: 1})}
		chunks, last := 0, error(nil)
		for _, err := range v.Synthesize(t.Context(), "one two") {
			if last = err; err == nil {
				chunks++
			}
		}
		if chunks != 1 || !errors.Is(last, errBroken) {
			t.Errorf("%d chunks and %v, want 1 and errBroken", chunks, last)
		}
	})
}

// Two hundred calls at once keep their delays and cost no goroutine.
func TestManyStreamsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &declared.Recognizer{FirstPartial: 100 * ms, Final: 50 * ms}
		streams := make([]pipeline.Recognition, 200)
		for i := range streams {
			s, err := r.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			streams[i] = s
			s.Begin(1)
		}
		time.Sleep(150 * ms)
		for _, s := range streams {
			s.End()
		}
		time.Sleep(50 * ms)
		synctest.Wait()
		for i, s := range streams {
			if partial, final := <-s.Transcripts(), <-s.Transcripts(); partial.Final || !final.Final {
				t.Fatalf("stream %d gave %+v and %+v", i, partial, final)
			}
			_ = s.Close()
		}
	})
}

func TestWriteAllocatesNothing(t *testing.T) {
	r := &declared.Recognizer{}
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Begin(1)
	var f media.Frame
	if n := testing.AllocsPerRun(100, func() { s.Write(&f) }); n != 0 {
		t.Errorf("Write allocates %v times, want 0", n)
	}
}

func TestModelCallsTools(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &declared.Model{
			FirstToken: 100 * ms, TokensPerSecond: 10,
			Reply: func(pipeline.Request) (string, *pipeline.Act) { return "One moment.", &pipeline.Act{Name: "hang_up"} },
			Calls: func(pipeline.Request) []pipeline.ToolCall { return []pipeline.ToolCall{{Name: "a"}, {Name: "b"}} },
		}
		start := time.Now()
		var got []string
		for d, err := range m.Generate(t.Context(), pipeline.Request{}) {
			if err != nil {
				t.Fatal(err)
			}
			what := d.Text
			if d.Call != nil {
				what = "call " + d.Call.Name
			}
			if d.Act != nil {
				what = d.Act.Name
			}
			got = append(got, fmt.Sprint(time.Since(start), " ", what))
		}
		want := []string{"100ms One", "200ms  moment.", "300ms call a", "400ms call b", "500ms hang_up"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("deltas (-want +got):\n%s", d)
		}
	})
}
