package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// FaultKind says in which way a provider failed. Whoever chooses the next
// provider decides by it.
type FaultKind string

// The kinds of a ProviderError.
const (
	Unavailable FaultKind = "unavailable"  // refused, cut, 5xx: another provider may do
	RateLimited FaultKind = "rate_limited" // too many requests or a spent quota: wait RetryAfter
	Slow        FaultKind = "slow"         // it did not answer in time
	Rejected    FaultKind = "rejected"     // the key or the request is wrong: asking again is no use
	Garbled     FaultKind = "garbled"      // it sent what its protocol does not allow
)

// ProviderError is the failure of a provider. Its text never holds a key, nor words
// of the call.
type ProviderError struct {
	Provider   string // such as "deepgram"
	Kind       FaultKind
	RetryAfter time.Duration // of RateLimited, when the provider told; else 0
	Err        error
}

// Error names the provider, the kind and the cause.
func (e *ProviderError) Error() string {
	return fmt.Sprintf("%s: %s: %v", e.Provider, e.Kind, e.Err)
}

// Unwrap gives the cause.
func (e *ProviderError) Unwrap() error { return e.Err }

// Fault tells how a provider failed. An error that does not say is Unavailable.
func Fault(err error) *ProviderError {
	var p *ProviderError
	if errors.As(err, &p) {
		return p
	}

	return &ProviderError{Provider: "provider", Kind: Unavailable, Err: err}
}
