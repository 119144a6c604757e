package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/endpoint"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/turn"
)

const (
	hours   = "We are open from nine in the morning to five in the afternoon."
	address = "You find us at twelve Harbor Street, next to the old library."
)

// halfASecond is how long a whole question is waited after, whatever the
// weights of the endpoint say.
var halfASecond = pipeline.Config{Turn: turn.Config{Endpoint: endpoint.Config{Min: 500 * ms}}}

var errBroken = errors.New("broken")

// ask is the caller's turn, up to the first sound of the reply.
func (c *call) ask() {
	c.Helper()
	c.Await(turn.Listening)
	c.Run(400 * ms)
	c.Speak(1200 * ms)
	c.Await(turn.Speaking)
}

func TestAConversation(t *testing.T) {
	converse(t, options{
		says:    []string{"what are your opening hours", "where are you located"},
		replies: []string{hours, address},
	}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.ask()
		c.AgentSaid(3)
		c.Same("the agent's turns", []string{texts.Greeting, hours, address}, c.Notes.Said(pipeline.Agent))
		c.Same("the model's history", []pipeline.Message{
			{Role: pipeline.Agent, Text: texts.Greeting},
			{Role: pipeline.Caller, Text: "what are your opening hours"},
			{Role: pipeline.Agent, Text: hours},
			{Role: pipeline.Caller, Text: "where are you located"},
		}, c.model.history())
		for i, u := range c.Notes.Turns() {
			if u.Number != i+1 || u.Interrupted || u.Heard != u.Text || !u.EndedAt.After(u.StartedAt) {
				c.Errorf("turn %d: %+v", i+1, u)
			}
		}
		for i, r := range c.model.asked() {
			c.Same("the reply's number", i+1, r.Turn)
		}
	})
}

func TestTheLedgerAddsUp(t *testing.T) {
	converse(t, options{
		cfg:   halfASecond,
		says:  []string{"what are your opening hours"},
		model: &declared.Model{FirstToken: 300 * ms, TokensPerSecond: 100, Reply: declared.Replies("We open at nine. We close at five.")},
	}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		u := c.lastTurn()
		l := u.Ledger.Latency()
		sum := *l.Endpoint + *l.Token + *l.Sentence + *l.Sample + *l.Packet
		if sum != *l.Total {
			c.Errorf("the stages are %v ms together, the total is %v ms", sum, *l.Total)
		}
		c.Same("to the endpoint", 500.0, *l.Endpoint)
		c.Same("to the first token", 300.0, *l.Token)
		c.Same("to the first sentence", 40.0, *l.Sentence)
		c.Same("to the first sample", 150.0, *l.Sample)
		if *l.Packet < 0 || *l.Packet > 20 {
			c.Errorf("the first packet left %v ms after the first sample", *l.Packet)
		}
		first := slices.IndexFunc(c.Phone.SentAt, func(at time.Time) bool { return !at.Before(u.Ledger.At(ledger.Speech).Add(400 * ms)) })
		for pipelinetest.Silent(&c.Phone.Sent[first]) {
			first++
		}
		c.Same("the first sound on the wire", c.Phone.SentAt[first], u.Ledger.At(ledger.Packet))
	})
}

// TestTheJitterBufferDoesNotLengthenATurn: the silence that ends the turn
// counts from the caller's last packet, not from when its audio was played.
func TestTheJitterBufferDoesNotLengthenATurn(t *testing.T) {
	converse(t, options{cfg: halfASecond, says: []string{"what are your opening hours"}, replies: []string{hours}}, func(c *call) {
		c.Phone.Held = 60 * ms
		c.ask()
		c.AgentSaid(2)
		u := c.lastTurn()
		c.Same("to the endpoint", 500.0, *u.Ledger.Latency().Endpoint)
	})
}

func TestConcealedSpeechLeavesTheLedgerWhole(t *testing.T) {
	converse(t, options{says: []string{"what are your opening hours"}, replies: []string{hours}}, func(c *call) {
		c.Await(turn.Listening)
		c.Speak(1000 * ms)
		c.Phone.Lossy = true
		c.Speak(100 * ms)
		c.AgentSaid(2)
		u := c.lastTurn()
		total, ok := u.Ledger.Total()
		if !ok || total <= 0 || total > 3*time.Second {
			c.Errorf("the total is %v, %v", total, ok)
		}
	})
}

