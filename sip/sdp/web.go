package sdp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	pion "github.com/pion/sdp/v3"

	"trunkline/media/dtls"
	"trunkline/media/ice"
)

// The transports of browsers (RFC 5764 section 8): SRTP whose keys DTLS makes.
const (
	webProto    = "UDP/TLS/RTP/SAVPF"
	webProtoOld = "UDP/TLS/RTP/SAVP" // without the feedback profile
)

// Values of a=setup (RFC 4145 section 4).
const (
	setupActpass = "actpass"
	setupActive  = "active"
	setupPassive = "passive"
)

// hostPriority is that of the one candidate of a lite agent (RFC 8445 section
// 5.1.2.1): a host candidate on the only address, for the only component.
const hostPriority = 126<<24 | 65535<<8 | 255

// offeredMid names our stream in offers of ours.
const offeredMid = "0"

// Web is what an offer and its answer agreed on for a browser: ICE finds it,
// DTLS makes the keys. Its zero value is none.
type Web struct {
	Ours, Theirs ice.Credentials
	Role         dtls.Role        // of ours
	Fingerprint  dtls.Fingerprint // of the far end's certificate
}

// browser is what a description says for ICE and DTLS: theirs of one stream, or
// ours.
type browser struct {
	ice         ice.Credentials
	iceErr      error // why ice is zero
	fingerprint dtls.Fingerprint
	setup       string
	mid         string // name of the stream (RFC 9143); empty: none
	bundle      bool   // the stream is in a group
	lite        bool   // the writer makes no checks
}

// web reports whether the stream's transport is that of browsers.
func (s *stream) web() bool { return s.proto == webProto || s.proto == webProtoOld }

// readWeb takes the attributes for ICE and DTLS, of the stream or else of the
// session.
func (s *stream) readWeb(sd *pion.SessionDescription, md *pion.MediaDescription) {
	first := func(key string) string {
		if value, ok := md.Attribute(key); ok {
			return strings.TrimSpace(value)
		}
		value, _ := sd.Attribute(key)

		return strings.TrimSpace(value)
	}
	s.browser.ice, s.browser.iceErr = ice.ParseCredentials(first("ice-ufrag"), first("ice-pwd"))
	s.browser.setup = first("setup")
	_, s.browser.lite = sd.Attribute("ice-lite")

	if s.browser.fingerprint = strongest(md.Attributes); s.browser.fingerprint.IsZero() {
		s.browser.fingerprint = strongest(sd.Attributes)
	}
	for _, a := range sd.Attributes {
		if names := strings.Fields(a.Value); a.Key == "group" && len(names) > 0 && names[0] == "BUNDLE" {
			s.browser.bundle = s.browser.bundle || s.mid != "" && slices.Contains(names[1:], s.mid)
		}
	}
}

// strongest is the fingerprint that counts of several (RFC 8122 section 5); zero
// when there is none that we can use.
func strongest(attributes []pion.Attribute) dtls.Fingerprint {
	var best dtls.Fingerprint
	for _, a := range attributes {
		if a.Key != "fingerprint" {
			continue
		}
		if f, err := dtls.ParseFingerprint(a.Value); err == nil && f.Strength() > best.Strength() {
			best = f
		}
	}

	return best
}

// readMid is the name of a stream; empty when it has none that can be told
// back (RFC 9143 section 4: a token).
func readMid(md *pion.MediaDescription) string {
	mid, _ := md.Attribute("mid")
	mid = strings.TrimSpace(mid)
	const longest = 64
	if len(mid) > longest || strings.ContainsFunc(mid, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}

	return mid
}

