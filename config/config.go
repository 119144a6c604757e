package config

import (
	"os"
	"path/filepath"
	"time"

	"trunkline/compliance"
)

// DatabaseURLEnv names the environment variable that holds the PostgreSQL
// connection string. It wins over database.url in the file.
const DatabaseURLEnv = "TRUNKLINE_DATABASE_URL"

// Config is the whole file. The zero value of a field means its default, which
// Default fills in.
type Config struct {
	Node      string    `yaml:"node"`      // this node's name in the records; default: the host's name
	StateDir  string    `yaml:"state_dir"` // private database, caches and recordings
	Log       Log       `yaml:"log"`
	SIP       SIP       `yaml:"sip"`
	Twilio    Twilio    `yaml:"twilio"`
	Media     Media     `yaml:"media"`
	HTTP      HTTP      `yaml:"http"`
	Database  Database  `yaml:"database"`
	Spool     Spool     `yaml:"spool"`
	Calls     Calls     `yaml:"calls"`
	Outbound  Outbound  `yaml:"outbound"`
	Routes    Routes    `yaml:"routes"`
	Recording Recording `yaml:"recording"`
	Traces    Traces    `yaml:"traces"`

	Compliance Compliance `yaml:"compliance"`

	Currency string  `yaml:"currency"` // of all prices and budgets, as it is shown
	Agents   []Agent `yaml:"agents"`
}

// Log sets what is logged, to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
}

// SIP is the SIP door.
type SIP struct {
	// Listen are the sockets, each NETWORK:HOST:PORT; the networks are udp, tcp,
	// tls, ws and wss.
	Listen []string `yaml:"listen"`
	// Advertise is the IP address put into Contact and SDP; by default the
	// listening one. It is required when listening on all addresses.
	Advertise string  `yaml:"advertise"`
	Trunks    []Trunk `yaml:"trunks"`
	// Codecs in order of preference: PCMU, PCMA.
	Codecs []string `yaml:"codecs"`
	STIR   STIR     `yaml:"stir"`
	TLS    TLS      `yaml:"tls"`
	// Origins are the pages whose scripts may call over WebSocket, such as
	// https://phone.example.net.
	Origins      []string     `yaml:"origins"`
	Limits       SIPLimits    `yaml:"limits"`
	SessionTimer SessionTimer `yaml:"session_timer"`
	// Reliable says whether provisional responses may be confirmed by PRACK
	// (RFC 3262): "offered" to peers that know it, or "off".
	Reliable string `yaml:"reliable_responses"`
	HEP      HEP    `yaml:"hep"`
}

// SessionTimer keeps calls from outliving a peer that has vanished, and from
// being ended by one that wants them refreshed (RFC 4028).
type SessionTimer struct {
	Use      string        `yaml:"use"`      // "offered" to peers that know it, or "off"
	Interval time.Duration `yaml:"interval"` // within which a call is refreshed, at half
	Minimum  time.Duration `yaml:"minimum"`  // shorter ones are refused with 422; 90s is the least there is
}

