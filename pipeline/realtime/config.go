package realtime

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/vendor"
)

// BaseURL is where OpenAI itself answers.
const BaseURL = "https://api.openai.com/v1"

// Detection is who judges that the caller's turn is over.
type Detection string

// The kinds of Detection.
const (
	Own      Detection = "own"          // the turn machine, by the silence: only speech is sent
	Server   Detection = "server_vad"   // the server, by the silence: all audio is sent
	Semantic Detection = "semantic_vad" // the server, by the words too: all audio is sent
)

// Config chooses a model. The zero value of a field takes the default that its
// comment gives.
type Config struct {
	BaseURL string     // up to and without "/realtime"; empty: OpenAI's
	Key     vendor.Key // empty: none is sent, as local servers want it
	Model   string     // such as "gpt-realtime"
	Voice   string     // such as "marin"; empty: the server's default
	Speed   float64    // of the voice, 0.25 to 1.5: 1

	Detection Detection     // server_vad
	Threshold float64       // of server_vad, 0 to 1: the server's default
	Silence   time.Duration // of server_vad: that ends a turn; 0: the server's default
	Eagerness string        // of semantic_vad: "low", "medium", "high" or "auto"; empty: the server's default

	// Transcription is the model that writes down what the caller says: for the
	// records, and because wishes, objections and the question whether a machine
	// speaks are found in the words, whatever the model makes of the audio.
	Transcription string
	Language      string // of it, ISO 639-1; empty: it finds out
	MaxTokens     int    // of a reply; 0: the server's bound
	Noise         string // reduction, "near_field" or "far_field"; empty: none

	Price Price

	// Open is the longest wait for the session of a call while the phone rings:
	// 2 s.
	Open time.Duration
	// Name is the provider's in the records: "openai-realtime".
	Name string
	// Breaker keeps calls away from a server that does not open sessions; nil:
	// every call tries.
	Breaker *breaker.Breaker
	// Failed is told of every failure, in all calls. It must not wait. Nil is
	// none.
	Failed func(error)

	// Speech is the least voice in a talkspurt that counts as one without the
	// server's word for it, with Detection Own: 200 ms.
	Speech time.Duration
	// Patience is the longest wait for the next sign of a response that is made:
	// 2.5 s, so that another one can be asked for before the caller's patience
	// ends.
	Patience time.Duration
	// Reconnects is how often in a row a lost session is opened anew before the
	// caller hears that it is no use: 2.
	Reconnects int
}

// Price is what tokens cost per million, in units of the currency.
type Price struct {
	TextInput, AudioInput   float64
	CachedText, CachedAudio float64 // read from the provider's cache
	TextOutput, AudioOutput float64
}

// unit is one unit of the currency as pipeline.Money.
const unit = 1e9

func (p *Price) of(u *usage) pipeline.Money {
	in, out := &u.Input, &u.Output
	sum := float64(in.Text-in.Cached.Text)*p.TextInput + float64(in.Audio-in.Cached.Audio)*p.AudioInput +
		float64(in.Cached.Text)*p.CachedText + float64(in.Cached.Audio)*p.CachedAudio +
		float64(out.Text)*p.TextOutput + float64(out.Audio)*p.AudioOutput

	return pipeline.Money(sum / 1e6 * unit)
}

func (c *Config) withDefaults() Config {
	d := *c
	d.BaseURL = strings.TrimSuffix(cmp.Or(d.BaseURL, BaseURL), "/")
	d.Detection = cmp.Or(d.Detection, Server)
	d.Open = cmp.Or(d.Open, 2*time.Second)
	d.Name = cmp.Or(d.Name, "openai-realtime")
	if d.Breaker == nil {
		d.Breaker = breaker.New(breaker.Config{Failures: math.MaxInt})
	}
	if d.Failed == nil {
		d.Failed = func(error) {}
	}
	d.Speech = cmp.Or(d.Speech, 200*time.Millisecond)
	d.Patience = cmp.Or(d.Patience, 2500*time.Millisecond)
	d.Reconnects = cmp.Or(d.Reconnects, 2)

	return d
}

