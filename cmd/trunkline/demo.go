package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"trunkline/call"
	"trunkline/console"
	"trunkline/demo"
	"trunkline/softphone"
	"trunkline/storage"
	"trunkline/testdata"
)

// demoBound is how long the demo may take, set-up and all.
const demoBound = 4 * time.Minute

// demoCmd holds a whole call over loopback.
type demoCmd struct {
	Door  string `help:"How the call comes: sip, or twilio, by a simulated carrier that works like Twilio." enum:"sip,twilio" default:"sip"`
	Short bool   `help:"Hold short conversations."`
}

func (d demoCmd) Run(ctx context.Context, c *cli, std *streams) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoBound, fmt.Errorf("the demo took longer than %s", demoBound))
	defer cancel()
	screen := demo.NewScreen(std.out, columns(std.out))
	if d.Door == "twilio" {
		return d.overTwilio(ctx, c, screen)
	}
	g, err := demoGateway(c, screen)
	if err != nil {
		return err
	}
	live := watchDemo(g)
	screen.Linef("trunkline %s: a whole call over loopback, recorded", version)
	if err := g.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop(context.Background())) }() // bounded by its own steps
	target := fmt.Sprintf("sip:%s@%s", g.cfg.SIP.Trunks[0].Agent, g.sip.Addr("udp"))
	screen.Linef("the gateway is up; calling %s", target)
	plan, err := d.plan()
	if err != nil {
		return err
	}
	report, err := demoCall(ctx, target, plan, live, screen)
	if err != nil {
		return err
	}
	h, err := finishedCall(ctx, g.store, report.TrunklineCallID)
	if err != nil {
		return err
	}
	if err := showRecord(screen, g, report, h); err != nil {
		return err
	}

	return demo.Verdict(h, d.turns())
}

// plan is what the caller does.
func (d demoCmd) plan() ([]softphone.Step, error) {
	plan, err := demo.Plan(testdata.Files)
	if err == nil && d.Short {
		plan = demo.Short(plan)
	}

	return plan, err
}

// turns is how many turns a conversation must have.
func (d demoCmd) turns() int {
	if d.Short {
		return demo.ShortTurns
	}

	return demo.Turns
}

// demoGateway is a gateway on the defaults, on ports that are free, with a
// state directory of its own and with recording.
func demoGateway(c *cli, screen *demo.Screen) (*gateway, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	if c.SIP == "" {
		cfg.SIP.Listen = []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}
	}
	if c.HTTP == "" {
		cfg.HTTP.Listen = "127.0.0.1:0"
	}
	cfg.StateDir = filepath.Join(cfg.StateDir, "demo")
	cfg.Recording.Enabled = true
	cfg.Log.Level = "error"

	return &gateway{
		cfg:      cfg,
		log:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		progress: screen.Progress,
	}, nil
}

// watchDemo is what happens in the gateway's calls.
func watchDemo(g *gateway) <-chan call.Live {
	live := make(chan call.Live, 256)
	g.watch = func(l call.Live) {
		select {
		case live <- l:
		default: // a terminal that hangs does not hold up the call
		}
	}

	return live
}

// demoCall has the softphone call the gateway while the screen shows it.
func demoCall(
	ctx context.Context, target string, plan []softphone.Step, live <-chan call.Live, screen *demo.Screen,
) (*softphone.Report, error) {
	var id uuid.UUID

	return whileShown(live, screen, &id, func() (*softphone.Report, error) {
		return softphone.Place(ctx, softphone.Config{Target: target, From: "demo-caller", Plan: plan, Gap: demo.Gap})
	})
}

// whileShown has a call held while the screen shows it. id becomes the call's.
func whileShown(live <-chan call.Live, screen *demo.Screen, id *uuid.UUID, hold func() (*softphone.Report, error)) (*softphone.Report, error) {
	type outcome struct {
		report *softphone.Report
		err    error
	}
	held := make(chan outcome, 1)
	go func() {
		report, err := hold()
		held <- outcome{report, err}
	}()
	for {
		select {
		case l := <-live:
			*id = l.Call
			screen.Call(l)
		case o := <-held:
			drain(live, screen)

			return o.report, o.err
		}
	}
}

// drain shows what is still on its way.
func drain(live <-chan call.Live, screen *demo.Screen) {
	for {
		select {
		case l := <-live:
			screen.Call(l)
			if l.Kind == call.LiveEnded {
				return
			}
		case <-time.After(time.Second):
			return
		}
	}
}

// finishedCall waits until the call's record is closed: it is written behind
// the call.
func finishedCall(ctx context.Context, store *storage.Store, id string) (*storage.History, error) {
	callID, err := uuid.Parse(id)
	if err != nil {
		return nil, fmt.Errorf("the answer carried no call id: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		h, err := store.Call(ctx, callID)
		if err == nil && h.Call.State == storage.Ended {
			return &h, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the call's record was not closed: %w", errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// showRecord prints the final record and writes the call's page.
func showRecord(screen *demo.Screen, g *gateway, report *softphone.Report, h *storage.History) error {
	page := filepath.Join(g.cfg.StateDir, "calls", h.Call.ID.String()+".html")
	if err := os.MkdirAll(filepath.Dir(page), 0o750); err != nil {
		return err
	}
	f, err := os.Create(page)
	if err != nil {
		return err
	}
	if err := errors.Join(console.RenderCall(f, *h, h.Call.Recording), f.Close()); err != nil {
		return fmt.Errorf("write the call's page: %w", err)
	}
	screen.Linef("\nThe record")
	for _, l := range call.Story(h) {
		screen.Paragraph(l)
	}
	screen.Linef("\nOn the wire, measured by the caller")
	screen.Paragraph(fmt.Sprintf("from the caller's last packet to the agent's first: median %.0f ms, longest %.0f ms over %d answers",
		report.Response.P50MS, report.Response.MaxMS, report.Response.Count))
	if report.Yield.Count > 0 {
		screen.Paragraph(fmt.Sprintf("from the interruption to the agent's silence: %.0f ms", report.Yield.MaxMS))
	}
	screen.Linef("\nrecording  %s\npage       %s", h.Call.Recording, page)

	return nil
}

// columns is the width of the terminal that w is; 0 when it is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 { // a terminal that does not know, such as a serial line
		return 80
	}

	return int(size.Col)
}
