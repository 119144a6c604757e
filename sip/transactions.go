package sip

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// maxTransactions bounds those that wait for a response or for an ACK.
const maxTransactions = 16384

// transactions is the table of all transactions of a UA. The state machines
// are sipgo's, until a server transaction is finished.
type transactions struct {
	mu       sync.Mutex
	closed   bool
	server   map[string]*serverTx
	client   map[string]*clientTx
	finished history
	merged   map[mergeKey]string // the server transaction that took a request

	abandoned map[string]*abandoned // INVITEs of ours that may be answered late
}

// mergeKey identifies a request outside of a dialog whichever way it came
// (RFC 3261 section 8.2.2.2).
type mergeKey struct {
	callID, fromTag, method string
	seq                     uint32
}

// serverTx is a request that we answer.
type serverTx struct {
	*sipgo.ServerTx

	ua     *UA
	key    string
	merge  mergeKey
	req    *sipgo.Request
	link   *link
	src    netip.AddrPort // where the request came from
	from   source
	tag    string // our To tag for all responses
	status atomic.Int32
	acked  atomic.Bool
	dialog *Dialog // of an INVITE, set before the transaction is visible
}

// clientTx is a request that we sent. Its responses pass through a queue and
// one goroutine, because sipgo blocks the giver until the taker reads.
type clientTx struct {
	*sipgo.ClientTx

	inbox chan *sipgo.Response
}

// discard keeps sipgo's transactions from logging message contents; what
// fails is counted by the link.
var discard = slog.New(slog.DiscardHandler)

func newTransactions() *transactions {
	return &transactions{
		server: make(map[string]*serverTx),
		client: make(map[string]*clientTx),
		merged: make(map[mergeKey]string),

		finished:  history{byKey: make(map[string]*finished)},
		abandoned: make(map[string]*abandoned),
	}
}

// serverKey identifies the server transaction of method that a request
// belongs to (RFC 3261 section 17.2.3). The method differs from the request's
// own for ACK and CANCEL.
func serverKey(req *sipgo.Request, method sipgo.RequestMethod) string {
	via := req.Via()
	sentBy := strings.ToLower(via.Host) + ":" + strconv.Itoa(via.Port)

	branch, _ := via.Params.Get("branch")
	if strings.HasPrefix(branch, sipgo.RFC3261BranchMagicCookie) && len(branch) > len(sipgo.RFC3261BranchMagicCookie) {
		return strings.Join([]string{branch, sentBy, string(method)}, " ")
	}

	// RFC 2543 senders have no unique branch.
	return strings.Join([]string{
		sentBy, branch, string(method), req.CallID().Value(),
		tagOf(req.From().Params), strconv.FormatUint(uint64(req.CSeq().SeqNo), 10),
	}, " ")
}

// Errors of a transaction that cannot begin.
var (
	errFull   = errors.New("too many transactions")
	errMerged = errors.New("merged request")
)

// find returns the server transaction with the key.
func (t *transactions) find(key string) *serverTx {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.server[key]
}

// serve begins a server transaction. With errMerged the transaction has begun
// too, to be answered with 482.
func (t *transactions) serve(tx *serverTx) error {
	tx.ServerTx = sipgo.NewServerTx(tx.key, tx.req, tx.link, discard)

	t.mu.Lock()
	defer t.mu.Unlock()

	if t.closed || len(t.server)+len(t.client) >= maxTransactions {
		return errFull
	}

	if err := tx.Init(); err != nil {
		return fmt.Errorf("sip: begin server transaction: %w", err)
	}

	t.server[tx.key] = tx

	var err error

	// Copies: the message is not to stay for them.
	tx.merge = mergeKey{
		callID: strings.Clone(tx.req.CallID().Value()), fromTag: strings.Clone(tagOf(tx.req.From().Params)),
		method: string(tx.req.Method), seq: tx.req.CSeq().SeqNo,
	}
	if _, taken := t.merged[tx.merge]; taken && tagOf(tx.req.To().Params) == "" {
		err = errMerged
	} else if !taken {
		t.merged[tx.merge] = tx.key
	}

	tx.OnTerminate(func(string, error) { t.drop(tx) })

	return err
}

// drop forgets a transaction, unless it is finished and kept as such.
func (t *transactions) drop(tx *serverTx) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.server[tx.key] != tx {
		return
	}

	delete(t.server, tx.key)

	if t.merged[tx.merge] == tx.key {
		delete(t.merged, tx.merge)
	}
}

