package config

import (
	"cmp"
	"net/url"
)

// The environment variables in which vendors' own tools look for their keys.
const (
	deepgramKeyEnv   = "DEEPGRAM_API_KEY"
	assemblyaiKeyEnv = "ASSEMBLYAI_API_KEY"
	openaiKeyEnv     = "OPENAI_API_KEY"
	anthropicKeyEnv  = "ANTHROPIC_API_KEY"
	geminiKeyEnv     = "GEMINI_API_KEY"
	elevenlabsKeyEnv = "ELEVENLABS_API_KEY"
	cartesiaKeyEnv   = "CARTESIA_API_KEY"
)

// openaiHost is where OpenAI itself answers.
const openaiHost = "api.openai.com"

// fillTrunks has the first agent answer where a trunk names none.
func (c *Config) fillTrunks() {
	if len(c.Agents) == 0 {
		return
	}
	for i := range c.SIP.Trunks {
		t := &c.SIP.Trunks[i]
		t.Agent = cmp.Or(t.Agent, c.Agents[0].Name)
	}
}

// fillAgents gives each agent of the file the defaults of what it leaves out:
// elements of a list do not inherit from Default.
func (c *Config) fillAgents() {
	def := Default().Agents[0]
	for i := range c.Agents {
		a := &c.Agents[i]
		a.Recogniser.Engine = cmp.Or(a.Recogniser.Engine, def.Recogniser.Engine)
		a.Model.Engine = cmp.Or(a.Model.Engine, def.Model.Engine)
		a.Voice.Engine = cmp.Or(a.Voice.Engine, def.Voice.Engine)
		a.Recogniser.fill(a.Model.mode())
		a.Model.fill()
		a.Voice.fill()
		for j := range a.Languages {
			l := &a.Languages[j]
			if l.Recogniser != nil {
				l.Recogniser.fill(a.Model.mode())
			}
			if l.Model != nil {
				l.Model.fill()
			}
			if l.Voice != nil {
				l.Voice.fill()
			}
		}
		if a.Realtime != nil {
			a.Realtime.fill()
		}
		a.Moment = cmp.Or(a.Moment, def.Moment)
		if a.Idle == nil {
			a.Idle = def.Idle
		}
		a.Speculation.PerTurn = cmp.Or(a.Speculation.PerTurn, def.Speculation.PerTurn)
		a.Speculation.Stable = cmp.Or(a.Speculation.Stable, def.Speculation.Stable)
		a.Language = cmp.Or(a.Language, def.Language)
		a.HoldSound = cmp.Or(a.HoldSound, def.HoldSound)
		a.OnFailure.Do = cmp.Or(a.OnFailure.Do, def.OnFailure.Do)
	}
}

// Speculates reports whether the agent guesses at the end of the caller's turn:
// as its file says, else where neither its models nor its voices charge for what
// was guessed wrong.
func (a *Agent) Speculates() bool {
	if a.Speculation.Enabled != nil {
		return *a.Speculation.Enabled
	}
	if !a.Model.free() || !a.Voice.free() {
		return false
	}
	for i := range a.Languages {
		l := &a.Languages[i]
		if l.Voice != nil && !l.Voice.free() || l.Model != nil && !l.Model.free() {
			return false
		}
	}

	return true
}

// free reports whether a model and those that may take over cost nothing.
func (m *Model) free() bool {
	for i := range m.Fallback {
		if !m.Fallback[i].free() {
			return false
		}
	}
	for i := range m.Rules {
		if !m.Rules[i].Model.free() {
			return false
		}
	}

	return m.Engine == "script"
}

// free reports whether a voice and those that may take over cost nothing.
func (v *Voice) free() bool {
	for i := range v.Fallback {
		if !v.Fallback[i].free() {
			return false
		}
	}

	return v.Engine == "offline" || v.Engine == "piper"
}

// mode is that of an offline recogniser: only a script tells what its callers
// may say.
func (m *Model) mode() string {
	for i := range m.Fallback {
		if m.Fallback[i].Engine == "script" {
			return "domain"
		}
	}
	if m.Engine == "script" {
		return "domain"
	}

	return "general"
}

// fill sets the defaults of a chosen engine.
func (r *Recogniser) fill(mode string) {
	def := Default().Agents[0].Recogniser
	clean := "off" // vendors' recognisers know noise better than what has been cleaned of it
	switch r.Engine {
	case "offline":
		r.Mode = cmp.Or(r.Mode, mode)
		r.Pool = cmp.Or(r.Pool, def.Pool)
		clean = def.Clean
	case "declared":
		r.Pool = cmp.Or(r.Pool, def.Pool)
		clean = def.Clean
	case "deepgram":
		r.Deepgram.Model = cmp.Or(r.Deepgram.Model, "nova-3")
		r.Deepgram.fill(deepgramKeyEnv)
	case "assemblyai":
		r.AssemblyAI.Model = cmp.Or(r.AssemblyAI.Model, "universal-streaming-english")
		r.AssemblyAI.fill(assemblyaiKeyEnv)
	case "google":
		r.Google.Model = cmp.Or(r.Google.Model, "telephony")
	case "openai":
		r.OpenAI.Model = cmp.Or(r.OpenAI.Model, "gpt-4o-transcribe")
		r.OpenAI.fillOpen()
	case "whisper":
		if r.Whisper.BaseURL == "" {
			r.Whisper.Model = cmp.Or(r.Whisper.Model, "whisper-1")
		}
		r.Whisper.fillOpen()
	}
	r.Clean = cmp.Or(r.Clean, clean)
	for i := range r.Fallback {
		r.Fallback[i].fill(mode)
	}
}

// fill sets the defaults of a chosen engine.
func (m *Model) fill() {
	switch m.Engine {
	case "openai":
		m.OpenAI.fillOpen()
	case "anthropic":
		m.Anthropic.fill(anthropicKeyEnv)
	case "gemini":
		m.Gemini.fill(geminiKeyEnv)
	}
	for i := range m.Fallback {
		m.Fallback[i].fill()
	}
	for i := range m.Rules {
		m.Rules[i].Model.fill()
	}
}

// fill sets the defaults of a chosen engine.
func (v *Voice) fill() {
	switch v.Engine {
	case "offline":
		v.Name = cmp.Or(v.Name, Default().Agents[0].Voice.Name)
	case "elevenlabs":
		v.ElevenLabs.Model = cmp.Or(v.ElevenLabs.Model, "eleven_flash_v2_5")
		v.ElevenLabs.fill(elevenlabsKeyEnv)
	case "cartesia":
		v.Cartesia.Model = cmp.Or(v.Cartesia.Model, "sonic-2")
		v.Cartesia.fill(cartesiaKeyEnv)
	case "aura":
		v.Aura.fill(deepgramKeyEnv)
	case "openai":
		v.OpenAI.Model = cmp.Or(v.OpenAI.Model, "gpt-4o-mini-tts")
		v.OpenAI.fillOpen()
	case "piper":
		v.Piper.Program = cmp.Or(v.Piper.Program, "piper")
	}
	for i := range v.Fallback {
		v.Fallback[i].fill()
	}
}

// fill names the vendor's usual variable.
func (s *Service) fill(keyEnv string) { s.KeyEnv = cmp.Or(s.KeyEnv, keyEnv) }

// fillOpen is fill for OpenAI's protocols, which others' servers speak, also
// without a key.
func (s *Service) fillOpen() {
	if u, err := url.Parse(s.BaseURL); err == nil && (s.BaseURL == "" || u.Hostname() == openaiHost) {
		s.fill(openaiKeyEnv)
	}
}
