package sip

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/locate"
	"trunkline/sip/registration"
)

// Registration says how a trunk is registered, for carriers that learn our
// address from us. Its account is the trunk's.
type Registration struct {
	Registrar string        // SIP URI that REGISTER goes to, such as sip:carrier.example
	User      string        // of the address that is registered; empty means the account's
	Expires   time.Duration // life of a binding that is asked for; 0 means an hour
	// Bulk registers all numbers of the account at once (RFC 6140, "GIN").
	Bulk bool
}

// removeLimit is how long the UA's end may be put off by telling a registrar.
const removeLimit = 2 * time.Second

// registrar keeps one trunk registered.
type registrar struct {
	*chore

	uri *sipgo.Uri // of the registrar
	aor *sipgo.Uri // what is registered

	mu      sync.Mutex
	machine *registration.Machine
	since   time.Time // of the state
	until   time.Time // end of the binding
	status  int       // of the last answer, 0 for none
	lent    map[netip.Addr]bool
	routes  []*sipgo.Uri // that our calls take, as the registrar says (RFC 3608); none: as configured
	conn    *stream      // by which the registrar was told; nil for none that is up
}

func newRegistrar(ua *UA, t *trunk) (*registrar, error) {
	uri, err := parseTarget(t.Register.Registrar)
	if err != nil {
		return nil, err
	}

	aor := &sipgo.Uri{Scheme: "sip", User: t.Register.User, Host: uri.Host}
	if aor.User == "" {
		aor.User = t.Account.User
	}

	uri.User = ""

	expires := t.Register.Expires
	if expires == 0 {
		expires = time.Hour
	}

	return &registrar{
		chore: newChore(ua, t), uri: uri, aor: aor, machine: registration.New(expires), since: time.Now(), lent: make(map[netip.Addr]bool),
	}, nil
}

// run registers again and again until the UA stops, and takes the binding
// back then.
func (r *registrar) run() {
	ctx, cancel := context.WithCancel(r.ua.life)
	defer cancel()

	defer context.AfterFunc(r.ua.leaving, cancel)()

	step := r.machine.First(rand.Float64())

	for {
		began, wait := time.Now(), time.NewTimer(step.Wait)

		select {
		case <-wait.C:
			step = r.register(ctx, step.Expires)
		case <-r.ended():
			wait.Stop()

			step.Wait -= time.Since(began)
			step = r.lose(step)
		case <-ctx.Done():
			wait.Stop()
			r.remove()

			return
		}
	}
}

// register sends one REGISTER and says what is to follow.
func (r *registrar) register(ctx context.Context, expires time.Duration) registration.Step {
	res, l, err := r.ask(ctx, expires)

	r.mu.Lock()
	defer r.mu.Unlock()

	before := r.machine.State()

	var step registration.Step

	if err != nil {
		r.status = 0
		step = r.machine.Failed(rand.Float64())
	} else {
		answer := r.read(res, l)
		r.status = answer.Status
		step = r.machine.Answered(answer, rand.Float64())

		if r.machine.State() == registration.Registered {
			r.until = time.Now().Add(answer.Granted)
			r.lend(l.to.Addr())
			r.routes = serviceRoutes(res)

			r.conn, _ = l.sock.(*stream)
		}
	}

	r.tell(before, err)

	return step
}

// ended is closed when the connection to the registrar has ended.
func (r *registrar) ended() <-chan struct{} {
	if r.conn == nil {
		return nil
	}

	return r.conn.gone
}

// lose takes that the connection to the registrar has ended, and says what is
// to follow in place of next.
func (r *registrar) lose(next registration.Step) registration.Step {
	r.mu.Lock()
	defer r.mu.Unlock()

	before := r.machine.State()
	step := r.machine.Lost(time.Since(r.conn.since), next, rand.Float64())
	r.conn = nil
	r.tell(before, errors.New("the connection to the registrar has ended"))

	return step
}

// maxRoutes bounds what a registrar may send our calls through.
const maxRoutes = 8

// serviceRoutes are the proxies that our calls are to go through (RFC 3608
// section 5).
func serviceRoutes(res *sipgo.Response) []*sipgo.Uri {
	var routes []*sipgo.Uri

	for _, value := range headerValues(res, "Service-Route") {
		for part := range strings.SplitSeq(value, "<") {
			text, _, found := strings.Cut(part, ">")
			if !found {
				continue
			}

			if uri, err := parseTarget(text); err == nil && len(routes) < maxRoutes {
				routes = append(routes, uri)
			}
		}
	}

	return routes
}

// through are the proxies that the trunk's calls go through, in their order:
// those that its registrar names, or the configured one.
func (t *trunk) through() []*sipgo.Uri {
	if r := t.registrar; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()

		if len(r.routes) > 0 {
			return r.routes
		}
	}

	if t.proxy != nil {
		return []*sipgo.Uri{t.proxy}
	}

	return nil
}

