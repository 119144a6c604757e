package call

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
)

// hybrid is a telephone network that sends the agent's voice back to it.
type hybrid struct {
	*fakeLeg

	delay int     // frames
	gain  float64 // of the echo
	sent  []media.Frame
}

func (h *hybrid) Write(f *media.Frame) bool {
	h.sent = append(h.sent, *f)

	return h.fakeLeg.Write(f)
}

func (h *hybrid) Read(f *media.Frame) media.Inbound {
	in := h.fakeLeg.Read(f)
	if n := len(h.sent) - h.delay; n >= 0 {
		for i, v := range h.sent[n] {
			f[i] += int16(h.gain * float64(v))
		}
	}
	var packet [media.FrameSamples]byte
	g711.PCMU.Encode(packet[:], f[:])
	g711.PCMU.Decode(f[:], packet[:])

	return in
}

// voice speaks with recordings: each text by another line of a caller's
// second voice.
func voice() *declared.Voice {
	lines := [][]int16{
		recorded("awb-what-are-your-opening-hours"), recorded("awb-i-would-like-to-book-an-appointment"),
		recorded("awb-on-monday-at-nine-in-the-morning"), recorded("awb-my-name-is-mary-jones"),
	}

	return &declared.Voice{FirstAudio: 50 * time.Millisecond, Speed: 4, Speech: func(text string) []int16 {
		return lines[len(text)%len(lines)]
	}}
}

// TestTheAgentDoesNotHearItself holds a call whose line echoes the agent after
// 200 ms, 12 dB down: twenty sentences go by without an onset of speech, and
// then the caller interrupts at once.
func TestTheAgentDoesNotHearItself(t *testing.T) {
	const story = "It was the first day. Then the second one came. A third day was there. And so it went on and on. " +
		"The fifth was like the first. Nobody knew the sixth one. Seven days are a week. The eighth begins it again. " +
		"Nine is enough. Ten is too much of it. Eleven nobody wants. Twelve is a dozen days. " +
		"What came then was more. A whole month of days. Then another month. It was a long year. " +
		"And the next was longer. So the story ends. But it goes on. It always goes on. And on."
	inBubble(t, options{
		recogniser: &declared.Recognizer{FirstPartial: 100 * time.Millisecond, PartialEvery: 80 * time.Millisecond, Final: 100 * time.Millisecond, Says: func(n int) string {
			if n == 0 {
				return "yes please tell me"
			}

			return "wait stop I have a question"
		}},
		model: &declared.Model{FirstToken: 100 * time.Millisecond, TokensPerSecond: 50, Reply: declared.Replies(story, "All right.")},
		voice: voice(),
	}, func(r *rig) {
		lines, err := pipeline.PrepareLines(r.Context(), voice(), texts)
		if err != nil {
			r.Fatal(err)
		}
		r.providers().Lines = lines
		line := &hybrid{fakeLeg: r.leg, delay: 10, gain: math.Pow(10, -12.0/20)}
		r.door = newFakeDoor(line)
		r.talk()
		r.agentTurns(1)
		r.leg.say(yes())
		time.Sleep(30 * time.Second)
		if onsets := r.onsets(); len(onsets) != 1 {
			r.Errorf("speech began at %v: want the caller's answer and no echo", onsets)
		}
		if since := time.Since(r.leg.audible()); since > time.Second {
			r.Fatalf("the agent has been silent for %v: want it to speak still", since)
		}
		spoke := time.Now()
		r.leg.say(recorded("wait-stop"))
		r.until("an interruption", func() bool { return time.Since(r.leg.audible()) > 500*time.Millisecond })
		// The recording begins with 100 ms of silence and a soft w: on a line
		// without an echo it takes 305 ms. Under the echo, which is 15 dB
		// louder than the w, it may take two frames more.
		if paused := r.leg.audible().Sub(spoke); paused > 345*time.Millisecond {
			r.Errorf("the agent went on for %v, want a pause within two frames of that without an echo", paused)
		}
		r.until("the cut turn", func() bool {
			for _, turn := range r.journal.turns() {
				if turn.Interrupted {
					return true
				}
			}

			return false
		})
		r.door.end(CallerHangup)
		m := r.end().Media
		if d := m.EchoDelayMS - 200; d < -5 || d > 45 || math.Abs(m.EchoLossDB-12) > 2 {
			r.Errorf("the record has an echo after %.0f ms, %.1f dB down, want 200 ms and 12 dB", m.EchoDelayMS, m.EchoLossDB)
		}
	})
}

// onsets are when the caller was taken to begin to speak.
func (r *rig) onsets() (at []time.Duration) {
	r.Helper()
	for _, e := range r.journal.events() {
		var step StepData
		if err := json.Unmarshal(e.Data, &step); err != nil {
			r.Fatal(err)
		}
		if step.Event.Kind == turn.SpeechOnset {
			at = append(at, e.At)
		}
	}

	return at
}
