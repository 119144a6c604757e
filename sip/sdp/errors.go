package sdp

import (
	"errors"
	"fmt"
)

// ErrMalformed says that a body is not a session description, or that it
// lacks what RFC 4566 demands. A request that carried it is answered with 400.
var ErrMalformed = errors.New("malformed session description")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// NotAcceptableError says that a well-formed description offers nothing that
// we can use. A request that carried it is answered with 488, and Warning and
// Reason make its Warning header (RFC 3261 section 20.43).
type NotAcceptableError struct {
	Warning int    // warn-code, 300 to 399
	Reason  string // what is wrong, in a few words
}

// Error tells the reason.
func (e *NotAcceptableError) Error() string {
	return "session description not acceptable: " + e.Reason
}

// Warn-codes of RFC 3261 section 20.43.
const (
	warnNetworkAddress = 301
	warnTransport      = 302
	warnMediaType      = 304
	warnMediaFormat    = 305
)
