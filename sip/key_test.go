package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/media/dtmf"
)

// info makes an INFO of the far end with a key.
func (s *script) info(kind, body string) string {
	return strings.Replace(s.request("INFO", body), "application/sdp", kind, 1)
}

func TestInfoKeys(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("info")
		d := b.establish(s, offerPCMU)

		for _, step := range []struct {
			kind, body string
			status     int
			want       media.Digit // when there is one
		}{
			{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 200, media.Digit{Key: '5', Duration: 160 * time.Millisecond}},
			{"application/dtmf-relay", "signal= # \nduration = 40", 200, media.Digit{Key: '#', Duration: 40 * time.Millisecond}},
			{"application/dtmf-relay", "Signal=10\r\nDuration=\r\n", 200, media.Digit{Key: '*', Duration: usualKey}},
			{"application/dtmf-relay; charset=utf-8", "Duration=99999999\r\nSignal=d", 200, media.Digit{Key: 'D', Duration: longestKey}},
			{"application/dtmf", "7", 200, media.Digit{Key: '7', Duration: usualKey}},
			{"Application/DTMF", "11\r\n", 200, media.Digit{Key: '#', Duration: usualKey}},
			{"application/dtmf-relay", "Signal=x\r\n", 400, media.Digit{}},
			{"application/dtmf-relay", "Signal=16\r\n", 400, media.Digit{}},
			{"application/dtmf-relay", "Duration=100\r\n", 400, media.Digit{}},
			{"application/dtmf", "55", 400, media.Digit{}},
			{"application/media_control+xml", "<x/>", 415, media.Digit{}},
		} {
			b.send(s.info(step.kind, step.body))
			res := b.status(step.status)

			if accept := headerValue(res, "Accept"); step.status == 415 && accept != "application/dtmf-relay, application/dtmf" {
				t.Errorf("Accept: %q", accept)
			}

			var got media.Digit
			select {
			case got = <-d.Keys():
			default:
			}

			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s %q (-want +got):\n%s", step.kind, step.body, diff)
			}
		}

		b.send(s.request("INFO", "")) // a keep-alive
		b.status(200)

		b.send(strings.Replace(s.info("application/dtmf", "1"), "Max-Forwards", "Info-Package: conf\nMax-Forwards", 1))
		b.status(469)
	})
}

func TestInfoOfAnotherDialog(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("gone")
		b.establish(s, offerPCMU)
		b.send(s.request("BYE", ""))
		b.status(200)
		b.send(s.info("application/dtmf", "1"))
		b.status(481)
	})
}

func TestKeysAreBounded(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("many")
		d := b.establish(s, offerPCMU)

		for range keysWaiting {
			b.send(s.info("application/dtmf", "1"))
			b.status(200)
		}

		b.send(s.info("application/dtmf", "2"))
		b.status(500)
		<-d.Keys()
		b.send(s.info("application/dtmf", "2"))
		b.status(200)
	})
}

// TestRetransmittedInfoCountsOnce sends an INFO again, as over a lossy way.
func TestRetransmittedInfoCountsOnce(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("again")
		d := b.establish(s, offerPCMU)
		info := s.info("application/dtmf", "1")

		b.send(info)
		b.status(200)
		b.send(info)
		b.status(200)

		if n := len(d.Keys()); n != 1 {
			t.Errorf("%d keys, want 1", n)
		}
	})
}

func TestSendInfoDigit(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("send")
		d := b.establish(s, offerPCMU)
		result := make(chan error, 1)

		for _, status := range []int{200, 415} {
			go func() { result <- d.SendInfoDigit(context.Background(), '#', 160*time.Millisecond) }()

			req := b.method("INFO")
			if ct := req.ContentType(); ct == nil || ct.Value() != relayType || string(req.Body()) != "Signal=#\r\nDuration=160\r\n" {
				t.Errorf("sent %s", req)
			}

			b.send(answerOf(req, status))

			err := <-result
			if status == 200 && err != nil {
				t.Errorf("confirmed: %v", err)
			}

			var refused *StatusError
			if status == 415 && (!errors.As(err, &refused) || refused.Code != 415) {
				t.Errorf("refused: %v", err)
			}
		}

		if err := d.SendInfoDigit(context.Background(), 'x', 0); !errors.Is(err, errNotAKey) {
			t.Errorf("a letter: %v", err)
		}

		b.send(s.request("BYE", ""))
		b.status(200)

		if err := d.SendInfoDigit(context.Background(), '1', 0); !errors.Is(err, ErrRemoteBye) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// FuzzKey reads bodies of INFO requests: whatever is taken is a key with a
// plausible duration.
func FuzzKey(f *testing.F) {
	for _, body := range []string{
		"Signal=5\r\nDuration=160\r\n", "signal= * \nduration=0", "Signal=11", "Signal=", "=", "Signal==5",
		"Duration=99999999999999999999\r\nSignal=A", "5", "10", " # \r\n", "16", "-1", "\x00", "Signal=5\rSignal=x",
	} {
		f.Add(true, body)
		f.Add(false, body)
	}

	f.Fuzz(func(t *testing.T, relay bool, body string) {
		kind := digitType
		if relay {
			kind = relayType
		}

		d, err := parseKey(kind, body)
		if err != nil {
			return
		}

		if !dtmf.IsKey(d.Key) || d.Duration <= 0 || d.Duration > longestKey {
			t.Errorf("%q: took %+v", body, d)
		}
	})
}
