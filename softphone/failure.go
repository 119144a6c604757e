package softphone

import (
	"context"
	"errors"
	"fmt"

	"trunkline/sip"
)

// Kind is what sort of failure ended a call, or kept it from being made.
type Kind uint8

// The kinds of failure.
const (
	Failed      Kind = iota // something of ours does not work
	Usage                   // the target, the plan or a WAV file is wrong
	Busy                    // 486 or 600
	Refused                 // another final response
	Overloaded              // 503: no line is free
	NoAnswer                // it rang until the time was over, 408 or 480
	Unreachable             // nobody answers at the address
	NoMedia                 // answered, but no audio came
	Aborted                 // the context ended
)

// kinds is the one table of what each Kind means to other programs.
var kinds = [...]struct {
	name string
	exit int
}{
	Failed:      {"failed", 1},
	Usage:       {"usage", 2},
	Busy:        {"busy", 3},
	Refused:     {"refused", 4},
	Overloaded:  {"overloaded", 5},
	NoAnswer:    {"no answer", 6},
	Unreachable: {"unreachable", 7},
	NoMedia:     {"no media", 8},
	Aborted:     {"aborted", 130},
}

// String is the kind's name in messages.
func (k Kind) String() string { return kinds[k].name }

// ExitCode is what a command that failed for this reason exits with.
func (k Kind) ExitCode() int { return kinds[k].exit }

// Error is why a call could not be made, or was not a call.
type Error struct {
	Kind   Kind
	Status int    // the final SIP response; 0 when there was none
	Cause  string // one line: what happened, and what to do about it
	Err    error  // what is behind it; may be nil
}

// Error is the cause.
func (e *Error) Error() string { return e.Cause }

// Unwrap is what is behind the failure.
func (e *Error) Unwrap() error { return e.Err }

// usage says that the user's input is wrong.
func usage(err error) *Error { return &Error{Kind: Usage, Cause: err.Error(), Err: err} }

// dialFailure explains why no call to target came about.
func dialFailure(ctx context.Context, target string, err error) *Error {
	e := &Error{Err: err}
	var status *sip.StatusError
	switch {
	case errors.As(err, &status):
		e.Kind, e.Status = kindOf(status.Code), status.Code
		e.Cause = fmt.Sprintf("%s: %d %s%s", target, status.Code, status.Reason, advice(status.Code))
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), errNoAnswer):
		e.Kind = Aborted
		e.Cause = fmt.Sprintf("%s: given up before the answer: %v", target, context.Cause(ctx))
	case errors.Is(err, sip.ErrTimeout) || errors.Is(context.Cause(ctx), errNoAnswer):
		e.Kind = NoAnswer
		e.Cause = target + ": no answer in time: is a SIP server listening there, and does it know our address?"
	case errors.Is(err, sip.ErrUnreachable):
		e.Kind = Unreachable
		e.Cause = fmt.Sprintf("%s: %v", target, err)
	default:
		e.Cause = fmt.Sprintf("%s: %v", target, err)
	}

	return e
}

// kindOf sorts final responses (RFC 3261 section 21).
func kindOf(status int) Kind {
	switch status {
	case 486, 600:
		return Busy
	case 503:
		return Overloaded
	case 408, 480, 487:
		return NoAnswer
	default:
		return Refused
	}
}

// advice is what to try after a final response.
func advice(status int) string {
	switch status {
	case 403, 404, 604:
		return ": check the user part of the address"
	case 488, 606:
		return ": the far end takes none of PCMU and PCMA"
	case 486, 503:
		return ": try again later"
	default:
		return ""
	}
}
