package openai

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"trunkline/media"
	"trunkline/media/resample"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where OpenAI itself answers.
const BaseURL = "https://api.openai.com/v1"

// rate is that of the format pcm.
const rate = 24_000

// Config chooses a voice.
type Config struct {
	BaseURL      string     // up to and without "/audio/speech"; empty: OpenAI's
	Key          vendor.Key // empty: none is sent, as local servers want it
	Voice        string     // such as "alloy"
	Model        string     // such as "gpt-4o-mini-tts"
	Instructions string     // how to speak; empty: as the voice is
	Speed        float64    // 0.25 to 4; 0: the voice's own
}

// Synthesizer speaks. It is safe for concurrent use.
type Synthesizer struct {
	cfg    Config
	client *vendor.Client
	header http.Header
}

var (
	_ pipeline.Synthesizer = (*Synthesizer)(nil)
	_ pipeline.Warmer      = (*Synthesizer)(nil)
)

// New makes a Synthesizer. Close it.
func New(c Config) *Synthesizer {
	c.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	s := &Synthesizer{cfg: c, client: vendor.NewClient("openai"), header: http.Header{}}
	if c.Key != "" {
		s.header.Set("Authorization", "Bearer "+c.Key.Reveal())
	}

	return s
}

// Warm opens a connection.
func (s *Synthesizer) Warm(ctx context.Context) error {
	return s.client.Warm(ctx, s.cfg.BaseURL+"/models")
}

// Check asks whether the key is good. It costs nothing.
func (s *Synthesizer) Check(ctx context.Context) error {
	return s.client.Get(ctx, s.cfg.BaseURL+"/models", s.header)
}

// Close closes the idle connections.
func (s *Synthesizer) Close() error { return s.client.Close() }

// Synthesize speaks a text.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		body := map[string]any{"model": s.cfg.Model, "voice": s.cfg.Voice, "input": text, "response_format": "pcm"}
		if s.cfg.Instructions != "" {
			body["instructions"] = s.cfg.Instructions
		}
		if s.cfg.Speed != 0 {
			body["speed"] = s.cfg.Speed
		}
		resp, err := s.client.Post(ctx, s.cfg.BaseURL+"/audio/speech", s.header, body)
		if err != nil {
			yield(pipeline.Speech{}, err)

			return
		}
		defer resp.Body.Close()
		if err := s.convert(ctx, resp.Body, yield); err != nil {
			yield(pipeline.Speech{}, err)
		}
	}
}

// convert gives the audio on at the telephone's rate.
func (s *Synthesizer) convert(ctx context.Context, body io.Reader, yield func(pipeline.Speech, error) bool) error {
	down, err := resample.New(rate, media.SampleRate)
	if err != nil {
		return fmt.Errorf("openai: %w", err)
	}
	var half []byte // of a sample
	var linear []int16
	for octets, err := range s.client.Octets(ctx, body) {
		if err != nil {
			return err
		}
		octets = append(half, octets...)
		linear = linear[:0]
		for ; len(octets) >= 2; octets = octets[2:] {
			linear = append(linear, int16(binary.LittleEndian.Uint16(octets)))
		}
		half = append([]byte(nil), octets...)
		if out := down.Append(nil, linear); len(out) > 0 && !yield(pipeline.Speech{Samples: out}, nil) {
			return nil
		}
	}
	if out := down.Flush(nil); len(out) > 0 {
		yield(pipeline.Speech{Samples: out}, nil)
	}

	return nil
}
