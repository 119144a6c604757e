package privacy

import (
	"fmt"
	"log/slog"
	"strings"
)

// Number is a telephone number, or the address of a SIP user. Formatting and
// logging show its Masked form; string(n) is the number itself.
type Number string

// Masked keeps what tells calls apart in a log and hides the rest: of an
// E.164 number its country code and last two digits ("+1********23"), of any
// other number or user name the last two characters. A host after "@" stays.
func (n Number) Masked() string {
	if n == "" {
		return ""
	}
	user, host, addressed := strings.Cut(string(n), "@")
	scheme := ""
	for _, s := range []string{"sips:", "sip:", "tel:"} {
		if strings.HasPrefix(strings.ToLower(user), s) {
			scheme, user = user[:len(s)], user[len(s):]
			break
		}
	}
	shown := scheme + mask(user)
	if addressed {
		shown += "@" + host
	}
	return shown
}

// String returns the Masked form.
func (n Number) String() string { return n.Masked() }

// GoString returns the Masked form, for %#v.
func (n Number) GoString() string { return fmt.Sprintf("privacy.Number(%q)", n.Masked()) }

// LogValue implements slog.LogValuer with the Masked form.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Masked()) }

// tail is how many characters of a number stay readable at its end.
const tail = 2

func mask(user string) string {
	runes := []rune(user)
	head := 0
	if runes = trimParams(runes); len(runes) > 0 && runes[0] == '+' {
		head = 1 + countryCodeLen(string(runes[1:]))
	}
	hidden := len(runes) - head - tail
	if hidden < tail { // too short to show anything of it
		head, hidden = min(head, 1), len(runes)-min(head, 1)
		return string(runes[:head]) + strings.Repeat("*", hidden)
	}
	return string(runes[:head]) + strings.Repeat("*", hidden) + string(runes[len(runes)-tail:])
}

// trimParams drops the parameters of a SIP or tel URI, which may carry
// numbers too.
func trimParams(user []rune) []rune {
	for i, r := range user {
		if r == ';' || r == '?' {
			return user[:i]
		}
	}
	return user
}

// twoDigitCodes are the country codes of two digits (ITU-T E.164 list of
// assigned country codes). 1 and 7 have one digit, all others three.
const twoDigitCodes = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58" +
	" 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

// countryCodeLen is the number of digits that the country code of an E.164
// number takes; digits has no "+".
func countryCodeLen(digits string) int {
	switch {
	case digits == "":
		return 0
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case len(digits) >= 2 && strings.Contains(twoDigitCodes, " "+digits[:2]+" "):
		return 2
	default:
		return min(3, len(digits))
	}
}

// Words are what somebody said. Formatting and logging show how many words
// there are; string(w) is the text itself.
type Words string

// Masked tells the number of words only: "[4 words]".
func (w Words) Masked() string {
	switch n := len(strings.Fields(string(w))); n {
	case 0:
		return ""
	case 1:
		return "[1 word]"
	default:
		return fmt.Sprintf("[%d words]", n)
	}
}

// String returns the Masked form.
func (w Words) String() string { return w.Masked() }

// GoString returns the Masked form, for %#v.
func (w Words) GoString() string { return fmt.Sprintf("privacy.Words(%q)", w.Masked()) }

// LogValue implements slog.LogValuer with the Masked form.
func (w Words) LogValue() slog.Value { return slog.StringValue(w.Masked()) }
