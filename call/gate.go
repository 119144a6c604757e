package call

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/privacy"
	"trunkline/storage"
)

// A Gate says whether a call may be dialed (47 CFR 64.1200 and what else the
// operator must keep to). Every call that trunkline places goes through it,
// but for the leg of a transfer, which goes to a person of the operator's.
type Gate interface {
	// Admit decides about one attempt, now. The decision, and for an allowed
	// attempt its row, are stored before Admit returns: what is not stored is
	// not dialed. A denial is no error; an error means that nothing could be
	// decided, and denies as well. ctx has a deadline.
	Admit(ctx context.Context, a Attempt) (Admission, error)
	// Leave is asked right before a request that would have the telephone of an
	// admitted attempt ring leaves. From its return until left is called, no
	// revocation of the called person's takes effect: one that has is followed by
	// no request. left is called as soon as the request has left, and may be
	// called again. The error is ErrStale when the attempt must be admitted anew;
	// another one means that it cannot be told. Neither is followed by a request.
	Leave(ctx context.Context, a Attempt, by Admission) (left func(), err error)
	// Watch calls revoked, from any goroutine and perhaps more than once, when the
	// called person revokes what a call of theirs that is not answered yet rests
	// on, until forget is called. Neither function waits.
	Watch(a Attempt, revoked func()) (forget func())
}

// Attempt is a call that is about to be dialed.
type Attempt struct {
	Call uuid.UUID // the call's record, which is written once it is admitted
	// Again is the attempt that was admitted for the same call before, expired
	// in a local queue and was never dialed; zero for the first.
	Again    uuid.UUID
	Door     storage.Door
	Trunk    string
	To, From privacy.Number // E.164
	Agent    string
	Purpose  string
	Campaign string
	Seller   string
	Subject  string
	Callee   Callee
}

// Admission is a Gate's decision about an Attempt.
type Admission struct {
	Decision uuid.UUID
	Attempt  uuid.UUID // of the attempt's row; zero when denied
	Allowed  bool
	Reasons  []string  // of a denial, each a rule's name or a sentence
	Expires  time.Time // of an allowed one: nothing is dialed after it
}

// Errors of Manager.Place, beside *NotAllowedError and *OrderError.
var (
	ErrNoGate    = errors.New("no call can be placed: there is no compliance gate, and without a decision nothing is dialed")
	ErrUndecided = errors.New("no decision about this call could be made, so it is not dialed")
	ErrAttempted = errors.New("this order was admitted before the gateway ended, and whether it was dialed then is not known")
	ErrFull      = errors.New("the limit of calls at once is reached (calls.max_calls)")
	ErrStopping  = errors.New("the gateway is stopping and places no call any more")
)

// ErrStale says that what a call was admitted by does not hold any more: it
// expired, or the person has asked not to be called.
var ErrStale = errors.New("the admission ended before the call could leave")

// errRevoked ends a call whose telephone rings.
var errRevoked = errors.New("the person asked not to be called any more")

// NotAllowedError says that the Gate denied a call.
type NotAllowedError struct {
	Decision uuid.UUID // of the stored denial
	Reasons  []string
}

// Error implements error.
func (e *NotAllowedError) Error() string {
	return "the call is not allowed: " + strings.Join(e.Reasons, "; ")
}

// admit asks the Gate about the call, within Limits.Admit.
func (c *call) admit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.m.cfg.Limits.Admit)
	defer cancel()
	a, err := c.m.cfg.Gate.Admit(ctx, c.attempt())
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUndecided, err)
	case !a.Allowed:
		return &NotAllowedError{Decision: a.Decision, Reasons: a.Reasons}
	case a.Decision == uuid.Nil || a.Attempt == uuid.Nil:
		return fmt.Errorf("%w: the gate named no decision or no attempt", ErrUndecided)
	}
	c.out.admission = a
	c.rec.DecisionID, c.rec.AttemptID = a.Decision, a.Attempt

	return nil
}

// attempt is what the Gate is asked about.
func (c *call) attempt() Attempt {
	o := &c.out.order

	return Attempt{
		Call: c.rec.ID, Again: c.out.admission.Attempt, Door: c.rec.Door, Trunk: c.rec.Trunk,
		To: c.rec.To, From: c.rec.From, Agent: c.rec.Agent,
		Purpose: o.Purpose, Campaign: o.Campaign, Seller: o.Seller, Subject: o.Subject, Callee: o.Callee,
	}
}

// leaving gives what a door asks before each request of an admitted call.
func (c *call) leaving() func(context.Context) (func(), error) {
	attempt, by := c.attempt(), c.out.admission

	return func(ctx context.Context) (func(), error) {
		if !time.Now().Before(by.Expires) {
			return nil, ErrStale
		}
		ctx, cancel := context.WithTimeout(ctx, c.m.cfg.Limits.Admit)
		defer cancel()
		left, err := c.m.cfg.Gate.Leave(ctx, attempt, by)
		if err != nil && !errors.Is(err, ErrStale) {
			err = fmt.Errorf("%w: %w", ErrUndecided, err)
		}

		return left, err
	}
}