// speaking is a call in which the agent has been audible in its reply for d.
func (c *call) speaking(d time.Duration) {
	c.Helper()
	c.ask()
	c.audible()
	c.Run(d)
}

func TestAnInterruptionEndsTheHistoryAtTheHeardWord(t *testing.T) {
	converse(t, options{
		says:    []string{"what are your opening hours", "wait where are you located"},
		replies: []string{hours, address},
	}, func(c *call) {
		c.speaking(1100 * ms)
		c.Speak(1500 * ms)
		c.AgentSaid(3)
		// 1.1 s, one frame for audible and two until the pause: 1.16 s, which
		// is 3 words of 300 ms and more than half of the fourth.
		want := pipeline.Message{Role: pipeline.Agent, Text: "We are open from", Cut: true}
		h := c.model.history()
		c.Same("the history's end", []pipeline.Message{want, {Role: pipeline.Caller, Text: "wait where are you located"}}, h[len(h)-2:])
		cut := c.Notes.Turns()[2]
		if !cut.Interrupted || cut.Heard != want.Text || cut.Text != hours {
			c.Errorf("the interrupted turn: %+v", cut)
		}
		c.Same("all turns", []string{texts.Greeting, hours, address}, c.Notes.Said(pipeline.Agent))
	})
}

// TestBargeInIsFast measures from the first loud frame in to the first silent
// frame out.
func TestBargeInIsFast(t *testing.T) {
	converse(t, options{says: []string{"what are your opening hours", "stop"}, replies: []string{hours}}, func(c *call) {
		c.speaking(1000 * ms)
		from := len(c.Phone.Sent)
		began := time.Now()
		c.Speak(600 * ms)
		for !pipelinetest.Silent(&c.Phone.Sent[from]) {
			from++
		}
		took := c.Phone.SentAt[from].Sub(began)
		c.Logf("silent %v after the first loud frame", took)
		if took > 80*ms {
			c.Errorf("the agent fell silent after %v", took)
		}
	})
}

func TestWhatIsNoInterruptionResumesAtTheExactSample(t *testing.T) {
	for name, v := range map[string]struct {
		words string
		voice time.Duration
	}{
		"cough":       {"", 200 * ms},
		"backchannel": {"uh huh", 500 * ms},
		"false start": {"um", 280 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			converse(t, options{says: []string{"what are your opening hours", v.words}, replies: []string{hours}}, func(c *call) {
				c.ask()
				c.audible()
				first := len(c.Phone.Sent) - 1
				c.Run(800 * ms)
				c.Speak(v.voice)
				c.AgentSaid(2)
				if n := len(c.Notes.Did(turn.Resume)); n != 1 {
					c.Fatalf("resumed %d times", n)
				}
				c.resumed(c.Phone.Sent[first:], speech(hours))
				if u := c.Notes.Turns()[2]; u.Interrupted || u.Heard != hours {
					c.Errorf("the turn: %+v", u)
				}
				c.Same("the caller's turns", []string{"what are your opening hours"}, c.Notes.Said(pipeline.Caller))
			})
		})
	}
}

// resumed checks that frames carry all the samples at full level, once and in
// order, around one pause.
func (c *call) resumed(sent []media.Frame, samples []int16) {
	c.Helper()
	const ramp = 64 // 8 ms
	pause := slices.IndexFunc(sent, func(f media.Frame) bool { return f[len(f)-1] == 0 })
	resume := pause + 1
	for pipelinetest.Silent(&sent[resume]) {
		resume++
	}
	var full []int16
	for i := range pause {
		full = append(full, sent[i][:]...)
	}
	full = append(full, sent[resume][ramp:]...)
	for i := resume + 1; i < len(sent) && len(full) < len(samples); i++ {
		full = append(full, sent[i][:]...)
	}
	if len(full) < len(samples) || !slices.Equal(full[:len(samples)], samples) {
		c.Errorf("what was played is not what was synthesised; paused at frame %d, resumed at frame %d", pause, resume)
	}
}

