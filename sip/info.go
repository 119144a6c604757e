package sip

import (
	"net/netip"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/dtmf"
)

// Info describes a call as its INVITE did. It does not change.
type Info struct {
	Inbound    bool
	Trunk      string    // name of the trunk; empty for a call that Dial placed
	Keys       dtmf.Mode // the trunk's
	CallID     string
	From       Party
	To         Party
	RequestURI string   // what was dialed
	Asserted   []string // P-Asserted-Identity values as sent (RFC 3325), of trusted trunks only
	Diversion  []string // Diversion values as sent, latest first (RFC 5806)
	UserAgent  string
	Network    string         // "UDP" or "TCP"
	Source     netip.AddrPort // where the INVITE came from, or went to
}

// Party is a From or To address.
type Party struct {
	User    string // often a telephone number; empty when withheld or not a SIP address
	Display string // display name, without quotes
	URI     string // the whole address
}

func newInfo(invite *sipgo.Request, network string, peer netip.AddrPort) Info {
	from, to := invite.From(), invite.To()

	return Info{
		CallID:     invite.CallID().Value(),
		From:       party(from.DisplayName, &from.Address),
		To:         party(to.DisplayName, &to.Address),
		RequestURI: invite.Recipient.String(),
		Asserted:   headerValues(invite, "P-Asserted-Identity"),
		Diversion:  headerValues(invite, "Diversion"),
		UserAgent:  headerValue(invite, "User-Agent"),
		Network:    network,
		Source:     peer,
	}
}

func party(display string, uri *sipgo.Uri) Party {
	user := uri.User
	if uri.Scheme == "tel" {
		user = telNumber(uri.Raw())
	}

	return Party{User: user, Display: display, URI: uri.String()}
}

// telNumber is the number of a tel URI without its parameters (RFC 3966).
func telNumber(raw string) string {
	for i := range len(raw) {
		if raw[i] == ';' {
			return raw[:i]
		}
	}

	return raw
}

func headerValues(msg sipgo.Message, name string) []string {
	var values []string
	for _, h := range msg.GetHeaders(name) {
		values = append(values, h.Value())
	}

	return values
}
