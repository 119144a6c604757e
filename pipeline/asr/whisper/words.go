package whisper

import (
	"math"
	"regexp"
	"strings"

	"trunkline/pipeline/vendor"
)

const (
	// unlikely is the mean log probability below which words count as guessed
	// when silence is likely, and squeezed the compression ratio above which a
	// text only repeats itself. Both are the models' own rules (openai/whisper,
	// transcribe's logprob_threshold and compression_ratio_threshold).
	unlikely = -1.0
	squeezed = 2.4
)

// aside is what the models write for sounds that are no words.
var aside = regexp.MustCompile(`\[[^\]]*\]|\([^)]*\)|♪[^♪]*♪?`)

// madeUp are what the models say of silence and noise, learnt from subtitles.
var madeUp = map[string]bool{
	"thank you": true, "thank you very much": true, "thanks for watching": true, "thank you for watching": true,
	"you": true, "bye": true, "please subscribe": true, "the end": true, "so": true, "okay": true,
}

// words is what counts of an answer.
func (a *answer) words(noSpeech float64) words {
	w := words{text: a.Text}
	if len(a.Language) == 2 { // some servers write it out in English
		w.language = a.Language
	}
	if len(a.Segments) > 0 {
		var kept []string
		sum := 0.0
		for i := range a.Segments {
			g := &a.Segments[i]
			text := clean(g.Text)
			if g.NoSpeech > noSpeech && g.AvgLogProb < unlikely || g.Squeezed > squeezed ||
				g.NoSpeech > noSpeech/2 && madeUp[text] || text == "" {
				continue
			}
			kept = append(kept, text)
			sum += g.AvgLogProb
		}
		w.text = strings.Join(kept, " ")
		if len(kept) > 0 {
			w.confidence = math.Exp(min(0, sum/float64(len(kept))))
		}
	}
	w.text = clean(w.text)

	return w
}

func clean(s string) string { return vendor.Plain(aside.ReplaceAllString(s, " ")) }
