package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/media"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
)

// Party is an agent that scenarios are played against.
type Party struct {
	Name         string
	Conversation pipeline.Config
	Providers    pipeline.Providers // Lines are made from Texts by the run
	Texts        pipeline.Texts
	Further      []string // sentences besides the Texts that are made ready, such as the fillers of tools
	// Converse makes the conversations of an agent that hears and speaks by
	// itself; nil: the Providers do. Text mode does not ask it.
	Converse   func(with pipeline.Providers) func(pipeline.Config, *player.Player, pipeline.Observer) call.Conversation
	OtherTexts []pipeline.Texts // of Providers.Languages, whose Lines are made from them
	Cap        time.Duration    // longest call; 0: none
	WarnBefore time.Duration    // spoken warning this long before Cap; 0: none

	whole pipeline.Synthesizer // makes the lines, where the voice has faults; nil: the voice does
}

// linesOf is the voice that makes the fixed lines. They are made before the
// call, so that no fault of a scenario strikes them.
func (p *Party) linesOf(v *timedVoice) pipeline.Synthesizer {
	if p.whole == nil {
		return v
	}

	return &timedVoice{Synthesizer: p.whole, timings: v.timings}
}

// errDeclared is what a provider fails with where a scenario says so.
var errDeclared = errors.New("it fails because the scenario says so")

// given is the agent of a scenario. speech gives its audio; nil in text mode.
func (a *Agent) given(m *mouth, speech func(text string) []int16) *Party {
	p := &Party{Name: "scenario", Texts: a.texts(), Cap: a.Cap, WarnBefore: a.WarnBefore}
	p.Conversation.Turn = turn.Config{Idle: a.Idle}
	if a.Speculate {
		p.Conversation.Turn.Speculation = turn.Speculation{PerTurn: 2}
	}
	if len(a.Tools) > 0 {
		p.Conversation.Tools = tools(a.Tools)
	}
	p.Providers = pipeline.Providers{
		Recognizer: a.ears(m),
		Model: &model{agent: a, Model: &declared.Model{
			FirstToken: a.FirstToken, TokensPerSecond: a.Tokens, Reply: a.reply, Faults: a.plan("model"),
		}},
		Synthesizer: &declared.Voice{
			FirstAudio: a.FirstAudio, Speed: 20, PerWord: typedWord, Speech: speech, Faults: a.plan("voice"),
		},
	}

	p.whole = &declared.Voice{PerWord: typedWord, Speech: speech}

	return p
}

// ears hear the caller's words as they were said.
func (a *Agent) ears(m *mouth) *exact {
	e := &exact{mouth: m, final: a.Final}
	if plan := a.plan("recogniser"); plan != nil {
		e.faults = func(n int) (error, bool) {
			f := plan(n)

			return f.Err, f.Stall
		}
	}

	return e
}

// plan is the faults of one provider; nil: it has none.
func (a *Agent) plan(of string) declared.Plan {
	var mine []Fault
	for _, f := range a.Faults {
		if f.Of == of {
			mine = append(mine, f)
		}
	}
	if mine == nil {
		return nil
	}

	return func(n int) declared.Fault {
		for _, f := range mine {
			switch {
			case f.Nth != 0 && f.Nth != n+1:
			case f.Stall:
				return declared.Fault{After: f.After, Stall: true}
			default:
				return declared.Fault{After: f.After, Err: errDeclared}
			}
		}

		return declared.Fault{}
	}
}

// chosen is the reply to the caller's latest words; nil: there is none.
func (a *Agent) chosen(history []pipeline.Message) *Reply {
	n, last := 0, ""
	for _, m := range history {
		if m.Role == pipeline.Caller && a.answer(m.Text) == nil {
			n++
		}
		if m.Role == pipeline.Caller {
			last = m.Text
		}
	}
	if r := a.answer(last); r != nil {
		return r
	}

	return a.inTurn(n)
}

// reply is what the agent says to the caller's latest words, or to what its
// tool gave.
func (a *Agent) reply(req pipeline.Request) (string, *pipeline.Act) {
	r := a.chosen(req.History)
	if r == nil {
		return "I see.", nil
	}
	if m := req.History[len(req.History)-1]; m.Role == pipeline.Tool {
		if m.Results[0].Failed {
			return r.Else, r.act()
		}

		return r.Then, r.act()
	}
	if r.Call != nil {
		return r.Say, nil
	}

	return r.Say, r.act()
}

// answer is the reply that is meant for these words.
func (a *Agent) answer(words string) *Reply {
	for i := range a.Replies {
		if r := &a.Replies[i]; r.To != "" && pattern(r.To).MatchString(words) {
			return r
		}
	}

	return nil
}

