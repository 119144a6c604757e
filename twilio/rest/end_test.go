package rest

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/twilio/carrier"
)

// refuseUpdates is a carrier that takes no hang-up before the n-th.
func refuseUpdates(n int32, asked *atomic.Int32) carrier.Options {
	rings := func(string) carrier.Phone { return carrier.Phone{Rings: 10 * time.Hour} }

	return carrier.Options{Phone: rings, Trouble: carrier.Trouble{REST: func(r *http.Request) *carrier.Failure {
		if r.Method != http.MethodPost || strings.HasSuffix(r.URL.Path, "/Calls.json") || asked.Add(1) >= n {
			return nil
		}

		return &carrier.Failure{Status: 503}
	}}}
}

func place(t *testing.T, c *Client) string {
	t.Helper()
	sid, err := c.Create(t.Context(), order())
	if err != nil {
		t.Fatal(err)
	}

	return sid
}

// TestEndIsRepeated until Twilio takes it.
func TestEndIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		far, c, end := setup(t, refuseUpdates(8, &asked), nil)
		defer end()
		sid := place(t, c)
		began := time.Now()
		first, second := c.End(sid), c.End(sid)
		<-first
		<-second
		if s := far.Call(sid).Status(); !Terminal(s) || asked.Load() != 8 {
			t.Errorf("status %s after %d requests", s, asked.Load())
		}
		// 0.5, 1, 2, … 32 s between eight requests
		if took := time.Since(began); took < 60*time.Second || took > 70*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestEndOfACallSeenToBeOver makes no further requests.
func TestEndOfACallSeenToBeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		_, c, end := setup(t, refuseUpdates(1<<30, &asked), nil)
		defer end()
		sid := place(t, c)
		done := c.End(sid)
		time.Sleep(2 * time.Second)
		c.Ended(sid)
		c.Ended(sid)
		<-done
		before := asked.Load()
		time.Sleep(time.Hour)
		if asked.Load() != before || before > 4 {
			t.Errorf("%d requests, %d of them after the end", asked.Load(), asked.Load()-before)
		}
	})
}

// TestEndIsGivenUpWithAnAlarm after its bound.
func TestEndIsGivenUpWithAnAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		registry := prometheus.NewRegistry()
		_, c, end := setup(t, refuseUpdates(1<<30, &asked), func(o *Options) {
			var err error
			if o.Metrics, err = NewMetrics(registry); err != nil {
				t.Fatal(err)
			}
		})
		defer end()
		sid := place(t, c)
		began := time.Now()
		<-c.End(sid)
		if took := time.Since(began); took != time.Hour {
			t.Errorf("given up after %v", took)
		}
		if n := asked.Load(); n < 60 || n > 75 {
			t.Errorf("%d requests in an hour", n)
		}
		if n := count(t, registry, "trunkline_twilio_unended_total"); n != 1 {
			t.Errorf("the alarm rose %v times", n)
		}
	})
}

// count is what a counter stands at.
func count(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)

	return 0
}

// TestTimeLimitEndsTheCall when nobody else does.
func TestTimeLimitEndsTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		o := order()
		o.Cap = time.Minute
		sid, err := c.Create(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		call := running(t, far, sid)
		began := time.Now()
		<-call.Done()
		if took := time.Since(began).Round(time.Second); took != o.Cap {
			t.Errorf("the call lasted %v", took)
		}
	})
}

// TestStopDuringAHangUp returns within its bound and tells what is left.
func TestStopDuringAHangUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		_, c, end := setup(t, refuseUpdates(1<<30, &asked), nil)
		defer end()
		c.End(place(t, c))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Stop(ctx); err == nil || time.Since(began) > 6*time.Second {
			t.Errorf("stopped after %v: %v", time.Since(began), err)
		}
	})
}
