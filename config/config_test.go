package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	if _, err := Load("", Overrides{}); err != nil {
		t.Fatal(err)
	}
}

func TestFileOverridesDefaults(t *testing.T) {
	t.Parallel()
	c, err := Parse("t.yaml", []byte("calls:\n  cap: 10s\n  warn_before: 0s\nhttp:\n  listen: 127.0.0.1:9\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Calls.Cap, want.Calls.WarnBefore = 10*time.Second, 0
	want.HTTP.Listen = "127.0.0.1:9"
	if d := cmp.Diff(want, c); d != "" {
		t.Fatal(d)
	}
}

func TestMistakesNameFileLineAndWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"unknown key": {"sip:\n  lissten: []\n", []string{"t.yaml:2:3", `unknown key "lissten"`, "spelling"}},
		"wrong type":  {"calls:\n  cap: soon\n", []string{"t.yaml:2:"}},
		"no number":   {"calls:\n  max_calls: many\n", []string{"t.yaml:2:14", `"many" stands where a whole number is wanted`}},
		"no list":     {"sip:\n  trunks: all\n", []string{"t.yaml:2:11", "a list is wanted"}},
		"no block":    {"sip: all\n", []string{"t.yaml:1:6", "keys with their values"}},
		"no mapping":  {"all\n", []string{"t.yaml:1:1", "keys with their values"}},
		"two documents": {
			"calls:\n  cap: 9m\n---\nhttp:\n  listen: 127.0.0.1:1\n", []string{"t.yaml:4:", "second document", "remove the ---"},
		},
		"no truth": {"recording:\n  enabled: perhaps\n", []string{"t.yaml:2:", "true or false"}},
		"syntax":   {"sip: [\n", []string{"t.yaml:1:"}},
		"all addresses, nothing advertised": {
			"sip:\n  listen: [\"udp:0.0.0.0:5060\"]\n",
			[]string{"t.yaml:2:12", "sip.listen[0]", "sip.advertise"},
		},
		"warning after the cap": {
			"calls:\n  cap: 1m\n",
			[]string{"t.yaml:2:6", "calls.warn_before", "2m0s does not lie before the cap of 1m0s"},
		},
		"too few ports": {
			"media:\n  port_low: 20000\n  port_top: 20009\n",
			[]string{"t.yaml:3:13", "5 port pairs", "max_calls"},
		},
		"ways of keys": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      dtmf: touch\n",
			[]string{"t.yaml:6:13", "auto, rfc4733, info, inband"},
		},
		"session timer": {
			"sip:\n  session_timer: {use: sometimes, interval: 60s, minimum: 80s}\n  reliable_responses: please\n",
			[]string{"t.yaml:2:24", "offered, off", "RFC 4028 wants 90s", "1m0s is less", "sip.reliable_responses"},
		},
		"SRTP policy": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      srtp: {policy: always}\n",
			[]string{"t.yaml:6:22", "off, optional, required"},
		},
		"SRTP keys in the clear": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      srtp: {policy: required}\n",
			[]string{"t.yaml:6:22", "needs signalling over TLS", "allow_plain_signalling"},
		},
		"SRTP keys from nowhere": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      srtp: {keys: zrtp}\n",
			[]string{"t.yaml:6:20", "auto, sdes, dtls"},
		},
		"SRTP keys by DTLS, and a policy": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      srtp: {keys: dtls, policy: required}\n",
			[]string{"t.yaml:6:20", "leave out policy"},
		},
		"SRTP keys for nothing": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      srtp: {allow_plain_signalling: true}\n",
			[]string{"t.yaml:6:38", "policy is off"},
		},
		"recordings": {
			"recording: {gap: music, cards: sell, key_file: /nowhere.keys, upload: {method: GET, content: mp3, timeout: 0s, retries: 0, delete_local: true}}\n",
			[]string{"tone, silence", "silence, destroy, keep", "/nowhere.keys", "/dev/urandom", "PUT, POST", "stored, wav", "upload.timeout", "upload.retries", "no copy"},
		},
		"notices of recordings": {
			"recording: {notice: {say: \"off\", text: {en-US: Recorded.}}, places: [Texas]}\n",
			[]string{"recording.notice.reason", "who tells callers", "recording.notice.text", "such as en", "recording.places[0]", "US-TX"},
		},
		"a notice now and then": {"recording: {notice: {say: often}}\n", []string{"always, off"}},
		"openings": {
			"compliance: {campaigns: [{id: a, seller: b, opening: {en: {identity: Hello.}, de-DE: {callback: Ruf an.}}}]}\n",
			[]string{"campaigns[0].opening.en", "{name}", "opening.de-DE", "{number}", `write it as "de"`},
		},
		"uploads to one place": {"recording: {upload: {url: \"https://a.example/x\"}}\n", []string{"recording.upload.url", "same place"}},
		"traces to nowhere": {
			"traces: {endpoint: \"127.0.0.1:4318\", protocol: grpc, sample: 2, headers_env: {Authorization: TRUNKLINE_TEST_NOT_SET}}\n",
			[]string{"traces.endpoint", "is no URL", "/v1/traces", `"grpc"`, "traces.sample", "TRUNKLINE_TEST_NOT_SET"},
		},
		"traces without a path": {"traces: {endpoint: \"http://127.0.0.1:4318\"}\n", []string{"traces.endpoint", "has no path"}},
		"uploads by FTP":        {"recording: {upload: {url: \"ftp://a.example/{file}\"}}\n", []string{`"ftp"`}},
		"no URL":                {"recording: {upload: {url: \"https://u:pa%ss@a.example/{file}\"}}\n", []string{"is no URL"}},
		"headers of nothing": {
			"recording: {upload: {url: \"https://a.example/{file}\", header_env: {Authorization: TRUNKLINE_TEST_NOT_SET}}}\n",
			[]string{"TRUNKLINE_TEST_NOT_SET", "Authorization"},
		},
		"a door that nobody reaches": {
			"twilio: {listen: nowhere, public_url: \"http://a\", node_url: \"https://a?b\", accounts: [{name: Main, agent: nobody, carrier: bell, api: \"http://h\"," +
				" auth_token_env: TRUNKLINE_TEST_NOT_SET, api_key: SK1, api_secret_env: \"a b\", calls_per_second: -1, amd: true, record: true, numbers: [12], fallback: {number: x}}]}\n",
			[]string{
				"twilio.listen", "twilio.public_url", "twilio.node_url: must be plain", "accounts[0].name", `"bell"`, `"nobody" is not one of the agents`, "account_sid", "accounts[0].api:",
				"TRUNKLINE_TEST_NOT_SET", "api_secret_env: is no name", "calls_per_second", "accounts[0].amd", "accounts[0].record", "numbers[0]", "fallback.number",
			},
		},
		"a way out by no account":        {"routes: {outbound: [{name: a, door: twilio, trunk: b, caller_ids: [\"+12025550100\"]}]}\n", []string{`"b" is no account`}},
		"an account with a trunk's name": {"twilio: {accounts: [{name: local}]}\n", []string{"also names a trunk"}},
		"unknown hold sound":             {"agents:\n  - {name: reception, hold_sound: opera}\n", []string{"agents[0].hold_sound", "off, tone"}},
		"unknown cleaning":               {"agents:\n  - {name: reception, recogniser: {clean: much}}\n", []string{"auto, off"}},
		"fax":                            {"calls:\n  fax: shred\n", []string{"t.yaml:2:8", "end, keep"}},
		"trunk without agent": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1, bad]\n      agent: nobody\n",
			[]string{"t.yaml:4:27", "t.yaml:5:14", `"nobody" is not one of the agents`},
		},
		"nothing to listen on": {"sip:\n  listen: []\n", []string{"t.yaml:2:11", "sip.listen", "udp:127.0.0.1:5060"}},
		"no network":           {"sip:\n  listen: [127.0.0.1:5060]\n", []string{"sip.listen[0]", "begin with udp:, tcp:"}},
		"a name to listen on":  {"sip:\n  listen: [udp:localhost:5060]\n", []string{`"localhost" is not an IP address`}},
		"no port":              {"sip:\n  listen: [udp:127.0.0.1]\n", []string{"is not udp:ADDRESS:PORT"}},
		"port out of range":    {"sip:\n  listen: [tcp:127.0.0.1:70000]\n", []string{`"70000" is not a port`}},
		"advertised name":      {"sip:\n  advertise: example.org\n", []string{"t.yaml:2:14", "is not an IP address"}},
		"unknown codec":        {"sip:\n  codecs: [G729]\n", []string{"t.yaml:2:12", `"G729"`, "PCMU, PCMA"}},
		"no codec":             {"sip:\n  codecs: []\n", []string{"sip.codecs", "PCMU, PCMA"}},
		"no trunk":             {"sip:\n  trunks: []\n", []string{"sip.trunks", "nobody could call"}},
		"two trunks of a name": {
			"sip:\n  trunks:\n    - {name: a, sources: [10.0.0.1], agent: reception}\n    - {name: a, sources: [10.0.0.2], agent: reception}\n",
			[]string{"t.yaml:4:14", `"a" names two trunks`},
		},
		"nameless trunk, no sources, negative limit": {
			"sip:\n  trunks:\n    - {agent: reception, max_calls: -1}\n",
			[]string{"sip.trunks[0].name", "sip.trunks[0].sources", "t.yaml:3:37", "sip.trunks[0].max_calls"},
		},
		"a trunk's way out": {
			`sip:
  listen: [tls:127.0.0.1:5061]
  limits: {calls_per_second: -1, cpu: 90}
  trunks:
    - name: a
      agent: reception
      certificates: [carrier.example.net]
      account: {user: u}
      challenge: {password_env: TRUNKLINE_TEST_NOT_SET}
      proxy: carrier.example.net
      targets: [{uri: "https://carrier", weight: -1}]
      register: {registrar: "sip:", expires: 48h}
      numbers: {format: national}
      probes: {every: 1ms, down_after: -1}
      calls_per_second: -1
`,
			[]string{
				"sip.tls.certificate: is missing", "sip.tls.key", "sip.limits.calls_per_second", "sip.limits.cpu", "trunks[0].certificates",
				"trunks[0].account: give it either", "challenge.user", "TRUNKLINE_TEST_NOT_SET", "trunks[0].proxy", "targets[0].uri", "targets[0].weight",
				"register.registrar", "register.expires", "numbers.country", "probes.every", "trunks[0].probes", "trunks[0].calls_per_second",
			},
		},
		"copies for nobody": {"sip:\n  hep: {node_id: 7}\n", []string{"sip.hep.endpoint: is missing"}},
		"copies for somewhere": {
			"sip:\n  hep: {endpoint: homer.example.net, password_env: TRUNKLINE_TEST_NOT_SET}\n",
			[]string{"t.yaml:2:19", "HOST:PORT", `"TRUNKLINE_TEST_NOT_SET" is empty`},
		},
		"a registration of nobody": {
			"sip:\n  trunks:\n    - {name: a, agent: reception, register: {registrar: \"sip:carrier.example.net\"}, numbers: {format: roman}}\n",
			[]string{"register.user", "e164, digits, national"},
		},
		"media on all addresses": {"media:\n  address: 0.0.0.0\n", []string{"t.yaml:2:12", "media.address"}},
		"ports of the system":    {"media:\n  port_low: 80\n", []string{"t.yaml:2:13", "1024 to 65535"}},
		"ports upside down":      {"media:\n  port_low: 30000\n  port_top: 20000\n", []string{"no usable range"}},
		"negative clocks":        {"media:\n  clocks: -1\n", []string{"media.clocks"}},
		"no HTTP port":           {"http:\n  listen: localhost\n", []string{"t.yaml:2:11", "HOST:PORT"}},
		"identities that nobody can check": {
			"sip:\n  trunks:\n    - {name: a, sources: [10.0.0.1], agent: reception, stir: {check: note, sign: D}}\n",
			[]string{"sip.trunks[0].stir.check", "sip.stir.roots", "sip.trunks[0].stir.sign", "A, B, C"},
		},
		"a certificate of nobody's": {
			"sip:\n  stir: {roots: /nowhere.pem, sign: {certificate_url: \"http://a.example/c\"}}\n",
			[]string{"sip.stir.roots: cannot be read", "both key_file and certificate_url", "is no https URL"},
		},
		"all may listen to calls": {"http:\n  listen: 0.0.0.0:8080\n", []string{"http.keys", "trunkline key"}},
		"keys of no use": {
			"http:\n  keys:\n    - {name: \"\", role: boss, sha256: tlk_x}\n    - {name: b, role: admin, sha256: tlk_x}\n",
			[]string{"t.yaml:3:14: http.keys[0].name", "viewer, operator, compliance, admin", "http.keys[0].sha256: is no SHA-256", "http.keys[1].sha256: is that of http.keys[0]"},
		},
		"no cap":           {"calls:\n  cap: 0s\n", []string{"calls.cap", "every call has a cap"}},
		"negative warning": {"calls:\n  warn_before: -1s\n", []string{"calls.warn_before"}},
		"dead calls stay":  {"calls:\n  no_media: 0s\n", []string{"calls.no_media"}},
		"no calls":         {"calls:\n  max_calls: 0\n", []string{"calls.max_calls", "at least 1"}},
		"log level":        {"log:\n  level: loud\n", []string{"t.yaml:2:10", "debug, info, warn, error"}},
		"log format":       {"log: {format: xml}\n", []string{"text, json"}},
		"empty node":       {"node: \"\"\nstate_dir: \"\"\n", []string{"t.yaml:1:7: node", "t.yaml:2:12: state_dir"}},
		"declared, and nothing to say": {
			"agents:\n  - {name: reception, recogniser: {engine: declared}, model: {engine: declared}}\n",
			[]string{"recogniser.declared.says", "model.declared.replies"},
		},
		"guesses and protected lines": {
			"agents:\n  - {name: reception, protected: [greeting, all], protected_wording: [/(/, \" \", /x*/, may cancel], speculation: {per_turn: 50, stable: 1ms}}\n",
			[]string{"agents[0].protected[1]", "protected_wording[0]: is no regular expression", "protected_wording[1]: is empty", "protected_wording[2]: matches every", "speculation.per_turn", "1 to 5", "speculation.stable", "50ms to 2s"},
		},
		"unknown engines": {
			"agents:\n  - {name: reception, recogniser: {engine: a, mode: b, pool: -1}, model: {engine: c}, voice: {engine: d, name: e}}\n",
			[]string{"recogniser.engine", "offline, declared, deepgram", "model.engine", "script, declared, openai", "voice.engine", "offline, declared, elevenlabs"},
		},
		"offline engines": {
			"agents:\n  - {name: reception, recogniser: {mode: b, pool: -1}, voice: {name: e}}\n",
			[]string{"t.yaml:2:42", "domain, general+domain, general", "t.yaml:2:51", "at least 1", "voice.name", "slt, rms, awb, kal16"},
		},
		"settings of another engine": {
			"agents:\n  - name: reception\n    recogniser: {engine: deepgram, mode: domain, openai: {prompt: x}, pool: 3}\n" +
				"    model: {engine: anthropic, anthropic: {model: m}, script: a.yaml, gemini: {model: m}}\n    voice: {engine: aura, aura: {voice: v}, name: slt}\n",
			[]string{
				"t.yaml:3:42: agents[0].recogniser.mode: is a setting of the engine offline, and the engine is deepgram",
				"recogniser.openai: is a setting of the engine openai", "recogniser.pool: is for the engines offline and declared",
				"model.script: is a setting of the engine script", "model.gemini", "voice.name: is a setting of the engine offline",
			},
		},
		"keys of another engine": {
			"agents:\n  - name: reception\n    voice: {engine: aura, aura: {voice: v, speed: 1}}\n", []string{"t.yaml:3:44", `unknown key "speed"`},
		},
		"a key in the file": {
			"agents:\n  - name: reception\n    model: {engine: openai, openai: {model: m, key_env: sk-proj-1, base_url: \"https://u:p@h?key=sk-proj-1\"}}\n",
			[]string{"t.yaml:3:57", "no name of an environment variable", "base_url: must be plain"},
		},
		"no address": {
			"agents:\n  - name: reception\n    model: {engine: openai, openai: {model: m, base_url: \"localhost:8000\"}}\n", []string{"base_url: is no URL"},
		},
		"ranges of providers": {
			"agents:\n  - name: reception\n    budget: -1\n    recogniser: {engine: deepgram, deepgram: {keep_alive: 20s}, first_byte: -1s, price: {per_minute: .nan}}\n" +
				"    model: {engine: gemini, gemini: {temperature: 3, max_tokens: -1, thinking: -1}, breaker: {failures: -1}}\n" +
				"    voice: {engine: elevenlabs, elevenlabs: {speed: 9, ready: -1}, breaker: {cool_down: 5m, longest: 1m}}\n",
			[]string{
				"t.yaml:3:13", "keep_alive", "recogniser.first_byte", "price.per_minute", "gemini.model: is empty", "0 to 2", "max_tokens", "thinking",
				"model.breaker", "elevenlabs.voice: is empty", "0.7 to 1.2", "elevenlabs.ready", "breaker.longest",
			},
		},
		"a way out and other languages": {
			"agents:\n  - name: reception\n    on_failure: {do: panic, target: desk}\n    detect_language: {words: -1}\n    budget: 1\n" +
				"    recogniser: {engine: google, google: {credentials: /nowhere.json, connections: -1}}\n" +
				"    languages:\n      - {language: es, voice: {engine: aura, aura: {voice: v}}, lines: {filler: [], idle: [x], not_heard: x, goodbye: x, hand_off: x, trouble: x}}\n",
			[]string{
				"retry, goodbye, hand_off", "on_failure.target", "detect_language", "/nowhere.json", "recogniser.google: connections",
				"languages[0].lines: lacks apology, cap_warning, cap_goodbye, budget_goodbye;",
			},
		},
		"speech to speech": {
			"agents:\n  - name: reception\n    languages: [{language: en-GB}]\n    realtime: {detection: ours, threshold: 2, silence: -1s, eagerness: much, noise: all, open: 9s, patience: 1ms, transcription: off, speed: 3,\n" +
				"      otherwise: hang_up, key_env: sk-1, price: {text_input: -1}, breaker: {failures: -1}}\n",
			[]string{
				"server_vad, semantic_vad, own", "realtime.threshold", "silence and max_tokens", "low, medium, high, auto", "near_field, far_field",
				"100ms to 4s", "500ms to 5s", "cannot be off", "0.25 to 1.5", "pipeline, on_failure", "key_env: is no name", "price.text_input", "realtime.breaker",
				"threshold and silence are of server_vad", "eagerness is of semantic_vad",
			},
		},
		"speech to speech alone, and languages": {
			"agents:\n  - name: reception\n    languages: [{language: en-GB}]\n    realtime: {otherwise: on_failure}\n",
			[]string{"t.yaml:4:27: agents[0].realtime.otherwise", "nobody would use languages"},
		},
		"ranges of whisper": {
			"agents:\n  - {name: reception, recogniser: {engine: whisper, whisper: {path: x, rate: 44100, no_speech: 2, interim: 1ms, longest: 1h, timeout: -1s}}}\n",
			[]string{"whisper.path", "8000 or 16000", "no_speech", "200ms", "5s to 1m", "whisper.timeout"},
		},
		"fallbacks and rules": {
			"agents:\n  - name: reception\n    recogniser: {fallback: [{engine: deepgram, fallback: [{engine: offline}]}]}\n" +
				"    model:\n      fallback: [{engine: openai, instructions: x, openai: {model: m}, rules: [{after: 1m}]}, {engine: script, fallback: [{}]}]\n" +
				"      rules: [{model: {engine: script}}, {tokens: 9, model: {engine: script, rules: [{after: 1s}], fallback: [{}]}}]\n" +
				"    voice: {fallback: [{}, {engine: piper, piper: {model: /nowhere.onnx}}, {engine: piper, piper: {ready: -1}, fallback: [{}]}]}\n",
			[]string{
				"t.yaml:3:59", "recogniser.fallback[0].fallback[0]: stands in a fallback", "fallback[0].instructions", "fallback[0].rules[0]", "model.fallback[1].fallback[0]",
				"rules[0]: never holds", "rules[1].model.rules[0]", "rules[1].model.fallback[0].engine", "voice.fallback[0].engine", "/nowhere.onnx",
				"fallback[2].piper.model: is empty", "fallback[2].piper: speaker", "fallback[2].fallback[0]",
			},
		},
		"languages": {
			"agents:\n  - name: reception\n    languages:\n      - {language: en-US}\n      - {language: german}\n      - {language: de, recogniser: {engine: x}}\n" +
				"      - {language: es, voice: {engine: z}}\n      - {language: es, model: {engine: openai, instructions: x}}\n",
			[]string{
				"languages[4].model.instructions: stand in", "languages[4].model.openai.model: is empty",
				"t.yaml:4:20", "is there already", "t.yaml:5:20", "no language tag", `t.yaml:6:20: agents[0].languages[2].language: "de" cannot be spoken by the offline voice`,
				"languages[2].recogniser.engine", "languages[3].voice.engine", `t.yaml:8:20: agents[0].languages[4].language: "es" is there already`,
			},
		},
		"two agents of a name": {
			"agents:\n  - name: reception\n  - name: reception\n    idle: [0s]\n    moment: 1h\n",
			[]string{"t.yaml:3:11", "names two agents", "agents[1].idle[0]", "agents[1].moment"},
		},
		"tools": {
			"agents:\n  - name: reception\n    tools:\n      - {name: hang_up, http: {url: ftp://x, method: TRACE, timeout: -1s}, retries: 9}\n" +
				"      - {name: no name, description: d, http: {url: https://x}, result: {limit: -1}}\n" +
				"      - {name: a, description: d, http: {url: https://x}}\n      - {name: a, description: d, http: {url: https://x}}\n",
			[]string{
				"t.yaml:4:16", "is a built-in tool", "tools[0].description", `"ftp://x" is no URL`, `"TRACE" is not known`, "must be 0 to 5", "must not be below 0",
				"cannot be a tool's name", "tools[1].result.limit", "names two tools",
			},
		},
		"whom a trunk may refer to": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      redirects: [\"sip:x\", \"h:5060\"]\n" +
				"      transfer: [{users: [\"*\", \"a@b\"], route: none, ring: 1s}, {name: b}]\n",
			[]string{
				"t.yaml:6:19", `redirects[0]: "sip:x" is no host`, "redirects[1]", "transfer[0].name: is empty", `users[0]: "*" is no number`, "users[1]",
				"transfer[0].route", "not one of routes.outbound", "5s to 2m", "transfer[1].users: is empty",
			},
		},
		"targets, language and zone": {
			"agents:\n  - name: reception\n    language: american\n    time_zone: Mars/Base\n    built_in_tools:\n      transfer: [{name: a}, {name: a}, {description: d}]\n",
			[]string{"t.yaml:3:15", "language tag", "t.yaml:4:16", "no time zone", "names two targets", "transfer[2].name"},
		},
		"missing script": {
			"agents:\n  - name: reception\n    model: {engine: script, script: /nowhere.yaml}\n",
			[]string{"/nowhere.yaml", "dialogue file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("t.yaml", []byte(tc.src), Overrides{})
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want an *Error", err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("message lacks %q:\n%v", w, err)
				}
			}
		})
	}
}

