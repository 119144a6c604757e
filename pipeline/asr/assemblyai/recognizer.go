package assemblyai

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/socket"
	"trunkline/pipeline/vendor"
)

// BaseURL is where AssemblyAI answers.
const BaseURL = "https://streaming.assemblyai.com"

// chunk is the audio of one message: the server takes 50 to 1000 ms.
const chunk = 60 * time.Millisecond

// Config chooses a recogniser.
type Config struct {
	BaseURL  string // empty: AssemblyAI's
	Key      vendor.Key
	Model    string   // such as "universal-streaming-english"
	KeyTerms []string // words that are to be expected
}

// Recognizer opens a connection per call. It is safe for concurrent use.
type Recognizer struct {
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
		"encoding": {"pcm_mulaw"}, "sample_rate": {strconv.Itoa(media.SampleRate)}, "format_turns": {"false"},
	}
	if c.Model != "" {
		q.Set("speech_model", c.Model)
	}
	if len(c.KeyTerms) > 0 {
		terms, err := json.Marshal(c.KeyTerms)
		if err == nil { // strings always are JSON
			q.Set("keyterms_prompt", string(terms))
		}
	}

	return &Recognizer{
		client: vendor.NewClient("assemblyai"), base: base,
		url:    "ws" + strings.TrimPrefix(base, "http") + "/v3/ws?" + q.Encode(),
		header: http.Header{"Authorization": {c.Key.Reveal()}},
	}
}

// Warm finds out whether the server answers. The connection of a call is
// opened by Open, while the phone rings.
func (r *Recognizer) Warm(ctx context.Context) error { return r.client.Warm(ctx, r.base+"/") }

// Close closes the idle connections.
func (r *Recognizer) Close() error { return r.client.Close() }

// Open connects one call.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	conn, err := r.client.Dial(ctx, r.url, r.header)
	if err != nil {
		return nil, err
	}

	return socket.New(r.client, conn, &protocol{client: r.client}, socket.Options{Chunk: chunk}), nil
}

// silence fills a last chunk up to what the server takes.
var silence = strings.Repeat("\xff", int(media.SamplesIn(chunk)))

// protocol is AssemblyAI's.
type protocol struct {
	client *vendor.Client
	forced atomic.Int32 // ends that were asked for and have not come
}

// Audio sends octets as they are. A last piece that is too short is filled up
// with silence.
func (*protocol) Audio(octets []byte) socket.Message {
	if n := len(octets); n < len(silence) {
		octets = append(octets[:n:n], silence[n:]...)
	}

	return socket.Message{Data: octets, Binary: true}
}

// Flush asks for the last words.
func (p *protocol) Flush() []socket.Message {
	p.forced.Add(1)

	return []socket.Message{{Data: []byte(`{"type":"ForceEndpoint"}`)}}
}

// KeepAlive is nothing: a silent session stays open.
func (*protocol) KeepAlive() socket.Message { return socket.Message{} }

// Bye ends the session.
func (*protocol) Bye() socket.Message { return socket.Message{Data: []byte(`{"type":"Terminate"}`)} }

// message is a message of the server.
type message struct {
	Type       string `json:"type"`
	EndOfTurn  bool   `json:"end_of_turn"`
	Transcript string `json:"transcript"`
	Language   string `json:"language_code"`
	Words      []struct {
		Text       string  `json:"text"`
		Confidence float64 `json:"confidence"`
	} `json:"words"`
	Error string `json:"error"`
}

// Read understands a message. A turn of the server is a talkspurt: it ends when
// it is forced to. One that ends by itself is a sign of the end of a turn, and
// a segment.
func (p *protocol) Read(data []byte) (socket.Event, bool) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return socket.Event{Err: p.client.Garbled("a message is no JSON of a turn: %w", vendor.Syntax(err))}, true
	}
	switch {
	case m.Error != "" || m.Type == "Error":
		return socket.Event{Err: p.client.Failed(vendor.Code(data))}, true
	case m.Type != "Turn": // Begin, Termination
		return socket.Event{}, false
	}
	e := socket.Event{Text: m.Transcript, Ended: m.EndOfTurn, Language: m.Language}
	if !m.EndOfTurn || e.Text == "" { // words that do not stand yet are only here
		parts := make([]string, len(m.Words))
		for i, w := range m.Words {
			parts[i] = w.Text
		}
		e.Text = strings.Join(parts, " ")
	}
	for _, w := range m.Words {
		e.Confidence += w.Confidence / float64(len(m.Words))
	}
	if m.EndOfTurn {
		e.Flushed = p.forced.Load() > 0
		e.EndOfTurn = !e.Flushed
	}
	if e.Flushed {
		p.forced.Add(-1)
	}

	return e, true
}
