package asrsuite

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/vendorsuite"
	"trunkline/pipeline/vendortest"
)

// silence is the octet of digital silence in µ-law.
const silence = 0xff

// patience is how long anything may take that ends by itself.
const patience = 10 * time.Second

// bench is one vendor's server and a recogniser that talks to it.
type bench struct {
	script     *asrtest.Script
	has        asrtest.Abilities
	recogniser pipeline.Recognizer
}

// Run holds the suite against a vendor. newRecognizer gets the server's base URL
// (http) and the key; it keeps silent connections alive every 50 ms.
func Run(t *testing.T, newVendor func() asrtest.Vendor, newRecognizer func(url, key string) pipeline.Recognizer) {
	t.Helper()
	setup := func(t *testing.T, key string) *bench {
		t.Helper()
		v := newVendor()
		r := newRecognizer(vendorsuite.Serve(t, v).URL, key)
		vendorsuite.CloseAtEnd(t, r)

		return &bench{script: v.Script(), has: v.Has(), recogniser: r}
	}
	for name, test := range map[string]func(*testing.T, *bench){
		"hears":          hears,
		"no words":       noWords,
		"end of turn":    endOfTurn,
		"in a row":       inARow,
		"lulls":          lulls,
		"refused":        refused,
		"breaks":         breaks,
		"hangs":          hangs,
		"stays open":     staysOpen,
		"never waits":    neverWaits,
		"many at a time": manyAtATime,
		"warm":           warm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t, vendortest.Key))
		})
	}
	vendorsuite.Keys(t, func(t *testing.T, key string) (any, func() error) {
		t.Helper()
		b := setup(t, key)

		return b.recogniser, func() error { return b.turnedAway(t) }
	})
}

// open takes a stream that is closed at the end.
func (b *bench) open(t *testing.T) pipeline.Recognition {
	t.Helper()
	s, err := b.recogniser.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})

	return s
}

// turnedAway is the error of a server that refuses.
func (b *bench) turnedAway(t *testing.T) error {
	t.Helper()
	if !b.has.Late {
		_, err := b.recogniser.Open(t.Context())

		return err
	}
	s := b.open(t)
	speak(s, 1, speech(200*time.Millisecond, 1))
	got, _ := final(t, s)

	return got.Err
}

// speech is d of a talkspurt as octets, none of them a zero: µ-law has two.
func speech(d time.Duration, seed int) []byte {
	octets := make([]byte, media.SamplesIn(d))
	for i := range octets {
		octets[i] = byte((i*31+seed*7)%100 + 20)
	}

	return octets
}

// speak gives a talkspurt to a stream at once.
func speak(s pipeline.Recognition, n int, octets []byte) {
	s.Begin(n)
	write(s, octets)
	s.End()
}

func write(s pipeline.Recognition, octets []byte) {
	for ; len(octets) > 0; octets = octets[media.FrameSamples:] {
		var f media.Frame
		g711.PCMU.Decode(f[:], octets[:media.FrameSamples])
		s.Write(&f)
	}
}

// next waits for a transcript.
func next(t *testing.T, s pipeline.Recognition) pipeline.Transcript {
	t.Helper()
	select {
	case tr, open := <-s.Transcripts():
		if !open {
			t.Fatal("the stream ended")
		}

		return tr
	case <-time.After(patience):
		t.Fatal("no transcript came")
	}

	return pipeline.Transcript{}
}

// final waits for the last words of a talkspurt and gives the partials before.
func final(t *testing.T, s pipeline.Recognition) (last pipeline.Transcript, partials []string) {
	t.Helper()
	for {
		tr := next(t, s)
		if tr.Final {
			return tr, partials
		}
		partials = append(partials, tr.Text)
	}
}

func (b *bench) sameAudio(t *testing.T, want, got []byte) {
	t.Helper()
	pad := int(media.SamplesIn(b.has.Padding))
	if len(got) < len(want) || len(got) > len(want)+pad || !bytes.Equal(want, got[:len(want)]) ||
		bytes.Count(got[len(want):], []byte{silence}) != len(got)-len(want) {
		t.Errorf("%d octets came, %d were sent, or they differ", len(got), len(want))
	}
}

