package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/realtime"
	"trunkline/testdata"
)

// What a probe asks for: short, and like what a call asks for.
const (
	probeQuestion = "Answer with the one word: ready."
	probeText     = "Hello, how can I help you?"
	probeAudio    = "audio/tuesday.wav"

	probeTokens = 30 // about what the question costs, both ways together
	probeBound  = 15 * time.Second
)

// errNoAnswer says that a probe's answer was empty.
var errNoAnswer = errors.New("the answer is empty")

// Probe uses the provider once as a call does, and tells the time to the first
// piece of its answer: of a recogniser, from the end of speech to the last
// words; of a speech-to-speech model, to the opened session. It costs what Cost
// says.
func (p *Provider) Probe(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeBound, fmt.Errorf("no answer within %v", probeBound))
	defer cancel()
	switch u := p.using.(type) {
	case pipeline.Model:
		req := pipeline.Request{
			CallID: "probe", Turn: 1, System: probeQuestion,
			History: []pipeline.Message{{Role: pipeline.Caller, Text: probeQuestion}},
		}
		began := time.Now()
		for _, err := range u.Generate(ctx, req) {
			return time.Since(began), err
		}
	case pipeline.Synthesizer:
		began := time.Now()
		for s, err := range u.Synthesize(ctx, probeText) {
			if err != nil || len(s.Samples) > 0 {
				return time.Since(began), err
			}
		}
	case pipeline.Recognizer:
		return listen(ctx, u)
	case *realtime.Provider:
		return u.Probe(ctx)
	}

	return 0, errNoAnswer
}

// Cost is about what a probe costs, in units of the prices' currency. It is not
// known when the provider has no price and is not on this machine.
func (p *Provider) Cost() (units float64, known bool) {
	c := p.price
	switch p.Stage {
	case pipeline.Converse: // a session that is asked for nothing
		return 0, true
	case pipeline.Think:
		units = probeTokens * max(c.InputPerMillion, c.OutputPerMillion) / 1e6
	case pipeline.Speak:
		units = float64(len(probeText)) * c.CharsPerMillion / 1e6
	case pipeline.Recognise:
		units = time.Second.Minutes() * 2 * c.PerMinute
	}

	return units, units > 0 || p.Host == ""
}

// listen says a word to a recogniser at the pace of a call.
func listen(ctx context.Context, r pipeline.Recognizer) (took time.Duration, err error) {
	frames, err := probeFrames()
	if err != nil {
		return 0, err
	}
	s, err := r.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	return LastWords(ctx, s, 1, frames)
}

// LastWords says a talkspurt to a recogniser at the pace of a call, and tells
// how long after its end the last words came. It is for measuring: n must be
// the stream's next talkspurt, and nobody else may read its transcripts.
func LastWords(ctx context.Context, s pipeline.Recognition, n int, frames []media.Frame) (time.Duration, error) {
	s.Begin(n)
	tick := time.NewTicker(media.FrameDuration)
	defer tick.Stop()
	for i := range frames {
		select {
		case <-tick.C:
			s.Write(&frames[i])
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	s.End()
	began := time.Now()
	for {
		select {
		case t, open := <-s.Transcripts():
			switch {
			case !open:
				return 0, errNoAnswer
			case t.Err != nil:
				return 0, t.Err
			case t.Final && t.Spurt == n:
				return time.Since(began), nil
			}
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// probeFrames is the word that recognisers are asked for.
func probeFrames() ([]media.Frame, error) {
	src, err := testdata.Files.ReadFile(probeAudio)
	if err != nil {
		return nil, fmt.Errorf("the probe's audio: %w", err)
	}
	audio, err := record.DecodeWAV(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("the probe's audio: %w", err)
	}
	samples := audio.Samples[0]
	frames := make([]media.Frame, len(samples)/media.FrameSamples)
	for i := range frames {
		copy(frames[i][:], samples[i*media.FrameSamples:])
	}

	return frames, nil
}

// Percentile is the smallest of the times that at least this part of them do
// not exceed (nearest rank). It is zero for none.
func Percentile(times []time.Duration, part float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := int(math.Ceil(part * float64(len(sorted))))

	return sorted[min(max(rank, 1), len(sorted))-1]
}
