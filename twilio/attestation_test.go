package twilio

import "testing"

func TestParseVerstat(t *testing.T) {
	t.Parallel()
	for verstat, want := range map[string]struct {
		a     Attestation
		known bool
	}{
		"":                                {NotAttested, true},
		"No-TN-Validation":                {NotAttested, true},
		"TN-Validation-Passed-A":          {FullAttested, true},
		"TN-Validation-Passed-B":          {PartAttested, true},
		"TN-Validation-Passed-C":          {GateAttested, true},
		"TN-Validation-Passed-A-Diverted": {FullAttested, true},
		"TN-Validation-Passed":            {FullAttested, true},
		"tn-validation-passed-b":          {PartAttested, true},
		"TN-Validation-Failed":            {NotValid, true},
		"TN-Validation-Failed-A":          {NotValid, true},
		"TN-Validation-Passed-D":          {NotAttested, false},
		"something":                       {NotAttested, false},
	} {
		if a, known := ParseVerstat(verstat); a != want.a || known != want.known {
			t.Errorf("%q is %s (known: %v), want %s (%v)", verstat, a, known, want.a, want.known)
		}
	}
}