func hears(t *testing.T, b *bench) {
	s := b.open(t)
	b.script.Say(
		asrtest.Reply{Partials: []string{"when", "when do", "when do you"}, Final: "When do you open?", Delay: 5 * time.Millisecond},
		asrtest.Reply{Partials: []string{"on", "on Sunday"}, Final: "On Sunday."})
	for i, want := range []struct {
		partials []string
		text     string
	}{
		{[]string{"when", "when do", "when do you"}, "when do you open"},
		{[]string{"on", "on sunday"}, "on sunday"},
	} {
		octets := speech(600*time.Millisecond, i)
		speak(s, i+7, octets)
		got, partials := final(t, s)
		if got.Text != want.text || got.Spurt != i+7 || got.Err != nil {
			t.Errorf("%+v, want %q", got, want.text)
		}
		if b.has.Batch {
			want.partials = nil
		}
		if d := cmp.Diff(want.partials, partials); d != "" {
			t.Error(d)
		}
		heard := b.script.Heard()
		if len(heard) != i+1 {
			t.Fatalf("the server heard %d talkspurts", len(heard))
		}
		b.sameAudio(t, octets, heard[i])
	}
}

// noWords wants an end also of a talkspurt in which there were none.
func noWords(t *testing.T, b *bench) {
	s := b.open(t)
	b.script.Say(asrtest.Reply{}, asrtest.Reply{Final: "yes"})
	speak(s, 1, speech(200*time.Millisecond, 1))
	if got, _ := final(t, s); got.Text != "" || got.Spurt != 1 || got.Err != nil {
		t.Errorf("%+v", got)
	}
	speak(s, 2, speech(200*time.Millisecond, 2))
	if got, _ := final(t, s); got.Text != "yes" || got.Spurt != 2 {
		t.Errorf("%+v", got)
	}
}

func endOfTurn(t *testing.T, b *bench) {
	if !b.has.EndOfTurn {
		return
	}
	s := b.open(t)
	b.script.Say(asrtest.Reply{Partials: []string{"my name", "my name is John"}, Final: "my name is John", EndOfTurn: true}, asrtest.Reply{Final: "yes"})
	s.Begin(1)
	write(s, speech(500*time.Millisecond, 1))
	for tr := next(t, s); !tr.EndOfTurn; tr = next(t, s) {
		if tr.Final {
			t.Fatalf("%+v before the end of the turn", tr)
		}
	}
	s.End()
	if got, _ := final(t, s); got.Text != "my name is john" || got.Spurt != 1 {
		t.Errorf("%+v", got)
	}
	speak(s, 2, speech(200*time.Millisecond, 2))
	if got, _ := final(t, s); got.Text != "yes" || got.Spurt != 2 {
		t.Errorf("%+v", got)
	}
}

// inARow gives talkspurts faster than the server answers.
func inARow(t *testing.T, b *bench) {
	s := b.open(t)
	b.script.Say(asrtest.Reply{Final: "one", Delay: 20 * time.Millisecond}, asrtest.Reply{Final: "two", Delay: 40 * time.Millisecond}, asrtest.Reply{Final: "three", Delay: 60 * time.Millisecond})
	for n := range 3 {
		speak(s, n+1, speech(200*time.Millisecond, n))
	}
	for n, want := range []string{"one", "two", "three"} {
		if got, _ := final(t, s); got.Text != want || got.Spurt != n+1 {
			t.Errorf("%+v, want %q of talkspurt %d", got, want, n+1)
		}
	}
}

