package softphone

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/resample"
	"trunkline/softphone/talkspurt"
)

// Clip is recorded speech of a caller. It is not changed by calls, so many
// may share it.
type Clip struct {
	Name    string
	Samples []int16 // at media.SampleRate

	speech talkspurt.Span // frames from the first to the last with speech; empty when there is none
}

// NewClip makes a clip of samples at media.SampleRate, which it keeps.
func NewClip(name string, samples []int16) *Clip {
	c := &Clip{Name: name, Samples: samples}
	if spans := talkspurt.Spans(samples, 0); len(spans) > 0 {
		c.speech = talkspurt.Span{First: spans[0].First, End: spans[len(spans)-1].End}
	}

	return c
}

// ClipFromAudio makes a clip of one-channel audio at any rate.
func ClipFromAudio(name string, a *record.Audio) (*Clip, error) {
	if a.Channels != 1 {
		return nil, fmt.Errorf("%s: %d channels, want one: pick one with: sox IN -r 8000 -b 16 OUT.wav remix 1", name, a.Channels)
	}
	samples := a.Samples[0]
	if a.Rate != media.SampleRate {
		r, err := resample.New(a.Rate, media.SampleRate)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: convert it with: sox IN -r 8000 -c 1 -b 16 OUT.wav", name, err)
		}
		samples = r.Flush(r.Append(nil, samples))
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("%s: it holds no audio", name)
	}

	return NewClip(name, samples), nil
}

// ReadClip reads a one-channel WAV file: linear 16-bit or G.711, at any rate.
// The clip's name is the file's, without folder and ending.
func ReadClip(path string) (*Clip, error) {
	audio, err := record.ReadWAV(path)
	if err != nil {
		return nil, fmt.Errorf("softphone: %w", err)
	}
	clip, err := ClipFromAudio(path, audio)
	if err != nil {
		return nil, fmt.Errorf("softphone: %w", err)
	}
	clip.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))

	return clip, nil
}

// Duration is how long the clip plays.
func (c *Clip) Duration() time.Duration { return media.Samples(len(c.Samples)).Duration() }

// frames is the number of frames that the clip fills, the last one padded.
func (c *Clip) frames() int { return (len(c.Samples) + media.FrameSamples - 1) / media.FrameSamples }

// Margins that Split leaves around a talkspurt.
const (
	leadFrames  = 5  // 100 ms
	trailFrames = 10 // 200 ms
)

// Split cuts the clip at silences of gap or longer, into clips of one
// talkspurt each, named name#1, name#2 and so on. It returns none when the
// clip holds no speech.
func (c *Clip) Split(gap time.Duration) []*Clip {
	spans := talkspurt.Spans(c.Samples, gap)
	clips := make([]*Clip, len(spans))
	for i, s := range spans {
		first := max(s.First-leadFrames, 0) * media.FrameSamples
		end := min((s.End+trailFrames)*media.FrameSamples, len(c.Samples))
		name := c.Name
		if len(spans) > 1 {
			name = fmt.Sprintf("%s#%d", c.Name, i+1)
		}
		clips[i] = NewClip(name, c.Samples[first:end:end])
	}

	return clips
}

var errNoSpeech = errors.New("no speech in it: its level never exceeds -45 dBov for 60 ms")