func TestACallerWhoGoesOnMakesOneTurn(t *testing.T) {
	converse(t, options{
		says:    []string{"i want to know", "when you are open"},
		replies: []string{hours},
		model:   &declared.Model{FirstToken: 900 * ms, Reply: declared.Replies(hours)},
	}, func(c *call) {
		c.Await(turn.Listening)
		c.Speak(800 * ms)
		c.Await(turn.Thinking)
		c.Run(200 * ms)
		c.Speak(800 * ms)
		c.AgentSaid(2)
		c.Same("the model's history", []pipeline.Message{
			{Role: pipeline.Agent, Text: texts.Greeting},
			{Role: pipeline.Caller, Text: "i want to know when you are open"},
		}, c.model.history())
		c.Same("the caller's turns", []string{"i want to know when you are open"}, c.Notes.Said(pipeline.Caller))
		c.Same("replies begun", 2, len(c.model.asked()))
	})
}

func TestACoughWhileTheAgentThinksCostsNoReply(t *testing.T) {
	converse(t, options{
		says:  []string{"when are you open", ""},
		model: &declared.Model{FirstToken: 250 * ms, Reply: declared.Replies(hours)},
	}, func(c *call) {
		c.Await(turn.Listening)
		c.Speak(time.Second)
		c.Await(turn.Thinking)
		ended := time.Now()
		c.Run(200 * ms)
		c.Speak(160 * ms)
		c.AgentSaid(2)
		c.Same("replies begun", 1, len(c.model.asked()))
		c.Same("the agent's turns", []string{texts.Greeting, hours}, c.Notes.Said(pipeline.Agent))
		told := c.Notes.Turns()
		c.Same("the caller's turn", "when are you open", told[1].Text)
		if !told[1].EndedAt.Before(ended) {
			c.Errorf("the caller's turn ended at %v, after it was answered", told[1].EndedAt)
		}
		if u := told[2]; u.Interrupted || u.StartedAt.Before(ended.Add(400*ms)) {
			c.Errorf("spoke into the cough: %+v", u)
		}
	})
}

func TestProvidersThatFailCostAnApologyAndThenTheCall(t *testing.T) {
	stall, fail := declared.Fault{Stall: true}, declared.Fault{Err: errBroken}
	later := declared.Fault{After: 20, Err: errBroken}
	for name, o := range map[string]options{
		"the model stalls":              {model: &declared.Model{Reply: declared.Replies(hours), Faults: declared.Every(stall)}},
		"the model fails":               {model: &declared.Model{Reply: declared.Replies(hours), Faults: declared.Every(fail)}},
		"the voice stalls":              {replies: []string{hours}, voice: &declared.Voice{Faults: declared.Every(stall)}},
		"the voice fails":               {replies: []string{hours}, voice: &declared.Voice{Faults: declared.Every(fail)}},
		"the recogniser fails":          {recognizer: &declared.Recognizer{Faults: declared.Every(fail)}},
		"the recogniser fails at words": {recognizer: &declared.Recognizer{Final: 100 * ms, Says: declared.Always("when are you open"), Faults: declared.Every(fail)}},
	} {
		o.says = []string{"when are you open"}
		t.Run(name, func(t *testing.T) {
			converse(t, o, func(c *call) {
				for range 2 {
					c.Await(turn.Listening)
					c.Run(400 * ms)
					c.Speak(time.Second)
					c.Await(turn.Speaking)
				}
				c.Same("the end", pipeline.Outcome{Reason: turn.EndProvider}, c.Outcome())
				c.Same("the agent's words", []string{texts.Greeting, texts.Apology, texts.Trouble}, c.Notes.Said(pipeline.Agent))
			})
		})
	}
	t.Run("the voice fails in mid-sentence", func(t *testing.T) {
		converse(t, options{
			says: []string{"when are you open", "hello"}, replies: []string{hours},
			voice: &declared.Voice{Speed: 4, Faults: declared.At(0, later)},
		}, func(c *call) {
			c.ask()
			c.AgentSaid(3) // greeting, half a reply, apology
			c.Same("the agent's words", []string{texts.Greeting, hours, texts.Apology}, c.Notes.Said(pipeline.Agent))
			c.ask()
			c.AgentSaid(4)
			h := c.model.history()
			if cut := h[2]; !cut.Cut || !strings.HasPrefix(hours, cut.Text) || cut.Text == "" {
				c.Errorf("the history: %+v", h)
			}
			if u := c.Notes.Turns()[2]; !u.Interrupted || u.EndedAt.Sub(u.StartedAt) < 1900*ms {
				c.Errorf("what was made of the reply was cut off: %+v", u)
			}
		})
	})
}

