package sip

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// Header is a header line that the application adds or reads.
type Header struct {
	Name  string
	Value string
}

// validate keeps an application's text from becoming a second header line.
func (h Header) validate() error {
	if h.Name == "" || strings.ContainsAny(h.Name, " \t\r\n:") {
		return fmt.Errorf("sip: header name %q is not a token", h.Name)
	}

	if strings.ContainsAny(h.Value, "\r\n") {
		return fmt.Errorf("sip: the value of header %s has a line break", h.Name)
	}

	return nil
}

func validateHeaders(headers []Header) error {
	var errs []error
	for _, h := range headers {
		errs = append(errs, h.validate())
	}

	return errors.Join(errs...)
}

// oneLine replaces what would end a header line or a reason phrase.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// quote makes a quoted-string (RFC 3261 section 25.1).
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine.Replace(text)) + `"`
}

// newTag makes a From or To tag: 64 random bits (RFC 3261 section 19.3 wants
// at least 32).
func newTag() string { return rand.Text()[:13] }

// newCallID makes a Call-ID, which no one else has ever made.
func newCallID() string { return rand.Text() }

// newBranch makes the branch of a Via, the identity of a transaction.
func newBranch() string { return sipgo.RFC3261BranchMagicCookie + rand.Text() }

// newSessionID makes the sess-id of our SDP: 62 random bits, so that it and
// its version fit a signed integer.
func newSessionID() uint64 {
	var b [8]byte

	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead

	return binary.BigEndian.Uint64(b[:]) >> 2
}

// newVia makes the Via of a request of ours.
func newVia(s socket, branch string) *sipgo.ViaHeader {
	via := &sipgo.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: s.network(),
		Host: s.sentBy().Addr().String(), Port: int(s.sentBy().Port()),
	}
	via.Params.Add("branch", branch)
	via.Params.Add("rport", "")

	return via
}

// contact is where requests of the far end reach us.
func contact(s socket, user string) *sipgo.ContactHeader {
	uri := sipgo.Uri{Scheme: "sip", User: user, Host: s.sentBy().Addr().String(), Port: int(s.sentBy().Port())}
	if s.network() != "UDP" {
		uri.UriParams.Add("transport", strings.ToLower(s.network()))
	}

	return &sipgo.ContactHeader{Address: uri}
}

// options lists the option tags of all headers of a name.
func options(req sipgo.Message, name string) []string {
	var tags []string

	for _, h := range req.GetHeaders(name) {
		for tag := range strings.SplitSeq(h.Value(), ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				tags = append(tags, tag)
			}
		}
	}

	return tags
}

func headerValue(msg sipgo.Message, name string) string {
	if all := msg.GetHeaders(name); len(all) > 0 {
		return all[0].Value()
	}

	return ""
}
