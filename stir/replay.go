package stir

import (
	"strings"
	"sync"
	"time"
)

// replaysKept bounds the memory of identities: some 10 MB. It covers 1,500
// calls a second for as long as an identity is fresh.
const replaysKept = 100_000

// replays remembers the identities of the last two Freshnesses, in which one
// could be sent again.
type replays struct {
	mu    sync.Mutex
	young map[string]struct{} // since turned
	old   map[string]struct{}
	since time.Time
}

func newReplays() *replays { return &replays{young: make(map[string]struct{})} }

// first reports whether an identity was not seen before.
func (r *replays) first(id *identity, now time.Time) bool {
	c := &id.claims
	key := strings.Join([]string{c.OrigID, c.Orig.TN, strings.Join(c.Dest.TN, ","), time.Unix(c.IssuedAt, 0).UTC().String()}, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.since) >= 2*Freshness || len(r.young) >= replaysKept/2 {
		r.old, r.young, r.since = r.young, make(map[string]struct{}), now
	}
	_, recent := r.young[key]
	_, before := r.old[key]
	if recent || before {
		return false
	}
	r.young[key] = struct{}{}

	return true
}
