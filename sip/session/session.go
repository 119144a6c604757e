package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Refresher is the role, in one request and its response, of the side that
// refreshes the session.
type Refresher uint8

// The refreshers of RFC 4028 section 4.
const (
	Unset Refresher = iota
	UAC             // who sent the request
	UAS             // who answered it
)

// String is the parameter's value.
func (r Refresher) String() string {
	switch r {
	case UAC:
		return "uac"
	case UAS:
		return "uas"
	default:
		return ""
	}
}

// Expires is the value of a Session-Expires header.
type Expires struct {
	Interval  time.Duration // whole seconds; 0 means that the session does not expire
	Refresher Refresher
}

// String is the header's value.
func (e Expires) String() string {
	value := Seconds(e.Interval)
	if e.Refresher != Unset {
		value += ";refresher=" + e.Refresher.String()
	}

	return value
}

// Seconds is an interval as headers write it.
func Seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// LowestMinimum is the shortest Min-SE that RFC 4028 section 4 allows, and
// that of a request without the header.
const LowestMinimum = 90 * time.Second

// ErrMalformed says that a header is none of RFC 4028.
var ErrMalformed = errors.New("malformed session timer")

// ParseExpires reads the value of a Session-Expires header. Parameters that it
// does not know are skipped.
func ParseExpires(value string) (Expires, error) {
	seconds, params, _ := strings.Cut(value, ";")

	interval, err := parseSeconds(seconds)
	if err != nil {
		return Expires{}, err
	}

	e := Expires{Interval: interval}

	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "refresher") {
			continue
		}

		switch strings.ToLower(strings.TrimSpace(value)) {
		case "uac":
			e.Refresher = UAC
		case "uas":
			e.Refresher = UAS
		default:
			return Expires{}, fmt.Errorf("%w: refresher %q is neither uac nor uas", ErrMalformed, value)
		}
	}

	return e, nil
}

// ParseMinimum reads the value of a Min-SE header. Less than LowestMinimum
// counts as that.
func ParseMinimum(value string) (time.Duration, error) {
	seconds, _, _ := strings.Cut(value, ";")

	d, err := parseSeconds(seconds)

	return max(d, LowestMinimum), err
}

func parseSeconds(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no number of seconds below 2^32", ErrMalformed, text)
	}

	return time.Duration(n) * time.Second, nil
}

// Policy is what we want of sessions.
type Policy struct {
	Interval time.Duration // asked for; at least Minimum
	Minimum  time.Duration // the shortest that we take; at least LowestMinimum
}

// Request is what a request that may refresh a session says of timers.
type Request struct {
	Supported bool          // the sender knows session timers
	Expires   Expires       // zero when there is no Session-Expires
	Minimum   time.Duration // 0 when there is no Min-SE
}

// Reply answers a request (RFC 4028 section 9). It reports false when the
// session would be too short, for 422 with the policy's Minimum. The reply's
// Interval is 0 when the session does not expire.
func (p Policy) Reply(r Request) (Expires, bool) {
	minimum := max(r.Minimum, LowestMinimum)

	if r.Expires.Interval == 0 {
		if !r.Supported {
			return Expires{}, true
		}

		return Expires{Interval: max(p.Interval, minimum), Refresher: choose(r)}, true
	}

	if r.Expires.Interval < p.Minimum && r.Supported {
		return Expires{}, false
	}

	// Between what both sides bear, no longer than asked for.
	interval := max(min(r.Expires.Interval, p.Interval), minimum)

	return Expires{Interval: min(interval, max(r.Expires.Interval, minimum)), Refresher: choose(r)}, true
}

// choose is RFC 4028's table 2: the sender's wish counts, without one the
// sender refreshes, and one that knows no timers cannot.
func choose(r Request) Refresher {
	switch {
	case !r.Supported:
		return UAS
	case r.Expires.Refresher != Unset:
		return r.Expires.Refresher
	default:
		return UAC
	}
}

// Refresh is how long after a refresh the refresher sends the next one (RFC
// 4028 section 10).
func Refresh(interval time.Duration) time.Duration { return interval / 2 }

// GiveUp is how long after a refresh the other side waits for the next one
// before it ends the call: until the smaller of 32 s and a third of the
// interval before its end (RFC 4028 section 10).
func GiveUp(interval time.Duration) time.Duration {
	return interval - min(32*time.Second, interval/3)
}
