package vendortest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Script is what happens at a server, request after request: the Replies that
// it gives, and what it was Asked.
type Script[Reply, Asked any] struct {
	mu      sync.Mutex
	replies []Reply
	asked   []Asked
	gone    chan struct{}
}

// NewScript makes a Script in which nothing happens yet.
func NewScript[Reply, Asked any]() *Script[Reply, Asked] {
	return &Script[Reply, Asked]{gone: make(chan struct{}, 1024)}
}

// Say sets the replies to the next requests; the last one stays.
func (s *Script[Reply, Asked]) Say(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = replies
}

// Next is the reply to the next request, which stays it.
func (s *Script[Reply, Asked]) Next() (r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) > 0 {
		r = s.replies[0]
	}

	return r
}

// Take notes a request and gives the reply to it.
func (s *Script[Reply, Asked]) Take(a Asked) (r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, a)
	if len(s.replies) > 0 {
		r = s.replies[0]
	}
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}

	return r
}

// Asked gives the requests so far.
func (s *Script[Reply, Asked]) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.asked)
}

// Left notes that the client left an answer that was not at its end.
func (s *Script[Reply, Asked]) Left() { s.gone <- struct{}{} }

// Gone receives once for each answer that the client left.
func (s *Script[Reply, Asked]) Gone() <-chan struct{} { return s.gone }

// RetryAfter has a refusal say when to ask again, in whole seconds; 0: it does
// not say.
func RetryAfter(w http.ResponseWriter, d time.Duration) {
	if d > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(d.Seconds())))
	}
}
