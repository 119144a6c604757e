package sip

import (
	"strings"
	"testing"
)

func TestTidy(t *testing.T) {
	t.Parallel()

	for before, after := range map[string]string{
		"A b C\r\nTO :\r\n sip:a@b ;   tag    = 1\r\n\r\nbody":                    "A b C\r\nTO: sip:a@b;tag=1\r\n\r\nbody",
		"A b C\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=3\r\n\r\n": "A b C\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=3\r\n\r\n",
		"A b C\r\nm:\"Two  words \\\" ; =\"  <sip:a@b> ; q = 0.3\r\n\r\n":         "A b C\r\nm: \"Two  words \\\" ; =\" <sip:a@b>;q=0.3\r\n\r\n",
		"A b C\r\ncseq: 0009\r\n  INVITE\r\n\r\n":                                 "A b C\r\ncseq: 0009 INVITE\r\n\r\n",
		"A b C\r\nno colon\r\n\r\n":                                               "A b C\r\nno colon\r\n\r\n",
		"no end":                                                                  "no end",
	} {
		if got := string(tidy([]byte(before))); got != after {
			t.Errorf("%q became %q, want %q", before, got, after)
		}
	}
}

// FuzzTidy keeps the body and changes nothing twice.
func FuzzTidy(f *testing.F) {
	f.Add(torture(f, "wsinv"))
	f.Add([]byte("A b C\r\nVia: \"\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		once := string(tidy(data))
		if twice := string(tidy([]byte(once))); twice != once {
			t.Errorf("%q became %q, then %q", data, once, twice)
		}

		if _, body, found := strings.Cut(string(data), "\r\n\r\n"); found && !strings.HasSuffix(once, "\r\n\r\n"+body) {
			t.Errorf("the body of %q is lost: %q", data, once)
		}
	})
}
