package bargein

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"trunkline/pipeline/endpoint"
)

// Verdict is what speech over the agent's voice turned out to be.
type Verdict string

// The verdicts.
const (
	Undecided    Verdict = "undecided"
	Interruption Verdict = "interruption" // the caller takes the turn
	Backchannel  Verdict = "backchannel"  // the caller agrees and listens on
	Noise        Verdict = "noise"        // a cough, a click, a false start, the line
	Echo         Verdict = "echo"         // the agent's own voice, come back
)

// Config is how the judge weighs its evidence. The zero value of a field takes
// the default that the field's comment gives.
type Config struct {
	Language string        `json:"language,omitempty"`  // of the word lists: "en"
	Window   time.Duration `json:"window_ns,omitempty"` // how long to wait for words before sound alone may decide: 400 ms
	Grace    time.Duration `json:"grace_ns,omitempty"`  // how much longer, when there are no words, before a long sound counts as speech: 300 ms
	MinWords int           `json:"min_words,omitempty"` // this many content words interrupt at once: 2
	Cough    time.Duration `json:"cough_ns,omitempty"`  // a sound up to this long and without words is noise: 300 ms
	Murmur   time.Duration `json:"murmur_ns,omitempty"` // a voice up to this long, and without words, agrees: 600 ms
	Faint    float64       `json:"faint_dbov,omitempty"`
	// Faint is the level in dBov below which sound without words is the
	// room's, not the caller's: -45.
	Pitched float64 `json:"pitched,omitempty"`
	// Pitched is the share of a sound's frames with a pitch below which it is
	// no voice, whatever words the recogniser made of it: 0.25. Voices have
	// about 0.5 to 0.9, coughs and clicks 0 to 0.2.
	Doubt float64 `json:"doubt,omitempty"`
	// Doubt is the confidence below which words are weighed with the sound
	// that they were made of: 0.45.
	Short time.Duration `json:"short_ns,omitempty"` // a voice longer than this takes the turn, however doubtful its words: 850 ms
}

// WithDefaults fills the fields that are zero.
func (c Config) WithDefaults() Config {
	if c.Language == "" {
		c.Language = "en"
	}
	if c.Window == 0 {
		c.Window = 400 * time.Millisecond
	}
	if c.Grace == 0 {
		c.Grace = 300 * time.Millisecond
	}
	if c.MinWords == 0 {
		c.MinWords = 2
	}
	if c.Cough == 0 {
		c.Cough = 300 * time.Millisecond
	}
	if c.Murmur == 0 {
		c.Murmur = 600 * time.Millisecond
	}
	if c.Faint == 0 {
		c.Faint = -45
	}
	if c.Pitched == 0 {
		c.Pitched = 0.25
	}
	if c.Doubt == 0 {
		c.Doubt = 0.45
	}
	if c.Short == 0 {
		c.Short = 850 * time.Millisecond
	}
	return c
}

// Validate says which settings cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	if _, ok := languages[c.Language]; !ok {
		return fmt.Errorf("bargein: no word lists for language %q: use one of %s", c.Language, strings.Join(Languages(), ", "))
	}
	if c.Window < 0 || c.Grace < 0 || c.Cough < 0 || c.Murmur < 0 || c.MinWords < 0 || c.Short < 0 {
		return errors.New("bargein: window, grace, cough, murmur, short and min words cannot be negative")
	}
	if c.Doubt < 0 || c.Doubt > 1 {
		return fmt.Errorf("bargein: doubt is %v: a confidence is between 0 and 1", c.Doubt)
	}
	if c.Short > 2*time.Second {
		return fmt.Errorf("bargein: short is %v: above 2s the caller hears a dead line", c.Short)
	}
	if c.Pitched < 0 || c.Pitched > 1 {
		return fmt.Errorf("bargein: pitched is %v: a share is between 0 and 1", c.Pitched)
	}
	if c.Window+c.Grace > 2*time.Second {
		return fmt.Errorf("bargein: window and grace are %v together: above 2s the caller hears a dead line", c.Window+c.Grace)
	}
	if c.Faint > 0 {
		return fmt.Errorf("bargein: faint is %v dBov: levels are 0 or below", c.Faint)
	}
	return nil
}

// Evidence is what is known about the speech so far.
type Evidence struct {
	Text string // the recogniser's words so far
	// Confidence is the least that the recogniser has in them, 0 to 1; 0 when
	// it tells none, or when it does not matter: then they are believed.
	Confidence float64
	Final      bool          // no more words will come
	Ended      bool          // the caller fell silent
	Voiced     time.Duration // voiced audio so far
	Elapsed    time.Duration // time since the agent was paused for it
	Level      float64       // level of the voiced audio in dBov; 0 when unknown
	Sound      Sound         // what it sounds like; zero when that was not measured
}

