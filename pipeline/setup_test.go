package pipeline_test

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/turn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

var texts = pipelinetest.Texts

// options are what a test chooses of a call; zero fields take plain values.
type options struct {
	cfg        pipeline.Config
	says       []string // the caller, talkspurt by talkspurt
	recognizer *declared.Recognizer
	replies    []string // by the caller's turns
	model      pipeline.Model
	voice      *declared.Voice
	ears       pipeline.Recognizer  // in place of recognizer
	chorus     pipeline.Synthesizer // in place of voice
	languages  []pipeline.Language
}

// call is one call of a conversation that a test chooses.
type call struct {
	*pipelinetest.Call

	conv  *pipeline.Conversation
	turn  turn.Config
	model *overheard
}

// overheard is a model whose requests the test sees.
type overheard struct {
	pipeline.Model
	mu       sync.Mutex
	requests []pipeline.Request
}

func (o *overheard) Generate(ctx context.Context, r pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, r)

	return o.Model.Generate(ctx, r)
}

// Warm warms the model, if it can be.
func (o *overheard) Warm(ctx context.Context) error {
	if w, ok := o.Model.(pipeline.Warmer); ok {
		return w.Warm(ctx)
	}

	return nil
}

func (o *overheard) asked() []pipeline.Request {
	o.mu.Lock()
	defer o.mu.Unlock()

	return slices.Clone(o.requests)
}

// history is what the latest reply was made from.
func (o *overheard) history() []pipeline.Message {
	all := o.asked()
	if len(all) == 0 {
		return nil
	}

	return all[len(all)-1].History
}

// speech is a text's audio: 300 ms a word.
func speech(text string) []int16 { return pipelinetest.Speech(text, 2400) }

// fixed is the voice of the fixed lines.
var fixed = &declared.Voice{Speech: speech}

// prepared is a call before the answer.
func prepared(t *testing.T, o options) *call {
	t.Helper()
	if o.recognizer == nil {
		o.recognizer = &declared.Recognizer{}
	}
	r := o.recognizer
	if r.Says == nil {
		r.FirstPartial, r.PartialEvery, r.Final = 160*ms, 100*ms, 100*ms
		r.Says = declared.InTurn(o.says...)
	}
	if o.voice == nil {
		o.voice = &declared.Voice{FirstAudio: 150 * ms, Speed: 4}
	}
	if o.voice.Speech == nil {
		o.voice.Speech = speech
	}
	if o.model == nil {
		o.model = &declared.Model{FirstToken: 300 * ms, TokensPerSecond: 50, Reply: declared.Replies(o.replies...)}
	}
	lines := pipelinetest.Lines(t, fixed, &o.cfg)
	c := &call{Call: pipelinetest.New(t), turn: o.cfg.Turn, model: &overheard{Model: o.model}}
	with := pipeline.Providers{Recognizer: r, Model: c.model, Synthesizer: o.voice, Lines: lines, Languages: o.languages}
	if o.ears != nil {
		with.Recognizer = o.ears
	}
	if o.chorus != nil {
		with.Synthesizer = o.chorus
	}
	c.conv = pipeline.NewConversation(o.cfg, with, c.Player, c.Notes)
	c.Connect(c.conv)

	return c
}

// converse runs a conversation in virtual time, from the answer to the end of
// the call, and then replays its log.
func converse(t *testing.T, o options, during func(c *call)) {
	t.Helper()
	t.Parallel()
	converseNow(t, o, during)
}

// converseNow is converse for a test that waits for it.
func converseNow(t *testing.T, o options, during func(c *call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := prepared(t, o)
		defer c.conv.Stop()
		if err := c.conv.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.conv.Start()
		during(c)
		c.End(c.turn)
	})
}

// audible lets time pass until the caller hears the agent.
func (c *call) audible() {
	c.Helper()
	c.Until("sound", func() bool { return !c.Phone.Silent() })
}

func (c *call) lastTurn() pipeline.Turn {
	all := c.Notes.Turns()

	return all[len(all)-1]
}