func TestASlowModelIsWaitedFor(t *testing.T) {
	converse(t, options{
		says:  []string{"when are you open"},
		model: &declared.Model{FirstToken: 4 * time.Second, Reply: declared.Replies(hours)},
	}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.Same("the agent's words", []string{texts.Greeting, hours}, c.Notes.Said(pipeline.Agent))
	})
}

func TestAFailureSaysWhoFailed(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("And so on we go. ", 3))
	for want, o := range map[string]options{
		"model: it sent nothing for too long": {model: &declared.Model{Reply: declared.Replies(long), Faults: declared.At(0, declared.Fault{After: 9, Stall: true})}},
		"voice: it sent nothing for too long": {replies: []string{long}, voice: &declared.Voice{Speed: 4, Faults: declared.At(0, declared.Fault{After: 3, Stall: true})}},
		"model: declared model: broken":       {model: &declared.Model{Reply: declared.Replies(long), Faults: declared.At(0, declared.Fault{After: 9, Err: errBroken})}},
	} {
		t.Run(want, func(t *testing.T) {
			o.says = []string{"when are you open"}
			converse(t, o, func(c *call) {
				c.ask()
				c.Until("the failure", func() bool {
					return slices.ContainsFunc(c.Notes.Events(), func(e turn.Event) bool {
						return e.Kind == turn.ReplyFailed && e.Text == want
					})
				})
			})
		})
	}
}

// TestALongReplyIsNoStall: the player holds the voice back, and the voice the
// model, for longer than either may be silent.
func TestALongReplyIsNoStall(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("This sentence has seven words in it. ", 30))
	converse(t, options{
		says: []string{"tell me all", "yes"}, voice: &declared.Voice{},
		model: &declared.Model{Reply: declared.Replies(long)},
	}, func(c *call) {
		c.ask()
		c.Run(10 * time.Second)
		c.conv.Hold(true)
		c.Phone.OnHold = true
		c.Run(20 * time.Second)
		c.Phone.OnHold = false
		c.conv.Hold(false)
		c.AgentSaid(2)
		c.Same("the reply", long, c.Notes.Turns()[2].Heard)
	})
}

func TestABusyRecogniserIsSaid(t *testing.T) {
	r := &declared.Recognizer{Streams: 1, Says: declared.Always("hello")}
	other, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	converse(t, options{recognizer: r}, func(c *call) {
		c.Run(200 * ms)
		c.Speak(600 * ms)
		c.Same("the end", pipeline.Outcome{Reason: turn.EndBusy}, c.Outcome())
		c.Same("the agent's words", []string{texts.Busy}, c.Notes.Said(pipeline.Agent))
	})
}

func TestAHangUpInMidSentenceRecordsWhatWasHeard(t *testing.T) {
	converse(t, options{says: []string{"when are you open"}, replies: []string{hours}}, func(c *call) {
		c.speaking(time.Second)
		c.conv.Stop()
		u := c.lastTurn()
		if u.Role != pipeline.Agent || !u.Interrupted || u.Heard != "We are open" || u.Text != hours {
			c.Errorf("the last turn: %+v", u)
		}
		c.Same("turns", 3, len(c.Notes.Turns()))
	})
}

func TestAHangUpWhileTheAgentThinksRecordsTheQuestion(t *testing.T) {
	converse(t, options{says: []string{"when are you open"}, replies: []string{hours}}, func(c *call) {
		c.Await(turn.Listening)
		c.Speak(time.Second)
		c.Await(turn.Thinking)
		c.conv.Stop()
		c.Same("the caller's turns", []string{"when are you open"}, c.Notes.Said(pipeline.Caller))
		c.Same("the agent's turns", []string{texts.Greeting}, c.Notes.Said(pipeline.Agent))
	})
}

