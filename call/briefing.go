package call

import (
	"context"
	"log/slog"
	"math"
	"strings"
	"sync"

	"trunkline/call/transfer"
	"trunkline/media"
	"trunkline/pipeline/spoken"
)

// brief tells the person who waits. A voice that fails costs the briefing, not
// the transfer.
func (c *call) brief() {
	h := c.hand
	c.work.Go(func() {
		var samples []int16
		select {
		case samples = <-h.audio:
		case <-h.ctx.Done():
		}
		if len(samples) == 0 {
			h.tell(transfer.Event{Kind: transfer.Briefed})

			return
		}
		h.told.Add(1, "").Share(samples, nil)
		h.told.Seal(1)
	})
}

// briefing is what the person is told.
func (c *call) briefing() string {
	vars := map[string]string{"caller": string(c.rec.From), "called": string(c.rec.To)}
	if c.out != nil {
		vars["caller"], vars["called"] = vars["called"], vars["caller"]
		for name, value := range c.out.order.Vars {
			vars[name] = value
		}
	}
	vars["agent"], vars["said"] = c.agent.Name, c.notes.saidLast()
	text := c.hand.target.Briefing
	for name, value := range vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}

	return text
}

// speak is text as audio; none when the voice fails.
func (c *call) speak(ctx context.Context, text string) (samples []int16) {
	if text == "" || c.agent.Providers.Synthesizer == nil {
		return nil
	}
	text = spoken.One(c.agent.Conversation.Language, text).Spoken()
	for s, err := range c.agent.Providers.Synthesizer.Synthesize(ctx, text) {
		if err != nil {
			c.log.Warn("the briefing cannot be spoken", slog.Any("error", err))

			return nil
		}
		samples = append(samples, s.Samples...)
	}

	return samples
}

// ringback is what the caller hears while the person's telephone rings: 440
// and 480 Hz for 2 s of every 6 s, for as long as any target may ring.
var ringback = sync.OnceValue(func() []int16 {
	out := make([]int16, media.SamplesIn(LongestRing))
	for i := range out {
		at := float64(i) / media.SampleRate
		if math.Mod(at, 6) < 2 {
			out[i] = int16(1200*math.Sin(2*math.Pi*440*at) + 1200*math.Sin(2*math.Pi*480*at))
		}
	}

	return out
})
