package twilio

import "strings"

// Attestation is what the originating carrier vouches for, by the signature
// that came with a call (STIR/SHAKEN, RFC 8588 section 4 and ATIS-1000074).
// No signature is no failure.
type Attestation string

// The attestations.
const (
	NotAttested  Attestation = "none"
	NotValid     Attestation = "failed" // there was a signature, and it was not valid
	FullAttested Attestation = "A"      // the carrier knows the caller, and the right to the number
	PartAttested Attestation = "B"      // the carrier knows the caller
	GateAttested Attestation = "C"      // the carrier knows where the call came from
)

// ParseVerstat reads what a carrier says of the signature: Twilio's StirVerstat
// and the verstat of RFC 8588's users, such as TN-Validation-Passed-A. Where
// the level is left out (Telnyx) it is A. The second result says whether the
// word is known; the empty one is.
func ParseVerstat(verstat string) (Attestation, bool) {
	word := strings.ToUpper(strings.TrimSpace(verstat))
	passed, ok := strings.CutPrefix(word, "TN-VALIDATION-PASSED")
	switch {
	case word == "", word == "NO-TN-VALIDATION":
		return NotAttested, true
	case strings.HasPrefix(word, "TN-VALIDATION-FAILED"):
		return NotValid, true
	case !ok:
		return NotAttested, false
	}
	level, _, _ := strings.Cut(strings.TrimPrefix(passed, "-"), "-") // further words tell the way, such as -Diverted
	switch level {
	case "", "A":
		return FullAttested, true
	case "B":
		return PartAttested, true
	case "C":
		return GateAttested, true
	default:
		return NotAttested, false
	}
}