func TestTheCapIsAnnouncedWhenNobodySpeaks(t *testing.T) {
	converse(t, options{says: []string{"when are you open"}, replies: []string{hours}}, func(c *call) {
		c.speaking(500 * ms)
		c.conv.Announce(turn.CapWarning)
		c.AgentSaid(3)
		c.Same("the agent's words", []string{texts.Greeting, hours, texts.CapWarning}, c.Notes.Said(pipeline.Agent))
		if c.Notes.Turns()[2].Interrupted {
			c.Error("the warning cut the reply off")
		}
	})
}

func TestFinishDropsWhatGoesOn(t *testing.T) {
	for state, said := range map[turn.State][]string{
		turn.Listening:   {texts.Greeting, texts.CapGoodbye},
		turn.Thinking:    {texts.Greeting, texts.CapGoodbye},
		turn.Speaking:    {texts.Greeting, hours, texts.CapGoodbye},
		turn.Interrupted: {texts.Greeting, hours, texts.CapGoodbye},
	} {
		t.Run(string(state), func(t *testing.T) {
			converse(t, options{says: []string{"when are you open"}, replies: []string{hours}}, func(c *call) {
				c.Await(turn.Listening)
				if state != turn.Listening {
					c.Speak(time.Second)
					c.Await(turn.Thinking)
				}
				if state == turn.Speaking || state == turn.Interrupted {
					c.Await(turn.Speaking)
					c.Run(500 * ms)
				}
				if state == turn.Interrupted {
					c.Phone.Loud = true
					c.Await(turn.Interrupted)
				}
				c.conv.Finish(turn.CapGoodbye, "cap_reached")
				c.Same("the end", pipeline.Outcome{Reason: "cap_reached"}, c.Outcome())
				c.Same("the agent's words", said, c.Notes.Said(pipeline.Agent))
			})
		})
	}
}

func TestFinishBeforeTheAnswerIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := prepared(t, options{})
		defer c.conv.Stop()
		if err := c.conv.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.conv.Finish(turn.Goodbye, "shutdown")
		c.conv.Start()
		c.Same("the end", pipeline.Outcome{Reason: "shutdown"}, c.Outcome())
		c.End(c.turn)
	})
}

func TestSilenceIsPromptedAndThenEndsTheCall(t *testing.T) {
	converse(t, options{}, func(c *call) {
		c.Same("the end", pipeline.Outcome{Reason: turn.EndSilent}, c.Outcome())
		c.Same("the agent's words", append([]string{texts.Greeting}, append(texts.Idle, texts.Goodbye)...), c.Notes.Said(pipeline.Agent))
	})
}

func TestHalfAnHourOnHold(t *testing.T) {
	converse(t, options{}, func(c *call) {
		c.Await(turn.Listening)
		c.conv.Hold(true)
		c.Phone.OnHold = true
		c.Run(30 * time.Minute)
		c.Same("the agent's words on hold", []string{texts.Greeting}, c.Notes.Said(pipeline.Agent))
		if len(c.Notes.Events()) > 10 {
			c.Errorf("%d events", len(c.Notes.Events()))
		}
		c.Phone.OnHold = false
		c.conv.Hold(false)
		back := time.Now()
		c.AgentSaid(2)
		if took := c.Notes.Turns()[1].StartedAt.Sub(back); took < 8*time.Second || took > 8100*ms {
			c.Errorf("prompted %v after the hold", took)
		}
	})
}

