package engine

import (
	"cmp"
	"errors"
	"fmt"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/cost"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/tts/aura"
	"trunkline/pipeline/tts/cartesia"
	"trunkline/pipeline/tts/elevenlabs"
	"trunkline/pipeline/tts/flite"
	"trunkline/pipeline/tts/openai"
	"trunkline/pipeline/tts/piper"
)

var speak = &stage[pipeline.Synthesizer]{
	is:      pipeline.Speak,
	measure: func(s pipeline.Synthesizer, p *Provider) pipeline.Synthesizer { return measuredVoice{s, p} },
	join: func(w failover.Watch, o ...failover.Option[pipeline.Synthesizer]) pipeline.Synthesizer {
		return failover.NewSynthesizer(w, o...)
	},
}

// spokenBy is a voice with what speaks the fixed lines in it.
type spokenBy struct {
	replies, lines pipeline.Synthesizer
}

// speaking makes the voices of one language.
func (v *Speech) speaking(t *tongue) func(*config.Voice) (pipeline.Synthesizer, error) {
	return func(first *config.Voice) (pipeline.Synthesizer, error) {
		by, err := t.voices(first)
		v.Lines = by.lines

		return by.replies, err
	}
}

// voices makes a voice of a list.
func (t *tongue) voices(first *config.Voice) (spokenBy, error) {
	l := &list[pipeline.Synthesizer]{tongue: t, stage: speak}
	var errs []error
	var ids []string // of the voices, with all that their sound depends on
	for i, v := range append([]config.Voice{*first}, first.Fallback...) {
		m, err := t.voice(&v)
		if err != nil {
			errs = append(errs, at("voice", i, v.Engine, err))

			continue
		}
		l.add(v.Engine, m, &v.Patience, speakingCosts(v.Price))
		v.Patience, v.Price, v.Fallback = config.Patience{}, config.VoicePrice{}, nil
		ids = append(ids, fmt.Sprintf("%s %+v", t.speaks(), v))
	}
	if len(errs) > 0 {
		return spokenBy{}, errors.Join(errs...)
	}
	by := spokenBy{replies: l.one()}
	by.lines = by.replies
	if store := t.set.kept; store != nil && l.outside {
		for i := range l.options {
			l.options[i].Provider = store.Recorder(ids[i], l.options[i].Provider)
		}
		by.lines = store.Voice(l.one(), ids...)
	}

	return by, nil
}

func speakingCosts(c config.VoicePrice) func(pipeline.Synthesizer, *Provider) pipeline.Synthesizer {
	if c == (config.VoicePrice{}) {
		return nil
	}

	return func(s pipeline.Synthesizer, p *Provider) pipeline.Synthesizer {
		p.price = cost.Price{CharsPerMillion: c.CharsPerMillion}

		return cost.Synthesizer{Synthesizer: s, Name: p.Name, Price: p.price}
	}
}

// voiceDiffers tells whether a voice is another one for another language.
func voiceDiffers(v *config.Voice) bool {
	for _, v := range append([]config.Voice{*v}, v.Fallback...) {
		if v.Engine == "cartesia" && v.Cartesia.Language == "" {
			return true
		}
	}

	return false
}

// voice makes one voice.
func (t *tongue) voice(v *config.Voice) (m made[pipeline.Synthesizer], err error) {
	switch v.Engine {
	case "offline":
		s, err := flite.New(flite.Options{Voice: v.Name})

		return made[pipeline.Synthesizer]{provider: s, model: v.Name}, err
	case "declared":
		m.provider = &declared.Voice{FirstAudio: v.Declared.FirstAudio, Speed: v.Declared.Speed}
	case "elevenlabs":
		d := v.ElevenLabs
		c := elevenlabs.Config{BaseURL: d.BaseURL, Voice: d.Voice, Model: d.Model, Language: d.Language, Speed: d.Speed, Ready: d.Ready}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Synthesizer]{elevenlabs.New(c), d.Model + " " + d.Voice, cmp.Or(d.BaseURL, elevenlabs.BaseURL), c.Key}
	case "cartesia":
		d := v.Cartesia
		c := cartesia.Config{BaseURL: d.BaseURL, Voice: d.Voice, Model: d.Model, Language: cmp.Or(d.Language, base(t.speaks())), Speed: d.Speed}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Synthesizer]{cartesia.New(c), d.Model + " " + d.Voice, cmp.Or(d.BaseURL, cartesia.BaseURL), c.Key}
	case "aura":
		d := v.Aura
		c := aura.Config{BaseURL: d.BaseURL, Voice: d.Voice}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Synthesizer]{aura.New(c), d.Voice, cmp.Or(d.BaseURL, aura.BaseURL), c.Key}
	case "openai":
		d := v.OpenAI
		c := openai.Config{BaseURL: d.BaseURL, Voice: d.Voice, Model: d.Model, Instructions: d.Instructions, Speed: d.Speed}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Synthesizer]{openai.New(c), d.Model + " " + d.Voice, cmp.Or(d.BaseURL, openai.BaseURL), c.Key}
	case "piper":
		d := v.Piper
		s, err := piper.New(piper.Config{Program: d.Program, Model: d.Model, Speaker: d.Speaker, Ready: d.Ready})
		if err != nil {
			return m, err
		}

		return made[pipeline.Synthesizer]{provider: s, model: d.Model}, nil
	}

	return m, err
}
