package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Kind says what an error means for a call.
type Kind uint8

// The kinds of errors.
const (
	Refused      Kind = iota + 1 // the request is wrong in a way that has no kind of its own
	BadNumber                    // the number called is none, or cannot be reached
	BadCaller                    // the caller's number is not the account's
	Forbidden                    // the account may not call this number or this country
	Unauthorised                 // the credentials are wrong, or the account is closed
	Overloaded                   // too many calls or requests at once, for now
	NotFound                     // there is no such call
	NotRunning                   // the call is not in progress
	Unknown                      // nobody can say whether the request was carried out
	Unavailable                  // Twilio could not be reached; nothing was carried out
)

// Error is a failed request.
type Error struct {
	Kind   Kind
	Code   int // Twilio's; 0 where there is none
	Status int // HTTP status; 0 where there is none
	err    error
}

// Error implements error. It holds no secret and no number: the texts are
// ours.
func (e *Error) Error() string {
	text := e.Kind.Plain()
	if e.Code != 0 {
		return fmt.Sprintf("%s (Twilio error %d)", text, e.Code)
	}
	if e.Status != 0 {
		return fmt.Sprintf("%s (HTTP status %d)", text, e.Status)
	}

	return text
}

// Unwrap gives the cause, which may name the URL of the request.
func (e *Error) Unwrap() error { return e.err }

// Plain says in words what the kind means and what to do.
func (k Kind) Plain() string {
	switch k {
	case BadNumber:
		return "Twilio cannot call this number: check its country code and its digits"
	case BadCaller:
		return "the caller's number is not one of the Twilio account's: buy or verify it (twilio.accounts.numbers)"
	case Forbidden:
		return "the Twilio account may not call this number: check its geographic permissions and blocked numbers"
	case Unauthorised:
		return "Twilio does not accept the account's credentials, or has closed the account"
	case Overloaded:
		return "Twilio takes no more calls or requests of this account for now"
	case NotFound:
		return "Twilio knows no such call"
	case NotRunning:
		return "the call is not in progress at Twilio"
	case Unknown:
		return "Twilio did not say whether it carried the request out"
	case Unavailable:
		return "Twilio could not be reached"
	default:
		return "Twilio refused the request"
	}
}

// kinds are the kinds of Twilio's error codes
// (https://www.twilio.com/docs/api/errors).
var kinds = map[int]Kind{
	10001: Unauthorised, // account is not active
	10004: Overloaded,   // call concurrency limit exceeded
	13223: BadNumber,    // Dial: invalid phone number format
	13224: BadNumber,    // Dial: invalid phone number
	13225: Forbidden,    // Dial: forbidden phone number
	20003: Unauthorised, // authenticate
	20005: Unauthorised, // account not active
	20404: NotFound,     // the resource was not found
	20429: Overloaded,   // too many requests
	21201: BadNumber,    // no To number
	21203: Forbidden,    // international calling not enabled
	21205: Refused,      // invalid URL
	21210: BadCaller,    // From not verified
	21211: BadNumber,    // invalid To
	21212: BadCaller,    // invalid From
	21213: BadCaller,    // From is required
	21214: BadNumber,    // To cannot be reached
	21215: Forbidden,    // geographic permission
	21216: Forbidden,    // blocked number
	21217: BadNumber,    // does not appear to be valid
	21219: Forbidden,    // To not verified (trial account)
	21220: NotRunning,   // the call is not in progress
	21224: BadNumber,    // invalid To
	22005: Overloaded,   // queue full
	32205: Forbidden,    // geographic permission, SIP
}

// fromAPI turns what came of a request into an *Error.
func fromAPI(err error) *Error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	return &Error{Kind: Unknown, err: err} // the answer could not be read
}

func kindOf(code, status int) Kind {
	if k, ok := kinds[code]; ok {
		return k
	}

	return kindOfStatus(status)
}

func kindOfStatus(status int) Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return Overloaded
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Unauthorised
	case status == http.StatusNotFound:
		return NotFound
	case status >= 500:
		return Unknown
	default:
		return Refused
	}
}

// kindOfError is an error's kind; Unknown for an error of others.
func kindOfError(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}

	return Unknown
}

// ErrStale says that a call could not leave before it expired.
var ErrStale = errors.New("the call could not leave in time")

// refusal is the error of an answer that is no success.
func refusal(status int, content []byte) *Error {
	var body struct {
		Code int `json:"code"`
	}
	if err := json.Unmarshal(content, &body); err != nil || body.Code == 0 {
		return &Error{Kind: kindOfStatus(status), Status: status}
	}

	return &Error{Kind: kindOf(body.Code, status), Code: body.Code, Status: status}
}
