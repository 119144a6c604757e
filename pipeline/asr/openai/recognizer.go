package openai

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/socket"
	"trunkline/pipeline/vendor"
)

// BaseURL is where OpenAI itself answers.
const BaseURL = "https://api.openai.com/v1"

// Config chooses a recogniser.
type Config struct {
	BaseURL  string     // up to and without "/realtime"; empty: OpenAI's
	Key      vendor.Key // empty: none is sent, as local servers want it
	Model    string     // such as "gpt-live-transcribe"
	Language string     // ISO 639-1; empty: the model finds out
	Prompt   string     // words that are to be expected
}

// Recognizer opens a connection per call. It is safe for concurrent use.
type Recognizer struct {
	cfg    Config
	client *vendor.Client
	header http.Header
}

var (
	_ pipeline.Recognizer = (*Recognizer)(nil)
	_ pipeline.Warmer     = (*Recognizer)(nil)
)

// New makes a Recognizer. Close it.
func New(c Config) *Recognizer {
	c.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	r := &Recognizer{cfg: c, client: vendor.NewClient("openai"), header: http.Header{}}
	if c.Key != "" {
		r.header.Set("Authorization", "Bearer "+c.Key.Reveal())
	}

	return r
}

// Warm finds out whether the server answers. The connection of a call is
// opened by Open, while the phone rings.
func (r *Recognizer) Warm(ctx context.Context) error {
	return r.client.Warm(ctx, r.cfg.BaseURL+"/models")
}

// Check asks whether the key is good. It costs nothing.
func (r *Recognizer) Check(ctx context.Context) error {
	return r.client.Get(ctx, r.cfg.BaseURL+"/models", r.header)
}

// Close closes the idle connections.
func (r *Recognizer) Close() error { return r.client.Close() }

// Open connects one call and configures its session.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	conn, err := r.client.Dial(ctx, "ws"+strings.TrimPrefix(r.cfg.BaseURL, "http")+"/realtime?intent=transcription", r.header)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	p := &protocol{client: r.client}
	err = conn.WriteJSON(r.session())
	for err == nil && !p.ready {
		var data []byte
		if _, data, err = conn.ReadMessage(); err == nil {
			var e socket.Event
			e, _ = p.Read(data)
			err = e.Err
		}
	}
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()

		return nil, r.client.Closed(ctx, err)
	}

	return socket.New(r.client, conn, p, socket.Options{Quiet: longestTranscript}), nil
}

// longestTranscript is how long a commit may take: the server answers each.
const longestTranscript = 10 * time.Second

// session is how the session is to be.
func (r *Recognizer) session() map[string]any {
	transcription := map[string]string{"model": r.cfg.Model}
	if r.cfg.Language != "" {
		transcription["language"] = r.cfg.Language
	}
	if r.cfg.Prompt != "" {
		transcription["prompt"] = r.cfg.Prompt
	}

	return map[string]any{"type": "session.update", "session": map[string]any{
		"type": "transcription",
		"audio": map[string]any{"input": map[string]any{
			"format": map[string]string{"type": "audio/pcmu"}, "transcription": transcription, "turn_detection": nil,
		}},
	}}
}

// protocol is OpenAI's.
type protocol struct {
	client *vendor.Client
	ready  bool   // the session is as it was asked for
	item   string // whose words come
	text   string // of it so far
}

// shortest is the least audio that the server takes in one commit.
const shortest = 100 * time.Millisecond

// Audio sends octets as they are, in base64.
func (*protocol) Audio(octets []byte) socket.Message {
	const before, after = `{"type":"input_audio_buffer.append","audio":"`, `"}`
	data := make([]byte, 0, len(before)+base64.StdEncoding.EncodedLen(len(octets))+len(after))
	data = base64.StdEncoding.AppendEncode(append(data, before...), octets)

	return socket.Message{Data: append(data, after...)}
}

// silence makes a talkspurt long enough for a commit.
var silence = []byte(strings.Repeat("\xff", int(media.SamplesIn(shortest))))

// Flush commits the talkspurt.
func (p *protocol) Flush() []socket.Message {
	return []socket.Message{p.Audio(silence), {Data: []byte(`{"type":"input_audio_buffer.commit"}`)}}
}

// KeepAlive is nothing: a session stays open.
func (*protocol) KeepAlive() socket.Message { return socket.Message{} }

// Bye is nothing: closing the connection ends the session.
func (*protocol) Bye() socket.Message { return socket.Message{} }

// message is an event of the server.
type message struct {
	Type       string `json:"type"`
	ItemID     string `json:"item_id"`
	Delta      string `json:"delta"`
	Transcript string `json:"transcript"`
}

// Read understands an event.
func (p *protocol) Read(data []byte) (socket.Event, bool) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return socket.Event{Err: p.client.Garbled("an event is no JSON: %w", vendor.Syntax(err))}, true
	}
	switch m.Type {
	case "session.updated":
		p.ready = true
	case "conversation.item.input_audio_transcription.delta":
		if m.ItemID != p.item {
			p.item, p.text = m.ItemID, ""
		}
		p.text += m.Delta

		return socket.Event{Text: p.text}, true
	case "conversation.item.input_audio_transcription.completed":
		p.item, p.text = "", ""

		return socket.Event{Text: m.Transcript, Ended: true, Flushed: true}, true
	case "conversation.item.input_audio_transcription.failed", "error":
		return socket.Event{Err: p.client.Failed(vendor.Code(data))}, true
	}

	return socket.Event{}, false
}
