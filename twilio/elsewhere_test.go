package twilio

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A call whose webhook was asked again, and went to another node, is let go and
// not ended at the carrier.
func TestACallGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	failed := errors.New("the database is away")
	for name, tt := range map[string]struct {
		node  string
		err   error
		after int32 // questions that find nothing before
		late  bool  // nothing is found before the call is over here
		ends  bool  // the carrier's API ends it
	}{
		"at another node":    {node: "node-2"},
		"a moment later":     {node: "node-2", after: 2},
		"not known at first": {node: "node-2", err: failed, after: 1},
		"nowhere":            {ends: true},
		"who knows":          {err: failed, after: 1 << 30},
		"found at the end":   {node: "node-2", late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over, gone := make(chan error, 1), make(chan struct{})
			api := &fakeAPI{ended: make(chan struct{})}
			close(api.ended)
			began := time.Now()
			var questions atomic.Int32
			s := open(t, func(c *Call) {
				_, err := c.Answer(context.Background())
				close(gone)
				over <- err
			}, func(c *Config) {
				c.Accounts[0].API = api
				c.Ask, c.Start, c.Confirm = 10*time.Millisecond, patience, 10*time.Millisecond
				if tt.node == "" || tt.late {
					c.Start = 100 * time.Millisecond
				}
				c.Elsewhere = func(ctx context.Context, call string, since time.Time) (string, error) {
					if call != "CA1" || since.Before(began) || time.Since(since) > patience {
						t.Errorf("asked for %s since %v", call, since)
					}
					if tt.late {
						select {
						case <-ctx.Done():
							return "", ctx.Err()
						case <-gone:
						}
					}
					if questions.Add(1) <= tt.after {
						return "", tt.err
					}

					return tt.node, nil
				}
			})
			answered(t, s, "CA1")
			err := <-over
			var elsewhere *ElsewhereError
			if found := errors.As(err, &elsewhere); found != (tt.node != "" && !tt.late) || !found && !errors.Is(err, ErrNoStream) {
				t.Errorf("the call ended with %v", err)
			} else if found && elsewhere.Node != tt.node {
				t.Errorf("it went on at %s", elsewhere.Node)
			}
			await(t, "the call's end", func() bool { return s.Active() == 0 })
			if n := api.asked.Load(); (n == 1) != tt.ends {
				t.Errorf("the carrier was asked %d times to end the call", n)
			}
			if stats := s.Stats(); stats.Elsewhere+stats.NoStream != 1 || (stats.Elsewhere == 1) != (elsewhere != nil) {
				t.Errorf("stats are %+v", stats)
			}
		})
	}
}

// A call that comes by the fallback's URL alone is told.
func TestFellBack(t *testing.T) {
	t.Parallel()
	told := make(chan Info, 2)
	s := open(t, answers, func(c *Config) { c.FellBack = func(i Info) { told <- i } })
	token := answered(t, s, "CA1")
	for _, call := range []string{"CA1", "CA2"} {
		form := url.Values{"CallSid": {call}, "From": {"+12025550101"}, "To": {"+12025550100"}, "ErrorCode": {"11200"}}
		if _, answer := post(t, s, "/main/fallback", form); !strings.Contains(answer, "<Say") {
			t.Errorf("the fallback is %s", answer)
		}
	}
	if got := <-told; got.ID != "CA2" || got.From != "+12025550101" || got.Account != "main" || len(told) != 0 {
		t.Errorf("%+v fell back, and %d more", got, len(told))
	}
	if _, good := s.tokens.claim(token, func(*Call) bool { return true }); good {
		t.Error("the token of the call that was here is good after the fallback")
	}
}
