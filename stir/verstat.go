package stir

import "strings"

// ParseVerstat reads what a carrier says of a signature that it checked:
// verstat, such as TN-Validation-Passed-A, and Twilio's StirVerstat. Where the
// level is left out (Telnyx) it is A. The second result says whether the word
// is known; the empty one is.
func ParseVerstat(verstat string) (Verdict, bool) {
	word := strings.ToUpper(strings.TrimSpace(verstat))
	passed, ok := strings.CutPrefix(word, "TN-VALIDATION-PASSED")
	switch {
	case word == "", word == "NO-TN-VALIDATION":
		return None, true
	case strings.HasPrefix(word, "TN-VALIDATION-FAILED"):
		return Failed, true
	case !ok:
		return None, false
	}
	level, _, _ := strings.Cut(strings.TrimPrefix(passed, "-"), "-") // further words tell the way, such as -Diverted
	switch Attestation(level) {
	case "", Full:
		return Verdict(Full), true
	case Partial, Gateway:
		return Verdict(level), true
	default:
		return None, false
	}
}