func TestDatabaseURLComesFromTheEnvironment(t *testing.T) {
	t.Setenv(DatabaseURLEnv, "postgres://secret@127.0.0.1/db")
	c, err := Parse("t.yaml", []byte("database:\n  url: postgres://other/db\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Database.URL != "postgres://secret@127.0.0.1/db" {
		t.Fatalf("got %q", c.Database.URL)
	}
}

func TestFlagsWinOverTheFile(t *testing.T) {
	t.Parallel()
	c, err := Parse("t.yaml", []byte("sip:\n  listen: [tcp:127.0.0.2:1]\nhttp:\n  listen: 127.0.0.2:2\n"),
		Overrides{SIP: "127.0.0.1:3", HTTP: "127.0.0.1:4", DatabaseURL: "postgres://127.0.0.1/flag"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.SIP.Listen[0], c.SIP.Listen[1], c.HTTP.Listen, c.Database.URL}
	want := []string{"udp:127.0.0.1:3", "tcp:127.0.0.1:3", "127.0.0.1:4", "postgres://127.0.0.1/flag"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestAMistakeInAFlagNamesNoFile has nothing in a file to point at.
func TestAMistakeInAFlagNamesNoFile(t *testing.T) {
	t.Parallel()
	_, err := Load("", Overrides{SIP: "somewhere"})
	if err == nil || strings.HasPrefix(err.Error(), ":") || !strings.Contains(err.Error(), `"udp:somewhere" is not udp:ADDRESS:PORT`) {
		t.Errorf("got %v", err)
	}
}

func TestAnAgentKeepsTheDefaultsOfWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	c, err := Parse("t.yaml", []byte("agents:\n  - {name: reception, voice: {name: rms}, idle: [3s]}\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default().Agents[0]
	want.Voice.Name, want.Idle = "rms", []time.Duration{3 * time.Second}
	if d := cmp.Diff(want, c.Agents[0]); d != "" {
		t.Error(d)
	}
}

func TestAFileOfCommentsIsTheDefault(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"", "# nothing\n", "\n\n", "---\n", "--- # nothing\n", "null\n"} {
		c, err := Parse("t.yaml", []byte(src), Overrides{})
		if err != nil {
			t.Errorf("%q: %v", src, err)
		} else if c.HTTP.Listen != Default().HTTP.Listen {
			t.Errorf("%q: got %+v", src, c)
		}
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	t.Parallel()
	_, err := Load("/nowhere/trunkline.yaml", Overrides{})
	if err == nil || !strings.Contains(err.Error(), "/nowhere/trunkline.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"203.0.113.7": "203.0.113.7/32", "203.0.113.7/24": "203.0.113.0/24", "::1": "::1/128", "2001:db8::1/32": "2001:db8::/32",
		"example.org": "", "203.0.113.0/33": "", "": "",
	} {
		got, err := ParseSource(src)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q: got %v, %v, want %q", src, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("calls:\n  cap: 10s\n"))
	f.Add([]byte("# nothing\n---\n---\nlog: {level: x}\n"))
	f.Add([]byte("sip:\n  trunks:\n    - {name: a, sources: [::1/128], agent: reception}\n"))
	f.Fuzz(func(_ *testing.T, src []byte) {
		_, _ = Parse("f.yaml", src, Overrides{})
	})
}

func TestComplianceMistakes(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"compliance.recheck":         func(c *Config) { c.Compliance.Recheck = -1 },
		"compliance.tenant":          func(c *Config) { c.Compliance.Tenant = "" },
		"compliance.clock":           func(c *Config) { c.Compliance.Clock = "sundial" },
		"compliance.packs[0]":        func(c *Config) { c.Compliance.Packs = []string{"mars"} },
		"compliance.rules":           func(c *Config) { c.Compliance.Rules = []string{"/nonexistent/rules.yaml"} },
		"compliance.audit_key_file":  func(c *Config) { c.Compliance.AuditKeyFile = "/nonexistent/key" },
		"compliance.dials_since":     func(c *Config) { c.Compliance.DialsSince = "yesterday" },
		"compliance.campaigns[0].id": func(c *Config) { c.Compliance.Campaigns = []Campaign{{Seller: "s"}} },
		"compliance.campaigns[1].id": func(c *Config) { c.Compliance.Campaigns = []Campaign{{ID: "a", Seller: "s"}, {ID: "a", Seller: "s"}} },
		"compliance.voices[0].agent": func(c *Config) { c.Compliance.Voices = []Licence{{Agent: "nobody", Voice: "v"}} },
		"compliance.retention.calls": func(c *Config) { c.Compliance.Retention.Calls = -1 },
		"spool.max_mb":               func(c *Config) { c.Spool.MaxMB = 0 },
		"calls.database_away":        func(c *Config) { c.Calls.DatabaseAway = "pray" },
	} {
		c := Default()
		change(&c)
		problems := c.Validate()
		if len(problems) != 1 || problems[0].Path != want {
			t.Errorf("%s: %v", want, problems)
		}
	}
}

func TestTheFirstAgentAnswersATrunkThatNamesNone(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"of the defaults": "agents: [{name: desk}, {name: sales}]\n",
		"of the file":     "agents: [{name: desk}, {name: sales}]\nsip: {trunks: [{name: carrier, sources: [203.0.113.7]}]}\n",
	} {
		c, err := Parse("t.yaml", []byte(src), Overrides{})
		if err != nil || c.SIP.Trunks[0].Agent != "desk" {
			t.Errorf("a trunk %s: %v, %v; want desk", name, err, c.SIP.Trunks)
		}
	}
}
