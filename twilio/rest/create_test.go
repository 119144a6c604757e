package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"trunkline/twilio/carrier"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		sid, err := c.Create(t.Context(), order())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		call := far.Call(sid)
		if call == nil || call.To != theirs || call.From != ours || call.Voice() != voice {
			t.Fatalf("the carrier has %+v", call)
		}
		if s, err := c.Fetch(t.Context(), sid); err != nil || Terminal(s.Status) {
			t.Errorf("status %+v, %v", s, err)
		}
		<-c.End(sid)
		<-call.Done()
	})
}

func TestCreateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		order func(*Call)
		far   carrier.Options
		want  Kind
		code  int
	}{
		"no number":       {order: func(o *Call) { o.To = "+1" }, want: BadNumber, code: 21211},
		"foreign caller":  {order: func(o *Call) { o.From = "+12025550155" }, want: BadCaller, code: 21210},
		"blocked":         {order: func(o *Call) { o.To = "+15005550004" }, want: Forbidden, code: 21216},
		"country":         {order: func(o *Call) { o.To = "+15005550003" }, want: Forbidden, code: 21215},
		"full queue":      {far: carrier.Options{Queue: -1}, want: Overloaded, code: 22005},
		"too many":        {far: carrier.Options{Requests: -1}, want: Overloaded, code: 20429},
		"wrong secret":    {far: failing(carrier.Failure{Status: 401, Code: 20003}), want: Unauthorised, code: 20003},
		"closed account":  {far: failing(carrier.Failure{Status: 403, Code: 20005}), want: Unauthorised, code: 20005},
		"outage":          {far: failing(carrier.Failure{Status: 503}), want: Unknown},
		"refused request": {order: func(o *Call) { o.Voice = "nowhere" }, want: Refused, code: 21205},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				far, c, end := setup(t, tc.far, nil)
				defer end()
				o := order()
				if tc.order != nil {
					tc.order(&o)
				}
				_, err := c.Create(t.Context(), o)
				var e *Error
				if !errors.As(err, &e) || e.Kind != tc.want || e.Code != tc.code {
					t.Errorf("want kind %d and code %d, got %v", tc.want, tc.code, err)
				}
				if text := fmt.Sprint(err); strings.Contains(text, c.o.Secret) || strings.Contains(text, o.To) {
					t.Errorf("the error tells too much: %s", text)
				}
				if n := len(far.Calls()); n > 0 {
					t.Errorf("%d calls were placed", n)
				}
			})
		})
	}
}

// TestCallsThatCannotBe are refused before Twilio is asked.
func TestCallsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Call){
		"rings too short":    func(o *Call) { o.Ring = 10 * time.Second },
		"rings too long":     func(o *Call) { o.Ring = 11 * time.Minute },
		"no cap":             func(o *Call) { o.Cap = 0 },
		"nothing to happen":  func(o *Call) { o.Voice = "" },
		"two things":         func(o *Call) { o.Document = "<Response/>" },
		"document too long":  func(o *Call) { o.Voice, o.Document = "", strings.Repeat("x", 4001) },
		"longer than Twilio": func(o *Call) { o.Cap = 25 * time.Hour },
	} {
		o := order()
		change(&o)
		if err := o.validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestDocument is carried out at the answer.
func TestDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		o := order()
		o.Voice, o.Document = "", "<Response><Say>Good day</Say></Response>"
		sid, err := c.Create(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		<-far.Call(sid).Done()
		if said := far.Call(sid).Said("said"); said != "Good day" {
			t.Errorf("the callee heard %q", said)
		}
	})
}

// failing is a carrier whose API always fails like this.
func failing(f carrier.Failure) carrier.Options {
	return carrier.Options{Trouble: carrier.Trouble{REST: func(*http.Request) *carrier.Failure { return &f }}}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{}, nil)
		defer end()
		far.Stop()
		if _, err := c.Create(t.Context(), order()); kindOfError(err) != Unavailable {
			t.Errorf("got %v", err)
		}
	})
}

// TestNoCallIsPlacedTwice loses requests and answers in every way.
func TestNoCallIsPlacedTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		fate := rapid.Custom(func(t *rapid.T) *carrier.Failure {
			if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
				return nil
			}

			return &carrier.Failure{
				// The latest look at the list comes 22 s after the request: what is
				// carried out after that nobody can know.
				Delay:   rapid.SampledFrom([]time.Duration{0, time.Second, 9 * time.Second, 11 * time.Second, 20 * time.Second}).Draw(t, "delay"),
				Execute: rapid.Bool().Draw(t, "execute"),
				Status:  rapid.SampledFrom([]int{0, 500, 503}).Draw(t, "status"),
				Code:    rapid.SampledFrom([]int{0, 20500}).Draw(t, "code"),
			}
		})
		creates := rapid.SliceOfN(fate, 0, 8).Draw(rt, "creates")
		lists := rapid.SliceOfN(fate, 0, 8).Draw(rt, "lists")
		attempts := rapid.IntRange(1, 3).Draw(rt, "attempts")
		same := rapid.Bool().Draw(rt, "same number")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = placeAll(t, creates, lists, attempts, same) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// placeAll places calls at once and says what went wrong.
