package sip

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What becomes of a torture message that gets no response.
const (
	taken     = "taken"     // an INVITE whose call the Handler got
	discarded = "discarded" // a response that does not parse
	unmatched = "unmatched" // a response that parses, and answers nothing of ours
)

// tortures are the messages of RFC 4475, by their names there, with what an
// element that answers calls and is no registrar is to make of each. The messages were taken from the RFC's archive by
// testdata/rfc4475/extract.go.
var tortures = map[string]string{
	// Valid messages, section 3.1.1.
	"wsinv": "481", "intmeth": "405", "esc01": taken, "escnull": "405", "esc02": "405", "lwsdisp": "200",
	"longreq": taken, "dblreq": "405", "semiuri": "200", "transports": "200", "mpart01": "405",
	"unreason": unmatched, "noreason": unmatched,

	// Invalid messages, section 3.1.2. Where the section lets a liberal
	// element read the message, so do we if that is without danger.
	"badinv01": "400", "clerr": "400", "ncl": "400", "scalar02": "400", "scalarlg": discarded, "quotbal": "400",
	"ltgtruri": "400", "lwsruri": "400", "lwsstart": "400", "trws": "400", "escruri": "400", "baddate": taken,
	"regbadct": "405", "badaspec": "400", "baddn": "400", "badvers": "505", "mismatch01": "400",
	"mismatch02": "400", "bigcode": discarded,

	// Transaction layer, section 3.2.
	"badbranch": "200",

	// Application layer, section 3.3.
	"insuf": "400", "unkscm": "416", "novelsc": "416", "unksm2": "405", "bext01": "420", "invut": "415",
	"regaut01": "405", "multi01": "400", "mcl01": "400", "bcast": unmatched, "zeromf": "200",
	"cparam01": "405", "cparam02": "405", "regescrt": "405", "sdp01": "406",

	// Backward compatibility, section 3.4, which is left to those who want it:
	// a call without a From tag and a Contact could not be hung up.
	"inv2543": "400",
}

// torture reads the message of a name.
func torture(t testing.TB, name string) []byte {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", "rfc4475", name+".dat"))
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func TestTorture(t *testing.T) {
	if len(tortures) != 49 {
		t.Errorf("%d messages, RFC 4475 has 49", len(tortures))
	}

	for name, want := range tortures {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				data := torture(t, name)

				var sent []string

				b.net.lose = func(text string) bool {
					if status, ok := strings.CutPrefix(text, "SIP/2.0 "); ok && text != string(data) {
						sent = append(sent, status[:3])
					}

					return false
				}

				if err := b.far.write(data, netip.MustParseAddrPort(uaAddr)); err != nil {
					t.Fatal(err)
				}

				synctest.Wait()

				b.net.mu.Lock()
				got := strings.Join(slices.DeleteFunc(slices.Clone(sent), func(s string) bool { return s == "100" }), " ")
				b.net.mu.Unlock()

				s := b.ua.Stats()

				switch {
				case got != "":
				case len(b.calls) > 0:
					got = taken
				case s.Unmatched > 0:
					got = unmatched
				case s.Malformed > 0:
					got = discarded
				}

				if got != want {
					t.Errorf("%q, want %s", got, want)
				}

				time.Sleep(time.Minute)
			})
		})
	}
}

// TestTortureFromStrangers gets no answer, whatever it is.
func TestTortureFromStrangers(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.far = b.net.packet("192.0.2.66:5060")

		for name := range tortures {
			if err := b.far.write(torture(t, name), netip.MustParseAddrPort(uaAddr)); err != nil {
				t.Fatal(err)
			}
		}

		b.silence(time.Minute)

		if s := b.ua.Stats(); s.Strangers != uint64(len(tortures)) || s.Malformed != 0 {
			t.Errorf("%d strangers, %d malformed", s.Strangers, s.Malformed)
		}
	})
}
