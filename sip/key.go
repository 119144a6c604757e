package sip

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media"
	"trunkline/media/dtmf"
)

// The bodies of an INFO that tells a key (RFC 6086 section 2 calls the way
// legacy; carriers and PBXs still use it).
const (
	relayType = "application/dtmf-relay" // lines such as "Signal=5" and "Duration=160"
	digitType = "application/dtmf"       // the key by itself
)

const (
	// keysWaiting bounds the keys that nobody has taken.
	keysWaiting = 32

	// usualKey is how long a key is taken to be held when nobody says, and
	// longestKey the most that is believed.
	usualKey, longestKey = 250 * time.Millisecond, time.Minute
)

// errNotAKey says that a body tells no key.
var errNotAKey = errors.New("not a telephone key")

// Keys receives the keys that the far end sends by INFO, each once. When 32
// wait, further ones are refused.
func (d *Dialog) Keys() <-chan media.Digit { return d.keys }

// infoReceived takes an INFO of the far end: a key, or nothing, which asks
// only whether the dialog is alive.
func (d *Dialog) infoReceived(tx *serverTx) {
	req := tx.req

	switch {
	case d.phase == over:
		tx.reply(481, "")
		return
	case headerValue(req, "Info-Package") != "":
		// RFC 6086 section 4.2.2: we take no package.
		tx.reply(469, "Bad Info Package", Header{"Recv-Info", ""})
		return
	case len(req.Body()) == 0:
		tx.reply(200, "")
		return
	}

	kind := ""
	if ct := req.ContentType(); ct != nil {
		kind, _, _ = mime.ParseMediaType(ct.Value())
	}

	if kind != relayType && kind != digitType {
		tx.reply(415, "", Header{"Accept", relayType + ", " + digitType})
		return
	}

	key, err := parseKey(kind, string(req.Body()))
	if err != nil {
		tx.reply(400, "Malformed Key", d.ua.warning(d.sock, 399, err.Error()))
		return
	}

	select {
	case d.keys <- key:
		tx.reply(200, "")
	default:
		tx.reply(500, "", Header{"Retry-After", "1"})
	}
}

// parseKey reads the body of an INFO.
func parseKey(kind, body string) (media.Digit, error) {
	if kind == digitType {
		key, err := keyOf(body)

		return media.Digit{Key: key, Duration: usualKey}, err
	}

	digit := media.Digit{Duration: usualKey}

	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
		name, value, _ := strings.Cut(line, "=")

		switch strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			key, err := keyOf(value)
			if err != nil {
				return digit, err
			}

			digit.Key = key
		case "duration":
			// Some senders leave it empty. The key counts all the same.
			if ms, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil && ms > 0 {
				digit.Duration = min(time.Duration(ms)*time.Millisecond, longestKey)
			}
		}
	}

	if digit.Key == 0 {
		return digit, fmt.Errorf("%w: there is no Signal line", errNotAKey)
	}

	return digit, nil
}

// keyOf reads a key: itself, or the number of its event from 10 to 15
// (RFC 4733 section 3.2), as some senders write * and #.
func keyOf(text string) (byte, error) {
	text = strings.ToUpper(strings.TrimSpace(text))

	if len(text) == 1 && dtmf.IsKey(text[0]) {
		return text[0], nil
	}

	if n, err := strconv.Atoi(text); err == nil && len(text) == 2 && n >= 10 && n <= 15 {
		return "*#ABCD"[n-10], nil
	}

	return 0, errNotAKey
}

// SendInfoDigit tells the far end by INFO that a key was pressed for hold. It
// returns when the far end has confirmed that. The error is a *StatusError
// when it refused, for example with 415, and wraps ErrState unless the call is
// answered.
func (d *Dialog) SendInfoDigit(ctx context.Context, key byte, hold time.Duration) error {
	if !dtmf.IsKey(key) {
		return fmt.Errorf("sip: send a key by INFO: %q: %w", key, errNotAKey)
	}

	result := make(chan error, 1)

	err := d.do(ctx, func() error { return d.sendInfo(key, hold, result) })
	if err != nil {
		return d.explain("send a key by INFO", err)
	}

	select {
	case err = <-result:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}

	return d.explain("send a key by INFO", err)
}

// sendInfo sends an INFO; its outcome arrives on result.
func (d *Dialog) sendInfo(key byte, hold time.Duration, result chan<- error) error {
	if d.phase != active {
		return ErrState
	}

	req := d.state.request(sipgo.INFO, 0)
	req.AppendHeader(sipgo.NewHeader("Content-Type", relayType))
	req.SetBody(fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", key, max(hold, 0).Milliseconds()))

	d.ask(&d.state, req, func(res *sipgo.Response, err error) { result <- refusal(res, err) })

	return nil
}
