package call

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"trunkline/media"
	"trunkline/sip"
	"trunkline/storage"
)

// PlaceBySIP lets calls leave by the SIP door. It comes before the first call.
func (m *Manager) PlaceBySIP(ua *sip.UA) { m.setOutlet(storage.DoorSIP, sipOutlet{ua}) }

// sipOutlet is the SIP door as calls leave by it.
type sipOutlet struct{ ua *sip.UA }

// Dial implements outlet.
func (s sipOutlet) Dial(ctx context.Context, o Outgoing, progress func(Progress)) (placed, error) {
	options := sip.CallOptions{
		CallerID: string(o.From), Headers: []sip.Header{{Name: IDHeader, Value: o.Call.String()}}, Leave: o.Leave,
		Target: o.Target, Replaces: o.Replaces, ReferredBy: o.ReferredBy, Codec: o.Codec,
	}
	if o.Briefing != "" {
		options.Headers = append(options.Headers, sip.Header{Name: BriefingHeader, Value: url.QueryEscape(o.Briefing)})
	}
	d, err := s.ua.Call(ctx, o.Trunk, string(o.To), options)
	if err != nil {
		return nil, sipRefusal(err)
	}
	progress(Progress{Kind: Sent, CallID: d.Info().CallID, Signalling: d})
	follow(ctx, d.Progress(), progress)
	if _, err := d.Answered(ctx); err != nil {
		return nil, sipRefusal(err)
	}

	return sipPlaced{sipDoor{d}}, nil
}

// follow tells what happens before the answer: that it rings, once, and that
// there is early media, once.
func follow(ctx context.Context, from <-chan sip.Progress, progress func(Progress)) {
	rings, heard := false, false
	for {
		select {
		case p, more := <-from:
			if !more {
				return
			}
			if p.Leg != nil && !heard {
				heard = true
				progress(Progress{Kind: EarlyMedia, Status: p.Status, Leg: p.Leg})
			}
			if p.Status == 180 && !rings {
				rings = true
				progress(Progress{Kind: Ringing, Status: p.Status})
			}
		case <-ctx.Done():
			return
		}
	}
}

// BriefingHeader is the header of an INVITE that tells the person to whom a
// caller is put through what it is about, as the text of a URL's query (UTF-8,
// percent-encoded).
const BriefingHeader = "X-Trunkline-Briefing"

// Transfer implements referrer: by REFER to a SIP URI, or to a number where the
// far end is (RFC 3515).
func (d sipDoor) Transfer(ctx context.Context, r referral) error {
	to := r.To
	if !strings.HasPrefix(to, "sip:") && !strings.HasPrefix(to, "sips:") {
		info := d.Info()
		far := info.To
		if info.Inbound {
			far = info.From
		}
		_, host, _ := strings.Cut(far.URI, "@")
		to = "sip:" + to + "@" + host
	}

	return d.Refer(ctx, to, sip.ReferOptions{Progress: func(p sip.Progress) { r.progress(p.Status) }})
}

// sipPlaced is a call that left by the SIP door.
type sipPlaced struct{ sipDoor }

// Leg implements placed.
func (d sipPlaced) Leg() media.Leg { return d.Dialog.Leg() }

// sipRefusal says why a call of ours was not answered (RFC 3261 section 21,
// RFC 8197 for 607, RFC 8688 for 608).
func sipRefusal(err error) error {
	var status *sip.StatusError
	switch {
	case errors.As(err, &status):
		return &refusedError{reason: refusedBy(status.Code), status: status.Code, err: err}
	case errors.Is(err, sip.ErrTimeout), errors.Is(err, sip.ErrUnreachable):
		return &refusedError{reason: Unreachable, err: err}
	case errors.Is(err, sip.ErrTrunk), errors.Is(err, sip.ErrNumber):
		return &refusedError{reason: NoRoute, err: err}
	case errors.Is(err, sip.ErrLimit):
		return &refusedError{reason: LineBusy, err: err}
	case errors.Is(err, sip.ErrMedia):
		return &refusedError{reason: NoPort, err: err}
	case errors.Is(err, sip.ErrStopped):
		return &refusedError{reason: Shutdown, err: err}
	default:
		return err
	}
}

// refusedBy is the reason that a final status tells.
func refusedBy(status int) Reason {
	switch status {
	case 486, 600:
		return Busy
	case 408, 480, 487:
		return NoAnswer
	case 403, 433, 603, 607, 608:
		return Rejected
	case 404, 410, 484, 485, 604:
		return NoSuchNumber
	default:
		return Unreachable
	}
}
