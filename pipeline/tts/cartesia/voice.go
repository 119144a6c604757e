package cartesia

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where Cartesia answers.
const BaseURL = "https://api.cartesia.ai"

// Version is the protocol's version, sent with each connection.
const Version = "2025-04-16"

// Config chooses a voice.
type Config struct {
	BaseURL  string // empty: Cartesia's
	Key      vendor.Key
	Voice    string  // the voice's id
	Model    string  // such as "sonic-2"
	Language string  // ISO 639-1; empty: en
	Speed    float64 // of the speech, -1 to 1; 0: as the voice is
}

// Synthesizer speaks. It is safe for concurrent use.
type Synthesizer struct {
	cfg    Config
	client *vendor.Client
	base   string
	url    string
	header http.Header

	mu      sync.Mutex
	current *socket // nil: none, or it broke
	closed  bool
	work    sync.WaitGroup // the sockets' readers
}

var (
	_ pipeline.Synthesizer = (*Synthesizer)(nil)
	_ pipeline.Warmer      = (*Synthesizer)(nil)
)

// New makes a Synthesizer. Close it.
func New(c Config) *Synthesizer {
	c.Language = cmp.Or(c.Language, "en")
	base := strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")

	return &Synthesizer{
		cfg: c, client: vendor.NewClient("cartesia"), base: base,
		url:    "ws" + strings.TrimPrefix(base, "http") + "/tts/websocket",
		header: http.Header{"X-Api-Key": {c.Key.Reveal()}, "Cartesia-Version": {Version}},
	}
}

// Warm opens the connection.
func (s *Synthesizer) Warm(ctx context.Context) error {
	_, err := s.socket(ctx)

	return err
}

// Check asks whether the key is good. It costs nothing.
func (s *Synthesizer) Check(ctx context.Context) error {
	return s.client.Get(ctx, s.base+"/voices?limit=1", s.header)
}

// Close closes the connection and waits until it is quiet.
func (s *Synthesizer) Close() error {
	s.mu.Lock()
	s.closed = true
	if s.current != nil {
		s.current.conn.Close()
	}
	s.mu.Unlock()
	s.work.Wait()

	return nil
}

// Synthesize speaks a text.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		if err := s.speak(ctx, text, yield); err != nil {
			yield(pipeline.Speech{}, err)
		}
	}
}

func (s *Synthesizer) speak(ctx context.Context, text string, yield func(pipeline.Speech, error) bool) error {
	for {
		sock, err := s.socket(ctx)
		if err != nil {
			return err
		}
		id := uuid.NewString()
		in, err := sock.begin(id, s.request(id, text))
		if err != nil { // the connection broke while nobody used it
			s.forget(sock)
			if sock.used() {
				continue
			}

			return s.client.Closed(ctx, err)
		}
		whole, err := s.listen(ctx, sock, in, yield)
		sock.end(id, !whole)

		return err
	}
}

// listen gives a text's audio on as it comes, and tells whether it came to its
// end.
func (s *Synthesizer) listen(ctx context.Context, sock *socket, in *inbox, yield func(pipeline.Speech, error) bool) (whole bool, err error) {
	for {
		m, err := in.next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			s.forget(sock)

			return true, s.client.Closed(ctx, err)
		}
		switch m.Type {
		case "chunk":
			octets, err := base64.StdEncoding.DecodeString(m.Data)
			if err != nil {
				return false, s.client.Garbled("audio is no base64")
			}
			chunk := pipeline.Speech{Samples: make([]int16, len(octets)), Words: in.words()}
			g711.PCMU.Decode(chunk.Samples, octets)
			if len(octets) > 0 && !yield(chunk, nil) {
				return false, nil
			}
		case "timestamps":
			in.place(&m)
		case "done":
			if left := in.words(); len(left) > 0 {
				yield(pipeline.Speech{Words: left}, nil)
			}

			return true, nil
		case "error":
			if k := vendor.StatusKind(m.StatusCode, m.ErrorCode); m.StatusCode >= http.StatusBadRequest {
				return true, &pipeline.ProviderError{Provider: s.client.Provider, Kind: k, Err: statusError(m.StatusCode)}
			}

			return true, s.client.Failed(m.ErrorCode)
		}
	}
}

// request is what a text is asked for with.
func (s *Synthesizer) request(id, text string) map[string]any {
	r := map[string]any{
		"context_id": id, "model_id": s.cfg.Model, "transcript": text, "language": s.cfg.Language, "continue": false,
		"voice":          map[string]string{"mode": "id", "id": s.cfg.Voice},
		"output_format":  map[string]any{"container": "raw", "encoding": "pcm_mulaw", "sample_rate": media.SampleRate},
		"add_timestamps": true,
	}
	if s.cfg.Speed != 0 {
		r["speed"] = s.cfg.Speed
	}

	return r
}

// message is a message of the server.
type message struct {
	Type       string `json:"type"`
	ContextID  string `json:"context_id"`
	StatusCode int    `json:"status_code"`
	Data       string `json:"data"`
	ErrorCode  string `json:"error_code"`
	Words      *struct {
		Words []string  `json:"words"`
		Start []float64 `json:"start"` // seconds from the text's beginning
	} `json:"word_timestamps"`
}

// parse reads a message of the server.
func parse(data []byte) (m message, err error) {
	err = json.Unmarshal(data, &m)

	return m, err
}