// Trunk is one peer that may send calls.
type Trunk struct {
	Name     string   `yaml:"name"`
	Sources  []string `yaml:"sources"`   // addresses or CIDR prefixes; all others get no answer
	MaxCalls int      `yaml:"max_calls"` // at once; 0: no limit of its own
	Agent    string   `yaml:"agent"`     // name of the agent that answers; empty: the first one
	// DTMF says by which ways the caller's keys come: "auto" takes telephone
	// events and INFO, and tones in the audio when no events were agreed on;
	// "rfc4733" events alone; "info" INFO alone; "inband" all three always.
	DTMF string `yaml:"dtmf"`
	SRTP SRTP   `yaml:"srtp"`
	// ComfortNoise sends a packet of comfort noise (RFC 3389) every 200 ms in
	// place of the agent's silence, where the carrier offers payload type 13.
	ComfortNoise bool      `yaml:"comfort_noise"`
	STIR         TrunkSTIR `yaml:"stir"`
	// Certificates are names, any of which the trunk's client certificate
	// shows: it is told by that, whatever its address.
	Certificates []string `yaml:"certificates"`
	// Trusted says that the caller numbers that the trunk asserts are
	// believed, and that it is told ours (P-Asserted-Identity).
	Trusted   bool    `yaml:"trusted"`
	Challenge Account `yaml:"challenge"` // what it must prove when it calls
	// ChallengeMD5 is for peers that do not know SHA-256 and read only the
	// first of several challenges.
	ChallengeMD5 bool    `yaml:"challenge_md5"`
	Account      Account `yaml:"account"` // what we prove when it asks

	Targets  []TrunkTarget `yaml:"targets"` // where our calls go; none: the trunk takes none
	Proxy    string        `yaml:"proxy"`   // SIP URI that all our requests go through
	Register *Register     `yaml:"register"`
	Probes   Probes        `yaml:"probes"`
	CallerID string        `yaml:"caller_id"` // the number that calls show that name none
	FromUser string        `yaml:"from_user"` // fixed user of From, for carriers that want the account there
	FromHost string        `yaml:"from_host"` // host of From; empty: our address
	Numbers  Numbers       `yaml:"numbers"`
	// CallsPerSecond bounds new calls both ways; 0: no limit.
	CallsPerSecond float64 `yaml:"calls_per_second"`
	// Transfer are whom the trunk's calls may have called in their place (SIP
	// REFER); none: such requests are refused with 603.
	Transfer []TrunkTransfer `yaml:"transfer"`
	// Redirects are hosts that the trunk may send a call of ours on to by a 3xx
	// response, with the number that was called; none: it counts as refused.
	Redirects []string `yaml:"redirects"`
	// AlignCodecs lets the trunk's calls be asked for another codec by re-INVITE
	// when a caller and a person are joined whose trunks chose PCMU and PCMA.
	AlignCodecs bool `yaml:"align_codecs"`
}

// SRTP protects the audio of a trunk's calls.
type SRTP struct {
	// Keys is where they come from: "auto", for calls of browsers, which come
	// over ws and wss, from DTLS with ICE, and for all others from the signalling
	// (SDES) as policy says; "sdes", always; or "dtls", always, and calls without
	// are refused. Default: auto.
	Keys string `yaml:"keys"`
	// Policy is "off"; "optional", which protects a call when the carrier
	// offers keys, by RTP/SAVP or by RTP/AVP; or "required", which refuses
	// every other call. It bears on keys of the signalling.
	Policy string `yaml:"policy"`
	// AllowPlainSignalling takes and sends keys in signalling that is not
	// encrypted, where whoever reads it can decrypt the call.
	AllowPlainSignalling bool `yaml:"allow_plain_signalling"`
}

// Media is the audio side of the SIP door.
type Media struct {
	Address string `yaml:"address"`  // IP address of the RTP sockets; default: the SIP listener's
	PortLow int    `yaml:"port_low"` // first and last port of the pool
	PortTop int    `yaml:"port_top"`
	Clocks  int    `yaml:"clocks"` // line clock shards; default: one per processor
}

// HTTP is the API and the pages.
type HTTP struct {
	Listen string `yaml:"listen"` // HOST:PORT
	Keys   []Key  `yaml:"keys"`   // empty: whoever reaches the address may do all
}

// Key lets its holder use the API and the pages.
type Key struct {
	Name   string `yaml:"name"`   // stands in the records of what was done
	Role   string `yaml:"role"`   // viewer, operator, compliance or admin
	SHA256 string `yaml:"sha256"` // of the key, in hexadecimal
}

// Database is PostgreSQL. With no URL trunkline runs a private cluster made
// from the machine's own PostgreSQL programs.
type Database struct {
	URL string `yaml:"url"`
}

