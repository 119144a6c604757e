package dtmf

import (
	"strings"
	"time"
)

// Rules say which keys make an entry.
type Rules struct {
	Min, Max   int           // keys in an entry; Max 0 means 32
	Terminator string        // keys that end the entry and are not part of it, such as "#"
	Erase      string        // keys that begin the entry anew, such as "*"
	First      time.Duration // wait for the first key; 0 means 10 s
	Between    time.Duration // wait for each further key; 0 means 3 s
}

// Why says what ended an entry.
type Why uint8

// The ends of an entry.
const (
	Running    Why = iota // it has not ended
	Terminated            // a terminator was pressed
	Full                  // it has as many keys as may be
	TimedOut              // no further key came in time
)

// Entry is what was collected.
type Entry struct {
	Keys     string
	Why      Why
	Complete bool // it has the Min keys
}

// Collector puts keys together to an entry, such as an account number. It has
// no clock: events bring their time, and whoever runs it wakes it at its
// Deadline.
type Collector struct {
	rules    Rules
	keys     [32]byte
	count    int
	deadline time.Time
	why      Why
}

// NewCollector begins an entry at now.
func NewCollector(r Rules, now time.Time) *Collector {
	c := &Collector{rules: r}
	if r.Max <= 0 || r.Max > len(c.keys) {
		c.rules.Max = len(c.keys)
	}
	if r.First == 0 {
		c.rules.First = 10 * time.Second
	}
	if r.Between == 0 {
		c.rules.Between = 3 * time.Second
	}
	c.deadline = now.Add(c.rules.First)
	return c
}

// Key takes a key pressed at now. What is no key is ignored, and so is
// everything after the end.
func (c *Collector) Key(key byte, now time.Time) Entry {
	c.Expire(now)
	switch {
	case c.why != Running || !IsKey(key):
	case strings.IndexByte(c.rules.Terminator, key) >= 0:
		c.why = Terminated
	case strings.IndexByte(c.rules.Erase, key) >= 0:
		c.count = 0
		c.deadline = now.Add(c.rules.First)
	default:
		c.keys[c.count] = key
		c.count++
		c.deadline = now.Add(c.rules.Between)
		if c.count == c.rules.Max {
			c.why = Full
		}
	}
	return c.Entry()
}

// Expire ends the entry when its deadline has come.
func (c *Collector) Expire(now time.Time) Entry {
	if c.why == Running && !now.Before(c.deadline) {
		c.why = TimedOut
	}
	return c.Entry()
}

// Deadline is when the entry ends if no key comes.
func (c *Collector) Deadline() time.Time { return c.deadline }

// Entry is what was collected so far.
func (c *Collector) Entry() Entry {
	return Entry{Keys: string(c.keys[:c.count]), Why: c.why, Complete: c.count >= c.rules.Min}
}
