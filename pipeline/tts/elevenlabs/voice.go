package elevenlabs

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where ElevenLabs answers.
const BaseURL = "https://api.elevenlabs.io"

// The server closes a connection on which nothing is sent for longer than it
// was told. Spares are younger.
const (
	inactivity = 180 * time.Second
	spareAge   = 150 * time.Second
)

// Config chooses a voice.
type Config struct {
	BaseURL  string // empty: ElevenLabs'
	Key      vendor.Key
	Voice    string  // the voice's id
	Model    string  // such as "eleven_flash_v2_5"
	Language string  // ISO 639-1, for models that take one; empty: as the text
	Speed    float64 // 0.7 to 1.2; 0: the voice's own
	Ready    int     // connections kept ready: as many as calls that begin to speak at once; 0: 2
}

// Synthesizer speaks. It is safe for concurrent use.
type Synthesizer struct {
	cfg    Config
	client *vendor.Client
	base   string
	header http.Header
	spares *vendor.Spares
}

var (
	_ pipeline.Synthesizer = (*Synthesizer)(nil)
	_ pipeline.Warmer      = (*Synthesizer)(nil)
)

// New makes a Synthesizer. Close it.
func New(c Config) *Synthesizer {
	s := &Synthesizer{
		cfg: c, client: vendor.NewClient("elevenlabs"), base: strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/"),
		header: http.Header{"Xi-Api-Key": {c.Key.Reveal()}},
	}
	q := url.Values{"model_id": {c.Model}, "output_format": {"ulaw_8000"}, "auto_mode": {"true"}, "sync_alignment": {"true"}}
	q.Set("inactivity_timeout", "180")
	if c.Language != "" {
		q.Set("language_code", c.Language)
	}
	at := "ws" + strings.TrimPrefix(s.base, "http") + "/v1/text-to-speech/" + url.PathEscape(c.Voice) + "/stream-input?" + q.Encode()
	s.spares = vendor.NewSpares(cmp.Or(c.Ready, 2), spareAge, func(ctx context.Context) (*websocket.Conn, error) {
		return s.client.Dial(ctx, at, s.header)
	})

	return s
}

// Warm opens a connection.
func (s *Synthesizer) Warm(ctx context.Context) error { return s.spares.Warm(ctx) }

// unpermitted is the code of a key that is good, and may only not read the
// account.
const unpermitted = "missing_permissions"

// Check asks whether the key is good. It costs nothing.
func (s *Synthesizer) Check(ctx context.Context) error {
	err := s.client.Get(ctx, s.base+"/v1/user", s.header)
	if err != nil && strings.HasSuffix(err.Error(), " "+unpermitted) {
		return nil
	}

	return err
}

// Close closes the connections that are ready.
func (s *Synthesizer) Close() error { return s.spares.Close() }

// Synthesize speaks a text.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		conn, ready, err := s.spares.Take(ctx)
		if err == nil {
			var heard bool
			heard, err = s.speak(ctx, conn, text, yield)
			if err != nil && ready && !heard && ctx.Err() == nil && pipeline.Fault(err).Kind == pipeline.Unavailable {
				// The server may have closed a connection that waited.
				if conn, err = s.spares.Fresh(ctx); err == nil {
					_, err = s.speak(ctx, conn, text, yield)
				}
			}
		}
		if err != nil {
			yield(pipeline.Speech{}, err)
		}
	}
}

// answer is a message of the server.
type answer struct {
	Audio     string     `json:"audio"`
	IsFinal   bool       `json:"isFinal"`
	Alignment *alignment `json:"alignment"`
	Error     string     `json:"error"`
	Code      int        `json:"code"`
}

// alignment places characters in a chunk's audio.
type alignment struct {
	Chars  []string `json:"chars"`
	Starts []int    `json:"charStartTimesMs"`
}

// speak has one connection say the text, and closes it.
func (s *Synthesizer) speak(
	ctx context.Context, conn *websocket.Conn, text string, yield func(pipeline.Speech, error) bool,
) (heard bool, err error) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for _, m := range s.messages(text) {
		if err := conn.WriteJSON(m); err != nil {
			return false, s.client.Closed(ctx, err)
		}
	}
	words := placing{}
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return heard, s.client.Closed(ctx, err)
		}
		var a answer
		if err := json.Unmarshal(data, &a); err != nil {
			return heard, s.client.Garbled("a message is no JSON of an answer: %w", vendor.Syntax(err))
		}
		if a.Error != "" {
			return heard, s.client.Failed(a.Error)
		}
		octets, err := base64.StdEncoding.DecodeString(a.Audio)
		if err != nil {
			return heard, s.client.Garbled("audio is no base64")
		}
		if len(octets) > 0 {
			chunk := pipeline.Speech{Samples: make([]int16, len(octets)), Words: words.next(a.Alignment, len(octets))}
			g711.PCMU.Decode(chunk.Samples, octets)
			heard = true
			if !yield(chunk, nil) {
				return heard, nil
			}
		}
		if a.IsFinal {
			return heard, nil
		}
	}
}

// messages are what the server is sent: the settings, the text, the end.
func (s *Synthesizer) messages(text string) []map[string]any {
	first := map[string]any{"text": " "}
	if s.cfg.Speed != 0 {
		first["voice_settings"] = map[string]float64{"speed": s.cfg.Speed}
	}

	return []map[string]any{first, {"text": text + " "}, {"text": ""}}
}

// placing finds where words begin, over the chunks of a text.
type placing struct {
	before media.Samples // the chunks before
	word   strings.Builder
	at     media.Samples
}

// next gives the words that end in a chunk's alignment, or with it.
func (p *placing) next(a *alignment, samples int) []media.Word {
	var out []media.Word
	end := func() {
		if p.word.Len() > 0 {
			out = append(out, media.Word{Text: p.word.String(), Start: p.at})
			p.word.Reset()
		}
	}
	if a != nil && len(a.Chars) == len(a.Starts) {
		for i, c := range a.Chars {
			if strings.TrimFunc(c, unicode.IsSpace) == "" {
				end()

				continue
			}
			if p.word.Len() == 0 {
				p.at = p.before + media.SamplesIn(time.Duration(a.Starts[i])*time.Millisecond)
			}
			p.word.WriteString(c)
		}
	}
	p.before += media.Samples(samples)
	end() // a word is told no later than its audio

	return out
}
