package pipeline_test

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/tools"
	"trunkline/pipeline/turn"
)

var german = pipeline.Texts{
	Greeting: "Guten Tag.", Idle: []string{"Sind Sie noch da?"}, NotHeard: "Wie bitte?", Goodbye: "Auf Wiederhören.",
	HandOff: "Ich verbinde.", Busy: "Besetzt.", Apology: "Entschuldigung.", Trouble: "Bitte rufen Sie später an.",
	Filler: []string{"Einen Moment."}, CapWarning: "Noch zwei Minuten.", CapGoodbye: "Die Zeit ist um.", Language: "de-DE",
}

// diary notes what happens to streams and voices, in order.
type diary struct {
	mu  sync.Mutex
	all []string
}

func (d *diary) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, what)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()

	return slices.Clone(d.all)
}

// noted is a recogniser whose streams stand in a diary.
type noted struct {
	pipeline.Recognizer
	name string
	in   *diary
}

func (n noted) Open(ctx context.Context) (pipeline.Recognition, error) {
	r, err := n.Recognizer.Open(ctx)
	if err != nil {
		return nil, err
	}
	n.in.note("open " + n.name)

	return &notedStream{Recognition: r, of: n}, nil
}

type notedStream struct {
	pipeline.Recognition
	of   noted
	once sync.Once
}

func (s *notedStream) Close() error {
	s.once.Do(func() { s.of.in.note("close " + s.of.name) })

	return s.Recognition.Close()
}

// speaker is a voice whose sentences stand in a diary.
type speaker struct {
	pipeline.Synthesizer
	name string
	in   *diary
}

func (s speaker) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	s.in.note(s.name + " says " + text)

	return s.Synthesizer.Synthesize(ctx, text)
}

// bilingual is an agent with English and German, and a diary of both.
func bilingual(t *testing.T, o options, d *diary, own bool) options {
	t.Helper()
	voice := &declared.Voice{FirstAudio: 100 * ms, Speed: 4, Speech: speech}
	lines, err := pipeline.PrepareLines(t.Context(), &declared.Voice{Speech: speech}, german)
	if err != nil {
		t.Fatal(err)
	}
	o.chorus = speaker{voice, "English", d}
	l := pipeline.Language{
		Tag: "de-DE", Synthesizer: speaker{voice, "German", d}, Lines: lines,
		Prompt: prompt.Prompt{Instructions: "Sei freundlich.", Language: "de-DE"},
	}
	if own {
		l.Recognizer = noted{&declared.Recognizer{Ready: 600 * ms, Final: 100 * ms, Says: declared.InTurn("ja genau")}, "German", d}
	}
	o.languages = []pipeline.Language{l}

	return o
}

// switching is a model that changes the language in its first reply.
type switching struct{}

func (switching) Generate(_ context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		last := req.History[len(req.History)-1]
		switch {
		case last.Role == pipeline.Tool:
			yield(pipeline.Delta{Text: "Gerne auf Deutsch."}, nil)
		case req.Turn == 1:
			if yield(pipeline.Delta{Text: "One moment."}, nil) {
				yield(pipeline.Delta{Call: &pipeline.ToolCall{Name: tools.SwitchLanguage, Args: json.RawMessage(`{"language": "de-DE"}`)}}, nil)
			}
		default:
			yield(pipeline.Delta{Text: "Sehr gut."}, nil)
		}
	}
}

