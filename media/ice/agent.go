package ice

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
)

const (
	// consent is how long an address is believed after a check that it passed
	// (RFC 7675 section 5.1).
	consent = 30 * time.Second

	// maxPeers bounds the addresses that are believed. A browser has one for
	// each of its networks.
	maxPeers = 8
)

// Errors that responses tell (RFC 8489 section 14.8, RFC 8445 section 7.3.1.1).
const (
	unknownAttribute = 420
	roleConflict     = 487
)

// Agent is the lite agent of one call. Its zero value believes nobody. It
// serves one goroutine at a time.
type Agent struct {
	ours, theirs Credentials
	password     *integrity // ours
	username     []byte     // ours:theirs, or ours: while theirs are not known
	peers        []peer     // the one that media goes to first

	request  request
	response response
}

// peer is an address that has passed a check.
type peer struct {
	addr      netip.AddrPort
	checked   time.Time // last
	nominated bool
}

// Expect takes the credentials of both sides, of ours and of theirs; theirs may
// be zero while the far end has not answered our offer. Other ones of ours than
// before restart ICE (RFC 8445 section 9): checks must prove the new ones, and
// media goes where it went until another address is nominated.
func (a *Agent) Expect(ours, theirs Credentials) {
	if ours == a.ours && theirs == a.theirs {
		return
	}
	if ours != a.ours {
		a.password = newIntegrity(ours.pwd)
	}
	a.ours, a.theirs = ours, theirs
	a.username = append(append(a.username[:0], ours.Ufrag...), ':')
	a.username = append(a.username, theirs.Ufrag...)
}

// Receive takes a STUN message. The reply, if any, goes back to where the
// message came from, and is valid until the next call.
func (a *Agent) Receive(message []byte, from netip.AddrPort, now time.Time) (reply []byte) {
	r := &a.request
	if a.password == nil || r.read(message) != nil || !a.addressed(r.username) || !r.proves(a.password) {
		return nil
	}
	m := &a.response
	switch {
	case r.unknowns > 0:
		m.begin(bindingError, r.id)
		m.failure(unknownAttribute)
		m.lacking(r.unknown[:r.unknowns])
	case r.controlled:
		// The far end must nominate: a lite agent cannot.
		m.begin(bindingError, r.id)
		m.failure(roleConflict)
	default:
		m.begin(bindingSuccess, r.id)
		m.mapped(from)
		a.believe(from, r.useCandidate, now)
	}

	return m.finish(a.password)
}

// addressed says whether a username names this session.
func (a *Agent) addressed(username []byte) bool {
	if a.theirs.Ufrag == "" {
		return bytes.HasPrefix(username, a.username)
	}

	return bytes.Equal(username, a.username)
}

// believe takes note of a check that was passed. Until the far end has
// nominated an address the newest one leads.
func (a *Agent) believe(from netip.AddrPort, nominated bool, now time.Time) {
	a.expire(now)
	i := slices.IndexFunc(a.peers, func(p peer) bool { return p.addr == from })
	if i < 0 {
		i = min(len(a.peers), maxPeers-1) // in place of the one that led longest ago
		a.peers = append(a.peers[:i], peer{addr: from})
	}
	p := a.peers[i]
	p.checked, p.nominated = now, p.nominated || nominated
	if nominated || !a.peers[0].nominated {
		copy(a.peers[1:i+1], a.peers[:i])
		i = 0
	}
	a.peers[i] = p
}

// expire forgets the addresses whose consent has run out.
func (a *Agent) expire(now time.Time) {
	a.peers = slices.DeleteFunc(a.peers, func(p peer) bool { return now.Sub(p.checked) > consent })
}

// Remote is where media goes: the address that the far end nominated last, or,
// until it has, the one that passed a check last; zero when there is none, or
// none that passed one within the last 30 s.
func (a *Agent) Remote(now time.Time) netip.AddrPort {
	a.expire(now)
	if len(a.peers) == 0 {
		return netip.AddrPort{}
	}

	return a.peers[0].addr
}

// Believes says whether what comes from an address may be the far end's.
func (a *Agent) Believes(from netip.AddrPort) bool {
	for i := range a.peers {
		if a.peers[i].addr == from {
			return true
		}
	}

	return false
}
