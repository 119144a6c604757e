package whisper

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where OpenAI itself answers.
const BaseURL = "https://api.openai.com/v1"

// Config chooses a recogniser. The zero value of a field takes the default that
// its comment gives.
type Config struct {
	BaseURL  string     // up to and without Path; empty: OpenAI's
	Path     string     // "/audio/transcriptions"; whisper.cpp's server has "/inference"
	Key      vendor.Key // empty: none is sent, as local servers want it
	Model    string     // such as "whisper-1", "whisper-large-v3-turbo"; empty: none is named
	Language string     // ISO 639-1; empty: the model finds out
	Prompt   string     // words that are to be expected
	Rate     int        // of the WAV file in Hz, 8000 or 16000: 8000, as it came from the line

	// Verbose asks for what the model itself believes of its words
	// ("verbose_json"), so that what it made up for silence can be left out.
	// Models that only know "json", such as gpt-4o-transcribe, refuse it.
	Verbose bool
	// NoSpeech is the model's probability of silence from which its words do
	// not count: 0.6. For what such models say of silence half of it is enough.
	NoSpeech float64

	// Interim is after how much more of a talkspurt its words so far are asked
	// for; 0: never. One request is under way at a time, and the last words go
	// before it. Each hears the talkspurt from its beginning: of one of n
	// seconds asked for each second, about n²/2 seconds are paid.
	Interim time.Duration
	Longest time.Duration // audio of one request; a longer talkspurt is cut: 25 s
	Timeout time.Duration // of one request: 15 s
}

// Recognizer sends each talkspurt. It is safe for concurrent use.
type Recognizer struct {
	cfg    Config
	client *vendor.Client
}

var (
	_ pipeline.Recognizer = (*Recognizer)(nil)
	_ pipeline.Warmer     = (*Recognizer)(nil)
)

// Validate says which settings cannot work.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Rate != media.SampleRate && c.Rate != 2*media.SampleRate:
		return fmt.Errorf("whisper: the rate is %d Hz: use 8000 or 16000", c.Rate)
	case c.NoSpeech < 0 || c.NoSpeech > 1:
		return fmt.Errorf("whisper: no_speech is %v: a probability is between 0 and 1", c.NoSpeech)
	case c.Interim < 0 || c.Interim > 0 && c.Interim < 200*time.Millisecond:
		return fmt.Errorf("whisper: interim is %v: below 200ms the requests cost more than they tell", c.Interim)
	case c.Longest < quietSearch || c.Longest > time.Minute:
		return fmt.Errorf("whisper: longest is %v: use 5s to 1m", c.Longest)
	}

	return nil
}

func (c Config) withDefaults() Config {
	c.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	c.Path = cmp.Or(c.Path, "/audio/transcriptions")
	c.Rate = cmp.Or(c.Rate, media.SampleRate)
	c.NoSpeech = cmp.Or(c.NoSpeech, 0.6)
	c.Longest = cmp.Or(c.Longest, 25*time.Second)
	c.Timeout = cmp.Or(c.Timeout, 15*time.Second)

	return c
}

// New makes a Recognizer. Close it.
func New(c Config) *Recognizer {
	return &Recognizer{cfg: c.withDefaults(), client: vendor.NewClient("whisper")}
}

// Warm opens a connection.
func (r *Recognizer) Warm(ctx context.Context) error {
	return r.client.Warm(ctx, r.cfg.BaseURL+"/models")
}

// Close closes the idle connections.
func (r *Recognizer) Close() error { return r.client.Close() }

// Open begins a call's stream, which asks the server for the first time when
// the first talkspurt is over.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}

	return newStream(r), nil
}

// words is what the server understood.
type words struct {
	text       string
	confidence float64 // 0: the server does not tell
	language   string
}

// transcribe has the server hear µ-law octets.
func (r *Recognizer) transcribe(ctx context.Context, octets []byte) (words, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.Timeout, &pipeline.ProviderError{
		Provider: r.client.Provider, Kind: pipeline.Slow, Err: errTimeout,
	})
	defer cancel()
	body, kind, err := r.form(octets)
	if err != nil {
		return words{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.cfg.BaseURL+r.cfg.Path, body)
	if err != nil {
		return words{}, r.client.Broken(ctx, err)
	}
	req.Header.Set("Content-Type", kind)
	if r.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+r.cfg.Key.Reveal())
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return words{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return words{}, r.client.Broken(ctx, err)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return words{}, r.client.Garbled("the answer is no JSON of a transcription: %w", vendor.Syntax(err))
	}

	return a.words(r.cfg.NoSpeech), nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// form is the request's body and its type.
func (r *Recognizer) form(octets []byte) (io.Reader, string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fields := map[string]string{
		"model": r.cfg.Model, "language": r.cfg.Language, "prompt": r.cfg.Prompt,
		"response_format": "json", "temperature": "0",
	}
	if r.cfg.Verbose {
		fields["response_format"] = "verbose_json"
	}
	for _, name := range []string{"model", "language", "prompt", "response_format", "temperature"} {
		if fields[name] == "" {
			continue
		}
		if err := w.WriteField(name, fields[name]); err != nil {
			return nil, "", fmt.Errorf("write the field %s: %w", name, err)
		}
	}
	recording, err := wav(octets, r.cfg.Rate)
	if err != nil {
		return nil, "", err
	}
	file, err := w.CreateFormFile("file", "talkspurt.wav")
	if err == nil {
		_, err = file.Write(recording)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, "", fmt.Errorf("write the file: %w", err)
	}

	return &body, w.FormDataContentType(), nil
}

// answer is the server's JSON. Segments come with "verbose_json" only.
type answer struct {
	Text     string `json:"text"`
	Language string `json:"language"`
	Segments []struct {
		Text       string  `json:"text"`
		NoSpeech   float64 `json:"no_speech_prob"`
		AvgLogProb float64 `json:"avg_logprob"`
		Squeezed   float64 `json:"compression_ratio"`
	} `json:"segments"`
}
