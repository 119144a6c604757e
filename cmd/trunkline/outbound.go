package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"trunkline/call"
	"trunkline/call/transfer"
	"trunkline/config"
	"trunkline/console"
	"trunkline/privacy"
)

// placeCall is console.Config.Place.
func (g *gateway) placeCall(ctx context.Context, o console.Order) (uuid.UUID, error) {
	id, err := g.calls.Place(ctx, call.Order{
		ID: o.ID, To: privacy.Number(o.To), From: privacy.Number(o.From), Route: o.Route, Trunk: o.Trunk, Agent: o.Agent,
		Purpose: o.Purpose, Campaign: o.Campaign, Seller: o.Seller, Subject: o.Subject, OnMachine: call.OnMachine(o.OnMachine),
		Callee: call.Callee{Line: o.Line, State: o.State, Zone: o.Zone, Expected: inSeconds(o.ExpectedSeconds)},
		Vars:   o.Vars, Ring: inSeconds(o.RingSeconds), Cap: inSeconds(o.CapSeconds),
	})
	var bad *call.OrderError
	var denied *call.NotAllowedError
	switch {
	case errors.As(err, &bad):
		return id, console.BadOrder(bad.Field, bad.Text)
	case errors.As(err, &denied):
		return id, console.Denied(denied.Decision, denied.Reasons)
	case errors.Is(err, call.ErrNoGate):
		return id, console.ErrNoGate
	case errors.Is(err, call.ErrAttempted):
		return id, console.ErrAttempted
	case errors.Is(err, call.ErrUndecided):
		return id, console.ErrUndecided
	case errors.Is(err, call.ErrFull), errors.Is(err, call.ErrStopping):
		return id, console.ErrFull
	default:
		return id, err
	}
}

// hangUp is console.Config.HangUp.
func (g *gateway) hangUp(id uuid.UUID, goodbye bool) error {
	err := g.calls.Hangup(id, goodbye)
	if errors.Is(err, call.ErrNotRunning) {
		return console.ErrNotRunning
	}

	return err
}

func inSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// transfers are whom an agent may put callers through to.
func transfers(a *config.Agent) map[string]call.Target {
	all := make(map[string]call.Target)
	for _, t := range a.BuiltIn.Transfer {
		target := call.Target{
			Config: transfer.Config{
				How: cmp.Or(transfer.How(t.How), transfer.Bridge), Ring: cmp.Or(t.Ring, config.TargetRing),
				Brief: t.Briefing != "" && t.BriefBy != "header", Decide: cmp.Or(t.Decide, config.TargetDecide),
			},
			To: t.To, Route: t.Route, Briefing: t.Briefing, Record: t.Record, Hold: t.Hold,
		}
		if t.Accept != "" {
			target.Accept = t.Accept[0]
		}
		all[t.Name] = target
	}

	return all
}
