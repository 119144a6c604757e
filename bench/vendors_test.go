package bench

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"trunkline/pipeline"
)

// standIns serves the vendors in this process.
func standIns(t *testing.T) *places {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	from, to := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Vendors(ctx, certificate, to) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	at := &places{}
	if err := json.NewDecoder(from).Decode(at); err != nil {
		t.Fatal(err)
	}

	return at
}

// TestEachVendorIsMeasured takes one turn of each, near and far.
func TestEachVendorIsMeasured(t *testing.T) {
	t.Parallel()
	at := standIns(t)
	for _, v := range vendors() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for where, urls := range map[string]map[string]string{"near": at.Near, "far": at.Far} {
				took, err := v.first(t.Context(), urls[v.name], where == "near")
				if err != nil || where == "far" && took < vendorTrip || took > time.Minute {
					t.Errorf("%s: %v, %v", where, took, err)
				}
			}
		})
	}
}

func TestCallsAreCarriedAndCounted(t *testing.T) {
	t.Parallel()
	at := standIns(t)
	v := vendors()[5] // a model
	for urls, good := range map[*map[string]string]int{&at.Near: 3, &at.Down: 0} {
		c, err := v.client((*urls)[v.name])
		if err != nil {
			t.Fatal(err)
		}
		m, err := carry(t.Context(), c, at.Echo, 3, 1)
		c.close()
		if err != nil || len(m.added) != good || (len(m.failed) == 0) != (good > 0) || m.used <= 0 || len(m.echo) != good || good > 0 && m.echo[0] <= 0 {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

func TestTakeOversAreTimed(t *testing.T) {
	t.Parallel()
	cases, stop, err := takeovers(standIns(t))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for i := range cases {
		c := &cases[i]
		if m := c.run(t.Context(), 1, 1); len(m.failed) > 0 || len(m.added) != 1 {
			t.Errorf("%s, %s: %+v", c.stage, c.way, m)
		}
	}
}

// A take-over that did not happen is not counted as one.
func TestNoTakeOverIsAFailure(t *testing.T) {
	t.Parallel()
	c := &takeover{use: func(ctx context.Context) error {
		pipeline.Tell(ctx, pipeline.News{Kind: pipeline.Failed})

		return nil
	}}
	if m := c.run(t.Context(), 1, 1); len(m.failed) != 1 || len(m.added) != 0 {
		t.Errorf("%+v", m)
	}
}
