package sdp

import (
	"strings"
	"testing"
	"time"
)

// offerOf is an offer of PCMU and more.
func offerOf(formats string, attributes ...string) string {
	body := "v=0\no=- 1 1 IN IP4 198.51.100.20\ns=-\nc=IN IP4 198.51.100.20\nt=0 0\nm=audio 14022 RTP/AVP " + formats + "\n"
	for _, a := range attributes {
		body += "a=" + a + "\n"
	}

	return body
}

// Comfort noise is agreed on when the far end offers it and we send it.
func TestAnswerComfortNoise(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		ours bool
		body string
		want uint8
	}{
		"agreed":         {true, offerOf("0 13 101"), 13},
		"named":          {true, offerOf("0 13", "rtpmap:13 CN/8000"), 13},
		"not offered":    {true, offerOf("0 101"), 0},
		"we do not send": {false, offerOf("0 13 101"), 0},
	} {
		us := local
		us.Noise = tt.ours

		offer, err := ParseOffer([]byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}

		d, audio, err := Answer(offer, us)
		if err != nil {
			t.Fatal(err)
		}

		body := string(NewOrigin(1).Body(d))
		if audio.NoiseType != tt.want || strings.Contains(body, "a=rtpmap:13 CN/8000\r\n") != (tt.want != 0) {
			t.Errorf("%s: type %d, the answer is\n%s", name, audio.NoiseType, body)
		}
	}
}

// RTCP shares the port when the far end offers it, and only then.
func TestAnswerMux(t *testing.T) {
	t.Parallel()

	for _, mux := range []bool{true, false} {
		body := offerOf("0", "rtcp:14099")
		if mux {
			body = offerOf("0", "rtcp:14099", "rtcp-mux")
		}

		offer, err := ParseOffer([]byte(body))
		if err != nil {
			t.Fatal(err)
		}

		d, audio, err := Answer(offer, local)
		if err != nil {
			t.Fatal(err)
		}

		answer := string(NewOrigin(1).Body(d))
		if audio.Mux != mux || strings.Contains(answer, "a=rtcp-mux\r\n") != mux || (audio.RTCP == audio.Remote) != mux {
			t.Errorf("rtcp-mux %v: %+v, the answer is\n%s", mux, audio, answer)
		}
	}
}

// What both offer and answer is agreed on, what one of them lacks is not; the
// packets are as long as the other side asks.
func TestOfferOptionsAndTheirAnswer(t *testing.T) {
	t.Parallel()

	for _, noise := range []bool{true, false} {
		for _, mux := range []bool{true, false} {
			for _, ptime := range []time.Duration{0, 10 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond} {
				us, them := local, local
				us.Noise, us.Mux, us.Ptime = noise, mux, ptime
				them.Noise = true
				description := MakeOffer(us)

				offer, err := ParseOffer(NewOrigin(1).Body(description))
				if err != nil {
					t.Fatal(err)
				}

				answer, theirs, err := Answer(offer, them)
				if err != nil {
					t.Fatal(err)
				}

				ours, err := ParseAnswer(NewOrigin(2).Body(answer), description)
				if err != nil {
					t.Fatal(err)
				}

				want := packetTime(ptime, 0)
				for side, a := range map[string]Audio{"ours": ours, "theirs": theirs} {
					if (a.NoiseType == noiseType) != noise || a.Mux != mux || a.Ptime != want {
						t.Errorf("noise %v, mux %v, ptime %v: %s is %+v", noise, mux, ptime, side, a)
					}
				}
			}
		}
	}
}