// request begins a client transaction: it sends req by the link.
func (t *transactions) request(ua *UA, req *sipgo.Request, l *link) (*clientTx, error) {
	key, err := sipgo.ClientTxKeyMake(req)
	if err != nil {
		return nil, fmt.Errorf("sip: begin client transaction: %w", err)
	}

	tx := &clientTx{ClientTx: sipgo.NewClientTx(key, req, l, discard), inbox: make(chan *sipgo.Response, 8)}

	t.mu.Lock()
	if t.closed || len(t.server)+len(t.client) >= maxTransactions {
		t.mu.Unlock()
		return nil, fmt.Errorf("sip: begin client transaction: %w", errFull)
	}

	tx.OnTerminate(func(string, error) {
		t.mu.Lock()
		defer t.mu.Unlock()

		delete(t.client, key)
	})

	t.client[key] = tx
	t.mu.Unlock()

	if !ua.readers.spawn(tx.pump) {
		tx.Terminate()
		return nil, fmt.Errorf("sip: begin client transaction: %w", ErrStopped)
	}

	if err := tx.Init(); err != nil {
		tx.Terminate()
		return nil, fmt.Errorf("sip: begin client transaction: %w", err)
	}

	return tx, nil
}

// pump gives the responses to the state machine in the order of their
// arrival.
func (tx *clientTx) pump() {
	for {
		select {
		case res := <-tx.inbox:
			tx.Receive(res)
		case <-tx.Done():
			return
		}
	}
}

// response hands a response to its client transaction. It reports whether
// there is one. A response that finds the queue full is lost, as it could
// have been on the way.
func (t *transactions) response(res *sipgo.Response) bool {
	key, err := sipgo.ClientTxKeyMake(res)
	if err != nil {
		return false
	}

	t.mu.Lock()
	tx, ok := t.client[key]
	t.mu.Unlock()

	if !ok {
		return false
	}

	select {
	case tx.inbox <- res:
	default:
	}

	return true
}

// size is the number of transactions.
func (t *transactions) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()

	return len(t.server) + len(t.client) + len(t.finished.order)
}

// close ends all transactions where they stand and lets no more begin.
func (t *transactions) close() {
	t.mu.Lock()
	t.closed = true

	all := make([]interface{ Terminate() }, 0, len(t.server)+len(t.client))
	for _, tx := range t.server {
		all = append(all, tx)
	}

	for _, tx := range t.client {
		all = append(all, tx)
	}

	clear(t.server)
	clear(t.client)
	clear(t.merged)
	t.finished.clear()

	for _, a := range t.abandoned {
		a.forget.Stop()
	}

	clear(t.abandoned)
	t.mu.Unlock()

	for _, tx := range all {
		tx.Terminate()
	}
}

// transact sends req, calls left unless that is nil, and waits for the final
// response, of whatever status. The error wraps ErrTimeout when none came.
func (ua *UA) transact(req *sipgo.Request, l *link, left func()) (*sipgo.Response, error) {
	tx, err := ua.table.request(ua, req, l)
	if err != nil {
		return nil, err
	}

	if left != nil {
		left()
	}

	limit := make(<-chan time.Time)

	if req.Method == sipgo.INVITE {
		// A provisional response ends sipgo's own time limit.
		timer := time.NewTimer(ua.cfg.Timers.giveUp())
		defer timer.Stop()

		limit = timer.C
	}

	for {
		select {
		case res := <-tx.Responses():
			if res.IsProvisional() {
				continue
			}

			if req.Method == sipgo.INVITE && res.IsSuccess() {
				ua.confirm(tx, req, res, l)
			}

			return res, nil
		case <-limit:
			tx.Terminate()

			return nil, fmt.Errorf("sip: %s: %w", req.Method, ErrTimeout)
		case <-tx.Done():
			return nil, fmt.Errorf("sip: %s: %w", req.Method, txError(tx.Err()))
		}
	}
}

// confirm sends the ACK of a 2xx to an INVITE within a dialog, now and
// whenever the 2xx comes again.
func (ua *UA) confirm(tx *clientTx, req *sipgo.Request, res *sipgo.Response, l *link) {
	send := func() {
		ack := ackOf(req, res)
		hop := ack.Recipient

		if route := ack.Route(); route != nil {
			hop = route.Address
		}

		to := ua.route(ua.life, &hop, l.sock, l.to)

		ack.SetTransport(to.sock.network())
		ack.PrependHeader(newVia(to.sock, newBranch()))

		if err := to.WriteMsg(ack); err != nil {
			ua.log.Debug("ACK not sent", slog.Any("error", err))
		}
	}

	send()

	// The hook runs in the transaction's one pump goroutine.
	tx.OnRetransmission(func(*sipgo.Response) { send() })
}