// unfit says why a browser's stream cannot be taken; nil when it can.
func (s *stream) unfit() *NotAcceptableError {
	var reason string
	switch b := &s.browser; {
	case b.fingerprint.IsZero():
		reason = "DTLS without a fingerprint by SHA-256, SHA-384 or SHA-512"
	case b.iceErr != nil:
		reason = "DTLS without ICE: " + strings.TrimPrefix(b.iceErr.Error(), "ice: ")
	case b.lite:
		reason = "both sides are ICE-lite, and nobody would make checks"
	case !s.mux:
		reason = "DTLS with RTCP on a port of its own; a=rtcp-mux is needed"
	default:
		return nil
	}

	return &NotAcceptableError{Warning: warnTransport, Reason: "Incompatible transport protocol: " + reason}
}

// role is ours when the far end asked for setup. Once there is one it stays, so
// that the association does (RFC 8842 section 5.5).
func role(setup string, before dtls.Role) (dtls.Role, *NotAcceptableError) {
	switch setup {
	case setupActive:
		return dtls.Passive, nil
	case setupPassive:
		return dtls.Active, nil
	case setupActpass:
		return max(before, dtls.Passive), nil
	default:
		return 0, &NotAcceptableError{Warning: warnTransport, Reason: fmt.Sprintf("Incompatible transport protocol: DTLS with a=setup:%.20q", setup)}
	}
}

// answerWeb is what we answer to a browser's stream, and the agreement.
func (s *stream) answerWeb(local Local) (ours browser, agreed Web) {
	part, _ := role(s.browser.setup, local.Role)
	ours = browser{
		ice: local.ICE, fingerprint: local.Fingerprint, setup: part.String(), mid: s.mid, bundle: s.browser.bundle, lite: true,
	}

	return ours, Web{Ours: local.ICE, Theirs: s.browser.ice, Role: part, Fingerprint: s.browser.fingerprint}
}

// offerWeb is what our offers say to a browser.
func (l Local) offerWeb() browser {
	return browser{ice: l.ICE, fingerprint: l.Fingerprint, setup: setupActpass, mid: offeredMid, bundle: true, lite: true}
}

// answeredWeb is the agreement when s answers an offer of ours.
func (s *stream) answeredWeb(offer Description) (Web, *NotAcceptableError) {
	if !s.web() {
		return Web{}, &NotAcceptableError{Warning: warnTransport, Reason: "Incompatible transport protocol: " + s.proto + " answers " + webProto}
	}
	if why := s.unfit(); why != nil {
		return Web{}, why
	}
	part, why := role(s.browser.setup, 0)
	if why != nil {
		return Web{}, why
	}

	return Web{Ours: offer.browser.ice, Theirs: s.browser.ice, Role: part, Fingerprint: s.browser.fingerprint}, nil
}

// Credentials are those that the browser's first stream of the offer makes
// checks with; zero when there is none. Other ones than before restart ICE, and
// want other ones of ours (RFC 8445 section 9).
func (o *Offer) Credentials() ice.Credentials {
	for i := range o.streams {
		if s := &o.streams[i]; s.usable() && s.web() {
			return s.browser.ice
		}
	}

	return ice.Credentials{}
}

// writeSession writes what a browser wants at the level of the session.
func (b *browser) writeSession(out *strings.Builder) {
	out.WriteString("a=ice-lite\r\n")
	if b.bundle {
		fmt.Fprintf(out, "a=group:BUNDLE %s\r\n", b.mid)
	}
}

// writeStream writes what a browser wants of the stream at addr.
func (b *browser) writeStream(out *strings.Builder, addr netip.AddrPort) {
	if b.mid != "" {
		fmt.Fprintf(out, "a=mid:%s\r\n", b.mid)
	}
	// The name of the stream, which pages find it by.
	out.WriteString("a=msid:trunkline voice\r\n")
	fmt.Fprintf(out, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", b.ice.Ufrag, b.ice.Password())
	fmt.Fprintf(out, "a=candidate:1 1 udp %d %s %d typ host\r\na=end-of-candidates\r\n", hostPriority, addr.Addr().Unmap(), addr.Port())
	fmt.Fprintf(out, "a=fingerprint:%s\r\na=setup:%s\r\n", b.fingerprint, b.setup)
}
