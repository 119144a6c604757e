package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/sip"
	"trunkline/twilio/carrier"
)

// Phone is a telephone in the simulated carrier's network, for the softphone
// to hold.
type Phone struct{ lines chan *carrier.Line }

// NewPhone makes a Phone.
func NewPhone() *Phone { return &Phone{make(chan *carrier.Line, 1)} }

// Set is the telephone as the carrier knows it: it rings for a moment and is
// answered.
func (p *Phone) Set() carrier.Phone {
	return carrier.Phone{Rings: time.Second, Owner: func(l *carrier.Line) clock.Ticker {
		select {
		case p.lines <- l:
		default: // it is on another call, and this one hears nothing
		}

		return held{}
	}}
}

// held is a telephone whose line somebody else reads and writes.
type held struct{}

// Tick implements clock.Ticker.
func (held) Tick(time.Time) {}

// Answered waits until the phone's call is answered. It gives up when over is
// closed, at the call's end.
func (p *Phone) Answered(ctx context.Context, over <-chan struct{}) (*Line, error) {
	select {
	case l := <-p.lines:
		return &Line{l}, nil
	case <-over:
		return nil, errors.New("the call was over before it was answered")
	case <-ctx.Done():
		return nil, fmt.Errorf("the simulated phone was not answered: %w", context.Cause(ctx))
	}
}

// Line is a simulated phone's call, as the softphone knows calls.
type Line struct{ *carrier.Line }

// Leg implements softphone.Line.
func (l *Line) Leg() media.Leg { return l.Line }

// Cause implements softphone.Line.
func (l *Line) Cause() error {
	if err := l.Line.Cause(); !errors.Is(err, carrier.ErrFarEnd) {
		return err
	}

	return sip.ErrRemoteBye
}
