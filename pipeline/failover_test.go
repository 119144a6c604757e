package pipeline_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/cost"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/turn"
)

// option is a provider with a breaker of its own.
func option[T any](name string, p T) failover.Option[T] {
	return failover.Option[T]{Name: name, Provider: p, Breaker: breaker.New(breaker.Config{})}
}

// provided is what a conversation's events say about its providers, in words.
func provided(n *pipelinetest.Notes) (all []string) {
	for _, e := range n.Events() {
		switch e.Kind {
		case turn.ProviderFailed:
			all = append(all, fmt.Sprintf("%s: %s failed, %s", e.Stage, e.Provider, e.Fault))
		case turn.ProviderTook:
			all = append(all, fmt.Sprintf("%s: %s took over", e.Stage, e.Provider))
		case turn.WarmFailed:
			all = append(all, fmt.Sprintf("%s: not warm, %s", e.Stage, e.Text))
		}
	}

	return all
}

func TestASentenceThatIsCutIsSaidAgainByTheNextVoice(t *testing.T) {
	const reply = "We are open from nine to five. Is that all right?"
	for name, tc := range map[string]struct {
		sentence int // that is cut
	}{"first": {0}, "second": {1}} {
		t.Run(name, func(t *testing.T) {
			first := &declared.Voice{FirstAudio: 100 * ms, PerWord: 300 * ms, Speed: 1, Faults: declared.At(tc.sentence, declared.Fault{After: 6, Err: errBroken})}
			second := &declared.Voice{FirstAudio: 100 * ms, PerWord: 300 * ms, Speed: 4, Speech: speech}
			converse(t, options{
				says: []string{"what are your opening hours"}, replies: []string{reply},
				chorus: failover.NewSynthesizer(nil, option[pipeline.Synthesizer]("a", first), option[pipeline.Synthesizer]("b", second)),
			}, func(c *call) {
				c.ask()
				c.AgentSaid(2)
				c.Same("the reply", reply, c.lastTurn().Heard)
				c.Same("interrupted", false, c.lastTurn().Interrupted)
				c.Same("news", []string{"speak: a failed, unavailable", "speak: b took over"}, provided(c.Notes))
				c.ask()
				c.AgentSaid(3)
				c.Same("in the history", reply, c.model.history()[2].Text)
			})
		})
	}
}

// TestACutSentenceCountsOnce lets voices fail here and there and the caller
// interrupt now and then: what was heard is a beginning of the reply, and all of
// it when nobody interrupts. media/player has the same at random.
func TestACutSentenceCountsOnce(t *testing.T) {
	t.Parallel()
	const reply = "We are open from nine. On Sunday we are closed."
	fails := func(sentence, after int) failover.Option[pipeline.Synthesizer] {
		return option[pipeline.Synthesizer]("fails", &declared.Voice{
			FirstAudio: 100 * ms, PerWord: 200 * ms, Speed: 1, Faults: declared.At(sentence, declared.Fault{After: after, Err: errBroken}),
		})
	}
	for i, voices := range [][]failover.Option[pipeline.Synthesizer]{
		{fails(0, 1)}, {fails(0, 4)}, {fails(1, 3)}, {fails(0, 3), fails(0, 5)}, {fails(0, 2), fails(1, 1)},
	} {
		for _, cut := range []time.Duration{300 * ms, 900 * ms, 1500 * ms, time.Minute} {
			t.Run(fmt.Sprintf("%d, interrupted after %v", i, cut), func(t *testing.T) {
				chorus := failover.NewSynthesizer(nil, append(voices[:len(voices):len(voices)],
					option[pipeline.Synthesizer]("works", &declared.Voice{PerWord: 200 * ms, Speed: 4}))...)
				converse(t, options{says: []string{"what are your opening hours", "wait stop"}, replies: []string{reply}, chorus: chorus}, func(c *call) {
					c.ask()
					c.Run(min(cut, 5*time.Second))
					if cut < time.Minute {
						c.Speak(800 * ms)
					}
					c.AgentSaid(2)
					got := c.Notes.Turns()[2]
					if !strings.HasPrefix(reply, got.Heard) || got.Interrupted != (cut < time.Minute) || !got.Interrupted && got.Heard != reply {
						t.Errorf("heard %q, interrupted %v", got.Heard, got.Interrupted)
					}
				})
			})
		}
	}
}

// cold is a provider that takes a while to warm.
type cold struct {
	pipeline.Model
	takes time.Duration
	err   error
}

func (c *cold) Warm(ctx context.Context) error {
	select {
	case <-time.After(c.takes):
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestProvidersWarmWhileThePhoneRings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		takes time.Duration
		err   error
		want  []string
	}{
		"in time":  {takes: 300 * ms},
		"fails":    {takes: 300 * ms, err: errBroken, want: []string{"think: not warm, " + errBroken.Error()}},
		"too slow": {takes: time.Hour, want: []string{"think: not warm, " + context.DeadlineExceeded.Error()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &cold{Model: &declared.Model{Reply: declared.Replies("Yes.")}, takes: tc.takes, err: tc.err}
				c := prepared(t, options{model: m})
				defer c.conv.Stop()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				began := time.Now()
				if err := c.conv.Prepare(ctx); err != nil {
					t.Fatal(err)
				}
				c.Same("the phone rings longer for it", time.Duration(0), time.Since(began))
				c.conv.Start()
				c.AgentSaid(1)
				c.Run(3 * time.Second)
				c.End(c.turn)
				c.Same("news", tc.want, provided(c.Notes))
			})
		})
	}
}

