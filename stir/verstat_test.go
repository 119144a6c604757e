package stir

import "testing"

func TestParseVerstat(t *testing.T) {
	t.Parallel()
	for verstat, want := range map[string]struct {
		a     Verdict
		known bool
	}{
		"":                                {None, true},
		"No-TN-Validation":                {None, true},
		"TN-Validation-Passed-A":          {"A", true},
		"TN-Validation-Passed-B":          {"B", true},
		"TN-Validation-Passed-C":          {"C", true},
		"TN-Validation-Passed-A-Diverted": {"A", true},
		"TN-Validation-Passed":            {"A", true},
		"tn-validation-passed-b":          {"B", true},
		"TN-Validation-Failed":            {Failed, true},
		"TN-Validation-Failed-A":          {Failed, true},
		"TN-Validation-Passed-D":          {None, false},
		"something":                       {None, false},
	} {
		if a, known := ParseVerstat(verstat); a != want.a || known != want.known {
			t.Errorf("%q is %s (known: %v), want %s (%v)", verstat, a, known, want.a, want.known)
		}
	}
}
