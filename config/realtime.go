package config

import (
	"cmp"
	"time"
)

// Realtime is a speech-to-speech model: OpenAI's Realtime API, and servers of
// the same protocol. It hears the caller and answers with a voice of its own;
// the agent's voice still speaks its fixed lines, and model.instructions are
// what it is told.
type Realtime struct {
	Service `yaml:",inline"`

	Model string  `yaml:"model"` // default: gpt-realtime
	Voice string  `yaml:"voice"` // such as marin; default: the server's
	Speed float64 `yaml:"speed"` // 0.25 to 1.5; default: 1

	// Detection is who judges that the caller has finished: "server_vad" or
	// "semantic_vad", the server; or "own", trunkline.
	Detection string        `yaml:"detection"` // default: server_vad
	Threshold float64       `yaml:"threshold"` // of server_vad, 0 to 1; default: the server's
	Silence   time.Duration `yaml:"silence"`   // of server_vad; default: the server's
	Eagerness string        `yaml:"eagerness"` // of semantic_vad: low, medium, high or auto; default: the server's

	// Transcription is the model that writes down the caller's words. There is
	// always one: opt-outs and objections are found in the words.
	Transcription string `yaml:"transcription"` // default: gpt-4o-transcribe
	Language      string `yaml:"language"`      // of the transcription, ISO 639-1; default: the agent's
	MaxTokens     int    `yaml:"max_tokens"`    // of a reply; default: the server's
	Noise         string `yaml:"noise"`         // reduction at the server: near_field or far_field; default: none

	Open     time.Duration `yaml:"open"` // longest wait for a session while the phone rings; default: 2s
	Breaker  Breaker       `yaml:"breaker"`
	Patience time.Duration `yaml:"patience"` // longest wait for the next sign of a response; default: 2.5s
	// Otherwise says who takes a call for which no session can be opened, and
	// goes on with one whose sessions fail:
	// "pipeline", the agent's recogniser, model and voice; or "on_failure", a
	// spoken line and on_failure: such an agent needs no recogniser and no model.
	Otherwise string        `yaml:"otherwise"`
	Price     RealtimePrice `yaml:"price"`
}

// RealtimePrice is what tokens cost per million, in units of Config.Currency.
type RealtimePrice struct {
	TextInput   float64 `yaml:"text_input"`
	AudioInput  float64 `yaml:"audio_input"`
	CachedText  float64 `yaml:"cached_text"` // read from the provider's cache
	CachedAudio float64 `yaml:"cached_audio"`
	TextOutput  float64 `yaml:"text_output"`
	AudioOutput float64 `yaml:"audio_output"`
}

// The values of Realtime.Otherwise.
const (
	OtherwisePipeline  = "pipeline"
	OtherwiseOnFailure = "on_failure"
)

// Pipeline reports whether calls of the agent may be held by its recogniser,
// model and voice.
func (a *Agent) Pipeline() bool {
	return a.Realtime == nil || a.Realtime.Otherwise != OtherwiseOnFailure
}

// fill sets the defaults.
func (r *Realtime) fill() {
	r.fillOpen()
	r.Model = cmp.Or(r.Model, "gpt-realtime")
	r.Detection = cmp.Or(r.Detection, "server_vad")
	r.Transcription = cmp.Or(r.Transcription, "gpt-4o-transcribe")
	r.Open = cmp.Or(r.Open, 2*time.Second)
	r.Patience = cmp.Or(r.Patience, 2500*time.Millisecond)
	r.Otherwise = cmp.Or(r.Otherwise, OtherwisePipeline)
}

// realtime checks an agent's speech-to-speech model.
func (v *validator) realtime(path string, a *Agent) {
	r := a.Realtime
	v.service(path, &r.Service)
	v.oneOf(path+".detection", r.Detection, "server_vad", "semantic_vad", "own")
	v.oneOf(path+".otherwise", r.Otherwise, OtherwisePipeline, OtherwiseOnFailure)
	if r.Speed != 0 && !(r.Speed >= 0.25 && r.Speed <= 1.5) {
		v.addf(path+".speed", "must be 0.25 to 1.5")
	}
	if !(r.Threshold >= 0 && r.Threshold <= 1) {
		v.addf(path+".threshold", "must be 0 to 1")
	}
	if r.Silence < 0 || r.MaxTokens < 0 {
		v.addf(path, "silence and max_tokens must not be below 0")
	}
	if (r.Threshold != 0 || r.Silence != 0) && r.Detection != "server_vad" {
		v.addf(path+".detection", "is %s, and threshold and silence are of server_vad; remove one of them", r.Detection)
	}
	if r.Eagerness != "" {
		v.oneOf(path+".eagerness", r.Eagerness, "low", "medium", "high", "auto")
		if r.Detection != "semantic_vad" {
			v.addf(path+".detection", "is %s, and eagerness is of semantic_vad; remove one of them", r.Detection)
		}
	}
	if r.Noise != "" {
		v.oneOf(path+".noise", r.Noise, "near_field", "far_field")
	}
	if r.Open < 100*time.Millisecond || r.Open > 4*time.Second {
		v.addf(path+".open", "must be 100ms to 4s: the phone rings meanwhile")
	}
	if r.Patience < 500*time.Millisecond || r.Patience > 5*time.Second {
		v.addf(path+".patience", "must be 500ms to 5s: the caller waits meanwhile")
	}
	if r.Transcription == "off" {
		v.addf(path+".transcription", "cannot be off: opt-outs, objections to recording and the question whether a machine speaks are found in the caller's words; name a model")
	}
	v.patience(path, &Patience{Breaker: r.Breaker})
	p := r.Price
	for name, units := range map[string]float64{
		"text_input": p.TextInput, "audio_input": p.AudioInput, "cached_text": p.CachedText,
		"cached_audio": p.CachedAudio, "text_output": p.TextOutput, "audio_output": p.AudioOutput,
	} {
		v.amount(path+".price."+name, units)
	}
	if !a.Pipeline() && len(a.Languages) > 0 {
		v.addf(path+".otherwise", "is on_failure, so nobody would use languages: the model follows the caller by itself; remove one of them")
	}
}