// tell logs a change of the state.
func (r *registrar) tell(before registration.State, err error) {
	after := r.machine.State()
	if after == before || ctxEnded(err) {
		return
	}

	r.since = time.Now()

	if after == registration.Registered {
		r.ua.log.Info("registered", slog.String("trunk", r.trunk.Name), slog.Time("until", r.until))
		return
	}

	r.ua.log.Warn("not registered", slog.String("trunk", r.trunk.Name), slog.Int("status", r.status), slog.Any("error", err))
}

func ctxEnded(err error) bool { return errors.Is(err, ErrStopped) }

// lend lets the registrar's address send us the trunk's calls.
func (r *registrar) lend(addr netip.Addr) {
	if !r.lent[addr] {
		r.lent[addr] = true
		r.ua.gate.lend(addr, r.trunk)
	}
}

// remove takes the binding back.
func (r *registrar) remove() {
	r.mu.Lock()
	told := r.machine.Remove()
	r.since = time.Now()
	r.mu.Unlock()

	if !told {
		return
	}

	ctx, cancel := context.WithTimeout(r.ua.life, removeLimit)
	defer cancel()

	if _, _, err := r.ask(ctx, 0); err != nil {
		r.ua.log.Warn("the registrar was not told of our end", slog.String("trunk", r.trunk.Name), slog.Any("error", err))
	}
}

// ask sends a REGISTER for a binding of the given life; 0 removes it.
func (r *registrar) ask(ctx context.Context, expires time.Duration) (*sipgo.Response, *link, error) {
	return r.send(ctx, sipgo.REGISTER, r.uri, r.aor, func(req *sipgo.Request, s socket) {
		req.To().Address = *r.aor.Clone() // REGISTER is about the address, not about the registrar

		req.AppendHeader(r.contact(s))
		req.AppendHeader(sipgo.NewHeader("Expires", strconv.Itoa(int(expires/time.Second))))
		req.AppendHeader(sipgo.NewHeader("Allow", allow))

		req.AppendHeader(sipgo.NewHeader("Supported", "path")) // proxies may want it (RFC 3327 section 5.1)

		if r.trunk.Register.Bulk {
			req.AppendHeader(sipgo.NewHeader("Require", "gin"))
			req.AppendHeader(sipgo.NewHeader("Proxy-Require", "gin"))
		}
	})
}

// contact is what is registered: one address, or our host for all numbers of
// the account (RFC 6140 section 5.2).
func (r *registrar) contact(s socket) *sipgo.ContactHeader {
	if !r.trunk.Register.Bulk {
		return contact(s, r.aor.User)
	}

	c := contact(s, "")
	c.Address.UriParams.Add("bnc", "")

	return c
}

// read takes from a response what the machine wants to know.
func (r *registrar) read(res *sipgo.Response, l *link) registration.Answer {
	return registration.Answer{
		Status:     res.StatusCode,
		Granted:    granted(res, r.contact(l.sock)),
		MinExpires: seconds(headerValue(res, "Min-Expires")),
		RetryAfter: seconds(headerValue(res, "Retry-After")),
	}
}

// granted finds the life of our binding among all that the registrar lists
// (RFC 3261 section 10.2.4). Some registrars list none, and mean ours, as those
// do that list one of our user alone: a border controller on the way has
// written its own address into it.
func granted(res *sipgo.Response, ours *sipgo.ContactHeader) time.Duration {
	all := res.GetHeaders("Contact")
	general := seconds(headerValue(res, "Expires"))

	if len(all) == 0 {
		return general
	}

	for _, h := range all {
		c, ok := h.(*sipgo.ContactHeader)
		if !ok || c.Address.User != ours.Address.User {
			continue
		}

		same := strings.EqualFold(c.Address.Host, ours.Address.Host) && portOf(&c.Address) == portOf(&ours.Address)
		if !same && len(all) > 1 {
			continue
		}

		if own, has := c.Params.Get("expires"); has {
			return seconds(own)
		}

		return general
	}

	return 0
}

// portOf is the port that a URI means.
func portOf(uri *sipgo.Uri) int {
	return cmp.Or(uri.Port, int(locate.Port(strings.ToUpper(uri.UriParams.GetOr("transport", "udp")))))
}

// seconds reads a number of seconds that a comment or parameters may follow;
// what is none is 0.
func seconds(value string) time.Duration {
	if i := strings.IndexAny(value, "(;"); i >= 0 {
		value = value[:i]
	}

	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
	if err != nil {
		return 0
	}

	return time.Duration(n) * time.Second
}

// RegistrationStatus is how a trunk stands with its registrar.
type RegistrationStatus struct {
	State  registration.State
	Since  time.Time // of the state
	Until  time.Time // end of the binding, if there is one
	Status int       // of the registrar's last answer; 0 for none
}

func (r *registrar) report() *RegistrationStatus {
	r.mu.Lock()
	defer r.mu.Unlock()

	return &RegistrationStatus{State: r.machine.State(), Since: r.since, Until: r.until, Status: r.status}
}