// Calls bounds each call.
type Calls struct {
	Cap        time.Duration `yaml:"cap"`         // longest call from its answer
	WarnBefore time.Duration `yaml:"warn_before"` // spoken warning this long before the cap; 0: none
	NoMedia    time.Duration `yaml:"no_media"`    // no RTP for this long ends the call, except on hold
	MaxCalls   int           `yaml:"max_calls"`   // at once, all trunks
	Fax        string        `yaml:"fax"`         // "end" or "keep" a call whose caller is a fax machine
	// DatabaseAway says what becomes of new inbound calls while the database
	// takes no records: "answer" or "refuse" them. Outbound ones are never
	// placed then.
	DatabaseAway string `yaml:"database_away"`
}

// RecordingKeyEnv names the environment variable that holds the keys of
// recordings. It wins over recording.key_file in the file.
const RecordingKeyEnv = "TRUNKLINE_RECORDING_KEY"

// Recording is the two-channel WAV of each call, caller left, agent right.
type Recording struct {
	Enabled   bool   `yaml:"enabled"`
	Directory string `yaml:"directory"` // default: STATE_DIR/recordings
	// Begin is when a call's recording begins: "answer"; "early_media", which of
	// calls out is what the carrier sends before it; or "asked", by the API;
	// the time before is silence in it. The notice is said either way.
	Begin string `yaml:"begin"`
	Gap   string `yaml:"gap"` // what stands for a pause: "tone" (a soft beep) or "silence"
	// Cards is what becomes of a recording in which a card number is said:
	// "silence" erases the stretch, "destroy" the whole recording, and "keep"
	// leaves it to somebody else.
	Cards string `yaml:"cards"`
	// KeyFile holds the keys that recordings are encrypted with, 32 bytes in
	// base64 or hexadecimal each: the first one for new recordings, all for
	// reading. Without one, here or in RecordingKeyEnv, they are plain WAV
	// files.
	KeyFile string `yaml:"key_file"`
	Upload  Upload `yaml:"upload"`
	Notice  Notice `yaml:"notice"`
	// Places are where this gateway is, each a country or a country and a state
	// such as US-TX: whose consent a recording needs depends on both ends.
	// Empty: not known, so that of all parties.
	Places []string `yaml:"places"`
}

// Notice is how the caller learns of the recording. Their channel of it is
// silent until they have heard of it.
type Notice struct {
	Say    string            `yaml:"say"`    // "always", or "off": somebody else has told them
	Reason string            `yaml:"reason"` // of "off": who, for the records
	Text   map[string]string `yaml:"text"`   // by language such as "en"; else plain words
}

// Upload copies each recording to another place by HTTP after its call.
type Upload struct {
	URL    string `yaml:"url"`    // with {call} or {file} in it; empty: no copies
	Method string `yaml:"method"` // PUT or POST
	// HeaderEnv are headers of the request, each with the name of the
	// environment variable that holds its value.
	HeaderEnv   map[string]string `yaml:"header_env"`
	Timeout     time.Duration     `yaml:"timeout"`      // of one try
	Retries     int               `yaml:"retries"`      // after the first try; then the next start tries again
	Content     string            `yaml:"content"`      // "stored": the file as it is, or "wav": its audio, decrypted
	DeleteLocal bool              `yaml:"delete_local"` // once the copy has arrived
}