func TestAToolChangesTheLanguage(t *testing.T) {
	set, err := tools.New(tools.Options{BuiltIn: tools.BuiltIn{Languages: []string{"en-US", "de-DE"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := &diary{}
	o := bilingual(t, options{model: switching{}, cfg: pipeline.Config{Tools: set}}, d, true)
	o.ears = noted{&declared.Recognizer{Final: 100 * ms, Says: declared.Always("do you speak german")}, "English", d}
	converse(t, o, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.Same("the reply", "One moment. Gerne auf Deutsch.", c.lastTurn().Heard)
		c.Run(3 * time.Second)
		c.Same("order", []string{
			"open English", "English says One moment.", "open German", "German says Gerne auf Deutsch.", "close English",
		}, d.read())
		c.ask()
		c.AgentSaid(3)
		c.Same("what the German recogniser heard", "ja genau", c.Notes.Said(pipeline.Caller)[1])
		asked := c.model.asked()
		if first, last := asked[0].System, asked[len(asked)-1].System; first == last {
			c.Error("the prompt is the same in both languages")
		}
		c.Same("the language of the lists", "de", c.languageOfLists())
		c.Run(9 * time.Second)
		c.AgentSaid(4)
		c.Same("a line", german.Idle[0], c.lastTurn().Text)
	})
}

// languageOfLists is what the machine was told last.
func (c *call) languageOfLists() (code string) {
	for _, e := range c.Notes.Events() {
		if e.Kind == turn.LanguageChanged {
			code = e.Language
		}
	}

	return code
}

func TestALanguageThatIsHeardBecomesTheCalls(t *testing.T) {
	for name, tc := range map[string]struct {
		detect pipeline.Detection
		own    bool
		speaks []string // whose voice says the replies
	}{
		"two turns, the same stream":     {pipeline.Detection{Finals: 2}, false, []string{"English", "German", "German"}},
		"by words, the same stream":      {pipeline.Detection{Finals: 2, Words: 3}, false, []string{"German", "German", "German"}},
		"two turns, a stream of its own": {pipeline.Detection{Finals: 2}, true, []string{"English", "English", "German"}},
		"never":                          {pipeline.Detection{}, false, []string{"English", "English", "English"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &diary{}
			o := bilingual(t, options{replies: []string{"Ja."}, cfg: pipeline.Config{Detect: tc.detect}}, d, tc.own)
			o.ears = tagged{&declared.Recognizer{Final: 100 * ms, Says: declared.Always("ich hätte gern einen termin")}, "de"}
			converse(t, o, func(c *call) {
				for i := range tc.speaks {
					c.ask()
					c.AgentSaid(i + 2)
				}
				var got []string
				for _, x := range d.read() {
					for _, voice := range []string{"English", "German"} {
						if x == voice+" says Ja." {
							got = append(got, voice)
						}
					}
				}
				c.Same("voices", tc.speaks, got)
			})
		})
	}
}

// tagged is a recogniser that tells the language.
type tagged struct {
	pipeline.Recognizer
	tag string
}

func (g tagged) Open(ctx context.Context) (pipeline.Recognition, error) {
	r, err := g.Recognizer.Open(ctx)
	if err != nil {
		return nil, err
	}
	s := &taggedStream{Recognition: r, out: make(chan pipeline.Transcript, 64)}
	go func() {
		defer close(s.out)
		for t := range r.Transcripts() {
			t.Language = g.tag
			s.out <- t
		}
	}()

	return s, nil
}

type taggedStream struct {
	pipeline.Recognition
	out chan pipeline.Transcript
}

func (s *taggedStream) Transcripts() <-chan pipeline.Transcript { return s.out }

func TestALanguageWhoseRecogniserFailsIsNotChangedTo(t *testing.T) {
	set, err := tools.New(tools.Options{BuiltIn: tools.BuiltIn{Languages: []string{"en-US", "de-DE"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := &diary{}
	o := bilingual(t, options{says: []string{"do you speak german"}, model: switching{}, cfg: pipeline.Config{Tools: set}}, d, false)
	o.languages[0].Recognizer = &declared.Recognizer{Opens: declared.Every(declared.Fault{Err: errBroken})}
	converse(t, o, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		asked := c.model.asked()
		res := asked[1].History[len(asked[1].History)-1].Results
		if len(res) != 1 || !res[0].Failed {
			c.Errorf("results %+v", res)
		}
		c.Same("the lists stay", "", c.languageOfLists())
		c.Same("voices", []string{"English says One moment.", "English says Gerne auf Deutsch."}, d.read())
	})
}

func TestALanguageMayHaveAModelOfItsOwn(t *testing.T) {
	d := &diary{}
	o := bilingual(t, options{replies: []string{"Yes."}, cfg: pipeline.Config{Detect: pipeline.Detection{Finals: 1}}}, d, false)
	o.ears = tagged{&declared.Recognizer{Final: 100 * ms, Says: declared.Always("ich hätte gern einen termin")}, "de"}
	o.languages[0].Model = &declared.Model{FirstToken: 100 * ms, Reply: declared.Replies("Vom deutschen Modell.")}
	converse(t, o, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.Same("the reply", "Vom deutschen Modell.", c.lastTurn().Heard)
	})
}
