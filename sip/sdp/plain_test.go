package sdp

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"trunkline/media/g711"
)

const common = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\na=ptime:30\n"

// TestDescriptionsAsSendersWriteThem takes what equipment sends though RFC 4566
// has it otherwise, and offers of more than audio, each as the common one.
func TestDescriptionsAsSendersWriteThem(t *testing.T) {
	t.Parallel()

	with := func(before, after string) string { return strings.Replace(common, before, after, 1) }

	for name, c := range map[string]struct {
		body string
		last string // the last m-line of our answer; empty: the audio
	}{
		"as it should be":              {common, ""},
		"an empty name":                {with("s=-", "s="), ""},
		"no name":                      {with("s=-\n", ""), ""},
		"no time":                      {with("t=0 0\n", ""), ""},
		"a time before the connection": {with("c=IN IP4 192.0.2.9\nt=0 0\n", "t=0 0\nc=IN IP4 192.0.2.9\n"), ""},
		"a time of the past":           {with("t=0 0", "t=0 -1"), ""},
		"attributes before the time":   {with("t=0 0\n", "a=x-session\nt=0 0\n"), ""},
		"a bandwidth before the c=":    {with("c=IN", "b=AS:64\nc=IN"), ""},
		"a bandwidth of its own":       {with("t=0", "b=FOO:1\nt=0"), ""},
		"two connections":              {with("t=0", "c=IN IP4 192.0.2.77\nt=0"), ""},
		"a session number in letters":  {with("o=- 1", "o=- 0a1f"), ""},
		"a negative session number":    {with("o=- 1", "o=- -5"), ""},
		"a name with spaces":           {with("o=-", "o=My Phone"), ""},
		"lines that nobody knows":      {with("m=audio", "x=1\nm=audio") + "y=2\n", ""},
		"a zero at the end":            {common + "\x00", ""},
		"small letters":                {with("RTP/AVP", "rtp/avp"), ""},
		"fax beside the audio":         {common + "m=image 4002 udptl t38\na=T38FaxVersion:0\n", "m=image 0 udptl t38"},
		"fax by TCP":                   {common + "m=image 0 TCP/T38 t38\n", "m=image 0 TCP/T38 t38"},
		"fax as audio":                 {common + "m=audio 4004 udptl t38\n", "m=audio 0 udptl t38"},
		"data":                         {common + "m=x-data 4/2 SOME/THING 1 2 3\nc=IN IP4 203.0.113.1\n", "m=x-data 0 SOME/THING 1 2 3"},
	} {
		offer, err := ParseOffer(crlf(c.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		d, a, err := Answer(offer, local)
		if err != nil || a.Remote.String() != "192.0.2.9:4000" || a.Codec != g711.PCMU || a.EventType != 101 || a.Ptime.Milliseconds() != 30 || !a.Send {
			t.Errorf("%s: %+v, %v", name, a, err)
		}

		if answer := string(NewOrigin(1).Body(d)); !strings.Contains(answer, c.last+"\r\n") {
			t.Errorf("%s: no line %q in\n%s", name, c.last, answer)
		}
	}
}

// TestFaxAlone is no call for us: refused, and not as malformed.
func TestFaxAlone(t *testing.T) {
	t.Parallel()

	for _, body := range []string{
		strings.Replace(common, "m=audio 4000 RTP/AVP 0 101", "m=image 4000 udptl t38", 1),
		strings.Replace(common, "m=audio 4000", "m=image 4002 udptl t38\nm=audio 0", 1),
	} {
		offer, err := ParseOffer(crlf(body))
		if err != nil {
			t.Fatal(err)
		}

		var na *NotAcceptableError
		if _, _, err := Answer(offer, local); !errors.As(err, &na) || na.Warning != warnMediaType {
			t.Errorf("Answer = %v", err)
		}
	}
}

// TestPlainLosesNothing: a description that the parser takes is read alike in
// its plain form.
func TestPlainLosesNothing(t *testing.T) {
	t.Parallel()

	for peer, description := range offers {
		body := crlf(description)

		text, foreign, ok := plain(body)
		if !ok || len(foreign) > 0 {
			t.Errorf("%s: plain = %v, %v", peer, foreign, ok)
			continue
		}

		want, err := ParseOffer(body)
		if err != nil {
			t.Error(err)
			continue
		}

		got, err := ParseOffer(text)
		if err != nil {
			t.Errorf("%s: %v", peer, err)
			continue
		}

		a, heard, err := Answer(want, local)
		b, read, again := Answer(got, local)

		if (err == nil) != (again == nil) || heard != read || err == nil && !bytes.Equal(NewOrigin(1).Body(a), NewOrigin(1).Body(b)) {
			t.Errorf("%s: %+v, in plain form %+v", peer, heard, read)
		}
	}
}
