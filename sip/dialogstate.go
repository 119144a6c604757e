package sip

import (
	"slices"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// dialogID identifies a dialog at our side (RFC 3261 section 12).
type dialogID struct {
	callID, localTag, remoteTag string
}

// dialogState is what the requests of a dialog are made from (RFC 3261
// section 12). It is pure.
type dialogState struct {
	callID     string
	local      sipgo.FromHeader // us, with our tag
	remote     sipgo.ToHeader   // the far end, with its tag
	target     sipgo.Uri        // the far end's Contact
	routes     []sipgo.Uri      // in the order in which requests visit them
	localSeq   uint32           // of our latest request, 0 before the first
	remoteSeq  uint32           // of the far end's latest request
	remoteUsed bool             // the far end has sent a request, so remoteSeq counts
}

// uasState makes the state of a dialog that the far end's INVITE begins
// (RFC 3261 section 12.1.1).
func uasState(invite *sipgo.Request, localTag string) dialogState {
	local := invite.To().AsFrom()
	local.Params.Add("tag", localTag)

	return dialogState{
		callID:     invite.CallID().Value(),
		local:      local,
		remote:     invite.From().AsTo(),
		target:     *targetOf(invite.Contact()),
		routes:     recordRoutes(invite),
		remoteSeq:  invite.CSeq().SeqNo,
		remoteUsed: true,
	}
}

// uacState makes the state of a dialog that a provisional or 2xx response to
// our INVITE begins (RFC 3261 section 12.1.2). Without a usable Contact, which a
// 2xx must have and some do not, requests go where the INVITE went: a far end
// that cannot be hung up on would be worse.
func uacState(invite *sipgo.Request, res *sipgo.Response) dialogState {
	routes := recordRoutes(res)
	slices.Reverse(routes)

	state := dialogState{
		callID:   invite.CallID().Value(),
		local:    *cloneFrom(invite.From()),
		remote:   *cloneTo(res.To()),
		target:   *invite.Recipient.Clone(),
		routes:   routes,
		localSeq: invite.CSeq().SeqNo,
	}
	state.refresh(res.Contact())

	return state
}

func recordRoutes(msg sipgo.Message) []sipgo.Uri {
	var routes []sipgo.Uri

	for _, h := range msg.GetHeaders("Record-Route") {
		if rr, ok := h.(*sipgo.RecordRouteHeader); ok {
			routes = append(routes, *rr.Address.Clone())
		}
	}

	return routes
}

func cloneFrom(h *sipgo.FromHeader) *sipgo.FromHeader {
	return &sipgo.FromHeader{DisplayName: h.DisplayName, Address: *h.Address.Clone(), Params: h.Params.Clone()}
}

func cloneTo(h *sipgo.ToHeader) *sipgo.ToHeader {
	return &sipgo.ToHeader{DisplayName: h.DisplayName, Address: *h.Address.Clone(), Params: h.Params.Clone()}
}

func (s *dialogState) id() dialogID {
	return dialogID{callID: s.callID, localTag: tagOf(s.local.Params), remoteTag: tagOf(s.remote.Params)}
}

// order takes the sequence number of a request that the far end sent in the
// dialog. It reports false for one that is not higher than the last
// (RFC 3261 section 12.2.2).
func (s *dialogState) order(seq uint32) bool {
	if s.remoteUsed && seq <= s.remoteSeq {
		return false
	}

	s.remoteSeq, s.remoteUsed = seq, true

	return true
}

// request makes a request within the dialog (RFC 3261 section 12.2.1.1). ACK
// takes the number of the INVITE that it confirms; every other method takes a
// new one.
func (s *dialogState) request(method sipgo.RequestMethod, invite uint32) *sipgo.Request {
	seq := invite

	if method != sipgo.ACK {
		s.localSeq++
		seq = s.localSeq
	}

	target, routes := s.target, s.routes
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") {
		// A strict router wants to be the request's target.
		target, routes = routes[0], append(slices.Clone(routes[1:]), s.target)
	}

	req := sipgo.NewRequest(method, *target.Clone())
	for i := range routes {
		req.AppendHeader(&sipgo.RouteHeader{Address: *routes[i].Clone()})
	}

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := sipgo.CallIDHeader(s.callID)

	req.AppendHeader(&maxForwards)
	req.AppendHeader(cloneFrom(&s.local))
	req.AppendHeader(cloneTo(&s.remote))
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: seq, MethodName: method})
	req.SetBody(nil)

	return req
}

// nextHop is the URI that requests of the dialog are sent to.
func (s *dialogState) nextHop() sipgo.Uri {
	if len(s.routes) > 0 {
		return s.routes[0]
	}

	return s.target
}

// refresh takes a new remote target from a request or response that may bring
// one (RFC 3261 section 12.2).
func (s *dialogState) refresh(c *sipgo.ContactHeader) {
	if c != nil && !c.Address.Wildcard && c.Address.Host != "" {
		s.target = *targetOf(c)
	}
}

// targetOf is the URI of a Contact as that of a request, which bears no headers
// (RFC 3261 section 19.1.1).
func targetOf(c *sipgo.ContactHeader) *sipgo.Uri {
	uri := c.Address.Clone()
	uri.Headers = nil

	for i, param := range uri.UriParams { // the parser leaves headers in a name without a value
		uri.UriParams[i].K, _, _ = strings.Cut(param.K, "?")
	}

	return uri
}
