package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media/dtmf"
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

// Capture has the caller of one conversation key in what nobody else may know,
// such as the number of a card. Meanwhile the caller is not heard: nothing
// reaches the recogniser, the machine, the records or the recording (Mask), and
// the keys go to the one who asks and nowhere else.
type Capture struct {
	Mask func(on bool) // Config.Mask; nil: nobody keeps anything

	asking sync.Mutex                // one tool asks at a time
	keys   atomic.Pointer[chan byte] // nil: nothing is captured
}

// On says whether nothing of the caller's is to be heard now.
func (s *Capture) On() bool { return s.keys.Load() != nil }

// Key takes a key, and never waits. It is not taken while nothing is captured,
// and lost when nobody has taken the ones before.
func (s *Capture) Key(k byte) (taken, lost bool) {
	keys := s.keys.Load()
	if keys == nil {
		return false, false
	}
	select {
	case *keys <- k:
		return true, false
	default:
		return true, true
	}
}

// Ask has one value after another keyed in. say has an Ask's text said.
func (s *Capture) Ask(ctx context.Context, asks []Ask, say func(text string)) ([]string, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	keys := make(chan byte, secretKeys)
	s.keys.Store(&keys)
	s.mask(true)
	defer func() {
		s.mask(false)
		s.keys.Store(nil)
	}()
	values := make([]string, 0, len(asks))
	for _, a := range asks {
		v, err := askOne(ctx, a, say, keys)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}

	return values, nil
}

func (s *Capture) mask(on bool) {
	if s.Mask != nil {
		s.Mask(on)
	}
}

// askOne asks for one value until it can be right.
func askOne(ctx context.Context, a Ask, say func(text string), keys <-chan byte) (string, error) {
	for range asksAgain {
		say(a.Text)
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
