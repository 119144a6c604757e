package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"

	"trunkline/media/srtp"
)

// Security says whether audio is protected by SRTP, with keys in the
// descriptions (RFC 4568).
type Security uint8

// The choices of Security.
const (
	SecurityOff      Security = iota // never: keys that are offered are not taken
	SecurityOptional                 // when the far end wants it; we offer RTP/AVP with keys
	SecurityRequired                 // always: what is not protected is refused
)

var securityNames = [...]string{"off", "optional", "required"}

// String is the choice as in the configuration.
func (s Security) String() string {
	if int(s) < len(securityNames) {
		return securityNames[s]
	}

	return "unknown"
}

// ParseSecurity reads off, optional or required; nothing means off.
func ParseSecurity(name string) (Security, error) {
	if name == "" {
		return SecurityOff, nil
	}

	if i := slices.Index(securityNames[:], name); i >= 0 {
		return Security(i), nil
	}

	return SecurityOff, fmt.Errorf("%q is not off, optional or required", name)
}

// The transports of an audio stream that we take.
const (
	plainProto  = "RTP/AVP"
	secureProto = "RTP/SAVP"
)

// crypto is an a=crypto line (RFC 4568 section 9.1).
type crypto struct {
	tag int
	key srtp.Key
}

// maxTag is the largest number of nine digits.
const maxTag = 999_999_999

// readCrypto takes the a=crypto lines that we can use, in the writer's order
// of preference. A line with another suite, an MKI or a parameter that we do
// not know is one that we cannot use.
func readCrypto(md *pion.MediaDescription) []crypto {
	var lines []crypto

	for _, a := range md.Attributes {
		if a.Key != "crypto" {
			continue
		}

		if c, err := parseCrypto(a.Value); err == nil {
			lines = append(lines, c)
		}
	}

	return lines
}

func parseCrypto(value string) (crypto, error) {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return crypto{}, errors.New("want tag, suite and key")
	}

	tag, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil || tag > maxTag {
		return crypto{}, fmt.Errorf("tag %q is no number of up to nine digits", fields[0])
	}

	suite, ok := srtp.ByName(fields[1])
	if !ok {
		return crypto{}, fmt.Errorf("suite %q is not supported", fields[1])
	}

	for _, parameter := range fields[3:] {
		// A window smaller than ours costs the far end nothing, a leading hyphen
		// marks what may be ignored (RFC 4568 section 6.3).
		if !strings.HasPrefix(parameter, "WSH=") && !strings.HasPrefix(parameter, "-") {
			return crypto{}, fmt.Errorf("session parameter %q is not supported", parameter)
		}
	}

	inline, ok := strings.CutPrefix(fields[2], "inline:")
	if !ok || strings.Contains(inline, ";") {
		return crypto{}, errors.New("want one inline key")
	}

	text, rest, _ := strings.Cut(inline, "|")
	if strings.Contains(rest, ":") {
		return crypto{}, errors.New("an MKI is not supported")
	}

	key, err := srtp.ParseKey(suite, text) // the lifetime is longer than any call
	if err != nil {
		return crypto{}, err
	}

	return crypto{tag: int(tag), key: key}, nil
}

// line is the a=crypto line with its end.
func (c crypto) line() string {
	return fmt.Sprintf("a=crypto:%d %s inline:%s\r\n", c.tag, c.key.Suite(), c.key.Inline())
}

// offered are the lines of an offer of ours, and its transport.
func (l Local) offered() (proto string, lines []crypto) {
	if l.Security == SecurityOff || len(l.Keys) == 0 {
		return plainProto, nil
	}

	for i, k := range l.Keys {
		lines = append(lines, crypto{tag: i + 1, key: k})
	}

	if l.Security == SecurityRequired {
		return secureProto, lines
	}

	return plainProto, lines
}

// agree chooses the first line of an offer whose suite is ours too: what we
// answer, and the keys of both directions. Without keys the stream is not to
// be protected.
func (s *stream) agree(local Local) (answer []crypto, keys srtp.Keys) {
	if local.Security == SecurityOff {
		return nil, srtp.Keys{}
	}

	for _, theirs := range s.crypto {
		for _, ours := range local.Keys {
			if ours.Suite() == theirs.key.Suite() {
				return []crypto{{tag: theirs.tag, key: ours}}, srtp.Keys{Ours: ours, Theirs: theirs.key}
			}
		}
	}

	return nil, srtp.Keys{}
}

// insecure says why the offered stream cannot be protected as it has to be.
func (s *stream) insecure(local Local) *NotAcceptableError {
	var reason string

	switch answer, _ := s.agree(local); {
	case s.proto == secureProto && local.Security == SecurityOff:
		reason = "RTP/SAVP is not RTP/AVP"
	case answer != nil || s.proto == plainProto && local.Security != SecurityRequired:
		return nil
	case len(local.Keys) == 0:
		reason = "SRTP keys are exchanged over TLS only"
	case s.proto == plainProto:
		reason = "SRTP is required"
	default:
		reason = "no crypto attribute that we support"
	}

	return &NotAcceptableError{Warning: warnTransport, Reason: "Incompatible transport protocol: " + reason}
}

// answered finds the keys in an answer to our offer (RFC 4568 section 5.1.3).
func (s *stream) answered(offer Description) (srtp.Keys, *NotAcceptableError) {
	refuse := func(reason string) (srtp.Keys, *NotAcceptableError) {
		return srtp.Keys{}, &NotAcceptableError{Warning: warnTransport, Reason: "Incompatible transport protocol: " + reason}
	}

	proto := offer.lines[offer.audio].proto
	if s.proto != proto {
		return refuse(s.proto + " answers " + proto)
	}

	switch {
	case !s.keyed && proto == secureProto:
		return refuse("the answer has no key")
	case !s.keyed:
		return srtp.Keys{}, nil
	case len(s.crypto) == 0:
		return refuse("the answer's key cannot be used")
	}

	theirs := s.crypto[0]
	for _, ours := range offer.crypto {
		if ours.tag == theirs.tag && ours.key.Suite() == theirs.key.Suite() {
			return srtp.Keys{Ours: ours.key, Theirs: theirs.key}, nil
		}
	}

	return refuse("the answer's key was not asked for")
}
