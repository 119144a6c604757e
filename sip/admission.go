package sip

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"trunkline/sip/throttle"
)

// Limits bound what is taken on. INVITEs beyond them get 503 with
// Retry-After, so that a carrier sends the call elsewhere.
type Limits struct {
	CallsPerSecond float64 // new calls of all trunks; 0 means no limit
	// Messages is how many messages a second one source may send; more are
	// dropped unread. 0 means 5000.
	Messages float64
	// Busy reports whether the machine has no power left for another call;
	// nil means never.
	Busy func() bool
}

const (
	// refusalsOfOne is how many malformed messages a second of one source are
	// answered. More are counted only: each answer costs more than its
	// question.
	refusalsOfOne = 20
	// scansPerSecond is how many strangers' datagrams a second are looked at.
	scansPerSecond = 100
	// strangersNamed is how many strangers a second the log names.
	strangersNamed = 1.0 / 60
)

// admission decides what is taken on.
type admission struct {
	messages *throttle.Table
	refusals *throttle.Table
	scans    *throttle.Bucket
	named    *throttle.Bucket
	calls    *throttle.Bucket
	busy     func() bool
}

func newAdmission(l *Limits) *admission {
	busy := l.Busy
	if busy == nil {
		busy = func() bool { return false }
	}

	messages := l.Messages
	if messages == 0 {
		messages = 5000
	}

	return &admission{
		messages: throttle.NewTable(messages, 2*messages),
		refusals: throttle.NewTable(refusalsOfOne, refusalsOfOne),
		scans:    throttle.New(scansPerSecond, scansPerSecond),
		named:    throttle.New(strangersNamed, 1),
		calls:    throttle.New(l.CallsPerSecond, 0),
		busy:     busy,
	}
}

// heard reports whether a message of a source is read.
func (ua *UA) heard(src netip.AddrPort) bool {
	if ua.admission.messages.Allow(src.Addr(), time.Now()) {
		return true
	}

	ua.count.throttled.Add(1)

	return false
}

// stranger counts a stranger's datagram or connection, and whether a known
// scanner sent it: anyone may write anything there. The log names one now and
// then, which may be a telephone or a carrier whose address no trunk has.
func (ua *UA) stranger(src netip.Addr, data []byte) {
	ua.count.strangers.Add(1)

	now := time.Now()
	if ua.admission.scans.Allow(now) && isScanner(data) {
		ua.count.scanners.Add(1)
		return
	}

	if ua.admission.named.Allow(now) {
		ua.log.Info("a stranger gets no answer; if it may call, name its address in a trunk's sources", slog.String("source", src.String()))
	}
}

// scannerMarks are what scanning tools put into their requests.
var scannerMarks = [][]byte{
	[]byte("friendly-scanner"), []byte("sipvicious"), []byte("sipcli"), []byte("sip-scan"), []byte("sundayddr"),
	[]byte("pplsip"), []byte("smap"), []byte("iwar"), []byte("vaxsipuseragent"),
}

// isScanner reports whether the head of a message bears a scanner's mark.
func isScanner(data []byte) bool {
	head := bytes.ToLower(data[:min(len(data), 1024)])

	for _, mark := range scannerMarks {
		if bytes.Contains(head, mark) {
			return true
		}
	}

	return false
}

// admit takes a place for a new inbound call, or refuses it.
func (ua *UA) admit(tx *serverTx) bool {
	t, now := tx.from.trunk, time.Now()

	switch {
	case ua.draining.Load(), ua.admission.busy(), !ua.admission.calls.Allow(now), !t.pace.Allow(now):
		tx.reply(503, "", Header{"Retry-After", retryAfter})
		return false
	case !reserve(&ua.calls, int64(ua.cfg.MaxCalls)):
		tx.reply(503, "", Header{"Retry-After", retryAfter})
		return false
	case !reserve(&t.calls, int64(t.MaxCalls)):
		ua.calls.Add(-1)
		tx.reply(486, "")

		return false
	}

	tx.dialog.leave = ua.leavePlace(t)

	return true
}

// takePlace takes a place for a call of ours, or says which limit is reached.
func (ua *UA) takePlace(t *trunk) (leave func(), err error) {
	switch {
	case !t.pace.Allow(time.Now()):
		return nil, fmt.Errorf("%w: %g calls a second on the trunk", ErrLimit, t.CallsPerSecond)
	case !reserve(&ua.calls, int64(ua.cfg.MaxCalls)):
		return nil, fmt.Errorf("%w: %d calls on all trunks", ErrLimit, ua.cfg.MaxCalls)
	case !reserve(&t.calls, int64(t.MaxCalls)):
		ua.calls.Add(-1)
		return nil, fmt.Errorf("%w: %d calls on the trunk", ErrLimit, t.MaxCalls)
	}

	return ua.leavePlace(t), nil
}

// leavePlace gives a call's place back.
func (ua *UA) leavePlace(t *trunk) func() {
	return func() { ua.calls.Add(-1); t.calls.Add(-1) }
}