// Agent is who answers.
type Agent struct {
	Name       string     `yaml:"name"`
	Recogniser Recogniser `yaml:"recogniser"`
	Model      Model      `yaml:"model"`
	Voice      Voice      `yaml:"voice"`
	// Realtime is a model that hears and speaks by itself; nil: there is none,
	// and the three above hold every call.
	Realtime *Realtime `yaml:"realtime"`
	// Greeting and Lines override what the model's script says.
	Greeting string `yaml:"greeting"`
	Lines    Lines  `yaml:"lines"`
	// Protected names lines that the caller must hear to their end, such as a
	// greeting that discloses something. Who interrupts is answered after it.
	Protected []string `yaml:"protected"`
	// ProtectedWording is what the caller must hear to its end wherever the
	// model says it: words, whatever their case, or a regular expression
	// between slashes. The whole sentence is protected.
	ProtectedWording []string `yaml:"protected_wording"`
	// HoldSound is what the caller hears after a filler while a tool works:
	// "off", silence; or "tone", a soft note each two seconds.
	HoldSound   string          `yaml:"hold_sound"`
	Speculation Speculation     `yaml:"speculation"`
	Idle        []time.Duration `yaml:"idle"`   // caller silence before each prompt; after the last one, goodbye
	Moment      time.Duration   `yaml:"moment"` // silence before the first prompt when the caller has asked for a moment; default: 30s
	// Language is the BCP 47 tag of what the agent speaks: English is read out
	// in full, of other languages numbers are left to the voice.
	Language string `yaml:"language"`
	// Languages are the others that a call may change to.
	Languages []AgentLanguage `yaml:"languages"`
	// DetectLanguage is when the language that the recogniser hears becomes the
	// call's; zero: only a tool changes it.
	DetectLanguage DetectLanguage `yaml:"detect_language"`
	// OnFailure is what the agent does when all providers of a stage failed.
	OnFailure OnFailure `yaml:"on_failure"`
	// Budget is what the providers of one call may cost, in units of
	// Config.Currency; then the agent says goodbye. 0: no bound.
	Budget float64 `yaml:"budget"`
	// TimeZone is where the agent is, such as Europe/Berlin; default: this
	// machine's.
	TimeZone string  `yaml:"time_zone"`
	Tools    []Tool  `yaml:"tools"`
	BuiltIn  BuiltIn `yaml:"built_in_tools"`
}

// Tool is an HTTP call that the agent's model may make. {name} in its URL and
// body stands for an argument, {call.name} for a value of the call.
type Tool struct {
	Name        string         `yaml:"name"`        // letters, digits and underscores
	Description string         `yaml:"description"` // for the model: when to call it
	Parameters  map[string]any `yaml:"parameters"`  // JSON Schema of an object; none: no arguments
	HTTP        ToolHTTP       `yaml:"http"`
	SideEffect  bool           `yaml:"side_effect"` // it changes something: it is never cut short, nor made twice
	Retries     int            `yaml:"retries"`     // further attempts; of a POST only when the service honours Idempotency-Key
	Deadline    time.Duration  `yaml:"deadline"`    // of all attempts together
	Result      ToolResult     `yaml:"result"`
	Filler      []string       `yaml:"filler"` // said in turn when it is slow, in place of lines.filler
	Keyed       []Keyed        `yaml:"keyed"`  // what the caller keys in before the request is sent
}

// Keyed is a value that the caller keys in: a card's number, say. The tool's
// body takes it as {keyed.name}; the model never knows it and nothing of it is
// kept. While it is asked for, the caller is neither heard nor recorded.
type Keyed struct {
	Name  string `yaml:"name"`
	Ask   string `yaml:"ask"`   // what the agent says
	Min   int    `yaml:"min"`   // keys of it
	Max   int    `yaml:"max"`   // # ends it before, * begins it anew
	Check string `yaml:"check"` // "luhn": the check digit of cards
}

// ToolHTTP is a tool's request.
type ToolHTTP struct {
	Method  string            `yaml:"method"` // default: GET, or POST with a body
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"` // ${NAME} is taken from the environment
	Body    string            `yaml:"body"`    // JSON; default: the arguments
	Timeout time.Duration     `yaml:"timeout"` // of one attempt
}

// ToolResult says what of a service's answer the model is given.
type ToolResult struct {
	Schema map[string]any `yaml:"schema"` // JSON Schema that it must conform to
	Path   string         `yaml:"path"`   // the part that is wanted, such as data.items.0
	Limit  int            `yaml:"limit"`  // bytes
}