// Validate says which settings cannot work.
func (c *Config) Validate() error {
	d := c.withDefaults()
	switch {
	case c.Model == "":
		return fmt.Errorf("realtime: no model is named")
	case c.Transcription == "":
		return fmt.Errorf("realtime: no transcription is named: opt-outs and objections are found in the caller's words")
	case d.Detection != Own && d.Detection != Server && d.Detection != Semantic:
		return fmt.Errorf("realtime: detection is %q: use %s, %s or %s", c.Detection, Own, Server, Semantic)
	case c.Threshold < 0 || c.Threshold > 1:
		return fmt.Errorf("realtime: the threshold is %v: use 0 to 1", c.Threshold)
	case (c.Threshold != 0 || c.Silence != 0) && d.Detection != Server:
		return fmt.Errorf("realtime: threshold and silence belong to %s, and detection is %q", Server, d.Detection)
	case c.Eagerness != "" && d.Detection != Semantic:
		return fmt.Errorf("realtime: eagerness belongs to %s, and detection is %q", Semantic, d.Detection)
	case c.Speed != 0 && (c.Speed < 0.25 || c.Speed > 1.5):
		return fmt.Errorf("realtime: the speed is %v: use 0.25 to 1.5", c.Speed)
	case c.Silence < 0 || c.Speech < 0 || c.MaxTokens < 0 || c.Reconnects < 0 || c.Open < 0 || c.Patience < 0:
		return fmt.Errorf("realtime: silence, speech, open, patience, max tokens and reconnects cannot be negative")
	}

	return nil
}

// session is how the server is to hold the conversation.
func (c *Config) session(instructions string, tools []pipeline.ToolSpec) map[string]any {
	format := map[string]string{"type": "audio/pcmu"}
	t := map[string]string{"model": c.Transcription}
	if c.Language != "" {
		t["language"] = c.Language
	}
	input := map[string]any{"format": format, "turn_detection": c.turnDetection(), "transcription": t}
	if c.Noise != "" {
		input["noise_reduction"] = map[string]string{"type": c.Noise}
	}
	output := map[string]any{"format": format}
	if c.Voice != "" {
		output["voice"] = c.Voice
	}
	if c.Speed != 0 {
		output["speed"] = c.Speed
	}
	s := map[string]any{
		"type": "realtime", "output_modalities": []string{"audio"}, "instructions": instructions,
		"audio": map[string]any{"input": input, "output": output},
	}

	return c.update(s, tools)
}

// typedSession is how the server is to hold a conversation without audio.
func (c *Config) typedSession(instructions string, tools []pipeline.ToolSpec) map[string]any {
	return c.update(map[string]any{"type": "realtime", "output_modalities": []string{"text"}, "instructions": instructions}, tools)
}

// update is the event that sets a session up.
func (c *Config) update(s map[string]any, tools []pipeline.ToolSpec) map[string]any {
	if c.MaxTokens > 0 {
		s["max_output_tokens"] = c.MaxTokens
	}
	if len(tools) > 0 {
		var all []map[string]any
		for _, t := range tools {
			all = append(all, map[string]any{"type": "function", "name": t.Name, "description": t.Description, "parameters": t.Parameters})
		}
		s["tools"], s["tool_choice"] = all, "auto"
	}

	return map[string]any{"type": "session.update", "session": s}
}

// turnDetection never has the server start or cancel a reply.
func (c *Config) turnDetection() any {
	if c.Detection == Own {
		return nil
	}
	d := map[string]any{"type": string(c.Detection), "create_response": false, "interrupt_response": false}
	if c.Threshold != 0 {
		d["threshold"] = c.Threshold
	}
	if c.Silence != 0 {
		d["silence_duration_ms"] = c.Silence.Milliseconds()
	}
	if c.Eagerness != "" {
		d["eagerness"] = c.Eagerness
	}

	return d
}
