package ttssuite

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendorsuite"
	"trunkline/pipeline/vendortest"
)

// patience is how long anything may take that ends by itself.
const patience = 10 * time.Second

// bench is one vendor's server and a voice that talks to it.
type bench struct {
	script *ttstest.Script
	has    ttstest.Abilities
	voice  pipeline.Synthesizer
	conns  func() int // connections that were made
}

// Run holds the suite against a vendor. newVoice gets the server's base URL
// (http) and the key, and chooses the voice "anna" and the model "test".
func Run(t *testing.T, newVendor func() ttstest.Vendor, newVoice func(url, key string) pipeline.Synthesizer) {
	t.Helper()
	setup := func(t *testing.T, key string) *bench {
		t.Helper()
		v := newVendor()
		srv := vendorsuite.Serve(t, v)
		s := newVoice(srv.URL, key)
		vendorsuite.CloseAtEnd(t, s)

		return &bench{script: v.Script(), has: v.Has(), voice: s, conns: srv.Connections}
	}
	for name, test := range map[string]func(*testing.T, *bench){
		"speaks":         speaks,
		"streams":        streams,
		"words":          words,
		"refused":        refused,
		"breaks":         breaks,
		"hangs":          hangs,
		"is left":        isLeft,
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

		return b.voice, func() error {
			_, _, err := collect(t.Context(), b.voice, "Hello.")

			return err
		}
	})
}

// speech is d of a tone of 400 Hz with every octet in it that a voice may use.
func speech(d time.Duration) []byte {
	linear := make([]int16, media.SamplesIn(d))
	for i := range linear {
		linear[i] = int16(8000 * math.Sin(2*math.Pi*400*float64(i)/media.SampleRate) * (1 + float64(i%977)/977) / 2)
	}
	octets := make([]byte, len(linear))
	g711.PCMU.Encode(octets, linear)

	return octets
}

func collect(ctx context.Context, s pipeline.Synthesizer, text string) (samples []int16, words []media.Word, err error) {
	for c, err := range s.Synthesize(ctx, text) {
		if err != nil {
			return samples, words, err
		}
		samples, words = append(samples, c.Samples...), append(words, c.Words...)
	}

	return samples, words, nil
}

// same wants the audio that the server sent: octet by octet where the vendor
// speaks µ-law, else in length and level.
func (b *bench) same(t *testing.T, want []byte, got []int16) {
	t.Helper()
	if b.has.ULaw {
		octets := make([]byte, len(got))
		g711.PCMU.Encode(octets, got)
		if !bytes.Equal(want, octets) {
			t.Errorf("%d octets came, %d were sent, or they differ", len(octets), len(want))
		}

		return
	}
	linear := make([]int16, len(want))
	g711.PCMU.Decode(linear, want)
	if d := len(got) - len(linear); d < -2 || d > 2 {
		t.Errorf("%d samples came, %d were sent", len(got), len(linear))
	}
	if r := power(got) / power(linear); r < 0.8 || r > 1.25 {
		t.Errorf("the audio has %v times the power", r)
	}
}

func power(s []int16) float64 {
	sum := 0.0
	for _, v := range s {
		sum += float64(v) * float64(v)
	}

	return sum / float64(max(1, len(s)))
}

func speaks(t *testing.T, b *bench) {
	octets := speech(700 * time.Millisecond)
	for _, chunks := range []int{1, 3, 7} {
		b.script.Say(ttstest.Reply{Octets: octets, Chunks: chunks})
		got, _, err := collect(t.Context(), b.voice, "Grüß Gott, how are \"you\"?")
		if err != nil {
			t.Fatal(err)
		}
		b.same(t, octets, got)
	}
	for _, a := range b.script.Asked() {
		want := ttstest.Asked{Text: "Grüß Gott, how are \"you\"?", Voice: "anna", Model: "test", Language: a.Language}
		if d := cmp.Diff(want, a); d != "" {
			t.Errorf("what the server understood: %s", d)
		}
	}
}

