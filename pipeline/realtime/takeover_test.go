package realtime

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/turn"
)

// ordinary is what the conversation that takes over hears, thinks and speaks
// with.
type ordinary struct {
	says   []string // understood of the caller, talkspurt by talkspurt
	answer string
	rest   string // of a reply that another model began
	deaf   error

	mu    sync.Mutex
	asked []pipeline.Request
}

func (o *ordinary) Open(ctx context.Context) (pipeline.Recognition, error) {
	if o.deaf != nil {
		return nil, o.deaf
	}
	time.Sleep(150 * ms) // as a connection takes

	return (&declared.Recognizer{FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: 100 * ms, Says: declared.InTurn(o.says...)}).Open(ctx)
}

func (o *ordinary) Generate(_ context.Context, r pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		o.mu.Lock()
		o.asked = append(o.asked, r)
		o.mu.Unlock()
		time.Sleep(200 * ms)
		text := o.answer
		if r.Said != "" {
			text = o.rest
		}
		yield(pipeline.Delta{Text: text}, nil)
	}
}

func (o *ordinary) requests() []pipeline.Request {
	o.mu.Lock()
	defer o.mu.Unlock()

	return slices.Clone(o.asked)
}

// withStandby holds a call by a model that has an ordinary conversation behind
// it, in virtual time.
func withStandby(t *testing.T, rc Config, cfg pipeline.Config, srv *realtimetest.Server, o *ordinary, during func(c *call, s *Standby)) {
	t.Helper()
	converse(t, rc, cfg, srv, func(model *call) {
		t := model.T
		model.conv.Stop() // converse's own call is not wanted
		c := &call{Call: pipelinetest.New(t), server: srv}
		lines := pipelinetest.Lines(t, pipelinetest.Voice{}, &cfg, "I am a machine.")
		with := pipeline.Providers{Recognizer: o, Model: o, Synthesizer: pipelinetest.Voice{}, Lines: lines}
		c.conv = model.conv.provider.New(cfg, lines, c.Player, c.Notes)
		s := NewStandby(c.conv, func() *pipeline.Conversation { return pipeline.NewConversation(cfg, with, c.Player, c.Notes) })
		c.Connect(s)
		defer s.Stop()
		if err := s.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Start()
		during(c, s)
		c.End(cfg.Turn)
	})
}

// quietest is the longest time in which the caller waits and hears nothing.
func (c *call) quietest(until func() bool) (longest time.Duration) {
	quiet := time.Duration(0)
	for range 30 * time.Second / media.FrameDuration {
		if until() {
			return longest
		}
		c.Run(media.FrameDuration)
		if s := c.Notes.State(); !c.Phone.Silent() || s != turn.Thinking && s != turn.Speaking {
			quiet = 0
		} else {
			quiet += media.FrameDuration
		}
		longest = max(longest, quiet)
	}
	c.Fatalf("it did not come; heard %q", c.heard())

	return 0
}

