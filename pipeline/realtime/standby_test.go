package realtime

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/turn"
	"trunkline/pipeline/vendortest"
)

// A call without a session is answered, and ends as the policy says.
func TestNoSessionEndsByThePolicy(t *testing.T) {
	for name, tc := range map[string]struct {
		policy turn.OnFailure
		line   string
		want   pipeline.Outcome
	}{
		"goodbye":  {turn.OnFailure{}, texts.Trouble, pipeline.Outcome{Reason: turn.EndProvider}},
		"hand-off": {turn.OnFailure{Do: turn.HandOver, Target: "desk"}, texts.HandOff, pipeline.Outcome{Reason: turn.EndRescue, Args: map[string]string{"target": "desk"}}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := realtimetest.New()
			srv.Refuse(http.StatusServiceUnavailable)
			converse(t, Config{}, pipeline.Config{Turn: turn.Config{OnFailure: tc.policy}}, srv, func(c *call) {
				c.ends(tc.want, tc.line)
				if n := len(c.Notes.Of(turn.ProviderFailed)); n != 1 {
					c.Errorf("%d failures are in the records", n)
				}
			})
		})
	}
}

// A session that is lost for good hands the caller over, if that is the policy.
func TestALostSessionHandsOver(t *testing.T) {
	srv := realtimetest.New()
	cfg := pipeline.Config{Turn: turn.Config{OnFailure: turn.OnFailure{Do: turn.HandOver, Target: "desk"}}}
	converse(t, Config{}, cfg, srv, func(c *call) {
		c.greeted()
		srv.Refuse(http.StatusServiceUnavailable)
		srv.Sessions()[0].Break()
		c.ends(pipeline.Outcome{Reason: turn.EndRescue, Args: map[string]string{"target": "desk"}}, texts.HandOff)
	})
}

// ends wants the call to end so, after a last line.
func (c *call) ends(want pipeline.Outcome, line string) {
	c.Helper()
	if got := c.Outcome(); got.Reason != want.Reason || got.Args["target"] != want.Args["target"] {
		c.Errorf("it ended with %+v, want %+v", got, want)
	}
	if h := c.heard(); len(h) == 0 || h[len(h)-1] != line {
		c.Errorf("the caller heard %q, want %q at the end", h, line)
	}
}

// down is a server that refuses, or never answers.
func down(hangs bool) (srv http.Handler, asked *atomic.Int32) {
	asked = &atomic.Int32{}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if hangs {
			<-r.Context().Done()
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}), asked
}

// standby is one call with an ordinary conversation behind the model.
func standby(t *testing.T, p *Provider) (*Standby, *pipelinetest.Notes) {
	t.Helper()
	lines := pipelinetest.Lines(t, pipelinetest.Voice{}, &pipeline.Config{})
	n := &pipelinetest.Notes{}
	play := player.New(player.Options{})
	with := pipeline.Providers{Recognizer: &declared.Recognizer{}, Model: &declared.Model{}, Synthesizer: &declared.Voice{}, Lines: lines}

	return NewStandby(p.New(pipeline.Config{}, lines, play, n), func() *pipeline.Conversation {
		return pipeline.NewConversation(pipeline.Config{}, with, play, n)
	}), n
}

func TestStandbyTakesTheCall(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]bool{"refused": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, asked := down(hangs)
				failures := 0
				p, closed := serve(t, Config{
					Open: 100 * ms, Breaker: breaker.New(breaker.Config{Failures: 2}), Failed: func(error) { failures++ },
				}, srv)
				defer closed()
				for range 4 {
					s, n := standby(t, p)
					if err := s.Prepare(t.Context()); err != nil {
						t.Fatal(err)
					}
					if _, ordinary := s.held().(*pipeline.Conversation); !ordinary {
						t.Fatalf("a %T holds the call", s.held())
					}
					s.Start()
					synctest.Wait()
					if len(n.Of(turn.ProviderFailed)) == 0 {
						t.Fatal("the records do not tell why")
					}
					s.Stop()
				}
				if asked.Load() != 2 || failures != 2 { // then the breaker is open
					t.Errorf("asked %d times, %d failures were told", asked.Load(), failures)
				}
			})
		})
	}
}

// A call that ends while it is made ready leaves nothing behind.
func TestStandbyStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, asked := down(true)
		p, closed := serve(t, Config{}, srv)
		defer closed()
		s, _ := standby(t, p)
		ready := make(chan error, 1)
		go func() { ready <- s.Prepare(context.WithoutCancel(t.Context())) }()
		synctest.Wait()
		if asked.Load() == 0 {
			t.Fatal("no session was asked for")
		}
		s.Stop()
		if err := <-ready; !errors.Is(err, errOver) {
			t.Error(err)
		}
		s.Stop()
		s.Start()
	})
}

func TestProbeAndCheck(t *testing.T) {
	t.Parallel()
	srv := realtimetest.New()
	host := httptest.NewServer(srv)
	defer host.Close()
	p := NewProvider(Config{BaseURL: host.URL, Key: vendortest.Key, Model: "m"})
	defer p.Close()
	took, err := p.Probe(t.Context())
	if err := errors.Join(err, p.Check(t.Context())); err != nil || took <= 0 {
		t.Error(took, err)
	}
	if events := srv.Sessions()[0].Events(); !slices.Equal(events, []string{"session.update"}) {
		t.Errorf("a probe sends %q", events)
	}
}
