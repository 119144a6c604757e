package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/storage"
	"trunkline/twilio"
	"trunkline/twilio/rest"
)

// startTwilio opens the door of webhooks, if there are accounts.
func (g *gateway) startTwilio(ctx context.Context) error {
	if len(g.cfg.Twilio.Accounts) == 0 {
		return nil
	}
	metrics, err := rest.NewMetrics(g.registry)
	if err != nil {
		return err
	}
	door := twilioConfig(&g.cfg, g.log)
	door.FellBack = g.calls.FellBack
	door.Elsewhere = func(ctx context.Context, call string, since time.Time) (string, error) {
		return g.store.OtherNode(ctx, storage.DoorTwilio, call, g.cfg.Node, since)
	}
	places := make(map[string]call.TwilioAPI)
	for i := range g.cfg.Twilio.Accounts {
		a := &g.cfg.Twilio.Accounts[i]
		if !a.PlacesCalls() {
			continue
		}
		client, err := twilioClient(a, metrics, g.log)
		if err != nil {
			return fmt.Errorf("twilio.accounts: %q: %w", a.Name, err)
		}
		g.onStop("Twilio's API", partStop, client.Stop)
		door.Accounts[i].API, places[a.Name] = client, client
		if a.Record {
			door.Accounts[i].Recorder = client
		}
	}
	if g.twilio, err = twilio.New(door, g.calls.Twilio()); err != nil {
		return err
	}
	if err := g.registry.Register(g.twilio); err != nil {
		return err
	}
	if err := g.twilio.Start(ctx); err != nil {
		return err
	}
	g.onStop("the door of webhooks", partStop, g.twilio.Stop)
	g.calls.PlaceByTwilio(g.twilio, places)

	return nil
}

// twilioConfig is the door's part of the configuration.
func twilioConfig(c *config.Config, log *slog.Logger) twilio.Config {
	out := twilio.Config{Listen: c.Twilio.Listen, PublicURL: c.Twilio.PublicURL, NodeURL: c.Twilio.NodeURL, MaxCalls: c.Calls.MaxCalls, Log: log}
	for i := range c.Twilio.Accounts {
		a := &c.Twilio.Accounts[i]
		out.Accounts = append(out.Accounts, twilio.Account{
			Name: a.Name, Carrier: a.Carrier, Tokens: a.Tokens(), AMD: a.AMD,
			Fallback: twilio.Fallback{Number: a.Fallback.Number, Say: a.Fallback.Say, Voice: a.Fallback.Language},
		})
	}

	return out
}
