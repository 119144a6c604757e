package twilio

import (
	"net/http"

	"trunkline/twilio/signature"
)

// A guard tells whether a request comes from its account's carrier.
type guard interface {
	webhook(r *http.Request, signed *signature.Request) bool
	// socket judges the request that opens a socket. The token in the stream's
	// first message is asked for besides.
	socket(r *http.Request, signed *signature.Request) bool
}

// newGuard makes an account's.
func newGuard(base string, a *Account) (guard, error) {
	v, err := signature.NewTwilio(base, a.Tokens...)

	return twilioGuard{v}, err
}

// twilioGuard believes Twilio's signatures.
type twilioGuard struct{ *signature.Twilio }

func (g twilioGuard) webhook(r *http.Request, signed *signature.Request) bool {
	return g.Valid(signed, r.Header.Get(signature.TwilioHeader))
}

func (g twilioGuard) socket(r *http.Request, signed *signature.Request) bool {
	return g.webhook(r, signed)
}