// ackOf makes the ACK of a 2xx to an INVITE within a dialog, but for its Via
// (RFC 3261 section 13.2.2.4).
func ackOf(req *sipgo.Request, res *sipgo.Response) *sipgo.Request {
	target := req.Recipient
	if c := res.Contact(); c != nil && !c.Address.Wildcard {
		target = c.Address
	}

	if route := req.Route(); route != nil && !route.Address.UriParams.Has("lr") {
		target = req.Recipient // a strict router's
	}

	ack := sipgo.NewRequest(sipgo.ACK, *target.Clone())
	sipgo.CopyHeaders("Route", req, ack)

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := *req.CallID()

	ack.AppendHeader(&maxForwards)
	ack.AppendHeader(cloneFrom(req.From()))
	ack.AppendHeader(cloneTo(res.To()))
	ack.AppendHeader(&callID)
	ack.AppendHeader(&sipgo.CSeqHeader{SeqNo: req.CSeq().SeqNo, MethodName: sipgo.ACK})
	copyProofs(req, ack)
	ack.SetBody(nil)

	return ack
}

// txError says in our words why a client transaction ended without a final
// response.
func txError(err error) error {
	switch {
	case errors.Is(err, sipgo.ErrTransactionTimeout):
		return ErrTimeout
	case errors.Is(err, sipgo.ErrTransactionTransport):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	default:
		return ErrStopped
	}
}

// response makes a response to the transaction's request. Via, From, Call-ID,
// CSeq and Record-Route are the request's; the To tag is ours.
func (tx *serverTx) response(status int, reason string, body []byte) *sipgo.Response {
	if reason == "" {
		reason = phrase(status)
	}

	res := sipgo.NewResponseFromRequest(tx.req, status, reason, body)
	res.SipVersion = "SIP/2.0"

	if status > 100 && tagOf(tx.req.To().Params) == "" {
		res.To().Params.Add("tag", tx.tag)
	}

	res.AppendHeader(sipgo.NewHeader("Server", tx.ua.cfg.UserAgent))

	return res
}

// respond sends a response, and counts a final one. The first final one counts.
// A response that cannot be sent is lost like one on the way: the request is
// retransmitted, or the caller gives up.
func (tx *serverTx) respond(res *sipgo.Response) {
	if !res.IsProvisional() {
		if !tx.status.CompareAndSwap(0, int32(res.StatusCode)) {
			return
		}

		tx.ua.count.response(res.StatusCode)
	}

	send := tx.Respond
	if lasts(tx.req, res) {
		send = tx.finish
	}

	if err := send(res); err != nil {
		tx.ua.log.Debug("response not sent", slog.Int("status", res.StatusCode), slog.Any("error", err))
	}
}

// finish sends the response with which the transaction ends, and keeps it for
// a request that comes again by a path that loses messages (timers J and L).
func (tx *serverTx) finish(res *sipgo.Response) error {
	defer tx.Terminate()

	text := encode(res)
	defer buffers.Put(text)

	if until := time.Now().Add(tx.ua.cfg.Timers.giveUp()); tx.req.Method == sipgo.INVITE {
		tx.ua.table.finish(tx, nil, until)
	} else if !sipgo.IsReliable(tx.link.sock.network()) {
		tx.ua.table.finish(tx, bytes.Clone(text.Bytes()), until)
	}

	return tx.link.transmit(res.CallID(), text.Bytes())
}

// reply makes and sends a response without a body.
func (tx *serverTx) reply(status int, reason string, headers ...Header) {
	res := tx.response(status, reason, nil)
	for _, h := range headers {
		res.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}

	tx.respond(res)
}

// ack confirms a final response other than 2xx, which must have been sent. sipgo passes each ACK on, and
// holds a goroutine until someone takes it.
func (tx *serverTx) ack(req *sipgo.Request) {
	if !tx.acked.CompareAndSwap(false, true) {
		return
	}

	if err := tx.Receive(req); err != nil {
		return
	}

	select {
	case <-tx.Acks():
	case <-tx.Done():
	}
}
