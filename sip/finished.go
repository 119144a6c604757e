package sip

import (
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// maxFinished bounds how many finished transactions are known. Beyond it the
// oldest are forgotten early: theirs are the requests that are least likely to
// come again.
const maxFinished = 1 << 16

// finished is what is left of a server transaction after its final response:
// enough for a request that comes again. A call makes two, which stay for 32 s,
// so that they are most of what a busy door holds; the request, the dialog and
// its audio are not among it.
type finished struct {
	key   string
	merge mergeKey
	tag   string // our To tag
	link  *link
	// again is sent when the request comes again (RFC 3261 section 17.2.2). It
	// is nil for the 2xx to an INVITE, which the dialog sends again (RFC 6026
	// section 7.1).
	again []byte
	until time.Time
}

// repeat answers a request that has come again.
func (f *finished) repeat() {
	if f.again == nil {
		return
	}

	f.link.ua.export(f.link.sock, f.merge.callID, true, f.link.to, f.again)
	_ = f.link.write(f.again) // counted by write
}

// history holds the finished transactions, in the order in which they are
// forgotten. The owner's lock guards it.
type history struct {
	byKey map[string]*finished
	order []*finished
	timer *time.Timer // runs while there are any
}

// add keeps a finished transaction. Those that are added later stay longer.
func (h *history) add(f *finished, forget func()) (overdue []*finished) {
	h.byKey[f.key] = f
	h.order = append(h.order, f)

	switch {
	case h.timer == nil:
		h.timer = time.AfterFunc(time.Until(f.until), forget)
	case len(h.order) == 1:
		h.timer.Reset(time.Until(f.until))
	}

	if len(h.order) > maxFinished {
		return h.pop(1)
	}

	return nil
}

// due forgets those whose time is over.
func (h *history) due(now time.Time) []*finished {
	n := 0
	for n < len(h.order) && !h.order[n].until.After(now) {
		n++
	}

	gone := h.pop(n)

	if len(h.order) > 0 {
		h.timer.Reset(h.order[0].until.Sub(now))
	}

	return gone
}

// pop forgets the first n. Neither list nor map holds on to them: after a rush
// both begin anew, since a slice keeps what lies before it, and a map its size.
func (h *history) pop(n int) []*finished {
	gone := slices.Clone(h.order[:n])
	clear(h.order[:n])
	h.order = h.order[n:]

	if len(h.order) == 0 {
		h.order, h.byKey = nil, make(map[string]*finished)
		return gone
	}

	for _, f := range gone {
		if h.byKey[f.key] == f {
			delete(h.byKey, f.key)
		}
	}

	return gone
}

// clear forgets all, and takes no more time.
func (h *history) clear() {
	clear(h.byKey)
	h.order = nil

	if h.timer != nil {
		h.timer.Stop()
	}
}

// again returns the finished transaction with the key.
func (t *transactions) again(key string) *finished {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.finished.byKey[key]
}

// finish keeps of a transaction what is needed after its final response.
func (t *transactions) finish(tx *serverTx, again []byte, until time.Time) {
	f := &finished{key: tx.key, merge: tx.merge, tag: tx.tag, link: tx.link, again: again, until: until}

	t.mu.Lock()
	defer t.mu.Unlock()

	if t.server[tx.key] == tx {
		delete(t.server, tx.key)
		t.unmerge(t.finished.add(f, t.forget))
	}
}

// forget drops the finished transactions whose time is over.
func (t *transactions) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.unmerge(t.finished.due(time.Now()))
}

// unmerge lets requests like those of the finished transactions begin anew.
func (t *transactions) unmerge(gone []*finished) {
	for _, f := range gone {
		if t.merged[f.merge] == f.key {
			delete(t.merged, f.merge)
		}
	}

	if len(gone) > 0 && len(t.merged) == 0 {
		t.merged = make(map[mergeKey]string) // that of a rush keeps its size
	}
}

// lasts reports whether a transaction ends with the response, so that nothing
// but a repeated request can follow: all final ones but those that refuse an
// INVITE, which want an ACK.
func lasts(req *sipgo.Request, res *sipgo.Response) bool {
	return !res.IsProvisional() && (res.IsSuccess() || req.Method != sipgo.INVITE)
}
