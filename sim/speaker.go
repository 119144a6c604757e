package sim

import (
	"context"
	"fmt"
	"sync"

	"trunkline/media"
	"trunkline/pipeline"
)

// NewSpeaker gives personas their voices from synthesisers, which open makes
// by their names when they are needed first. What was said once is kept.
func NewSpeaker(open func(voice string) (pipeline.Synthesizer, error)) Speaker {
	return &speaker{open: open, voices: map[string]pipeline.Synthesizer{}, kept: map[wording]prepared{}}
}

type speaker struct {
	open func(string) (pipeline.Synthesizer, error)

	mu     sync.Mutex
	voices map[string]pipeline.Synthesizer
	kept   map[wording]prepared
}

// wording is a text in a voice.
type wording struct{ voice, text string }

// prepared is its audio.
type prepared struct {
	samples []int16
	words   []media.Word
}

// Speak implements Speaker. The samples are the caller's own.
func (s *speaker) Speak(ctx context.Context, voice, text string) ([]int16, []media.Word, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.kept[wording{voice, text}]
	if !ok {
		synth, err := s.synthesizer(voice)
		if err != nil {
			return nil, nil, err
		}
		for chunk, err := range synth.Synthesize(ctx, text) {
			if err != nil {
				return nil, nil, fmt.Errorf("voice %s: %w", voice, err)
			}
			p.samples = append(p.samples, chunk.Samples...)
			p.words = append(p.words, chunk.Words...)
		}
		s.kept[wording{voice, text}] = p
	}

	return append([]int16(nil), p.samples...), p.words, nil
}

// synthesizer is a voice's. s.mu is held.
func (s *speaker) synthesizer(voice string) (pipeline.Synthesizer, error) {
	if v, ok := s.voices[voice]; ok {
		return v, nil
	}
	v, err := s.open(voice)
	if err != nil {
		return nil, fmt.Errorf("voice %s: %w", voice, err)
	}
	s.voices[voice] = v

	return v, nil
}