func TestActsAreCarriedOutOnceHeard(t *testing.T) {
	args := map[string]string{"target": "front-desk"}
	for name, v := range map[string]struct {
		text string
		act  pipeline.Act
		said string
		want pipeline.Outcome
	}{
		"hang up":           {"Goodbye then.", pipeline.Act{Name: pipeline.ActHangUp}, "Goodbye then.", pipeline.Outcome{Reason: turn.EndGoodbye}},
		"hand off":          {"One moment.", pipeline.Act{Name: pipeline.ActHandOff, Args: args}, "One moment.", pipeline.Outcome{Reason: turn.EndHandOff, Args: args}},
		"hang up silently":  {"", pipeline.Act{Name: pipeline.ActHangUp}, texts.Goodbye, pipeline.Outcome{Reason: turn.EndGoodbye}},
		"hand off silently": {"", pipeline.Act{Name: pipeline.ActHandOff, Args: args}, texts.HandOff, pipeline.Outcome{Reason: turn.EndHandOff, Args: args}},
	} {
		t.Run(name, func(t *testing.T) {
			model := &declared.Model{Reply: func(pipeline.Request) (string, *pipeline.Act) { return v.text, &v.act }}
			converse(t, options{says: []string{"a person please"}, model: model}, func(c *call) {
				c.Await(turn.Listening)
				c.Speak(time.Second)
				c.Same("the end", v.want, c.Outcome())
				c.Same("the last words", v.said, c.lastTurn().Heard)
			})
		})
	}
}

// stream is a model made of a function.
type stream func(ctx context.Context, yield func(pipeline.Delta, error) bool)

func (s stream) Generate(ctx context.Context, _ pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) { s(ctx, yield) }
}

// TestAnActThatComesLateIsCarriedOut: all words were heard before the model
// says that it hangs up.
func TestAnActThatComesLateIsCarriedOut(t *testing.T) {
	model := stream(func(_ context.Context, yield func(pipeline.Delta, error) bool) {
		if yield(pipeline.Delta{Text: "Bye now. "}, nil) {
			time.Sleep(3 * time.Second)
			yield(pipeline.Delta{Act: &pipeline.Act{Name: pipeline.ActHangUp}}, nil)
		}
	})
	converse(t, options{says: []string{"goodbye"}, model: model}, func(c *call) {
		c.ask()
		c.Same("the end", pipeline.Outcome{Reason: turn.EndGoodbye}, c.Outcome())
	})
}

// TestATokenFloodLosesNothing: more tokens than the queue has room for.
func TestATokenFloodLosesNothing(t *testing.T) {
	model := stream(func(_ context.Context, yield func(pipeline.Delta, error) bool) {
		for range 5000 {
			if !yield(pipeline.Delta{Text: "a"}, nil) {
				return
			}
		}
		yield(pipeline.Delta{Text: " word. ", Act: &pipeline.Act{Name: pipeline.ActHangUp}}, nil)
	})
	converse(t, options{says: []string{"flood me please"}, model: model}, func(c *call) {
		c.ask()
		c.Same("the end", pipeline.Outcome{Reason: turn.EndGoodbye}, c.Outcome())
	})
}

func TestAReplyWithoutWordsLeavesTheCallersTurn(t *testing.T) {
	model := &declared.Model{Reply: func(r pipeline.Request) (string, *pipeline.Act) {
		if len(r.History) == 2 {
			return "", &pipeline.Act{Name: "note"}
		}

		return hours, nil
	}}
	converse(t, options{says: []string{"my name is anna", "when are you open"}, model: model}, func(c *call) {
		c.Await(turn.Listening)
		c.Speak(time.Second)
		c.Run(3 * time.Second)
		c.ask()
		c.Same("the model's history", []pipeline.Message{
			{Role: pipeline.Agent, Text: texts.Greeting},
			{Role: pipeline.Caller, Text: "my name is anna"},
			{Role: pipeline.Caller, Text: "when are you open"},
		}, c.model.history())
	})
}

// TestTheEndOfAReplyAndTheCallersVoiceMeet: whenever the caller begins around
// the end of the agent's words, the caller is answered.
func TestTheEndOfAReplyAndTheCallersVoiceMeet(t *testing.T) {
	for offset := -300 * ms; offset <= 200*ms; offset += 20 * ms {
		for _, words := range []string{"yes", "where are you located"} {
			t.Run(fmt.Sprintf("%v %s", offset, words), func(t *testing.T) {
				converse(t, options{
					says:    []string{"when are you open", words},
					replies: []string{"Would you like to come?", address},
				}, func(c *call) {
					c.ask()
					c.audible()
					c.Run(5*300*ms + offset - 20*ms)
					c.Speak(time.Duration(len(words)) * 40 * ms)
					c.Until("an answer", func() bool {
						said := c.Notes.Said(pipeline.Agent)

						return said[len(said)-1] == address
					})
					h := c.model.history()
					c.Same("the caller's turn", words, h[len(h)-1].Text)
				})
			})
		}
	}
}