// BuiltIn chooses what the agent's model may do to the call itself.
type BuiltIn struct {
	Transfer         []Target `yaml:"transfer"`          // to whom it may put callers through
	HangUp           bool     `yaml:"hang_up"`           // end the call
	SendDTMF         bool     `yaml:"send_dtmf"`         // press keys
	ScheduleCallback bool     `yaml:"schedule_callback"` // record a promise to call back
	OptOut           bool     `yaml:"opt_out"`           // record that the caller must not be called again
}

// Target is whom a caller may be put through to.
type Target struct {
	Name        string `yaml:"name"`        // the hand-off's target
	Description string `yaml:"description"` // for the model: when to choose it
	// To is the target's number, or its SIP URI where How is refer. Without it
	// the agent says the hand-off line and the call ends.
	To string `yaml:"to"`
	// How is "bridge": the target is called here and joined with the caller;
	// "refer": the carrier is asked to call it (SIP REFER, Twilio's Dial); or "either": refer,
	// and bridge when the carrier refuses.
	How   string        `yaml:"how"`
	Route string        `yaml:"route"` // of routes.outbound; default: the one that takes the number
	Ring  time.Duration `yaml:"ring"`  // then the caller comes back to the agent
	// Briefing is what the target is told of the caller; {caller}, {called},
	// {agent} and {said}, the caller's last words, stand for values.
	Briefing string `yaml:"briefing"`
	BriefBy  string `yaml:"brief_by"` // "voice", before the caller is joined, or "header", X-Trunkline-Briefing of the INVITE
	// Accept is the key by which the target takes the call; any other key
	// declines. Without one the answer is enough.
	Accept string        `yaml:"accept"`
	Decide time.Duration `yaml:"decide"` // how long it may think about it
	Record bool          `yaml:"record"` // the recording goes on while they talk
	// Hold puts the caller on hold until the target has taken the call (SIP
	// trunks): nothing that they say meanwhile comes here.
	Hold bool `yaml:"hold"`
}

// Speculation has the model answer before the caller's turn is known to be
// over. What it guessed wrong is not heard, and costs tokens.
type Speculation struct {
	Enabled *bool         `yaml:"enabled"`  // default: where a wrong guess costs nothing, as Agent.Speculates tells
	PerTurn int           `yaml:"per_turn"` // guesses at most, in one turn of the caller
	Stable  time.Duration `yaml:"stable"`   // how long the caller's words must have stood for a guess in mid-speech
}

// Lines are fixed sentences that do not come from the model.
type Lines struct {
	Filler     []string `yaml:"filler"`      // the answer takes a while; said in turn
	Idle       []string `yaml:"idle"`        // one for each stage of silence
	NotHeard   string   `yaml:"not_heard"`   // the caller made a long sound without words
	Goodbye    string   `yaml:"goodbye"`     // before trunkline hangs up
	HandOff    string   `yaml:"hand_off"`    // before a hand-off that the model said nothing to
	Busy       string   `yaml:"busy"`        // every recogniser is in use
	Apology    string   `yaml:"apology"`     // a provider failed; the call goes on
	Trouble    string   `yaml:"trouble"`     // a provider failed again; the call ends
	NotReached string   `yaml:"not_reached"` // nobody was reached to put the caller through to
	Message    string   `yaml:"message"`     // what an answering machine is told, on calls out
	CapWarning string   `yaml:"cap_warning"` // warn_before the cap
	CapGoodbye string   `yaml:"cap_goodbye"` // at the cap
	// BudgetGoodbye is said when the call has cost its budget.
	BudgetGoodbye string `yaml:"budget_goodbye"`
	// OptedOut is said once a person's wish not to be called is stored, and
	// OptOutFailed when it could not be, so that nothing untrue is promised.
	OptedOut     string `yaml:"opted_out"`
	OptOutFailed string `yaml:"opt_out_failed"`
	// NotKept is said when the person does not want to be recorded, once nothing
	// of the call is recorded or written down any more.
	NotKept string `yaml:"not_kept"`
}