// streams wants the first chunk before the second one is there.
func streams(t *testing.T, b *bench) {
	b.script.Say(ttstest.Reply{Octets: speech(time.Second), Chunks: 2, Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for c, err := range b.voice.Synthesize(ctx, "Hello.") {
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Samples) > 0 {
			return
		}
	}
	t.Error("the text ended")
}

func words(t *testing.T, b *bench) {
	if !b.has.Words {
		return
	}
	want := []media.Word{{Text: "We", Start: 0}, {Text: "open", Start: 1600}, {Text: "at", Start: 4000}, {Text: "nine.", Start: 4800}}
	b.script.Say(ttstest.Reply{Octets: speech(time.Second), Chunks: 2, Words: want})
	_, got, err := collect(t.Context(), b.voice, "We open at nine.")
	if err != nil {
		t.Fatal(err)
	}
	near := cmp.Comparer(func(a, b media.Samples) bool { return max(a-b, b-a) <= media.SamplesIn(time.Millisecond) })
	if d := cmp.Diff(want, got, near); d != "" {
		t.Error(d)
	}
}

func refused(t *testing.T, b *bench) {
	for _, tc := range []struct {
		reply ttstest.Reply
		kind  pipeline.FaultKind
	}{
		{ttstest.Reply{Status: 429, Code: "too_many_concurrent_requests", RetryAfter: 2 * time.Second}, pipeline.RateLimited},
		{ttstest.Reply{Status: 400, Code: "voice_not_found"}, pipeline.Rejected},
		{ttstest.Reply{Status: 500, Code: "server_error"}, pipeline.Unavailable},
		{ttstest.Reply{Status: 503, Code: "overloaded"}, pipeline.Unavailable},
	} {
		b.script.Say(tc.reply)
		got, _, err := collect(t.Context(), b.voice, "Hello.")
		f := pipeline.Fault(err)
		if err == nil || f.Kind != tc.kind || f.RetryAfter != tc.reply.RetryAfter || len(got) > 0 {
			t.Errorf("HTTP %d: %d samples, %v after %v", tc.reply.Status, len(got), err, f.RetryAfter)
		}
		if err != nil && strings.Contains(err.Error(), vendortest.Key) {
			t.Errorf("the key is in %v", err)
		}
	}
}

func breaks(t *testing.T, b *bench) {
	cases := map[string]struct {
		reply ttstest.Reply
		kind  pipeline.FaultKind
	}{"cut": {ttstest.Reply{Cut: true}, pipeline.Unavailable}}
	if b.has.Errors {
		cases["junk"] = struct {
			reply ttstest.Reply
			kind  pipeline.FaultKind
		}{ttstest.Reply{Junk: true}, pipeline.Garbled}
		cases["quota"] = struct {
			reply ttstest.Reply
			kind  pipeline.FaultKind
		}{ttstest.Reply{Error: "quota_exceeded"}, pipeline.RateLimited}
		cases["overloaded"] = struct {
			reply ttstest.Reply
			kind  pipeline.FaultKind
		}{ttstest.Reply{Error: "overloaded"}, pipeline.Unavailable}
	}
	for name, tc := range cases {
		tc.reply.Octets, tc.reply.Chunks = speech(time.Second), 2
		b.script.Say(tc.reply)
		got, _, err := collect(t.Context(), b.voice, "Hello.")
		if f := pipeline.Fault(err); err == nil || f.Kind != tc.kind {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(got); n < media.SampleRate/3 || n > 2*media.SampleRate/3 {
			t.Errorf("%s: %d samples came before", name, n)
		}
		if err != nil && strings.Contains(err.Error(), vendortest.Key) {
			t.Errorf("the key is in %v", err)
		}
	}
	b.script.Say(ttstest.Reply{Octets: speech(time.Second)})
	if got, _, err := collect(t.Context(), b.voice, "Hello."); err != nil || len(got) < media.SampleRate-2 {
		t.Errorf("after the failures: %d samples, %v", len(got), err)
	}
}

func hangs(t *testing.T, b *bench) {
	for _, r := range []ttstest.Reply{{Octets: speech(time.Second), Chunks: 2, Hang: true}, {FirstAudio: time.Hour}} {
		b.script.Say(r)
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		began := time.Now()
		if _, _, err := collect(ctx, b.voice, "Hello."); !errors.Is(err, why) {
			t.Error(err)
		}
		timer.Stop()
		if took := time.Since(began); took > patience/2 {
			t.Errorf("it ended after %v", took)
		}
	}
}

func isLeft(t *testing.T, b *bench) {
	b.script.Say(ttstest.Reply{Octets: speech(time.Second), Chunks: 2, Hang: true})
	for _, err := range b.voice.Synthesize(t.Context(), "Hello.") {
		if err != nil {
			t.Error(err)
		}

		break
	}
	select {
	case <-b.script.Gone():
	case <-time.After(patience):
		t.Error("the server was not told")
	}
}

func manyAtATime(t *testing.T, b *bench) {
	octets := speech(300 * time.Millisecond)
	b.script.Say(ttstest.Reply{Octets: octets, Chunks: 5})
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			got, _, err := collect(t.Context(), b.voice, "Hello.")
			if err != nil {
				t.Error(err)

				return
			}
			b.same(t, octets, got)
		})
	}
	all.Wait()
}

func warm(t *testing.T, b *bench) {
	w, ok := b.voice.(pipeline.Warmer)
	if !ok {
		t.Fatal("it cannot be warmed")
	}
	for range 2 {
		if err := w.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.conns(); n != 1 {
		t.Fatalf("warming twice made %d connections", n)
	}
	if n := len(b.script.Asked()); n != 0 {
		t.Errorf("warming cost %d texts", n)
	}
	b.script.Say(ttstest.Reply{Octets: speech(100 * time.Millisecond), Hang: true, Chunks: 2})
	for _, err := range b.voice.Synthesize(t.Context(), "Hello.") {
		if err != nil {
			t.Error(err)
		}
		// A protocol with a connection for each text makes the next one ready meanwhile.
		if n := b.conns(); n > 2 {
			t.Errorf("%d connections for a text after warming", n)
		}

		break
	}
}