func TestACallersTurnBeginsWithItsFirstWord(t *testing.T) {
	converse(t, options{says: []string{"when are you open", "", "where are you located"}, replies: []string{hours, address}}, func(c *call) {
		c.speaking(500 * ms)
		c.Speak(200 * ms) // a cough
		c.Run(time.Second)
		began := time.Now()
		c.Speak(time.Second)
		c.AgentSaid(3)
		told := c.Notes.Turns()
		asked := told[len(told)-2]
		c.Same("the question", "where are you located", asked.Text)
		c.Same("its beginning", began, asked.StartedAt)
		c.Same("its end", began.Add(980*ms), asked.EndedAt)
	})
}

func TestKeysAreAnswered(t *testing.T) {
	converse(t, options{says: []string{"when are you open"}, replies: []string{hours, address}}, func(c *call) {
		c.speaking(500 * ms)
		pressed := time.Now()
		c.Phone.Keys = []media.Digit{{Key: '4'}}
		c.Run(300 * ms)
		c.Phone.Keys = []media.Digit{{Key: '2'}}
		c.AgentSaid(3)
		c.Same("the agent's turns", []string{texts.Greeting, hours, address}, c.Notes.Said(pipeline.Agent))
		told := c.Notes.Turns()
		keys, answer := told[len(told)-2], told[len(told)-1]
		c.Same("the keys", "42", keys.Text)
		c.Same("their beginning", pressed, keys.StartedAt)
		c.Same("their end", pressed.Add(300*ms), keys.EndedAt)
		c.Same("the wait for another key", 2000.0, *answer.Ledger.Latency().Endpoint)
	})
}

func TestLongSoundWithoutWordsIsAskedAbout(t *testing.T) {
	converse(t, options{says: []string{"", "when are you open"}, replies: []string{hours}}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.ask()
		c.AgentSaid(3)
		c.Same("the agent's turns", []string{texts.Greeting, texts.NotHeard, hours}, c.Notes.Said(pipeline.Agent))
	})
}

func TestPrepareFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := prepared(t, options{recognizer: &declared.Recognizer{Opens: declared.Every(declared.Fault{Stall: true})}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.conv.Prepare(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		c.conv.Stop()
	})
}

func TestStopAtAnyTime(t *testing.T) {
	t.Parallel()
	t.Run("before Prepare and Start", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := &declared.Recognizer{}
			c := prepared(t, options{recognizer: r})
			c.conv.Stop()
			if err := c.conv.Prepare(t.Context()); err == nil {
				t.Error("prepared after Stop")
			}
			c.conv.Start()
			c.conv.Stop()
			c.Same("recognisers in use", 0, r.InUse())
			c.Same("events", 0, len(c.Notes.Events()))
		})
	})
	t.Run("during Prepare", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := &declared.Recognizer{Opens: declared.Every(declared.Fault{Stall: true})}
			c := prepared(t, options{recognizer: r})
			failed := make(chan error)
			go func() { failed <- c.conv.Prepare(t.Context()) }()
			synctest.Wait()
			c.conv.Stop()
			if err := <-failed; err == nil {
				t.Error("Prepare went on")
			}
			c.Same("recognisers in use", 0, r.InUse())
		})
	})
	t.Run("before Start", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := &declared.Recognizer{}
			c := prepared(t, options{recognizer: r})
			if err := c.conv.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.conv.Stop()
			c.conv.Stop()
			c.Same("recognisers in use", 0, r.InUse())
		})
	})
	for at := 0 * ms; at < 6*time.Second; at += 340 * ms {
		t.Run(at.String(), func(t *testing.T) {
			converse(t, options{says: []string{"when are you open"}, replies: []string{hours}}, func(c *call) {
				for i := range at / media.FrameDuration {
					c.Phone.Loud = i > 120 && i < 170
					c.Run(media.FrameDuration)
				}
			})
		})
	}
}
