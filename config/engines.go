package config

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The engines of each stage, in the order in which messages name them.
var (
	recogniserEngines = []string{"offline", "declared", "deepgram", "assemblyai", "google", "openai", "whisper"}
	modelEngines      = []string{"script", "declared", "openai", "anthropic", "gemini"}
	voiceEngines      = []string{"offline", "declared", "elevenlabs", "cartesia", "aura", "openai", "piper"}
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// providers checks who an agent's providers are, and its other languages.
func (v *validator) providers(path string, a *Agent) {
	v.recogniser(path+".recogniser", &a.Recogniser, true)
	v.model(path+".model", &a.Model, true)
	v.voice(path+".voice", &a.Voice, true)
	if a.Realtime != nil {
		v.realtime(path+".realtime", a)
	}
	v.amount(path+".budget", a.Budget)
	v.oneOf(path+".on_failure.do", a.OnFailure.Do, "retry", "goodbye", "hand_off")
	if (a.OnFailure.Do == "hand_off") != (a.OnFailure.Target != "") {
		v.addf(path+".on_failure.target", "says to whom a call is handed off; give it with do: hand_off, and only then")
	}
	if d := a.DetectLanguage; d.Finals < 0 || d.Words < 0 {
		v.addf(path+".detect_language", "must not be below 0")
	}
	spoken := map[string]bool{strings.ToLower(a.Language): true}
	for i := range a.Languages {
		l, at := &a.Languages[i], fmt.Sprintf("%s.languages[%d]", path, i)
		tag := strings.ToLower(l.Language)
		switch {
		case !languageTag.MatchString(l.Language):
			v.addf(at+".language", "%q is no language tag; write for example es-US or de", l.Language)
		case spoken[tag]:
			v.addf(at+".language", "%q is there already; the agent's own language is not repeated", l.Language)
		}
		spoken[tag] = true
		if l.Recogniser != nil {
			v.recogniser(at+".recogniser", l.Recogniser, true)
		}
		if l.Model != nil {
			v.model(at+".model", l.Model, true)
			if l.Model.Instructions != "" {
				v.addf(at+".model.instructions", "stand in this language's instructions, beside model")
			}
		}
		voice := &a.Voice
		if l.Voice != nil {
			v.voice(at+".voice", l.Voice, true)
			voice = l.Voice
		}
		if voice.Engine == "offline" && tag != "en" && !strings.HasPrefix(tag, "en-") {
			v.addf(at+".language", "%q cannot be spoken by the offline voice, which knows English; give this language a voice", l.Language)
		}
		if missing := l.Lines.missing(a.Budget > 0, len(a.BuiltIn.Transfer) > 0); len(missing) > 0 && tag != "en" && !strings.HasPrefix(tag, "en-") {
			v.addf(at+".lines", "lacks %s; say them in this language: the defaults are English", strings.Join(missing, ", "))
		}
	}
}

// missing are the sentences without which a call in another language falls
// back into English.
func (l *Lines) missing(budget, transfers bool) (names []string) {
	for _, s := range []struct {
		name  string
		given bool
	}{
		{"filler", l.Filler != nil},
		{"idle", len(l.Idle) > 0},
		{"not_heard", l.NotHeard != ""},
		{"goodbye", l.Goodbye != ""},
		{"hand_off", l.HandOff != ""},
		{"not_reached", l.NotReached != "" || !transfers},
		{"apology", l.Apology != ""},
		{"trouble", l.Trouble != ""},
		{"cap_warning", l.CapWarning != ""},
		{"cap_goodbye", l.CapGoodbye != ""},
		{"budget_goodbye", l.BudgetGoodbye != "" || !budget},
	} {
		if !s.given {
			names = append(names, s.name)
		}
	}

	return names
}

// recogniser checks one recogniser, first of its list or not.
func (v *validator) recogniser(path string, r *Recogniser, first bool) {
	v.engine(path, r.Engine, recogniserEngines, map[string]any{
		"mode": r.Mode, "declared": r.Declared, "deepgram": r.Deepgram, "assemblyai": r.AssemblyAI, "google": r.Google,
		"openai": r.OpenAI, "whisper": r.Whisper,
	}, map[string]string{"mode": "offline"})
	v.oneOf(path+".clean", r.Clean, "auto", "off")
	switch r.Engine {
	case "offline":
		v.oneOf(path+".mode", r.Mode, "domain", "general+domain", "general")
	case "declared":
		if len(r.Declared.Says) == 0 {
			v.addf(path+".declared.says", "is empty; give the declared recogniser the words that it hears")
		}
	case "deepgram":
		v.service(path+".deepgram", &r.Deepgram.Service)
		if d := r.Deepgram.KeepAlive; d < 0 || d.Seconds() > 9 {
			v.addf(path+".deepgram.keep_alive", "must be at most 9s: Deepgram closes a connection that is silent for 10s")
		}
	case "assemblyai":
		v.service(path+".assemblyai", &r.AssemblyAI.Service)
	case "openai":
		v.service(path+".openai", &r.OpenAI.Service)
	case "google":
		v.file(path+".google.credentials", r.Google.Credentials, "a service account's JSON file")
		if g := r.Google; g.Connections < 0 || g.Longest < 0 {
			v.addf(path+".google", "connections and longest must not be below 0")
		}
	case "whisper":
		v.whisper(path+".whisper", &r.Whisper)
	}
	switch local := r.Engine == "offline" || r.Engine == "declared"; {
	case local && r.Pool < 1:
		v.addf(path+".pool", "must be at least 1")
	case !local && r.Pool != 0 && slices.Contains(recogniserEngines, r.Engine):
		v.addf(path+".pool", "is for the engines offline and declared; the vendor bounds how many calls it hears")
	}
	v.patience(path, &r.Patience)
	v.amount(path+".price.per_minute", r.Price.PerMinute)
	for i := range r.Fallback {
		at := fmt.Sprintf("%s.fallback[%d]", path, i)
		if !first {
			v.addf(at, "stands in a fallback; put all into the first list, in their order")

			break
		}
		v.recogniser(at, &r.Fallback[i], false)
	}
}

func (v *validator) whisper(path string, w *WhisperRecogniser) {
	v.service(path, &w.Service)
	if w.Path != "" && !strings.HasPrefix(w.Path, "/") {
		v.addf(path+".path", "must begin with a /")
	}
	if w.Rate != 0 && w.Rate != 8000 && w.Rate != 16000 {
		v.addf(path+".rate", "must be 8000 or 16000")
	}
	if !(w.NoSpeech >= 0 && w.NoSpeech <= 1) {
		v.addf(path+".no_speech", "is no probability; write 0 to 1")
	}
	if w.Interim != 0 && w.Interim < 200*time.Millisecond {
		v.addf(path+".interim", "must be at least 200ms, or left out for never: each time is a request")
	}
	if w.Longest != 0 && (w.Longest < 5*time.Second || w.Longest > time.Minute) {
		v.addf(path+".longest", "must be 5s to 1m")
	}
	if w.Timeout < 0 {
		v.addf(path+".timeout", "must not be below 0")
	}
}

// model checks one model, first of its list or not.
func (v *validator) model(path string, m *Model, first bool) {
	v.engine(path, m.Engine, modelEngines, map[string]any{
		"script": m.Script, "declared": m.Declared, "openai": m.OpenAI, "anthropic": m.Anthropic, "gemini": m.Gemini,
	}, map[string]string{"script": "script"})
	switch m.Engine {
	case "script":
		v.file(path+".script", m.Script, "a dialogue file")
	case "declared":
		if len(m.Declared.Replies) == 0 {
			v.addf(path+".declared.replies", "is empty; give the declared model the replies that it writes")
		}
	case "openai":
		o, at := &m.OpenAI, path+".openai"
		v.service(at, &o.Service)
		v.writer(at, o.Model, o.Temperature, 2, o.MaxTokens)
	case "anthropic":
		o, at := &m.Anthropic, path+".anthropic"
		v.service(at, &o.Service)
		v.writer(at, o.Model, o.Temperature, 1, o.MaxTokens)
	case "gemini":
		o, at := &m.Gemini, path+".gemini"
		v.service(at, &o.Service)
		v.writer(at, o.Model, o.Temperature, 2, o.MaxTokens)
		if o.Thinking != nil && *o.Thinking < 0 {
			v.addf(at+".thinking", "must not be below 0; leave it out for the server's default")
		}
	}
	v.patience(path, &m.Patience)
	v.amount(path+".price.input_per_million", m.Price.InputPerMillion)
	v.amount(path+".price.cached_per_million", m.Price.CachedPerMillion)
	v.amount(path+".price.output_per_million", m.Price.OutputPerMillion)
	if !first && m.Instructions != "" {
		v.addf(path+".instructions", "is the first model's alone; all of the list are told the same")
	}
	for i := range m.Fallback {
		at := fmt.Sprintf("%s.fallback[%d]", path, i)
		if !first {
			v.addf(at, "stands in a fallback; put all into the first list, in their order")

			break
		}
		v.model(at, &m.Fallback[i], false)
	}
	for i := range m.Rules {
		at := fmt.Sprintf("%s.rules[%d]", path, i)
		if !first {
			v.addf(at, "stands in a fallback or in a rule; put all rules into the first model")

			break
		}
		v.rule(at, &m.Rules[i])
	}
}

// rule checks when another model takes over, and which.
func (v *validator) rule(path string, r *ModelRule) {
	if r.After < 0 || r.Tokens < 0 || r.After == 0 && r.Tokens == 0 {
		v.addf(path, "never holds; give it a time (after) or a number of tokens")
	}
	m := r.Model
	m.Fallback = nil
	v.model(path+".model", &m, false)
	for i := range r.Model.Fallback {
		v.model(fmt.Sprintf("%s.model.fallback[%d]", path, i), &r.Model.Fallback[i], false)
	}
}

// writer checks the settings that vendors' models share.
func (v *validator) writer(path, model string, temperature *float64, hottest float64, maxTokens int) {
	if model == "" {
		v.addf(path+".model", "is empty; name the model that writes")
	}
	if temperature != nil && !(*temperature >= 0 && *temperature <= hottest) {
		v.addf(path+".temperature", "must be 0 to %v", hottest)
	}
	if maxTokens < 0 {
		v.addf(path+".max_tokens", "must not be below 0; leave it out for the default")
	}
}

// voice checks one voice, first of its list or not.
func (v *validator) voice(path string, s *Voice, first bool) {
	v.engine(path, s.Engine, voiceEngines, map[string]any{
		"name": s.Name, "declared": s.Declared, "elevenlabs": s.ElevenLabs, "cartesia": s.Cartesia, "aura": s.Aura,
		"openai": s.OpenAI, "piper": s.Piper,
	}, map[string]string{"name": "offline"})
	switch s.Engine {
	case "offline":
		v.oneOf(path+".name", s.Name, "slt", "rms", "awb", "kal16")
	case "elevenlabs":
		o, at := &s.ElevenLabs, path+".elevenlabs"
		v.service(at, &o.Service)
		v.speaker(at, o.Voice, o.Speed, 0.7, 1.2)
		if o.Ready < 0 {
			v.addf(at+".ready", "must not be below 0")
		}
	case "cartesia":
		o, at := &s.Cartesia, path+".cartesia"
		v.service(at, &o.Service)
		v.speaker(at, o.Voice, o.Speed, -1, 1)
	case "aura":
		v.service(path+".aura", &s.Aura.Service)
		v.speaker(path+".aura", s.Aura.Voice, 0, 0, 0)
	case "openai":
		o, at := &s.OpenAI, path+".openai"
		v.service(at, &o.Service)
		v.speaker(at, o.Voice, o.Speed, 0.25, 4)
	case "piper":
		at := path + ".piper"
		if s.Piper.Model == "" {
			v.addf(at+".model", "is empty; give the path of a voice's .onnx file")
		} else {
			v.file(at+".model", s.Piper.Model, "a voice's .onnx file")
		}
		if s.Piper.Speaker < 0 || s.Piper.Ready < 0 {
			v.addf(at, "speaker and ready must not be below 0")
		}
	}
	v.patience(path, &s.Patience)
	v.amount(path+".price.chars_per_million", s.Price.CharsPerMillion)
	for i := range s.Fallback {
		at := fmt.Sprintf("%s.fallback[%d]", path, i)
		if !first {
			v.addf(at, "stands in a fallback; put all into the first list, in their order")

			break
		}
		v.voice(at, &s.Fallback[i], false)
	}
}

// speaker checks the settings that vendors' voices share.
func (v *validator) speaker(path, voice string, speed, slowest, fastest float64) {
	if voice == "" {
		v.addf(path+".voice", "is empty; name the voice that speaks")
	}
	if speed != 0 && !(speed >= slowest && speed <= fastest) {
		v.addf(path+".speed", "must be %v to %v", slowest, fastest)
	}
}

// engine checks the choice of an engine, and that settings of others are left
// out. Settings are named by their engine, or that is in of.
func (v *validator) engine(path, engine string, known []string, settings map[string]any, of map[string]string) {
	v.oneOf(path+".engine", engine, known...)
	if !slices.Contains(known, engine) {
		return // which settings are of another engine is not known
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		owner := name
		if o, ok := of[name]; ok {
			owner = o
		}
		if owner != engine && given(reflect.ValueOf(settings[name])) {
			v.addf(path+"."+name, "is a setting of the engine %s, and the engine is %s; remove one of them", owner, engine)
		}
	}
}

// given tells whether a setting, or one of its block, has a value. Empty lists
// are none.
func given(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if given(v.Field(i)) {
				return true
			}
		}

		return false
	case reflect.Slice:
		return v.Len() > 0
	default:
		return !v.IsZero()
	}
}

