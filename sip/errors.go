package sip

import (
	"errors"
	"fmt"
)

// Causes of a dialog's end, as Dialog.Cause tells them, wrapped with details.
var (
	ErrRemoteBye   = errors.New("the far end hung up")
	ErrHungUp      = errors.New("we hung up")
	ErrCancelled   = errors.New("the caller gave up before the answer")
	ErrRejected    = errors.New("we rejected the call")
	ErrNoACK       = errors.New("no ACK came for our answer")
	ErrNoPRACK     = errors.New("no PRACK came for our provisional response")
	ErrExpired     = errors.New("the far end did not refresh the session")
	ErrBadAnswer   = errors.New("the far end's session description cannot be used")
	ErrMedia       = errors.New("the call's audio could not be opened")
	ErrStopped     = errors.New("the user agent was stopped")
	ErrTimeout     = errors.New("no final response came in time")
	ErrUnreachable = errors.New("the far end cannot be reached")
)

// ErrState says that a call is not in the state that the operation needs,
// such as Ring after Answer.
var ErrState = errors.New("not possible in the call's present state")

// Why a call is not placed on a trunk; see UA.Call.
var (
	ErrTrunk  = errors.New("the trunk is not configured, or takes no calls")
	ErrNumber = errors.New("the number cannot be dialed")
	ErrLimit  = errors.New("the limit of calls is reached")
	ErrAuth   = errors.New("the far end does not take our account")
)

// ErrNotAdmitted says that who was asked right before an INVITE left did not
// let it; see DialOptions.Leave.
var ErrNotAdmitted = errors.New("the call may not leave")

// A StatusError is the final response that refused our INVITE or INFO.
type StatusError struct {
	Code   int    // 300 to 699
	Reason string // the reason phrase as it was sent
}

// Error gives the status line.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the far end refused: %d %s", e.Code, e.Reason)
}