// inTurn is the nth of the replies that are for any words; the last one
// serves for the rest.
func (a *Agent) inTurn(n int) *Reply {
	var last *Reply
	for i := range a.Replies {
		if a.Replies[i].To != "" {
			continue
		}
		last = &a.Replies[i]
		if n--; n <= 0 {
			break
		}
	}

	return last
}

func (r *Reply) act() *pipeline.Act {
	switch {
	case r.HangUp:
		return &pipeline.Act{Name: pipeline.ActHangUp}
	case r.HandOff != "":
		return &pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": r.HandOff}}
	default:
		return nil
	}
}

// texts are the agent's fixed sentences.
func (a *Agent) texts() pipeline.Texts {
	l := a.Lines
	idle := l.Idle
	if len(idle) == 0 {
		idle = []string{"Are you still there?"}
	}

	return pipeline.Texts{
		Greeting:   a.Greeting,
		Idle:       idle,
		Filler:     l.Filler,
		NotHeard:   cmp.Or(l.NotHeard, "Sorry, I did not hear you."),
		Goodbye:    cmp.Or(l.Goodbye, "Thank you and goodbye."),
		HandOff:    cmp.Or(l.HandOff, "I will put you through."),
		Busy:       cmp.Or(l.Busy, "All lines are busy."),
		Apology:    cmp.Or(l.Apology, "Sorry, something went wrong. Please say that again."),
		Trouble:    cmp.Or(l.Trouble, "We are having trouble. Please call again later."),
		CapWarning: cmp.Or(l.CapWarning, "Our time is nearly over."),
		CapGoodbye: cmp.Or(l.CapGoodbye, "Our time is over. Goodbye."),
	}
}

// pattern compiles an expression that was validated. Case does not matter.
func pattern(p string) *regexp.Regexp { return regexp.MustCompile("(?i)" + p) }

// timedVoice remembers what the agent's voice said, and how long each word
// took: by this the caller knows which words reached it.
type timedVoice struct {
	pipeline.Synthesizer
	*timings
}

// timings are those of all texts that a run's voices said.
type timings struct {
	mu   sync.Mutex
	said map[string]timing
}

// timing is a text's audio.
type timing struct {
	words []media.Word
	total media.Samples
}

func newTimedVoice(of pipeline.Synthesizer) *timedVoice {
	return &timedVoice{Synthesizer: of, timings: &timings{said: map[string]timing{}}}
}

// Synthesize implements pipeline.Synthesizer.
func (v *timedVoice) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		var t timing
		for s, err := range v.Synthesizer.Synthesize(ctx, text) {
			if err == nil {
				t.words = append(t.words, s.Words...)
				t.total += media.Samples(len(s.Samples))
				v.note(text, t)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (v *timings) note(text string, t timing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t.total > v.said[text].total {
		v.said[text] = t
	}
}

// heard is how many words of an utterance a caller has heard who was sent so
// much of its audio; false when the utterance is not made of texts that were
// spoken.
func (v *timings) heard(utterance string, sent media.Samples) (int, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for rest := utterance; rest != ""; {
		text := v.first(rest)
		if text == "" {
			return 0, false
		}
		t := v.said[text]
		for i, w := range t.words {
			end := t.total
			if i+1 < len(t.words) {
				end = t.words[i+1].Start
			}
			if (w.Start+end)/2 > sent {
				return n, true
			}
			n++
		}
		sent -= t.total
		rest = strings.TrimSpace(strings.TrimPrefix(rest, text))
	}

	return n, true
}

// first is the longest text that was spoken and that an utterance begins with.
func (v *timings) first(utterance string) (text string) {
	for t := range v.said {
		if len(t) > len(text) && strings.HasPrefix(utterance, t) {
			text = t
		}
	}

	return text
}

// speech is a scenario agent's audio in one voice, kept so that runs do not
// make it anew.
type speech struct {
	speaker Speaker
	voice   string

	mu   sync.Mutex
	kept map[string][]int16
}

// make has texts spoken.
func (s *speech) make(ctx context.Context, texts ...string) error {
	for _, t := range texts {
		if _, err := s.of(ctx, t); err != nil {
			return err
		}
	}

	return nil
}

// of is a text's audio.
func (s *speech) of(ctx context.Context, text string) ([]int16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if samples, ok := s.kept[text]; ok {
		return samples, nil
	}
	samples, _, err := s.speaker.Speak(ctx, s.voice, text)
	if err != nil {
		return nil, fmt.Errorf("the agent's voice: %w", err)
	}
	if s.kept == nil {
		s.kept = map[string][]int16{}
	}
	s.kept[text] = samples

	return samples, nil
}
