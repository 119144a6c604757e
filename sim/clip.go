package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/vad"
	"trunkline/softphone"
	"trunkline/softphone/talkspurt"
	"trunkline/testdata"
)

// A Speaker gives a persona its voice: the audio of a text in one of the
// voices of Persona.Voice, at media.SampleRate, and where its words begin.
type Speaker interface {
	Speak(ctx context.Context, voice, text string) ([]int16, []media.Word, error)
}

// clip is what the caller sends in one step.
type clip struct {
	samples     []int16
	words       []spoken
	first, last int // frames of the first and the last sound; last < first when there is none
}

// spoken is a word of the caller and where in the clip it is.
type spoken struct {
	text       string
	start, end media.Samples
}

// frames is how many frames the clip fills, the last one padded.
func (c *clip) frames() int { return (len(c.samples) + media.FrameSamples - 1) / media.FrameSamples }

// sounds finds the first and the last sound.
func (c *clip) sounds() {
	c.first, c.last = 0, -1
	if spans := talkspurt.Spans(c.samples, 0); len(spans) > 0 {
		c.first, c.last = spans[0].First, spans[len(spans)-1].End-1
	}
}

func (c *clip) add(samples []int16, words []media.Word) {
	at := media.Samples(len(c.samples))
	for i, w := range words {
		end := media.Samples(len(samples))
		if i+1 < len(words) {
			end = words[i+1].Start
		}
		c.words = append(c.words, spoken{text: w.Text, start: at + w.Start, end: at + end})
	}
	c.samples = append(c.samples, samples...)
}

func (c *clip) pause(d time.Duration) {
	c.samples = append(c.samples, make([]int16, media.SamplesIn(d))...)
}

// typedWord is how long a word takes in text mode, at rate 1: 200 words a
// minute, a brisk conversation.
const typedWord = 300 * time.Millisecond

// typedLevel is the amplitude of a typed word, -20 dBov.
const typedLevel = 3277

// voice makes clips for one scenario in one mode.
type voice struct {
	mode    Mode
	who     Persona
	dir     string  // of the files that the scenario names
	speaker Speaker // nil in text mode
}

// clip is what a step sounds like; nil for a step without sound.
func (v *voice) clip(ctx context.Context, s *Step) (*clip, error) {
	c := &clip{}
	var err error
	switch {
	case s.Sound != "":
		err = v.sound(c, s)
	case s.Play != "":
		err = v.play(c, s)
	default:
		line := s.Say + s.Interrupt + s.Backchannel // one of them is set
		if line == "" {
			return nil, nil
		}
		err = v.say(ctx, c, line)
	}
	if err != nil {
		return nil, err
	}
	c.sounds()
	if s.Sound == "" && c.last < c.first {
		return nil, errors.New("nothing of it is loud enough to be heard")
	}

	return c, nil
}

func (v *voice) say(ctx context.Context, c *clip, line string) error {
	pieces, err := parseLine(line)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if p.text == "" {
			c.pause(p.pause)

			continue
		}
		samples, words, err := v.speak(ctx, p.text)
		if err != nil {
			return err
		}
		c.add(samples, words)
	}

	return nil
}

// recorded are words that synthesisers spell out instead of making the sound.
var recorded = map[string]string{"mm-hm": "mm-hm", "mhm": "mm-hm", "uh-huh": "uh-huh"}

// speak is a text in the caller's voice.
func (v *voice) speak(ctx context.Context, text string) ([]int16, []media.Word, error) {
	if v.mode == Text {
		samples, words := v.typed(text)

		return samples, words, nil
	}
	if file, ok := recorded[strings.ToLower(strings.Trim(text, " .,!"))]; ok {
		samples, err := sample(file)

		return v.loud(samples), []media.Word{{Text: text}}, err
	}
	samples, words, err := v.speaker.Speak(ctx, v.who.Voice, text)
	if err != nil {
		return nil, nil, fmt.Errorf("speak %q: %w", text, err)
	}
	samples = v.loud(tempo(samples, v.who.Rate))
	var scaled []media.Word
	for _, w := range words {
		scaled = append(scaled, media.Word{Text: w.Text, Start: media.Samples(float64(w.Start) / v.who.Rate)})
	}
	if len(scaled) == 0 { // the voice does not tell
		fields := strings.Fields(text)
		for i, w := range fields {
			scaled = append(scaled, media.Word{Text: w, Start: media.Samples(i * len(samples) / len(fields))})
		}
	}

	return samples, scaled, nil
}

// typed is a steady sound as long as the words take.
func (v *voice) typed(text string) ([]int16, []media.Word) {
	fields := strings.Fields(text)
	per := media.SamplesIn(time.Duration(float64(typedWord) / v.who.Rate))
	words := make([]media.Word, len(fields))
	for i, w := range fields {
		words[i] = media.Word{Text: w, Start: media.Samples(i) * per}
	}

	return typedSound(int(per) * len(fields)), words
}

// typedSound is n samples that count as speech in text mode.
func typedSound(n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = typedLevel
		if i%2 == 1 {
			s[i] = -typedLevel
		}
	}

	return s
}

func (v *voice) sound(c *clip, s *Step) error {
	if v.mode == Text {
		c.samples = typedSound(int(media.SamplesIn(s.For)))

		return nil
	}
	if s.Sound == "cough" {
		samples, err := sample("cough")
		c.samples = v.loud(samples)

		return err
	}
	n := newNoise("white", 1)
	c.samples = make([]int16, media.SamplesIn(s.For))
	n.add(c.samples, math.Pow(10, v.who.Level/20)*overload)

	return nil
}

func (v *voice) play(c *clip, s *Step) error {
	if v.mode == Text {
		c.add(v.typed(s.Words))

		return nil
	}
	file := s.Play
	if !filepath.IsAbs(file) {
		file = filepath.Join(v.dir, file)
	}
	read, err := softphone.ReadClip(file)
	if err != nil {
		return err
	}
	fields := strings.Fields(s.Words)
	words := make([]media.Word, len(fields))
	for i, w := range fields {
		words[i] = media.Word{Text: w, Start: media.Samples(i * len(read.Samples) / len(fields))}
	}
	c.add(v.loud(append([]int16(nil), read.Samples...)), words)

	return nil
}

// overload is the amplitude of 0 dBov.
const overload = 32768

// loud brings speech to the persona's level, which is that of its loud half:
// pauses do not count. It changes samples.
func (v *voice) loud(samples []int16) []int16 {
	power, frames := 0.0, 0
	for at := 0; at+media.FrameSamples <= len(samples); at += media.FrameSamples {
		level := vad.Level((*media.Frame)(samples[at : at+media.FrameSamples]))
		if level > -45 {
			power += math.Pow(10, float64(level)/10)
			frames++
		}
	}
	if frames == 0 {
		return samples
	}
	gain := math.Pow(10, (v.who.Level-10*math.Log10(power/float64(frames)))/20)
	for i, s := range samples {
		samples[i] = int16(min(max(math.Round(float64(s)*gain), math.MinInt16), math.MaxInt16))
	}

	return samples
}

// sample is one of the recordings that are built in.
func sample(name string) ([]int16, error) {
	f, err := testdata.Files.Open("audio/" + name + ".wav")
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", name, err)
	}
	audio, err := record.DecodeWAV(f)
	_ = f.Close() // it is in memory
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", name, err)
	}
	c, err := softphone.ClipFromAudio(name, audio)
	if err != nil {
		return nil, err
	}

	return append([]int16(nil), c.Samples...), nil
}