// lulls is for recognisers that ask for the last words while the caller may yet
// go on.
func lulls(t *testing.T, b *bench) {
	if !b.has.Lull {
		return
	}
	const much = 12 * media.FrameSamples // silence, longer than any lull within a talkspurt
	pause := bytes.Repeat([]byte{silence}, much)
	first, second := speech(300*time.Millisecond, 1), speech(300*time.Millisecond, 2)
	for name, tc := range map[string]struct {
		replies []asrtest.Reply
		resumes bool
		await   bool // that the words of the lull have come before more is done
		text    string
	}{
		"known at the end":        {[]asrtest.Reply{{Final: "on Sunday."}}, false, true, "on sunday"},
		"come after the end":      {[]asrtest.Reply{{Final: "on Sunday.", Delay: 20 * time.Millisecond}}, false, false, "on sunday"},
		"no words":                {[]asrtest.Reply{{}}, false, false, ""},
		"goes on":                 {[]asrtest.Reply{{Final: "on Sunday"}, {Final: "at nine"}}, true, true, "on sunday at nine"},
		"goes on before the word": {[]asrtest.Reply{{Final: "on Sunday", Delay: 20 * time.Millisecond}, {Final: "at nine"}}, true, false, "on sunday at nine"},
		"goes on without words":   {[]asrtest.Reply{{}, {Final: "at nine"}}, true, false, "at nine"},
	} {
		s := b.open(t)
		a, can := s.(pipeline.Anticipator)
		if !can {
			t.Fatalf("a %T cannot be told of a lull", s)
		}
		b.script.Say(append(tc.replies, asrtest.Reply{Final: "yes"})...)
		before := len(b.script.Heard())
		s.Begin(1)
		write(s, first)
		a.Lull()
		write(s, pause)
		if tc.await {
			if got := next(t, s); got.Final || got.Text != "on sunday" {
				t.Errorf("%s: in the lull: %+v", name, got)
			}
		}
		if tc.resumes {
			a.Resume()
			write(s, second)
		}
		s.End()
		if got, _ := final(t, s); got.Text != tc.text || got.Spurt != 1 || got.Err != nil {
			t.Errorf("%s: %+v, want %q", name, got, tc.text)
		}
		speak(s, 2, second)
		if got, _ := final(t, s); got.Text != "yes" || got.Spurt != 2 {
			t.Errorf("%s: then %+v", name, got)
		}
		heard := bytes.Join(b.script.Heard()[before:], nil)
		want := slices.Concat(first, second) // what is left of the silence is not sent
		if tc.resumes {
			want = slices.Concat(first, pause, second, second)
			if !bytes.Equal(heard, want) {
				t.Errorf("%s: %d octets came, want %d", name, len(heard), len(want))
			}
		} else if quiet := bytes.Count(heard, []byte{silence}); len(heard)-quiet != len(want) || quiet >= much {
			t.Errorf("%s: %d octets came, %d of them silence", name, len(heard), quiet)
		}
	}
}

func refused(t *testing.T, b *bench) {
	for _, tc := range []struct {
		reply asrtest.Reply
		kind  pipeline.FaultKind
	}{
		{asrtest.Reply{Status: 429, Code: "too_many_requests", RetryAfter: 2 * time.Second}, pipeline.RateLimited},
		{asrtest.Reply{Status: 400, Code: "bad_model"}, pipeline.Rejected},
		{asrtest.Reply{Status: 503, Code: "overloaded"}, pipeline.Unavailable},
	} {
		b.script.Say(tc.reply)
		err := b.turnedAway(t)
		f := pipeline.Fault(err)
		if err == nil || f.Kind != tc.kind || f.RetryAfter != tc.reply.RetryAfter {
			t.Errorf("HTTP %d: %v after %v", tc.reply.Status, err, f.RetryAfter)
		}
		if err != nil && strings.Contains(err.Error(), vendortest.Key) {
			t.Errorf("the key is in %v", err)
		}
	}
}

