package bargein

import (
	"fmt"
	"time"
)

// A recogniser that knows few words makes one of them of every sound: its
// words are then little more than a guess at how long the sound was. Words
// with a low confidence are therefore weighed together with the sound.

// hangover is how long after its end a talkspurt may still seem to go on.
const hangover = 300 * time.Millisecond

// someWords are more than such a recogniser makes of a murmur.
const someWords = 3

// doubts tells that the recogniser itself does not believe its words.
func (c Config) doubts(e Evidence) bool { return e.Confidence > 0 && e.Confidence < c.Doubt }

// judgeDoubtful judges words that may be others: long or wordy sound takes the
// turn, and what is short does so by a word that asks to stop. While the sound
// goes on there is nothing to lose by waiting, since the agent is paused.
func (c Config) judgeDoubtful(e Evidence, h heard) Judgement {
	content := h.content > 0 || h.command != ""
	long := c.Short
	if !e.Ended {
		long += hangover
	}
	settled := e.Ended && e.Final
	switch {
	case settled && h.command != "":
		return decided(Interruption, fmt.Sprintf("%q asks the agent to stop, heard without confidence", h.command))
	case content && e.Voiced > long, content && e.Elapsed >= c.Short+hangover && !e.Ended:
		return decided(Interruption, fmt.Sprintf("%v of voice with doubtful words", e.Voiced.Round(time.Millisecond)))
	case settled && h.content >= someWords && e.Voiced > c.Murmur:
		return decided(Interruption, fmt.Sprintf("%d doubtful words in %v of voice", h.content, e.Voiced.Round(time.Millisecond)))
	case settled && h.content > 0:
		j := decided(Backchannel, fmt.Sprintf("only %v of voice, and its words are doubtful", e.Voiced.Round(time.Millisecond)))
		j.Doubtful = true

		return j
	case settled, !content && e.Elapsed >= c.Window+c.Grace:
		return decided(Backchannel, "only words of agreement")
	case e.Elapsed < c.Window:
		return undecided("doubtful words so far", c.Window)
	case !content:
		return undecided("words of agreement, in doubt", c.Window+c.Grace)
	case e.Elapsed < c.Short+hangover:
		return undecided("doubtful words in the window", c.Short+hangover)
	}
	j := decided(Backchannel, "it ended, and its last words did not come")
	j.Doubtful = true

	return j
}
