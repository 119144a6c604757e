package twilio

import (
	"context"
	"fmt"

	"trunkline/stir"
)

// Outgoing has the URLs that a carrier's API is given to place a call.
type Outgoing struct {
	Voice    string // that is asked for instructions when the call is answered
	Fallback string // that is asked when those are of no use
	Status   string // of the call's status callbacks
	AMD      string // that is told who answered; empty: the carrier is not to look
}

// Outgoing prepares a call that the carrier's API is to place. The caller tells
// the carrier's name of it with Placed, or ends it with Hangup when it could not
// be placed.
func (s *Server) Outgoing(account, to, from string) (*Call, Outgoing, error) {
	a := s.accounts[account]
	if a == nil {
		return nil, Outgoing{}, fmt.Errorf("twilio: there is no account %q", account)
	}
	s.mu.Lock()
	if s.full() {
		s.mu.Unlock()

		return nil, Outgoing{}, fmt.Errorf("twilio: no place for a call: %d are here, or the door is closing", s.Active())
	}
	c := newCall(s, a, Info{Account: a.Name, Carrier: a.Carrier, To: to, From: from, Attestation: stir.None})
	c.ours = true
	s.add(c)
	s.mu.Unlock()
	answer, err := a.words.stream(c.streaming())
	if err != nil {
		c.end(err)
		c.finish()

		return nil, Outgoing{}, err
	}
	c.decide(answer)
	query := "?call=" + c.key
	urls := Outgoing{Voice: a.url("voice", false) + query, Fallback: a.url("fallback", false) + query, Status: a.url("status", false) + query}
	if a.AMD {
		urls.AMD = a.url("amd", false) + query
	}

	return c, urls, nil
}

// Placed says what the carrier calls a call of ours.
func (c *Call) Placed(id string) { c.bind(id) }

// Named receives what the carrier calls a call of ours, once: from Placed, or
// sooner from a webhook.
func (c *Call) Named() <-chan string { return c.named }

// NotPlaced says that the carrier did not take a call of ours: nothing is to be
// ended there.
func (c *Call) NotPlaced(why error) {
	c.end(fmt.Errorf("%w: %w", ErrNotAnswered, why))
	c.finish()
}

// Audio waits for the audio of a call of ours, which comes when it is answered,
// and tells where the call is until then, each status once. When ctx ends first
// the call is over.
func (c *Call) Audio(ctx context.Context, told func(Status)) (*Leg, error) {
	for {
		select {
		case leg := <-c.legs:
			return leg, nil
		case s := <-c.statuses:
			told(s)
		case <-c.done:
			return nil, c.Cause()
		case <-ctx.Done():
			c.end(fmt.Errorf("%w: %w", ErrNotAnswered, context.Cause(ctx)))

			return nil, c.Cause()
		}
	}
}

// Machine receives what the carrier found out about who answered: human,
// machine_start, machine_end_beep, machine_end_silence, machine_end_other, fax
// or unknown.
func (c *Call) Machine() <-chan string { return c.machine }