// Recogniser chooses the speech recogniser. Only the block of its own engine
// may hold settings.
type Recogniser struct {
	// Engine is "offline" (pocketsphinx), "declared", "deepgram", "assemblyai",
	// "google", "openai" or "whisper".
	Engine     string               `yaml:"engine"`
	Mode       string               `yaml:"mode"`  // offline: domain, general+domain or general
	Pool       int                  `yaml:"pool"`  // offline and declared: decoders, which is calls heard at once
	Clean      string               `yaml:"clean"` // "auto": suppress steady noise and raise faint voices where that helps; "off"
	Declared   DeclaredRecogniser   `yaml:"declared"`
	Deepgram   DeepgramRecogniser   `yaml:"deepgram"`
	AssemblyAI AssemblyAIRecogniser `yaml:"assemblyai"`
	Google     GoogleRecogniser     `yaml:"google"`
	OpenAI     OpenAIRecogniser     `yaml:"openai"`
	Whisper    WhisperRecogniser    `yaml:"whisper"`

	Patience `yaml:",inline"`

	Price    RecogniserPrice `yaml:"price"`
	Fallback []Recogniser    `yaml:"fallback"` // who hears when this one fails, in their order
}

// DeclaredRecogniser hears given words after given delays, whatever was said.
// With the declared model and voice it measures trunkline without its providers.
type DeclaredRecogniser struct {
	Ready        time.Duration `yaml:"ready"`         // from the offer of a call; the phone rings meanwhile
	FirstPartial time.Duration `yaml:"first_partial"` // from the start of a talkspurt; 0: no partials
	PartialEvery time.Duration `yaml:"partial_every"`
	Final        time.Duration `yaml:"final"` // from the end of a talkspurt
	Says         []string      `yaml:"says"`  // of one talkspurt after another, again and again
	// Lasts is how long each of Says takes to be said: its words are known
	// first_partial after they were said.
	Lasts []time.Duration `yaml:"lasts"`
}

// Model chooses who writes the replies. Only the block of its own engine may
// hold settings.
type Model struct {
	// Engine is "script", "declared", "openai", "anthropic" or "gemini".
	Engine string `yaml:"engine"`
	Script string `yaml:"script"` // path of the dialogue file; empty: the built-in reception desk
	// Instructions are the agent's own, for models that take some; {caller}
	// and other values of the call may stand in them. A fallback has the same.
	Instructions string         `yaml:"instructions"`
	Declared     DeclaredModel  `yaml:"declared"`
	OpenAI       OpenAIModel    `yaml:"openai"`
	Anthropic    AnthropicModel `yaml:"anthropic"`
	Gemini       GeminiModel    `yaml:"gemini"`

	Patience `yaml:",inline"`

	Price    ModelPrice  `yaml:"price"`
	Fallback []Model     `yaml:"fallback"` // who writes when this one fails, in their order
	Rules    []ModelRule `yaml:"rules"`    // of long calls; the last one that holds counts
}

// DeclaredModel gives given replies after given delays.
type DeclaredModel struct {
	FirstToken      time.Duration `yaml:"first_token"`
	TokensPerSecond float64       `yaml:"tokens_per_second"` // 0: all at once
	Replies         []string      `yaml:"replies"`           // one after another, again and again
}

// Voice chooses the synthesiser. Only the block of its own engine may hold
// settings.
type Voice struct {
	// Engine is "offline" (flite), "declared", "elevenlabs", "cartesia",
	// "aura", "openai" or "piper".
	Engine     string          `yaml:"engine"`
	Name       string          `yaml:"name"` // offline: slt, rms, awb or kal16
	Declared   DeclaredVoice   `yaml:"declared"`
	ElevenLabs ElevenLabsVoice `yaml:"elevenlabs"`
	Cartesia   CartesiaVoice   `yaml:"cartesia"`
	Aura       AuraVoice       `yaml:"aura"`
	OpenAI     OpenAIVoice     `yaml:"openai"`
	Piper      PiperVoice      `yaml:"piper"`

	Patience `yaml:",inline"`

	Price    VoicePrice `yaml:"price"`
	Fallback []Voice    `yaml:"fallback"` // who speaks when this one fails, in their order
}

