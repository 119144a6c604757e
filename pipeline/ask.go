package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/media/dtmf"
	"trunkline/pipeline/turn"
)

// Ask asks the caller for keys.
type Ask struct {
	Text  string // one of the agent's prepared lines
	Rules dtmf.Rules
	// Valid says whether what was keyed in can be right; nil: all that has
	// enough keys. What cannot is asked for again.
	Valid func(keys string) bool
}

// asksAgain is how often the same is asked before it is given up.
const asksAgain = 3

// ErrNoKeys says that the caller did not key in what was asked for.
var ErrNoKeys = errors.New("the caller did not key it in")

// secretKeys bounds the keys that nobody has taken yet.
const secretKeys = 64

// ask has the caller key in what nobody else may know, such as the number of a
// card: one value after another. Meanwhile the caller is not heard: nothing
// reaches the recogniser, the machine, the records or the recording
// (Config.Mask), and the keys go to the one who asks and nowhere else.
func (c *Conversation) ask(ctx context.Context, utterance int, call ToolCall, asks []Ask) ([]string, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	// A tool that changes something outlives its reply, but asks nobody once
	// the call is over.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errOver) })()
	keys := make(chan byte, secretKeys)
	c.secret.Store(&keys)
	c.mask(true)
	defer func() {
		c.mask(false)
		c.secret.Store(nil)
	}()
	values := make([]string, 0, len(asks))
	for _, a := range asks {
		v, err := c.askOne(ctx, utterance, call, a, keys)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}

	return values, nil
}

func (c *Conversation) mask(on bool) {
	if c.cfg.Mask != nil {
		c.cfg.Mask(on)
	}
}

// askOne asks for one value until it can be right.
func (c *Conversation) askOne(ctx context.Context, utterance int, call ToolCall, a Ask, keys <-chan byte) (string, error) {
	for range asksAgain {
		c.give(message{
			kind: isAsk, at: time.Now(), ask: a.Text,
			event: turn.Event{Kind: turn.ToolAsked, Utterance: utterance, Tool: call.Name, Call: call.ID},
		})
		entry, err := collect(ctx, a.Rules, keys)
		if err != nil {
			return "", err
		}
		if entry.Complete && (a.Valid == nil || a.Valid(entry.Keys)) {
			return entry.Keys, nil
		}
		if entry.Why == dtmf.TimedOut && entry.Keys == "" {
			break // the caller does not want to, or cannot
		}
	}

	return "", ErrNoKeys
}

// collect puts keys together until the entry ends.
func collect(ctx context.Context, rules dtmf.Rules, keys <-chan byte) (dtmf.Entry, error) {
	entry := dtmf.NewCollector(rules, time.Now())
	for {
		wait := time.NewTimer(time.Until(entry.Deadline()))
		var got dtmf.Entry
		select {
		case k := <-keys:
			got = entry.Key(k, time.Now())
		case now := <-wait.C:
			got = entry.Expire(now)
		case <-ctx.Done():
			wait.Stop()

			return dtmf.Entry{}, fmt.Errorf("ask for keys: %w", context.Cause(ctx))
		}
		wait.Stop()
		if got.Why != dtmf.Running {
			return got, nil
		}
	}
}
