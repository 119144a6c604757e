package deepgram

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/socket"
	"trunkline/pipeline/vendor"
)

// BaseURL is where Deepgram answers.
const BaseURL = "https://api.deepgram.com"

// early is how long after a lull was told, which is 60 ms of silence, the last
// words are asked for. Finalize ends a segment there, and the words of the next
// one are recognised anew: the closures of stops within a word are shorter than
// 120 ms, and a pause between words that is longer costs nothing.
const early = 60 * time.Millisecond

// Config chooses a recogniser.
type Config struct {
	BaseURL   string // empty: Deepgram's
	Key       vendor.Key
	Model     string        // such as "nova-3"
	Language  string        // BCP 47, or "multi"; empty: en
	KeyTerms  []string      // words that are to be expected
	KeepAlive time.Duration // between messages while nobody speaks: below the server's 10 s; 0: 4 s
}

// Recognizer opens a connection per call. It is safe for concurrent use.
type Recognizer struct {
	cfg    Config
	client *vendor.Client
	base   string
	url    string
	header http.Header
}

var (
	_ pipeline.Recognizer = (*Recognizer)(nil)
	_ pipeline.Warmer     = (*Recognizer)(nil)
)

// New makes a Recognizer. Close it.
func New(c Config) *Recognizer {
	base := strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	q := url.Values{
		"model": {c.Model}, "language": {cmp.Or(c.Language, "en")}, "encoding": {"mulaw"},
		"sample_rate": {strconv.Itoa(media.SampleRate)}, "channels": {"1"}, "interim_results": {"true"},
		"endpointing": {"300"}, "punctuate": {"false"}, "keyterm": c.KeyTerms,
	}

	return &Recognizer{
		cfg: c, client: vendor.NewClient("deepgram"), base: base,
		url:    "ws" + strings.TrimPrefix(base, "http") + "/v1/listen?" + q.Encode(),
		header: http.Header{"Authorization": {"Token " + c.Key.Reveal()}},
	}
}

// Warm finds out whether the server answers. The connection of a call is
// opened by Open, while the phone rings.
func (r *Recognizer) Warm(ctx context.Context) error { return r.client.Warm(ctx, r.base+"/") }

// Check asks whether the key is good. It costs nothing.
func (r *Recognizer) Check(ctx context.Context) error {
	return r.client.Get(ctx, r.base+"/v1/projects", r.header)
}

// Close closes the idle connections.
func (r *Recognizer) Close() error {
	r.client.HTTP.CloseIdleConnections()

	return nil
}

// Open connects one call.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	conn, err := r.client.Dial(ctx, r.url, r.header)
	if err != nil {
		return nil, err
	}

	return socket.New(r.client, conn, protocol{r.client}, socket.Options{KeepAlive: r.cfg.KeepAlive, Early: early}), nil
}

// protocol is Deepgram's.
type protocol struct{ client *vendor.Client }

func text(s string) socket.Message { return socket.Message{Data: []byte(s)} }

// Audio sends octets as they are.
func (protocol) Audio(octets []byte) socket.Message {
	return socket.Message{Data: octets, Binary: true}
}

// Flush asks for the last words.
func (protocol) Flush() []socket.Message { return []socket.Message{text(`{"type":"Finalize"}`)} }

// KeepAlive keeps the connection while nobody speaks.
func (protocol) KeepAlive() socket.Message { return text(`{"type":"KeepAlive"}`) }

// Bye ends the stream.
func (protocol) Bye() socket.Message { return text(`{"type":"CloseStream"}`) }

// message is a message of the server.
type message struct {
	Type     string  `json:"type"`
	Start    float64 `json:"start"`    // seconds of the stream
	Duration float64 `json:"duration"` // seconds
	Channel  *struct {
		Alternatives []struct {
			Transcript string   `json:"transcript"`
			Confidence float64  `json:"confidence"`
			Languages  []string `json:"languages"`
		} `json:"alternatives"`
	} `json:"channel"`
	IsFinal      bool `json:"is_final"`
	SpeechFinal  bool `json:"speech_final"`
	FromFinalize bool `json:"from_finalize"`
}

// Read understands a message.
func (p protocol) Read(data []byte) (socket.Event, bool) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return socket.Event{Err: p.client.Garbled("a message is no JSON: %w", vendor.Syntax(err))}, true
	}
	switch kind.Type {
	case "Results":
	case "Error":
		return socket.Event{Err: p.client.Failed(vendor.Code(data))}, true
	default: // Metadata, SpeechStarted, UtteranceEnd
		return socket.Event{}, false
	}
	var m message
	if err := json.Unmarshal(data, &m); err != nil || m.Channel == nil || len(m.Channel.Alternatives) == 0 {
		return socket.Event{Err: p.client.Garbled("a result without an alternative")}, true
	}
	best := &m.Channel.Alternatives[0]
	e := socket.Event{
		Text: best.Transcript, Confidence: best.Confidence,
		Until: seconds(m.Start + m.Duration), Ended: m.IsFinal, Flushed: m.FromFinalize, EndOfTurn: m.SpeechFinal && !m.FromFinalize,
	}
	if len(best.Languages) > 0 {
		e.Language = best.Languages[0]
	}

	return e, true
}

// seconds is a time within a stream; 0 where a server tells nonsense.
func seconds(s float64) time.Duration {
	const most = 24 * 60 * 60
	if !(s > 0 && s < most) {
		return 0
	}

	return time.Duration(s * float64(time.Second))
}
