package config

import "time"

// Service is a provider's server. Every engine with a network has one.
type Service struct {
	// KeyEnv names the environment variable that holds the API key; default:
	// the vendor's usual one. No key stands in the file.
	KeyEnv string `yaml:"key_env"`
	// BaseURL is another address than the vendor's own. Where servers of the
	// same protocol run without a key, key_env may then be left out.
	BaseURL string `yaml:"base_url"`
}

// Patience is how long a provider may take, and when it is left alone for a
// while. Zero fields take the defaults of the package that waits.
type Patience struct {
	// FirstByte is the longest wait for the opened stream of a recogniser and
	// for its last words after a talkspurt, for the first word of a model, for
	// the first audio of a voice; default: 1.5s.
	FirstByte time.Duration `yaml:"first_byte"`
	Stall     time.Duration `yaml:"stall"` // longest pause after that; default: 3s
	Breaker   Breaker       `yaml:"breaker"`
}

// Breaker is when a provider is left alone after failures.
type Breaker struct {
	Failures int           `yaml:"failures"`  // within window; default: 3
	Window   time.Duration `yaml:"window"`    // default: 30s
	CoolDown time.Duration `yaml:"cool_down"` // until one call tries again; default: 5s
	Longest  time.Duration `yaml:"longest"`   // cool_down doubles with each failed try, up to this; default: 2m
}

// RecogniserPrice is what hearing costs, in units of Config.Currency.
type RecogniserPrice struct {
	PerMinute float64 `yaml:"per_minute"` // of the caller's speech
}

// ModelPrice is what tokens cost, in units of Config.Currency.
type ModelPrice struct {
	InputPerMillion  float64 `yaml:"input_per_million"`
	CachedPerMillion float64 `yaml:"cached_per_million"` // read from the provider's cache; default: as input
	OutputPerMillion float64 `yaml:"output_per_million"`
}

// VoicePrice is what speaking costs, in units of Config.Currency.
type VoicePrice struct {
	CharsPerMillion float64 `yaml:"chars_per_million"`
}

// DeepgramRecogniser is live transcription at Deepgram.
type DeepgramRecogniser struct {
	Service `yaml:",inline"`

	Model     string        `yaml:"model"`      // default: nova-3
	Language  string        `yaml:"language"`   // a language of the model, or multi; default: the agent's
	KeyTerms  []string      `yaml:"key_terms"`  // words to expect
	KeepAlive time.Duration `yaml:"keep_alive"` // between messages while nobody speaks; default: 4s
}

// AssemblyAIRecogniser is streaming at AssemblyAI.
type AssemblyAIRecogniser struct {
	Service `yaml:",inline"`

	Model    string   `yaml:"model"`     // default: universal-streaming-english
	KeyTerms []string `yaml:"key_terms"` // words to expect
}

// GoogleRecogniser is Speech-to-Text v2 at Google. It has a service account's
// credentials for a key.
type GoogleRecogniser struct {
	Project     string        `yaml:"project"`     // default: the credentials' own
	Location    string        `yaml:"location"`    // such as us or europe-west4; default: global
	Endpoint    string        `yaml:"endpoint"`    // HOST:PORT; default: the location's
	Model       string        `yaml:"model"`       // default: telephony
	Languages   []string      `yaml:"languages"`   // BCP 47 tags; default: the agent's
	Phrases     []string      `yaml:"phrases"`     // to expect
	Credentials string        `yaml:"credentials"` // path of a service account's file; default: the application default credentials
	Connections int           `yaml:"connections"` // shared by all calls; default: 4
	Longest     time.Duration `yaml:"longest"`     // of a stream; default: 4m40s
}

// OpenAIRecogniser is realtime transcription at OpenAI, or at a server of the
// same protocol.
type OpenAIRecogniser struct {
	Service `yaml:",inline"`

	Model    string `yaml:"model"`    // default: gpt-4o-transcribe
	Language string `yaml:"language"` // ISO 639-1; default: the agent's
	Prompt   string `yaml:"prompt"`   // words to expect
}

// WhisperRecogniser is a server that takes whole recordings: OpenAI's
// transcriptions, and those that speak it.
type WhisperRecogniser struct {
	Service `yaml:",inline"`

	Path     string        `yaml:"path"`      // default: /audio/transcriptions; whisper.cpp: /inference
	Model    string        `yaml:"model"`     // default: whisper-1 at OpenAI, elsewhere none is named
	Language string        `yaml:"language"`  // ISO 639-1; default: the agent's
	Prompt   string        `yaml:"prompt"`    // words to expect
	Rate     int           `yaml:"rate"`      // Hz, of what is sent: 8000 or 16000; default: 8000
	Verbose  bool          `yaml:"verbose"`   // ask what the model thinks of its own words, where it can tell
	NoSpeech float64       `yaml:"no_speech"` // probability of silence from which words do not count; default: 0.6
	Interim  time.Duration `yaml:"interim"`   // ask for the words so far after each such time; default: never
	Longest  time.Duration `yaml:"longest"`   // audio of one request; default: 25s
	Timeout  time.Duration `yaml:"timeout"`   // of one request; default: 15s
}

