package sip

import (
	"cmp"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/dtmf"
)

// Info describes a call as its INVITE did. It does not change.
type Info struct {
	Inbound    bool
	Trunk      string    // name of the trunk; empty for a call that Dial placed
	Keys       dtmf.Mode // the trunk's
	Recodes    bool      // its calls may be asked for another codec; see Dialog.Recode
	CallID     string
	From       Party
	To         Party
	RequestURI string // what was dialed
	// Caller and Called are the numbers of both, or their user parts: From's, or
	// where that tells none the asserted one of a trusted trunk; and that of the
	// Request-URI, which names us, where To may still name whom the caller dialed.
	Caller, Called string
	// Asserted are the P-Asserted-Identity values as sent (RFC 3325), or else
	// those of Remote-Party-ID, of trusted trunks only.
	Asserted  []string
	Diversion []string // Diversion values as sent, latest first (RFC 5806)
	UserAgent string
	Network   string         // "UDP" or "TCP"
	Source    netip.AddrPort // where the INVITE came from, or went to
}

// Party is a From or To address.
type Party struct {
	User    string // often a telephone number, see userOf; empty when withheld or not a SIP address
	Display string // display name, without quotes
	URI     string // the whole address
}

func newInfo(invite *sipgo.Request, network string, peer netip.AddrPort) Info {
	from, to := invite.From(), invite.To()

	info := Info{
		CallID:     invite.CallID().Value(),
		From:       party(from.DisplayName, &from.Address),
		To:         party(to.DisplayName, &to.Address),
		RequestURI: invite.Recipient.String(),
		Asserted:   asserted(invite),
		Diversion:  headerValues(invite, "Diversion"),
		UserAgent:  headerValue(invite, "User-Agent"),
		Network:    network,
		Source:     peer,
	}
	info.Caller, info.Called = info.From.User, info.To.User

	return info
}

// asserted are the identities of the caller that the network vouches for. Older
// equipment writes Remote-Party-ID, which never became an RFC.
func asserted(invite *sipgo.Request) []string {
	if values := headerValues(invite, "P-Asserted-Identity"); len(values) > 0 {
		return values
	}

	var callers []string

	for _, value := range headerValues(invite, "Remote-Party-ID") {
		_, params, _ := strings.Cut(value, ">")
		if party := paramOf(params, "party"); party == "" || strings.EqualFold(party, "calling") {
			callers = append(callers, value)
		}
	}

	return callers
}

// telling completes the description of a call that came in on a trunk.
func (i *Info) telling(invite *sipgo.Request, t *trunk) {
	if !t.Trusted {
		i.Asserted = nil
	}

	if user := userOf(&invite.Recipient); user != "" && !t.registers(user) {
		i.Called = user
	}

	if isNumber(i.Caller) || withheld(invite) {
		return
	}

	for _, value := range i.Asserted {
		if user := addressee(value); isNumber(user) {
			i.Caller = user
			return
		}
	}
}

// registers reports whether a user is the one that the trunk's registration
// binds to us: its registrar sends all calls to that, whoever they are for.
func (t *trunk) registers(user string) bool {
	return t.Register != nil && !t.Register.Bulk && user == cmp.Or(t.Register.User, t.Account.User)
}

// withheld reports whether a caller asked for its identity to be kept from the
// callee (RFC 3323 section 4.2, RFC 3325 section 9.3).
func withheld(invite *sipgo.Request) bool {
	for _, value := range headerValues(invite, "Privacy") {
		for priv := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if strings.EqualFold(priv, "id") || strings.EqualFold(priv, "user") {
				return true
			}
		}
	}

	return false
}

// addressee is the user part of a header's address.
func addressee(value string) string {
	if _, after, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(after, ">")
	}

	uri, err := parseURI(strings.TrimSpace(value))
	if err != nil {
		return ""
	}

	return userOf(uri)
}

// isNumber reports whether a user part is a telephone number.
func isNumber(user string) bool {
	digits := strings.TrimPrefix(user, "+")

	return len(digits) >= 3 && strings.Trim(digits, "0123456789") == ""
}

func party(display string, uri *sipgo.Uri) Party {
	return Party{User: userOf(uri), Display: display, URI: uri.String()}
}

// userOf is the user part of a SIP URI, or the number of a tel URI: without
// parameters, such as those of routing databases (RFC 3966, RFC 4694), its
// escapes resolved (RFC 3261 section 19.1.2), and a number without the signs
// that please the eye (RFC 3966 section 5.1.1).
func userOf(uri *sipgo.Uri) string {
	user := uri.User
	if uri.Scheme == "tel" {
		user = uri.Raw()
	}

	user, _, _ = strings.Cut(user, ";")

	if plain, err := url.PathUnescape(user); err == nil && !strings.ContainsFunc(plain, unicode.IsControl) {
		user = plain
	}

	if bare := visual.Replace(user); strings.HasPrefix(user, "+") && isNumber(bare) {
		return bare
	}

	return user
}

var visual = strings.NewReplacer("-", "", ".", "", "(", "", ")", "")

func headerValues(msg sipgo.Message, name string) []string {
	var values []string
	for _, h := range msg.GetHeaders(name) {
		values = append(values, h.Value())
	}

	return values
}