func TestStopEndsTheWarming(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &cold{Model: &declared.Model{}, takes: time.Hour}
		c := prepared(t, options{model: m})
		if err := c.conv.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.conv.Stop()
	})
}

func TestAModelKnowsTheTimeAndTheTokens(t *testing.T) {
	converse(t, options{
		says:  []string{"yes"},
		model: usage{Model: &declared.Model{FirstToken: 300 * ms, Reply: declared.Replies("Yes.", "No.")}, tokens: pipeline.Usage{InputTokens: 70, OutputTokens: 30}},
	}, func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.ask()
		c.AgentSaid(3)
		asked := c.model.asked()
		c.Same("tokens", []int{0, 100}, []int{asked[0].Tokens, asked[1].Tokens})
		if asked[0].Elapsed < time.Second || asked[1].Elapsed < asked[0].Elapsed+time.Second {
			c.Errorf("after %v and %v", asked[0].Elapsed, asked[1].Elapsed)
		}
	})
}

func TestWhenAllModelsFailThePolicyDecides(t *testing.T) {
	for name, tc := range map[string]struct {
		policy turn.OnFailure
		line   string
		want   pipeline.Outcome
	}{
		"goodbye":  {turn.OnFailure{Do: turn.Leave}, texts.Trouble, pipeline.Outcome{Reason: turn.EndProvider}},
		"hand-off": {turn.OnFailure{Do: turn.HandOver, Target: "desk"}, texts.HandOff, pipeline.Outcome{Reason: turn.EndRescue, Args: map[string]string{"target": "desk"}}},
	} {
		t.Run(name, func(t *testing.T) {
			down := declared.Every(declared.Fault{Err: errBroken})
			converse(t, options{
				cfg: pipeline.Config{Turn: turn.Config{OnFailure: tc.policy}}, says: []string{"what are your opening hours"},
				model: failover.NewModel(nil, option[pipeline.Model]("a", &declared.Model{Faults: down}), option[pipeline.Model]("b", &declared.Model{Faults: down})),
			}, func(c *call) {
				c.ask()
				c.Same("the end", tc.want, c.Outcome())
				c.Same("the last line", tc.line, c.lastTurn().Heard)
				c.Same("news", []string{"think: a failed, unavailable", "think: b failed, unavailable"}, provided(c.Notes))
			})
		})
	}
}

func TestACallWithoutAnyRecogniserIsAnsweredAndEnds(t *testing.T) {
	converse(t, options{recognizer: &declared.Recognizer{Opens: declared.Every(declared.Fault{Err: errBroken})}}, func(c *call) {
		c.Same("the end", pipeline.Outcome{Reason: turn.EndProvider}, c.Outcome())
		c.Same("the last line", texts.Trouble, c.lastTurn().Heard)
	})
}

// dear gives the providers prices: a unit for each of a million tokens and
// characters, and for a minute.
func dear(o options) options {
	p := cost.Price{InputPerMillion: 1, OutputPerMillion: 1, CharsPerMillion: 100, PerMinute: 0.06}
	o.model = cost.Model{Model: o.model, Name: "gpt", Price: p}
	o.chorus = cost.Synthesizer{Synthesizer: &declared.Voice{FirstAudio: 100 * ms, PerWord: 300 * ms, Speed: 4}, Name: "aura", Price: p}
	o.ears = cost.Recognizer{Recognizer: &declared.Recognizer{Final: 100 * ms, Says: declared.InTurn(o.says...)}, Name: "nova", Price: p}

	return o
}

func TestACallKnowsWhatItCost(t *testing.T) {
	converse(t, dear(options{
		says:  []string{"what are your opening hours"},
		model: usage{Model: &declared.Model{FirstToken: 300 * ms, Reply: declared.Replies("Nine to five.")}, tokens: pipeline.Usage{InputTokens: 900, OutputTokens: 100}},
	}), func(c *call) {
		c.ask()
		c.AgentSaid(2)
		c.conv.Stop()
		got := map[string]string{}
		for _, x := range c.conv.Charges() {
			got[string(x.Stage)+" "+x.Provider] = cost.Format(x.Cost)
		}
		heard := got["recognise nova"]
		delete(got, "recognise nova")
		c.Same("cost", map[string]string{"think gpt": "0.001", "speak aura": "0.0013"}, got)
		if heard < "0.0008" || heard > "0.0020" { // 0.8 s and the silence around it, at 0.001 a second
			c.Errorf("hearing cost %s", heard)
		}
	})
}

func TestASpentBudgetEndsTheCallAfterTheReply(t *testing.T) {
	o := dear(options{
		says:  []string{"what are your opening hours"},
		model: usage{Model: &declared.Model{FirstToken: 300 * ms, Reply: declared.Replies("From nine to five every day.")}, tokens: pipeline.Usage{InputTokens: 900, OutputTokens: 100}},
	})
	o.cfg.Budget = 2 * cost.Unit / 1000 // hearing costs about 0.0012
	converse(t, o, func(c *call) {
		c.ask()
		c.Same("the end", pipeline.Outcome{Reason: turn.EndBudget}, c.Outcome())
		c.Same("said", []string{texts.Greeting, "From nine to five every day.", texts.BudgetGoodbye}, c.Notes.Said(pipeline.Agent))
	})
}

// usage is a model that tells what it counted.
type usage struct {
	pipeline.Model
	tokens pipeline.Usage
}

func (u usage) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		for d, err := range u.Model.Generate(ctx, req) {
			if !yield(d, err) {
				return
			}
		}
		yield(pipeline.Delta{Usage: &u.tokens}, nil)
	}
}
