package transfer

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrMalformed says that a header or body is none of those it should be.
var ErrMalformed = errors.New("malformed")

// Replaces names a dialog that an INVITE takes the place of, as the receiver
// of that INVITE knows it (RFC 3891 section 3).
type Replaces struct {
	CallID    string
	ToTag     string // the receiver's own tag
	FromTag   string // the tag of whom it talks to
	EarlyOnly bool   // only while the dialog is not answered
}

// String is the header's value.
func (r Replaces) String() string {
	value := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		value += ";early-only"
	}

	return value
}

// ParseReplaces reads the value of a Replaces header. Each tag must be there
// once.
func ParseReplaces(value string) (Replaces, error) {
	id, params, _ := strings.Cut(value, ";")
	r := Replaces{CallID: strings.TrimSpace(id)}

	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		value = strings.TrimSpace(value)

		var tag *string

		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to-tag":
			tag = &r.ToTag
		case "from-tag":
			tag = &r.FromTag
		case "early-only":
			r.EarlyOnly = true
			continue
		default:
			continue
		}

		if *tag != "" || !isWord(value) {
			return Replaces{}, fmt.Errorf("%w Replaces: each tag stands once", ErrMalformed)
		}

		*tag = value
	}

	if !isWord(r.CallID) || r.ToTag == "" || r.FromTag == "" {
		return Replaces{}, fmt.Errorf("%w Replaces: a Call-ID, a to-tag and a from-tag are needed", ErrMalformed)
	}

	return r, nil
}

// isWord reports whether text can be a Call-ID or a tag in a header.
func isWord(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`;,=`, c) >= 0 {
			return false
		}
	}

	return text != ""
}

// ReferTo is whom a REFER wants called.
type ReferTo struct {
	URI      string // without the headers that it carried
	Replaces string // value of the Replaces header of that call; empty for a blind transfer
}

// String is the header's value.
func (r ReferTo) String() string {
	if r.Replaces == "" {
		return "<" + r.URI + ">"
	}

	return "<" + r.URI + "?Replaces=" + escape(r.Replaces) + ">"
}

// escape writes a header's value as part of a URI (RFC 3261 section 25.1,
// hvalue).
func escape(value string) string {
	var b strings.Builder

	for _, c := range []byte(value) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.!~*'()[]/?:+$", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}

	return b.String()
}

// ParseReferTo reads the value of a Refer-To header. It refuses URIs that are
// neither sip, sips nor tel, and ones that ask for another method than INVITE.
func ParseReferTo(value string) (ReferTo, error) {
	uri := strings.TrimSpace(value)

	if open := strings.IndexByte(uri, '<'); open >= 0 {
		end := strings.IndexByte(uri[open:], '>')
		if end < 0 {
			return ReferTo{}, fmt.Errorf("%w Refer-To: < without >", ErrMalformed)
		}

		uri = uri[open+1 : open+end]
	} else {
		// Without <> what follows a semicolon is the header's (RFC 3261 section 20).
		uri, _, _ = strings.Cut(uri, ";")
	}

	uri, headers, _ := strings.Cut(uri, "?")
	r := ReferTo{URI: uri}

	scheme, rest, _ := strings.Cut(uri, ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel":
	default:
		return ReferTo{}, fmt.Errorf("%w Refer-To: a sip, sips or tel URI is needed", ErrMalformed)
	}

	if rest == "" || strings.ContainsAny(uri, " \t\r\n,<>\"") {
		return ReferTo{}, fmt.Errorf("%w Refer-To: no single URI", ErrMalformed)
	}

	for param := range strings.SplitSeq(rest, ";") {
		if name, method, _ := strings.Cut(param, "="); strings.EqualFold(name, "method") && !strings.EqualFold(method, "INVITE") {
			return ReferTo{}, fmt.Errorf("%w Refer-To: calls are transferred by INVITE only", ErrMalformed)
		}
	}

	for header := range strings.SplitSeq(headers, "&") {
		name, value, _ := strings.Cut(header, "=")
		if !strings.EqualFold(name, "Replaces") {
			continue
		}

		value, err := url.PathUnescape(value)
		if err != nil || r.Replaces != "" {
			return ReferTo{}, fmt.Errorf("%w Refer-To: its Replaces", ErrMalformed)
		}

		if _, err := ParseReplaces(value); err != nil {
			return ReferTo{}, err
		}

		r.Replaces = value
	}

	return r, nil
}

// Fragment is the body of a report: the status line of the other call's
// response (RFC 3420).
func Fragment(status int, reason string) []byte {
	return fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", status, reason)
}

// ParseFragment reads the status and the reason phrase of a report.
func ParseFragment(body []byte) (status int, reason string, err error) {
	line, _, _ := strings.Cut(string(body), "\n")
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	number, reason, _ := strings.Cut(rest, " ")

	status, err = strconv.Atoi(number)
	if err != nil || !strings.EqualFold(version, "SIP/2.0") || status < 100 || status > 699 || len(number) != 3 {
		return 0, "", fmt.Errorf("%w report: it begins with no status line", ErrMalformed)
	}

	return status, reason, nil
}

// State is the value of a Subscription-State header (RFC 6665 section 8.2.3).
type State struct {
	Terminated bool
	Reason     string        // why, such as "noresource" or "timeout"
	Expires    time.Duration // how long it lasts if no report comes; 0 when not told
}

// longest bounds what is believed of a subscription's length.
const longest = time.Hour

// ParseState reads the value of a Subscription-State header. Any state but
// terminated is an active one.
func ParseState(value string) (State, error) {
	state, params, _ := strings.Cut(value, ";")
	state = strings.TrimSpace(state)

	if state == "" {
		return State{}, fmt.Errorf("%w Subscription-State: there is no state", ErrMalformed)
	}

	s := State{Terminated: strings.EqualFold(state, "terminated")}

	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		value = strings.TrimSpace(value)

		switch strings.ToLower(strings.TrimSpace(name)) {
		case "reason":
			s.Reason = value
		case "expires":
			seconds, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return State{}, fmt.Errorf("%w Subscription-State: expires is no number of seconds", ErrMalformed)
			}

			s.Expires = min(time.Duration(seconds)*time.Second, longest)
		}
	}

	return s, nil
}