// OpenAIModel is chat completions at OpenAI, or at a server of the same
// protocol, such as vLLM, Ollama and llama.cpp.
type OpenAIModel struct {
	Service `yaml:",inline"`

	Model       string   `yaml:"model"`
	Temperature *float64 `yaml:"temperature"` // 0 to 2; default: the server's
	MaxTokens   int      `yaml:"max_tokens"`  // of a reply; default: the server's
	Effort      string   `yaml:"effort"`      // reasoning effort, such as minimal; default: the server's
}

// AnthropicModel is messages at Anthropic.
type AnthropicModel struct {
	Service `yaml:",inline"`

	Model       string   `yaml:"model"`
	Temperature *float64 `yaml:"temperature"` // 0 to 1; default: the server's
	MaxTokens   int      `yaml:"max_tokens"`  // of a reply; default: 1024
}

// GeminiModel is generateContent at Google.
type GeminiModel struct {
	Service `yaml:",inline"`

	Model       string   `yaml:"model"`
	Temperature *float64 `yaml:"temperature"` // 0 to 2; default: the server's
	MaxTokens   int      `yaml:"max_tokens"`  // of a reply; default: the server's
	Thinking    *int     `yaml:"thinking"`    // tokens of thought; 0: none; default: the server's
}

// ElevenLabsVoice is a voice at ElevenLabs.
type ElevenLabsVoice struct {
	Service `yaml:",inline"`

	Voice    string  `yaml:"voice"`    // the voice's id
	Model    string  `yaml:"model"`    // default: eleven_flash_v2_5
	Language string  `yaml:"language"` // ISO 639-1, for models that take one; default: as the text
	Speed    float64 `yaml:"speed"`    // 0.7 to 1.2; default: the voice's own
	Ready    int     `yaml:"ready"`    // connections kept open; default: 2
}

// CartesiaVoice is a voice at Cartesia.
type CartesiaVoice struct {
	Service `yaml:",inline"`

	Voice    string  `yaml:"voice"`    // the voice's id
	Model    string  `yaml:"model"`    // default: sonic-2
	Language string  `yaml:"language"` // ISO 639-1; default: the agent's
	Speed    float64 `yaml:"speed"`    // -1 to 1; default: the voice's own
}

// AuraVoice is a voice at Deepgram.
type AuraVoice struct {
	Service `yaml:",inline"`

	Voice string `yaml:"voice"` // the model and the voice in one, such as aura-2-thalia-en
}

// OpenAIVoice is speech at OpenAI, or at a server of the same protocol.
type OpenAIVoice struct {
	Service `yaml:",inline"`

	Voice        string  `yaml:"voice"`        // such as alloy
	Model        string  `yaml:"model"`        // default: gpt-4o-mini-tts
	Instructions string  `yaml:"instructions"` // how to speak
	Speed        float64 `yaml:"speed"`        // 0.25 to 4; default: the voice's own
}

// PiperVoice is a voice spoken by Piper on this machine.
type PiperVoice struct {
	Program string `yaml:"program"` // default: piper, found by PATH
	Model   string `yaml:"model"`   // path of the voice's .onnx file; its .onnx.json lies beside it
	Speaker int    `yaml:"speaker"` // of a voice with several, from 0
	Ready   int    `yaml:"ready"`   // processes kept waiting; default: 2
}

// ModelRule has another model write the replies of a call that grew long.
// Either bound is enough.
type ModelRule struct {
	After  time.Duration `yaml:"after"`  // of the call, from its answer
	Tokens int           `yaml:"tokens"` // used by the call's replies so far
	Model  Model         `yaml:"model"`  // without a fallback of its own it has the agent's models for one
}

// DetectLanguage says how much of another language must have been heard. Either
// bound is enough; 0 does not count.
type DetectLanguage struct {
	Finals int `yaml:"finals"` // talkspurts in a row
	Words  int `yaml:"words"`  // in such talkspurts
}

// OnFailure is the way out for a caller whose agent's providers have failed.
type OnFailure struct {
	// Do is "retry": apologise and go on, and end the call politely at the
	// second failure in a row; "goodbye": end it at the first; or "hand_off":
	// give it to a person at the first.
	Do     string `yaml:"do"`
	Target string `yaml:"target"` // of hand_off: to whom
}

// AgentLanguage is how an agent speaks another language than its own, when the
// call changes to it. What it leaves out is the agent's.
type AgentLanguage struct {
	Language     string      `yaml:"language"`     // BCP 47 tag
	Recogniser   *Recogniser `yaml:"recogniser"`   // whole, with its own fallback
	Model        *Model      `yaml:"model"`        // whole, with its own fallback and rules
	Voice        *Voice      `yaml:"voice"`        // whole, with its own fallback
	Instructions string      `yaml:"instructions"` // in place of model.instructions
	Greeting     string      `yaml:"greeting"`
	Lines        Lines       `yaml:"lines"`
}
