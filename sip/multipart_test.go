package sip

import (
	"strings"
	"testing"

	"trunkline/media/g711"
)

// parts is a body of several parts.
func parts(all ...string) string {
	return "--x1\n" + strings.Join(all, "\n--x1\n") + "\n--x1--\n"
}

const (
	sdpPart  = "Content-Type: application/sdp\n\n" + offerPCMU
	isupPart = "Content-Type: application/isup;version=itu-t92+\nContent-Disposition: signal;handling=optional\n\n\x01\x00"
)

// several says that a request's body has several parts.
func several(request string) string {
	return strings.Replace(request, "application/sdp", `multipart/mixed;boundary="x1"`, 1)
}

func TestDescriptionsAmongOtherParts(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("parts")
		b.send(several(s.request("INVITE", parts(isupPart, sdpPart))))
		b.status(100)

		d := b.call()
		if _, err := d.Answer(ctx); err != nil {
			t.Fatal(err)
		}

		s.learn(b.status(200))
		b.send(s.request("ACK", ""))
		wantCodec(t, b.media.last(t).latest(t), g711.PCMU, 0)
		b.send(s.request("BYE", ""))
		b.status(200)

		for name, body := range map[string]string{
			"none":            parts(isupPart),
			"one is required": parts(sdpPart, strings.Replace(isupPart, "optional", "required", 1)),
			"cut off":         "--x1\n" + sdpPart,
			"too many":        parts(append([]string{sdpPart}, strings.Split(strings.Repeat(isupPart+"|", maxParts), "|")...)...),
		} {
			other := newScript("not" + strings.ReplaceAll(name, " ", ""))
			b.send(several(other.request("INVITE", body)))
			b.status(415)
			b.send(other.ackFailure())
		}
	})
}

// Carriers answer so, too.
func TestAnswersAmongOtherParts(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		out := b.dialFar(ctx, DialOptions{})
		invite := b.method("INVITE")
		body := parts(isupPart, "Content-Type: application/sdp\n\n"+answerPCMA)
		res := b.response(invite, 200, "t1", body)
		b.send(several(res.String()))
		b.method("ACK")

		if got := <-out; got.err != nil {
			t.Fatal(got.err)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMA, 8)
	})
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(crlf(parts(isupPart, sdpPart))), "x1")
	f.Add([]byte("--\r\n\r\n----"), "")
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		if desc, ok := description(body, boundary); ok && len(desc) > len(body) {
			t.Errorf("%q holds a description of %d octets", body, len(desc))
		}
	})
}
