package pipeline_test

import (
	"context"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/pipelinetest"
)

// ready is a conversation that nobody starts: its queue fills and drops, as it
// may on the tick goroutine.
func ready(tb testing.TB) *pipeline.Conversation {
	tb.Helper()
	conv := pipeline.NewConversation(pipeline.Config{}, pipeline.Providers{
		Recognizer: &declared.Recognizer{}, Model: &declared.Model{}, Synthesizer: &declared.Voice{},
	}, player.New(player.Options{}), &pipelinetest.Notes{})
	if err := conv.Prepare(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(conv.Stop)

	return conv
}

// talk is a caller who talks for 2 s and is silent for 1 s, in turn.
func talk() (frames [150]media.Frame) {
	for i := range frames[:100] {
		for j := range frames[i] {
			frames[i][j] = int16(3000 - 6000*(j%2))
		}
	}

	return frames
}

// TestTheTickGoroutineDoesNotAllocate runs serially: it counts allocations.
func TestTheTickGoroutineDoesNotAllocate(t *testing.T) {
	conv := ready(t)
	frames := talk()
	in := media.Inbound{Kind: media.Received, Arrived: time.Now()}
	if n := testing.AllocsPerRun(20, func() {
		for i := range 99 { // one talkspurt, without the recogniser's share of its ends
			conv.Hear(&frames[i], in, true)
		}
	}); n != 0 {
		t.Errorf("Hear allocates %v times in two seconds of speech", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		conv.Key(media.Digit{Key: '5'})
		conv.Forget()
	}); n != 0 {
		t.Errorf("Key allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { conv.Played(player.Event{Kind: player.Started, Utterance: 1}) }); n != 0 {
		t.Errorf("Played allocates %v times", n)
	}
	if conv.Lost() == 0 {
		t.Error("the queue has no bound")
	}
}

func BenchmarkHear(b *testing.B) {
	conv := ready(b)
	frames := talk()
	in := media.Inbound{Kind: media.Received, Arrived: time.Now()}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := i % len(frames)
		conv.Hear(&frames[f], in, f < 100)
	}
}
