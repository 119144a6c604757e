package sip

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/health"
)

// Probes says how a trunk's targets are asked whether they are up, by
// OPTIONS.
type Probes struct {
	Every     time.Duration // 0 means never
	DownAfter int           // failures in a row until a target is down; 0 means 3
	UpAfter   int           // answers in a row until it is up again; 0 means 2
}

// prober asks one target whether it is up.
type prober struct {
	*chore

	uri *sipgo.Uri

	mu      sync.Mutex
	tracker health.Tracker
	since   time.Time // of the state
	status  int       // of the last answer, 0 for none
	took    time.Duration
}

func newProber(ua *UA, t *trunk, target Target) (*prober, error) {
	uri, err := parseTarget(target.URI)
	if err != nil {
		return nil, err
	}

	p := &prober{chore: newChore(ua, t), uri: uri, since: time.Now()}
	p.tracker.DownAfter, p.tracker.UpAfter = t.Probes.DownAfter, t.Probes.UpAfter

	if p.tracker.DownAfter == 0 {
		p.tracker.DownAfter = 3
	}

	if p.tracker.UpAfter == 0 {
		p.tracker.UpAfter = 2
	}

	return p, nil
}

// run asks until the UA stops.
func (p *prober) run() {
	every := p.trunk.Probes.Every
	wait := time.Duration(rand.Float64() * float64(min(every, time.Second))) // not all targets at once

	for {
		timer := time.NewTimer(wait)

		select {
		case <-timer.C:
			p.ask()
		case <-p.ua.leaving.Done():
			timer.Stop()
			return
		}

		wait = time.Duration((0.9 + 0.2*rand.Float64()) * float64(every))
	}
}

// ask sends one OPTIONS. Every answer but 503 and 408 tells that somebody is
// there who takes calls.
func (p *prober) ask() {
	began := time.Now()

	res, _, err := p.send(p.ua.leaving, sipgo.OPTIONS, p.uri, &sipgo.Uri{Scheme: "sip", User: p.ua.cfg.UserAgent}, func(req *sipgo.Request, s socket) {
		req.AppendHeader(contact(s, ""))
		req.AppendHeader(sipgo.NewHeader("Accept", sdpType))
	})

	p.mu.Lock()
	defer p.mu.Unlock()

	if p.ua.leaving.Err() != nil {
		return
	}

	p.status, p.took = 0, time.Since(began)
	if res != nil {
		p.status = res.StatusCode
	}

	up := err == nil && p.status != http.StatusServiceUnavailable && p.status != http.StatusRequestTimeout
	if !p.tracker.Note(up) {
		return
	}

	p.since = time.Now()
	log := p.ua.log.With(slog.String("trunk", p.trunk.Name), slog.String("target", p.uri.String()))

	if up {
		log.Info("target is up")
	} else {
		log.Warn("target is down", slog.Int("status", p.status), slog.Any("error", err))
	}
}

// TargetStatus is how a target does.
type TargetStatus struct {
	URI    string
	State  health.State
	Since  time.Time     // of the state
	Status int           // of the last answer to OPTIONS; 0 for none
	Took   time.Duration // until that answer came, or was given up
	// Doubt is how many outcomes in a row have spoken against the state, of
	// DoubtOf that change it.
	Doubt, DoubtOf int
}

func (p *prober) report() TargetStatus {
	p.mu.Lock()
	defer p.mu.Unlock()

	s := TargetStatus{URI: p.uri.String(), State: p.tracker.State(), Since: p.since, Status: p.status, Took: p.took}
	s.Doubt, s.DoubtOf = p.tracker.Doubt()

	return s
}

// down reports whether calls had better go elsewhere.
func (p *prober) down() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.tracker.State() == health.Down
}
