package sip

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/digest"
)

// maxChallenges bounds how often one request is sent again because it was
// challenged: by the far end, by a proxy, and by one whose nonce is stale.
const maxChallenges = 3

// isChallenge reports whether a response asks who we are.
func isChallenge(res *sipgo.Response) bool {
	return res.StatusCode == sipgo.StatusUnauthorized || res.StatusCode == sipgo.StatusProxyAuthRequired
}

// challenged takes the challenges of a 401 or 407. The error says that it
// cannot be answered.
func challenged(auth *digest.Client, res *sipgo.Response) error {
	if auth == nil {
		return errors.New("we have no account there")
	}

	return auth.Challenge(headerValues(res, "WWW-Authenticate"), headerValues(res, "Proxy-Authenticate"))
}

// authorize puts what auth proves into a request, in place of earlier proofs.
func authorize(auth *digest.Client, req *sipgo.Request) {
	if auth == nil {
		return
	}

	for req.RemoveHeader("Authorization") || req.RemoveHeader("Proxy-Authorization") {
		continue
	}

	for _, h := range auth.Authorize(string(req.Method), req.Recipient.String()) {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}
}

// authenticated sends our INVITE again with the proof that a 401 or 407 asked
// for (RFC 3261 section 22.2). It reports false when there is none to give;
// the response is then a refusal like others.
func (d *Dialog) authenticated(p *dialing, res *sipgo.Response) bool {
	if !isChallenge(res) || p.challenges == maxChallenges {
		return false
	}

	p.challenges++

	if err := challenged(d.auth, res); err != nil {
		d.ua.log.Warn("challenge not answered", slog.String("trunk", d.info.Trunk), slog.String("call_id", d.info.CallID), slog.Any("error", err))
		return false
	}

	d.reissue(p, nil, nil, func(req *sipgo.Request) { authorize(d.auth, req) })

	return true
}

// forgetProof takes our proof out of an INVITE that goes to another far end.
func (d *Dialog) forgetProof(req *sipgo.Request) {
	if d.auth != nil {
		d.auth.Forget()
		authorize(d.auth, req)
	}
}

// enrol makes a dialog's account known to the requests that it will send.
func (ua *UA) enrol(d *Dialog) {
	if d.auth == nil {
		return
	}

	ua.mu.Lock()
	defer ua.mu.Unlock()

	ua.accounts[d.info.CallID] = d.auth
}

// strike ends what enrol began.
func (ua *UA) strike(d *Dialog) {
	if d.auth == nil {
		return
	}

	ua.mu.Lock()
	defer ua.mu.Unlock()

	delete(ua.accounts, d.info.CallID)
}

// account is what the requests of a call are proved with; nil for none.
func (ua *UA) account(callID string) *digest.Client {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	return ua.accounts[callID]
}

// send routes a request of a dialog and waits for its final response, of
// whatever status. A challenge is answered when the call has an account. left
// is called when the request has left; it may be nil.
func (ua *UA) send(req *sipgo.Request, hop *sipgo.Uri, s socket, peer netip.AddrPort, left func()) (*sipgo.Response, error) {
	l := ua.route(ua.life, hop, s, peer)

	req.SetTransport(l.sock.network())
	req.PrependHeader(newVia(l.sock, newBranch()))
	req.AppendHeader(sipgo.NewHeader("User-Agent", ua.cfg.UserAgent))

	return ua.prove(req, l, ua.account(req.CallID().Value()), left)
}

// prove sends a request, and again with a proof of who we are when it is
// challenged.
func (ua *UA) prove(req *sipgo.Request, l *link, auth *digest.Client, left func()) (*sipgo.Response, error) {
	authorize(auth, req)

	for range maxChallenges {
		res, err := ua.transact(req, l, left)
		if err != nil || !isChallenge(res) || challenged(auth, res) != nil {
			return res, err
		}

		left = nil
		req = req.Clone()
		req.CSeq().SeqNo++
		req.Via().Params.Add("branch", newBranch())
		authorize(auth, req)
	}

	return ua.transact(req, l, nil)
}

// proven checks that a trunk that must prove who it is with its INVITE does,
// and challenges it when it does not.
func (ua *UA) proven(tx *serverTx) bool {
	server := tx.from.trunk.proof
	if server == nil {
		return true
	}

	now, verdict := time.Now(), digest.Unproven

	for _, v := range headerValues(tx.req, "Authorization") {
		verdict = max(verdict, server.Verify(v, string(tx.req.Method), now))
	}

	switch verdict {
	case digest.Proven:
		return true
	case digest.Wrong:
		ua.log.Warn("a trunk's user or password is wrong", slog.String("trunk", tx.from.trunk.Name))
		tx.reply(sipgo.StatusForbidden, "")
	default:
		var headers []Header
		for _, c := range server.Challenges(now, verdict == digest.Stale) {
			headers = append(headers, Header{"WWW-Authenticate", c})
		}

		tx.reply(sipgo.StatusUnauthorized, "", headers...)
	}

	return false
}