// Whatever happens to the session in mid-call, the conversation goes on: with a
// new session, or with the pipeline. The caller hears at most a filler.
func TestTheConversationGoesOnWhenTheSessionFails(t *testing.T) {
	for name, tc := range map[string]struct {
		reply realtimetest.Reply
		down  bool
		want  string // the whole reply
	}{
		"cut, and away":             {realtimetest.Reply{Cut: true}, true, "From the pipeline."},
		"refused":                   {realtimetest.Reply{Refuse: "rate_limit_exceeded"}, false, "From the pipeline."},
		"hangs, and away":           {realtimetest.Reply{Hang: true}, true, "From the pipeline."},
		"hangs twice":               {realtimetest.Reply{Hang: true}, false, "From the pipeline."},
		"fails in mid-speech":       {realtimetest.Reply{Text: answer, Fail: "server_error"}, false, "We are open from nine to five and so on."},
		"cut in mid-speech, away":   {realtimetest.Reply{Text: answer, Cut: true}, true, "We are open from nine to five and so on."},
		"junk in mid-speech, away":  {realtimetest.Reply{Text: answer, Junk: true}, true, "We are open from nine to five and so on."},
		"expires in mid-speech":     {realtimetest.Reply{Text: answer, Expire: true}, true, "We are open from nine to five and so on."},
		"hangs in mid-speech, away": {realtimetest.Reply{Text: answer, Hang: true}, true, "We are open from nine to five and so on."},
	} {
		for _, d := range []Detection{Own, Server} {
			t.Run(name+", "+string(d), func(t *testing.T) {
				srv := realtimetest.New("Good morning.", "When do you open?")
				srv.Say(realtimetest.Reply{Text: "Good morning to you."}, tc.reply)
				o := &ordinary{says: []string{"and on sunday", "and then"}, answer: "From the pipeline.", rest: "and so on."}
				withStandby(t, Config{Detection: d}, pipeline.Config{}, srv, o, func(c *call, _ *Standby) {
					c.greeted()
					c.Speak(900 * ms)
					c.Until("the first answer", func() bool { return slices.Contains(c.heard(), "Good morning to you.") })
					if tc.down {
						srv.Refuse(http.StatusServiceUnavailable)
					}
					c.Speak(900 * ms)
					if quiet := c.quietest(func() bool { return slices.Contains(c.heard(), tc.want) }); quiet > 2*time.Second {
						c.Errorf("the caller heard nothing for %v", quiet)
					}
					if slices.Contains(c.heard(), texts.Apology) {
						c.Errorf("the caller heard %q", c.heard())
					}
					c.Speak(900 * ms)
					c.Until("the next answer", func() bool { return c.heard()[len(c.heard())-1] == "From the pipeline." && len(c.heard()) == 4 })
					var told []string
					for _, turn := range c.Notes.Turns() {
						told = append(told, turn.Text)
					}
					want := []string{texts.Greeting, "Good morning.", "Good morning to you.", "When do you open?", tc.want, "and on sunday", "From the pipeline."}
					if !slices.Equal(told, want) {
						c.Errorf("the turns are %q, want %q", told, want)
					}
					var history []string
					for _, m := range o.requests()[len(o.requests())-1].History {
						history = append(history, m.Text)
					}
					if !slices.Equal(history, want[:len(want)-1]) {
						c.Errorf("the model knows %q", history)
					}
					if len(c.Notes.Of(turn.ProviderTook)) != 1 {
						c.Error("the records do not tell who took over")
					}
				})
			})
		}
	}
}

// What no session has told the words of is understood by the recogniser that
// takes over: in the turn that waits for its answer, and in what was said since.
func TestWordsOfALostSessionAreUnderstood(t *testing.T) {
	srv := realtimetest.New("Good morning.")
	srv.WordsAfter = time.Hour
	srv.Say(realtimetest.Reply{Hang: true})
	o := &ordinary{says: []string{"stop calling me"}, answer: "I will."}
	withStandby(t, Config{Detection: Own}, pipeline.Config{}, srv, o, func(c *call, _ *Standby) {
		c.greeted()
		c.Speak(900 * ms)
		c.Until("the reply to be asked for", func() bool { return len(srv.Sessions()[1].Sent("response.create")) == 1 })
		srv.Refuse(http.StatusServiceUnavailable)
		srv.Sessions()[1].Break()
		c.Until("the answer", func() bool { return slices.Contains(c.heard(), "I will.") })
		finals := 0
		for _, e := range c.Notes.Events() {
			if e.Kind == turn.Final && e.Text == "stop calling me" {
				finals++
			}
		}
		if finals != 1 {
			c.Errorf("the words were told %d times", finals)
		}
		if told := c.Notes.Turns(); told[1].Text != "stop calling me" {
			c.Errorf("the turns: %+v", told)
		}
	})
}

