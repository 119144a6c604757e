package pipeline

import (
	"math"
	"time"

	"trunkline/media"
)

// HoldTone is a sound to wait with: a soft note each two seconds, at -38 dBov.
func HoldTone() []int16 {
	const hertz, peak = 440, 580
	loop := make([]int16, media.SamplesIn(2*time.Second))
	note := int(media.SamplesIn(400 * time.Millisecond))
	for i := range note {
		swell := math.Sin(math.Pi * float64(i) / float64(note))
		loop[i] = int16(math.Round(peak * swell * swell * math.Sin(2*math.Pi*hertz*float64(i)/media.SampleRate)))
	}

	return loop
}

// waits tells whether the reply waits for a tool.
func (c *Conversation) waits() bool {
	if c.speaking == nil {
		return false
	}
	for _, r := range c.speaking.rounds {
		for i := range r.calls {
			if r.result[i].ID == "" {
				return true
			}
		}
	}

	return false
}

// hold begins the hold sound once the caller was told that a tool takes a
// while.
func (c *Conversation) hold() {
	if c.cfg.HoldSound != nil && c.waits() {
		c.holding = true
		c.player.Wait(c.cfg.HoldSound)
	}
}

// unhold ends it when no tool is waited for any more.
func (c *Conversation) unhold() {
	if c.holding && !c.waits() {
		c.holding = false
		c.player.Wait(nil)
	}
}
