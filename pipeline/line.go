package pipeline

import (
	"trunkline/media"
	"trunkline/pipeline/turn"
)

// Line is a line's sentence with its audio, for another driver of the turn
// machine. stage counts prompts and fillers from 0. What it returns is not to
// be changed.
func (l *Lines) Line(line turn.Line, stage int) (text string, samples []int16, words []media.Word) {
	text = l.text(line, stage)
	p := l.audio[text]

	return text, p.samples, p.words
}

// Sentence is the audio of one of the further sentences, and whether it was
// made.
func (l *Lines) Sentence(text string) (samples []int16, words []media.Word, made bool) {
	p, made := l.audio[text]

	return p.samples, p.words, made
}
