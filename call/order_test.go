package call

import (
	"errors"
	"testing"
	"time"
)

func TestWhatIsKnownOfACallee(t *testing.T) {
	t.Parallel()
	for field, tc := range map[string][]Callee{
		"":         {{}, {Line: "landline", State: "FL", Zone: "America/Chicago", Expected: time.Minute}},
		"line":     {{Line: "mobile"}},
		"state":    {{State: "fl"}, {State: "Florida"}},
		"zone":     {{Zone: "Chicago"}, {Zone: "Local"}, {Zone: "../etc/passwd"}},
		"expected": {{Expected: -time.Second}},
	} {
		for _, p := range tc {
			var bad *OrderError
			err := p.check()
			if field == "" && err != nil || field != "" && (!errors.As(err, &bad) || bad.Field != field) {
				t.Errorf("%+v: %v, want an error about %q", p, err, field)
			}
		}
	}
}