// Judgement is a verdict and what led to it.
type Judgement struct {
	Verdict Verdict
	Reasons []string
	// Again is when to judge once more if nothing new is learnt before,
	// counted from the onset. It is zero unless the verdict is Undecided.
	Again time.Duration
	// Doubtful says that it was no interruption for want of length: sound that
	// follows soon is to be judged together with this one.
	Doubtful bool
}

// Judge weighs the evidence. First comes whether it is the caller at all, then
// the words, then the sound. It never stays undecided beyond window and grace,
// except for the final words of speech that has ended: those the caller of
// Judge must bound.
func Judge(c Config, e Evidence) Judgement {
	c = c.WithDefaults()
	lists := languages[c.Language]
	words := endpoint.Words(e.Text)
	heard := lists.read(words)
	over := e.Final || e.Elapsed >= c.Window

	switch {
	case e.Sound.echoes():
		return decided(Echo, fmt.Sprintf("%.0f %% of it is the agent's own voice", 100*e.Sound.Echo))
	case c.voiceless(e) && (len(words) < manyWords || c.doubts(e)):
		if over || e.Ended {
			return decided(Noise, fmt.Sprintf("only %.0f %% of it has a pitch", 100*e.Sound.Pitched))
		}
		return undecided("no voice in it so far", c.Window)
	case c.doubts(e) && heard.something():
		return c.judgeDoubtful(e, heard)
	case heard.command != "":
		return decided(Interruption, fmt.Sprintf("%q asks the agent to stop", heard.command))
	case heard.content >= c.MinWords:
		return decided(Interruption, fmt.Sprintf("%d words that are no backchannel", heard.content))
	case heard.content > 0 && over:
		return decided(Interruption, "a word that is no backchannel")
	case heard.content > 0:
		return undecided("one word so far", c.Window)
	case heard.backchannel > 0 && over:
		return decided(Backchannel, "only words of agreement")
	case heard.backchannel > 0:
		return undecided("words of agreement so far", c.Window)
	}
	return c.judgeSound(e)
}

// Without words a sound must have a pitch for so many times Config.Pitched to
// take the turn: a fit of coughing has some.
const (
	hoarse = 1.6
	voice  = 2
)

// manyWords are more than a recogniser makes of a cough.
const manyWords = 4

// voiceless tells sound that no voice makes.
func (c Config) voiceless(e Evidence) bool {
	return e.Sound.Measured >= enough && e.Sound.Pitched < c.Pitched
}

// judgeSound judges sound in which no words were recognised.
func (c Config) judgeSound(e Evidence) Judgement {
	limit := c.Window + c.Grace
	measured := e.Sound.Measured >= enough
	switch {
	case e.Final && measured && e.Sound.Pitched >= voice*c.Pitched && e.Voiced > limit:
		return decided(Interruption, fmt.Sprintf("%v of voice without words", e.Voiced.Round(time.Millisecond)))
	case e.Final:
		return decided(Noise, "no words in it")
	case e.Ended && e.Voiced <= c.Cough:
		return decided(Noise, fmt.Sprintf("%v of sound without words", e.Voiced.Round(time.Millisecond)))
	case e.Elapsed >= c.Window && e.Level < c.Faint:
		return decided(Noise, fmt.Sprintf("no words at %.0f dBov", e.Level))
	case e.Ended && measured && e.Voiced <= c.Murmur:
		return decided(Backchannel, fmt.Sprintf("a murmur of %v", e.Voiced.Round(time.Millisecond)))
	case e.Elapsed < c.Window:
		return undecided("no words yet", c.Window)
	case e.Elapsed < limit:
		return undecided("no words in the window", limit)
	case e.Ended:
		return decided(Noise, "it ended and no words came")
	case measured && e.Sound.Pitched < hoarse*c.Pitched:
		return decided(Noise, fmt.Sprintf("no words, and only %.0f %% of it has a pitch", 100*e.Sound.Pitched))
	}
	return decided(Interruption, fmt.Sprintf("%v of voice without words", e.Voiced.Round(time.Millisecond)))
}

func decided(v Verdict, reason string) Judgement {
	return Judgement{Verdict: v, Reasons: []string{reason}}
}

func undecided(reason string, again time.Duration) Judgement {
	return Judgement{Verdict: Undecided, Reasons: []string{reason}, Again: again}
}