// A session that fails while nobody waits for it leaves the caller with the
// pipeline, too, and also answers truthfully there.
func TestTheTruthAfterATakeOver(t *testing.T) {
	srv := realtimetest.New()
	cfg := pipeline.Config{Truth: func(_, words string) (string, bool) { return "I am a machine.", strings.Contains(words, "robot") }}
	o := &ordinary{says: []string{"are you a robot"}, answer: "No."}
	withStandby(t, Config{}, cfg, srv, o, func(c *call, s *Standby) {
		c.greeted()
		srv.Refuse(http.StatusServiceUnavailable)
		srv.Sessions()[1].Break()
		c.Until("the pipeline", func() bool { return len(c.Notes.Of(turn.ProviderTook)) == 1 })
		c.Speak(900 * ms)
		c.Until("the truth", func() bool { return slices.Contains(c.heard(), "I am a machine.") })
		s.Finish(turn.Goodbye, "over")
		c.Until("the end", func() bool {
			select {
			case out := <-s.Done():
				return out.Reason == "over"
			default:
				return false
			}
		})
	})
}

// When the pipeline cannot hear either, the call ends by the policy.
func TestNobodyTakesOver(t *testing.T) {
	srv := realtimetest.New()
	o := &ordinary{deaf: pipeline.ErrBusy}
	withStandby(t, Config{}, pipeline.Config{}, srv, o, func(c *call, s *Standby) {
		c.greeted()
		srv.Refuse(http.StatusServiceUnavailable)
		srv.Sessions()[1].Break()
		c.Until("the end", func() bool {
			select {
			case out := <-s.Done():
				return out.Reason == turn.EndProvider
			default:
				return false
			}
		})
		if h := c.heard(); h[len(h)-1] != texts.Trouble {
			c.Errorf("heard %q", h)
		}
	})
}

// The call changes hands between two talkspurts: none is cut in two.
func TestNoTalkspurtIsCutInTwo(t *testing.T) {
	srv := realtimetest.New("Good morning.")
	srv.Say(realtimetest.Reply{Text: "Hello."})
	o := &ordinary{says: []string{"one long turn", "and another"}, answer: "I see."}
	withStandby(t, Config{Detection: Own}, pipeline.Config{}, srv, o, func(c *call, _ *Standby) {
		c.greeted()
		c.Speak(900 * ms)
		c.Until("the first answer", func() bool { return slices.Contains(c.heard(), "Hello.") })
		srv.Refuse(http.StatusServiceUnavailable)
		c.Phone.Loud = true
		c.Run(300 * ms)
		srv.Sessions()[1].Break()
		c.Run(3 * time.Second)
		if n := len(c.Notes.Of(turn.ProviderTook)); n != 0 {
			c.Errorf("it changed hands in mid-speech")
		}
		c.Phone.Loud = false
		c.Until("the answer", func() bool { return slices.Contains(c.heard(), "I see.") })
		if told := c.Notes.Turns(); told[3].Text != "one long turn" {
			c.Errorf("the turns: %+v", told)
		}
	})
}

// A tool that runs while the session is lost tells its result to whoever goes
// on, and is not run again.
func TestAToolOutlivesTheSession(t *testing.T) {
	for name, down := range map[string]bool{"another session": false, "the pipeline": true} {
		t.Run(name, func(t *testing.T) {
			srv := realtimetest.New("A table for four, please.")
			srv.Say(realtimetest.Reply{Text: "Let me see.", Calls: []realtimetest.Call{{ID: "c1", Name: "book", Args: `{"seats":4}`}}},
				realtimetest.Reply{Text: "Booked by the session."})
			tools := &toolbox{took: 3 * time.Second, changes: true}
			o := &ordinary{answer: "Booked by the pipeline."}
			withStandby(t, Config{Detection: Own}, pipeline.Config{Tools: tools}, srv, o, func(c *call, _ *Standby) {
				c.greeted()
				c.Speak(900 * ms)
				c.Until("the tool", func() bool { return len(tools.ran()) == 1 })
				if down {
					srv.Refuse(http.StatusServiceUnavailable)
				}
				srv.Sessions()[1].Break()
				want := "Let me see. Booked by " + name + "."
				if !down {
					want = "Let me see. Booked by the session."
				}
				c.Until("the answer", func() bool { return slices.Contains(c.heard(), want) })
				if n := len(tools.ran()); n != 1 {
					c.Errorf("the tool ran %d times", n)
				}
				if down {
					if history := fmt.Sprint(o.requests()[0].History); !strings.Contains(history, `{"table":4}`) {
						c.Errorf("the model knows %s", history)
					}
				}
			})
		})
	}
}