// service checks where a provider is. Values are not quoted: somebody may have
// put a key there.
func (v *validator) service(path string, s *Service) {
	if s.KeyEnv != "" && !variableName.MatchString(s.KeyEnv) {
		v.addf(path+".key_env", "is no name of an environment variable; the key itself stands in the environment, not in the file")
	}
	if s.BaseURL == "" {
		return
	}
	u, err := url.Parse(s.BaseURL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		v.addf(path+".base_url", "is no URL; write http://HOST:PORT or https://HOST, with a path where the server wants one")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		v.addf(path+".base_url", "must be plain, with no user, no ? and no #; keys stand in the environment (key_env)")
	}
}

func (v *validator) patience(path string, p *Patience) {
	b := &p.Breaker
	if p.FirstByte < 0 || p.Stall < 0 {
		v.addf(path+".first_byte", "a time must not be below 0; leave it out for the default")
	}
	if b.Failures < 0 || b.Window < 0 || b.CoolDown < 0 || b.Longest < 0 {
		v.addf(path+".breaker", "nothing of it may be below 0; leave it out for the default")
	}
	if b.CoolDown > 0 && b.Longest > 0 && b.CoolDown > b.Longest {
		v.addf(path+".breaker.longest", "is shorter than cool_down")
	}
}

func (v *validator) amount(path string, units float64) {
	if !(units >= 0) || math.IsInf(units, 0) {
		v.addf(path, "is no amount; write a number such as 0.25, not below 0")
	}
}

// file checks that a named file exists.
func (v *validator) file(path, name, what string) {
	if name == "" {
		return
	}
	if _, err := os.Stat(name); err != nil {
		v.addf(path, "%v; give the path of %s", err, what)
	}
}