func breaks(t *testing.T, b *bench) {
	for name, tc := range map[string]struct {
		reply asrtest.Reply
		kind  pipeline.FaultKind
	}{
		"cut":   {asrtest.Reply{Cut: true}, pipeline.Unavailable},
		"junk":  {asrtest.Reply{Junk: true}, pipeline.Garbled},
		"error": {asrtest.Reply{Error: "overloaded"}, pipeline.Unavailable},
	} {
		s := b.open(t)
		tc.reply.Partials = []string{"when", "when do"}
		b.script.Say(tc.reply)
		speak(s, 3, speech(400*time.Millisecond, 1))
		got, partials := final(t, s)
		if f := pipeline.Fault(got.Err); got.Err == nil || f.Kind != tc.kind || got.Spurt != 3 {
			t.Errorf("%s: %+v", name, got)
		}
		if len(partials) > 1 {
			t.Errorf("%s: %q came before", name, partials)
		}
		if got.Err != nil && strings.Contains(got.Err.Error(), vendortest.Key) {
			t.Errorf("the key is in %v", got.Err)
		}
		select { // the stream is over, and takes what comes
		case _, open := <-s.Transcripts():
			if open {
				t.Errorf("%s: more came after the failure", name)
			}
		case <-time.After(patience):
			t.Errorf("%s: the stream goes on", name)
		}
		speak(s, 4, speech(200*time.Millisecond, 1))
	}
}

// hangs wants a stream that gets no answer to close soon.
func hangs(t *testing.T, b *bench) {
	s := b.open(t)
	b.script.Say(asrtest.Reply{Partials: []string{"when", "when do"}, Hang: true})
	speak(s, 1, speech(400*time.Millisecond, 1))
	if b.has.Batch {
		b.awaitTalkspurt(t)
	} else if got := next(t, s); got.Text != "when" || got.Final {
		t.Errorf("%+v", got)
	}
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it closed after %v", took)
	}
}

// awaitTalkspurt waits until the server has one.
func (b *bench) awaitTalkspurt(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for len(b.script.Heard()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the server heard nothing")
		}
		time.Sleep(time.Millisecond)
	}
}

func staysOpen(t *testing.T, b *bench) {
	if !b.has.KeepAlive {
		return
	}
	s := b.open(t)
	deadline := time.Now().Add(patience)
	for b.script.Alive() < 3 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if n := b.script.Alive(); n < 3 {
		t.Errorf("%d messages kept the connection alive", n)
	}
	b.script.Say(asrtest.Reply{Final: "yes"})
	speak(s, 1, speech(200*time.Millisecond, 1))
	if got, _ := final(t, s); got.Text != "yes" {
		t.Errorf("%+v", got)
	}
}

// neverWaits gives more audio than anything takes at once: it comes back.
func neverWaits(t *testing.T, b *bench) {
	s := b.open(t)
	b.script.Say(asrtest.Reply{Hang: true})
	speak(s, 1, speech(15*time.Second, 1))
}

func manyAtATime(t *testing.T, b *bench) {
	b.script.Say(asrtest.Reply{Partials: []string{"a"}, Final: "a b c"})
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			s, err := b.recogniser.Open(t.Context())
			if err != nil {
				t.Error(err)

				return
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			s.Begin(1)
			write(s, speech(300*time.Millisecond, 1))
			if b.has.Batch {
				s.End()
			}
			for tr := range s.Transcripts() {
				if !tr.Final { // its words are on their way: however slow the machine is, they are waited for
					s.End()
				}
				if tr.Final {
					if tr.Text != "a b c" || tr.Err != nil {
						t.Errorf("%+v", tr)
					}

					return
				}
			}
			t.Error(errors.New("the stream ended"))
		})
	}
	all.Wait()
	if b.has.Batch {
		return
	}
	deadline := time.Now().Add(patience)
	for b.script.Left() < 30 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if n := b.script.Left(); n != 30 {
		t.Errorf("%d of 30 connections have ended", n)
	}
}

func warm(t *testing.T, b *bench) {
	w, ok := b.recogniser.(pipeline.Warmer)
	if !ok {
		t.Fatal("it cannot be warmed")
	}
	if err := w.Warm(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(b.script.Heard()); n != 0 {
		t.Errorf("warming cost %d talkspurts", n)
	}
}