func placeAll(t *testing.T, creates, lists []*carrier.Failure, attempts int, same bool) string {
	t.Helper()
	var mu sync.Mutex
	next := func(fates *[]*carrier.Failure) *carrier.Failure {
		mu.Lock()
		defer mu.Unlock()
		if len(*fates) == 0 {
			return nil
		}
		f := (*fates)[0]
		*fates = (*fates)[1:]

		return f
	}
	far, c, end := setup(t, carrier.Options{
		Phone: func(string) carrier.Phone { return carrier.Phone{Rings: time.Hour} },
		Trouble: carrier.Trouble{REST: func(r *http.Request) *carrier.Failure {
			switch {
			case !strings.HasSuffix(r.URL.Path, "/Calls.json"):
				return nil
			case r.Method == http.MethodPost:
				return next(&creates)
			default:
				return next(&lists)
			}
		}},
	}, nil)
	defer end()
	sids, errs := make([]string, attempts), make([]error, attempts)
	var placing sync.WaitGroup
	for i := range attempts {
		placing.Go(func() {
			o := order()
			o.Voice = fmt.Sprintf("%s?attempt=%d", voice, i)
			if !same {
				o.To = fmt.Sprintf("+1202555%04d", i)
			}
			sids[i], errs[i] = c.Create(t.Context(), o)
		})
	}
	placing.Wait()
	time.Sleep(time.Minute) // late requests come
	placed := map[string]int{}
	for _, call := range far.Calls() {
		placed[call.Voice()]++
	}
	for i := range attempts {
		address := fmt.Sprintf("%s?attempt=%d", voice, i)
		n := placed[address]
		switch {
		case n > 1:
			return fmt.Sprintf("attempt %d was placed %d times", i, n)
		case errs[i] == nil && (far.Call(sids[i]) == nil || far.Call(sids[i]).Voice() != address):
			return fmt.Sprintf("attempt %d got %s, another's call", i, sids[i])
		case errs[i] != nil && n > 0 && kindOfError(errs[i]) != Unknown:
			return fmt.Sprintf("attempt %d failed with %v although its call was placed", i, errs[i])
		}
	}

	return ""
}

// TestToldByAWebhook takes the word of a webhook for a lost answer.
func TestToldByAWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c, end := setup(t, failing(carrier.Failure{Status: 503}), nil)
		defer end()
		told := make(chan string, 1)
		o := order()
		o.Told = told
		time.AfterFunc(2*time.Second, func() { told <- "CA123" })
		if sid, err := c.Create(t.Context(), o); sid != "CA123" || err != nil {
			t.Errorf("%q, %v", sid, err)
		}
	})
}

// TestGivenUpCallIsEnded ends a call whose request is answered too late.
func TestGivenUpCallIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{
			Phone: func(string) carrier.Phone { return carrier.Phone{Rings: time.Hour} },
			Trouble: carrier.Trouble{REST: func(r *http.Request) *carrier.Failure {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Calls.json") {
					return &carrier.Failure{Execute: true, Delay: 3 * time.Second, Status: 500}
				}

				return nil
			}},
		}, nil)
		defer end()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, context.Canceled)
		defer cancel()
		if _, err := c.Create(ctx, order()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		if calls := far.Calls(); len(calls) != 1 || !Terminal(calls[0].Status()) {
			t.Errorf("calls %v", calls)
		}
	})
}

// TestPace lets calls leave one after another, and none after it expired.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1)
		began := time.Now()
		for i := range 5 {
			if err := p.wait(t.Context(), time.Time{}); err != nil || time.Since(began) != time.Duration(i)*time.Second {
				t.Fatalf("call %d left after %v: %v", i, time.Since(began), err)
			}
		}
		if err := p.wait(t.Context(), time.Now().Add(500*time.Millisecond)); !errors.Is(err, ErrStale) {
			t.Errorf("an expired call: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.wait(ctx, time.Time{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a call given up: %v", err)
		}
		before := time.Now()
		if err := p.wait(t.Context(), time.Time{}); err != nil || time.Since(before) != 500*time.Millisecond {
			t.Errorf("calls that did not leave took a turn: %v, %v", time.Since(before), err)
		}
	})
}

// TestTwiliosQueueStaysEmpty places a burst by an account with one call a
// second.
func TestTwiliosQueueStaysEmpty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, c, end := setup(t, carrier.Options{CallsPerSecond: 1}, func(o *Options) { o.CallsPerSecond = 1 })
		defer end()
		var placing sync.WaitGroup
		for i := range 10 {
			placing.Go(func() {
				o := order()
				o.To = fmt.Sprintf("+1202555%04d", i)
				sid, err := c.Create(t.Context(), o)
				if err != nil {
					t.Error(err)
				}
				c.Audit(sid)
			})
		}
		placing.Wait()
		synctest.Wait()
		for _, call := range far.Calls() {
			if s, err := c.Fetch(t.Context(), call.SID); err != nil || s.Queue > queueNoise {
				t.Errorf("waited %v in Twilio's queue (%v)", s.Queue, err)
			}
		}
	})
}
