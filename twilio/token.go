package twilio

import (
	"crypto/rand"
	"sync"
)

// tokens are what the sockets of calls must tell, each good once.
type tokens struct {
	mu    sync.Mutex
	calls map[string]*Call
}

// issue makes a token for a call.
func (t *tokens) issue(c *Call) string {
	token := rand.Text() // 26 characters, at least 128 bits
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[string]*Call{}
	}
	t.calls[token] = c

	return token
}

// claim finds the call of a token and, if fits accepts it, spends the token.
func (t *tokens) claim(token string, fits func(*Call) bool) (*Call, bool) {
	t.mu.Lock()
	c := t.calls[token]
	t.mu.Unlock()
	if c == nil || !fits(c) {
		return nil, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls[token] != c { // another socket was quicker
		return nil, false
	}
	delete(t.calls, token)

	return c, true
}

// revoke takes a token back, if it was not spent.
func (t *tokens) revoke(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, token)
}

// outstanding is how many tokens wait for their socket.
func (t *tokens) outstanding() int {
	t.mu.Lock()
	defer t.mu.Unlock()

	return len(t.calls)
}