// DeclaredVoice plays a tone after a given delay.
type DeclaredVoice struct {
	FirstAudio time.Duration `yaml:"first_audio"`
	Speed      float64       `yaml:"speed"` // times faster than real time; 0: all at once
}

// Default is the configuration with no file: a reception desk that answers
// softphones on this machine, with no key and no account.
func Default() Config {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}

	return Config{
		Node:     host,
		StateDir: defaultStateDir(),
		Log:      Log{Level: "info", Format: "text"},
		SIP: SIP{
			Listen: []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"},
			Codecs: []string{"PCMU", "PCMA"},

			SessionTimer: SessionTimer{Use: "offered", Interval: 30 * time.Minute, Minimum: 90 * time.Second},
			Reliable:     "offered",
			Trunks:       []Trunk{{Name: "local", Sources: []string{"127.0.0.0/8"}, Agent: "reception", DTMF: "auto"}},
		},
		Media:  Media{PortLow: 16384, PortTop: 32767},
		HTTP:   HTTP{Listen: "127.0.0.1:8080"},
		Twilio: Twilio{Listen: "127.0.0.1:8070"},
		Calls: Calls{
			Cap:        30 * time.Minute,
			WarnBefore: 2 * time.Minute,
			NoMedia:    30 * time.Second,
			MaxCalls:   500,
			Fax:        "end",

			DatabaseAway: "answer",
		},
		Spool: Spool{MaxMB: 1024},
		Compliance: Compliance{
			Tenant: "default", Packs: compliance.DefaultPacks(), Clock: "kernel", OptOutKey: "9",
			Retention: Retention{Every: 24 * time.Hour}, Recheck: 24 * time.Hour,
		},
		Outbound: Outbound{
			Home: "US", Countries: []string{"US", "CA"}, Ring: 30 * time.Second, OnMachine: "hang_up",
			Detect: Detect{
				NoSpeech: 1200 * time.Millisecond, Settle: 700 * time.Millisecond, Short: 1800 * time.Millisecond, Long: 4 * time.Second,
				Quiet: 2500 * time.Millisecond, Wait: 35 * time.Second, Watch: 15 * time.Second,
			},
		},
		Recording: Recording{
			Begin:  "answer",
			Gap:    "tone",
			Cards:  "silence",
			Notice: Notice{Say: "always"},
			Upload: Upload{Method: "PUT", Timeout: 5 * time.Minute, Retries: 10, Content: "stored"},
		},
		Traces:   Traces{Protocol: "http/protobuf", Sample: 1},
		Currency: "USD",
		Agents: []Agent{{
			Name:        "reception",
			Recogniser:  Recogniser{Engine: "offline", Mode: "domain", Pool: 24, Clean: "auto"},
			Model:       Model{Engine: "script"},
			Voice:       Voice{Engine: "offline", Name: "slt"},
			Moment:      30 * time.Second,
			Idle:        []time.Duration{8 * time.Second, 8 * time.Second},
			Speculation: Speculation{PerTurn: 2, Stable: 200 * time.Millisecond},
			Language:    "en-US",
			HoldSound:   "off",
			OnFailure:   OnFailure{Do: "retry"},
		}},
	}
}

// defaultStateDir is where a service of this user keeps its state (XDG base
// directories; /var/lib for root, as in the Filesystem Hierarchy Standard).
func defaultStateDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/trunkline"
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "trunkline")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "trunkline")
	}

	return filepath.Join(home, ".local", "state", "trunkline")
}

// RecordingDir is where recordings go.
func (c *Config) RecordingDir() string {
	if c.Recording.Directory != "" {
		return c.Recording.Directory
	}

	return filepath.Join(c.StateDir, "recordings")
}

// Agent finds an agent by name.
func (c *Config) Agent(name string) (Agent, bool) {
	for _, a := range c.Agents {
		if a.Name == name {
			return a, true
		}
	}

	return Agent{}, false
}
