package twilio

import (
	"net/http"
	"slices"
	"time"

	"trunkline/twilio/signature"
)

// A guard tells whether a request comes from its account's carrier.
type guard interface {
	// webhook judges a request for instructions, and a callback.
	webhook(r *http.Request, signed *signature.Request) bool
	// socket judges the request that opens a socket. The token in the stream's
	// first message is asked for besides.
	socket(r *http.Request, signed *signature.Request) bool
}

// guards are those of an account for each URL that its carrier was given; one
// is enough.
type guards []guard

func (g guards) webhook(r *http.Request, signed *signature.Request) bool {
	return slices.ContainsFunc(g, func(g guard) bool { return g.webhook(r, signed) })
}

func (g guards) socket(r *http.Request, signed *signature.Request) bool {
	return slices.ContainsFunc(g, func(g guard) bool { return g.socket(r, signed) })
}

// newGuards makes an account's for some public URLs, each once.
func newGuards(bases []string, a *Account) (guard, error) {
	var all guards
	for i, base := range bases {
		if slices.Contains(bases[:i], base) {
			continue
		}
		g, err := newGuard(base, a)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}

	return all, nil
}

// newGuard makes an account's for one public URL.
func newGuard(base string, a *Account) (guard, error) {
	switch a.Carrier {
	case "telnyx":
		v, err := signature.NewTelnyx(a.Tokens...)

		return tokenGuard(func(r *http.Request, signed *signature.Request) bool {
			return v.Valid(signed, r.Header.Get, time.Now())
		}), err
	case "plivo":
		v, err := signature.NewPlivo(base, a.Tokens...)

		return tokenGuard(func(r *http.Request, signed *signature.Request) bool {
			return v.Valid(signed, r.Header.Get)
		}), err
	case "vonage":
		v, err := signature.NewVonage(a.Tokens...)

		return tokenGuard(func(r *http.Request, signed *signature.Request) bool {
			return v.Valid(signed, r.Header.Get, time.Now())
		}), err
	case "exotel":
		v, err := signature.NewBasic(a.Tokens...)

		return tokenGuard(func(r *http.Request, _ *signature.Request) bool {
			return v.Valid(r.Header.Get)
		}), err
	case "signalwire":
		v, err := signature.NewTwilio(base, a.Tokens...)

		return tokenGuard(func(r *http.Request, signed *signature.Request) bool {
			return v.Valid(signed, r.Header.Get("X-Signalwire-Signature")) || v.Valid(signed, r.Header.Get(signature.TwilioHeader))
		}), err
	default:
		v, err := signature.NewTwilio(base, a.Tokens...)

		return twilioGuard{v}, err
	}
}

// twilioGuard believes Twilio's signatures, of sockets too.
type twilioGuard struct{ *signature.Twilio }

func (g twilioGuard) webhook(r *http.Request, signed *signature.Request) bool {
	return g.Valid(signed, r.Header.Get(signature.TwilioHeader))
}

func (g twilioGuard) socket(r *http.Request, signed *signature.Request) bool {
	return g.webhook(r, signed)
}

// tokenGuard is for a carrier that signs its webhooks and not its sockets:
// whose those are is told by the token alone.
type tokenGuard func(r *http.Request, signed *signature.Request) bool

func (g tokenGuard) webhook(r *http.Request, signed *signature.Request) bool { return g(r, signed) }
func (tokenGuard) socket(*http.Request, *signature.Request) bool             { return true }

// borne reports whether a carrier that sends the stream's token in a header of
// the socket's request as well sent this one.
func (c *carrier) borne(r *http.Request, token string) bool {
	if t := r.Header.Get("X-Telnyx-Streaming-Auth-Token"); t != "" {
		return t == token
	}

	return !c.bears || r.Header.Get("Authorization") == "Bearer "+token
}
