package aura

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where Deepgram answers.
const BaseURL = "https://api.deepgram.com"

// Config chooses a voice.
type Config struct {
	BaseURL string // empty: Deepgram's
	Key     vendor.Key
	Voice   string // the model and the voice in one, such as "aura-2-thalia-en"
}

// Synthesizer speaks. It is safe for concurrent use.
type Synthesizer struct {
	client *vendor.Client
	base   string
	url    string
	header http.Header
}

var (
	_ pipeline.Synthesizer = (*Synthesizer)(nil)
	_ pipeline.Warmer      = (*Synthesizer)(nil)
)

// New makes a Synthesizer. Close it.
func New(c Config) *Synthesizer {
	base := strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	q := url.Values{"model": {c.Voice}, "encoding": {"mulaw"}, "sample_rate": {"8000"}, "container": {"none"}}

	return &Synthesizer{
		client: vendor.NewClient("deepgram"), base: base, url: base + "/v1/speak?" + q.Encode(),
		header: http.Header{"Authorization": {"Token " + c.Key.Reveal()}},
	}
}

// Warm opens a connection.
func (s *Synthesizer) Warm(ctx context.Context) error { return s.client.Warm(ctx, s.base+"/") }

// Check asks whether the key is good. It costs nothing.
func (s *Synthesizer) Check(ctx context.Context) error {
	return s.client.Get(ctx, s.base+"/v1/projects", s.header)
}

// Close closes the idle connections.
func (s *Synthesizer) Close() error { return s.client.Close() }

// Synthesize speaks a text.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		resp, err := s.client.Post(ctx, s.url, s.header, map[string]string{"text": text})
		if err != nil {
			yield(pipeline.Speech{}, err)

			return
		}
		defer resp.Body.Close()
		for octets, err := range s.client.Octets(ctx, resp.Body) {
			chunk := pipeline.Speech{Samples: make([]int16, len(octets))}
			g711.PCMU.Decode(chunk.Samples, octets)
			if !yield(chunk, err) || err != nil {
				return
			}
		}
	}
}
