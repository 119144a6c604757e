package carrier

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// e164 is a telephone number as the API wants it.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// magic are the numbers that Twilio's test credentials answer with errors
// (https://www.twilio.com/docs/iam/test-credentials), with their codes.
var magic = map[string]int{
	"+15005550001": 21217, "+15005550002": 21214, "+15005550003": 21215, "+15005550004": 21216,
}

// createCall queues a call.
func (c *Carrier) createCall(r *http.Request) (int, any, *apiError) {
	f := r.Form
	o, fail := c.ordered(f)
	if fail == nil {
		fail = c.dialable(f.Get("To"), f.Get("From"))
	}
	if fail != nil {
		return 0, nil, fail
	}
	c.mu.Lock()
	waiting, running := len(c.waiting), 0
	for _, call := range c.calls {
		select {
		case <-call.done:
		default:
			running++
		}
	}
	c.mu.Unlock()
	if waiting >= c.o.Queue {
		return 0, nil, fault(http.StatusTooManyRequests, 22005, "Call queue is full")
	}
	if c.o.Concurrency > 0 && running >= c.o.Concurrency {
		return 0, nil, fault(http.StatusTooManyRequests, 10004, "Call concurrency limit exceeded")
	}
	call := c.newCall(outboundAPI, f.Get("From"), f.Get("To"), o)
	resource := call.resource()
	c.mu.Lock()
	c.waiting = append(c.waiting, call)
	c.mu.Unlock()
	select {
	case c.slots <- struct{}{}:
	default:
	}

	return http.StatusCreated, resource, nil
}

// ordered reads what is to happen in a call.
func (c *Carrier) ordered(f url.Values) (*orders, *apiError) {
	bad := func(code int, format string, args ...any) (*orders, *apiError) {
		return nil, fault(http.StatusBadRequest, code, format, args...)
	}
	o := &orders{
		url: f.Get("Url"), method: f.Get("Method"), twiml: f.Get("Twiml"), fallback: f.Get("FallbackUrl"),
		callback: f.Get("StatusCallback"), callbackMethod: f.Get("StatusCallbackMethod"), events: f["StatusCallbackEvent"],
		timeout: 60 * time.Second, limit: 4 * time.Hour, amd: f.Get("MachineDetection") != "",
		amdAsync: f.Get("AsyncAmd") == "true", amdCallback: f.Get("AsyncAmdStatusCallback"),
	}
	for _, a := range []string{o.url, o.fallback, o.callback, o.amdCallback} {
		if u, err := url.Parse(a); err != nil || a != "" && u.Host == "" {
			return bad(21205, "Url is not a valid URL: %s", a)
		}
	}
	if len(o.events) == 0 {
		o.events = []string{completed}
	}
	for _, e := range o.events {
		if !slices.Contains([]string{initiated, ringing, "answered", completed}, e) {
			return bad(21626, "Invalid StatusCallbackEvent: %s", e)
		}
	}
	for name, d := range map[string]*time.Duration{"Timeout": &o.timeout, "TimeLimit": &o.limit} {
		if v := f.Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || name == "Timeout" && n > 600 {
				return bad(20001, "%s is invalid", name)
			}
			*d = time.Duration(n) * time.Second
		}
	}
	switch {
	case o.url == "" && o.twiml == "":
		return bad(21205, "Url parameter is required.")
	case len(o.twiml) > longestDocument:
		return bad(21626, "Twiml must not be longer than %d characters", longestDocument)
	case o.amd && !slices.Contains([]string{"Enable", "DetectMessageEnd"}, f.Get("MachineDetection")):
		return bad(20001, "MachineDetection is invalid")
	case o.amdAsync && o.amdCallback == "":
		return bad(21262, "AsyncAmdStatusCallback is required when AsyncAmd is enabled")
	}
	if o.twiml != "" {
		if _, p := parse([]byte(o.twiml)); p != nil {
			return bad(p.code, "%s", p.text)
		}
	}

	return o, nil
}

// dialable checks who calls whom.
func (c *Carrier) dialable(to, from string) *apiError {
	bad := func(code int, format string, args ...any) *apiError {
		return fault(http.StatusBadRequest, code, format, args...)
	}
	c.mu.Lock()
	owned := slices.ContainsFunc(c.numbers, func(n Number) bool { return n.Number == from })
	c.mu.Unlock()
	code := c.o.Refused[to]
	if code == 0 {
		code = magic[to]
	}
	switch {
	case to == "":
		return bad(21201, "No 'To' number is specified")
	case from == "":
		return bad(21213, "'From' phone number is required")
	case !e164.MatchString(to) && !strings.HasPrefix(to, "sip:") && !strings.HasPrefix(to, "client:"):
		return bad(21211, "The phone number you are attempting to call, %s, is not valid.", to)
	case !e164.MatchString(from):
		return bad(21212, "The source phone number provided, %s, is not valid.", from)
	case !owned:
		return bad(21210, "The source phone number provided, %s, is not yet verified for your account.", from)
	case code != 0:
		return bad(code, "Account not authorized to call %s.", to)
	}

	return nil
}

// dialWaiting dials the queued calls, each in its turn.
func (c *Carrier) dialWaiting() {
	every := time.Duration(float64(time.Second) / c.o.CallsPerSecond)
	next := time.Time{}
	for {
		select {
		case <-c.slots:
		case <-c.ctx.Done():
			c.dropWaiting()

			return
		}
		for sleep(c.ctx, time.Until(next)) {
			call := c.pop()
			if call == nil {
				break
			}
			next = time.Now().Add(every)
			c.work.Go(call.place)
		}
	}
}

// pop takes the first call of the queue that was not cancelled.
func (c *Carrier) pop() *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 {
		call := c.waiting[0]
		c.waiting = c.waiting[1:]
		if call.ctx.Err() == nil {
			return call
		}
	}

	return nil
}

// dropWaiting ends what was never dialled.
func (c *Carrier) dropWaiting() {
	for call := c.pop(); call != nil; call = c.pop() {
		call.finish(canceled)
		close(call.done)
	}
}

// cancelWaiting ends a call that was not dialled yet; it reports whether it
// was such.
func (c *Carrier) cancelWaiting(call *Call) bool {
	c.mu.Lock()
	i := slices.Index(c.waiting, call)
	if i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	c.mu.Unlock()
	if i < 0 {
		return false
	}
	call.finish(canceled)
	close(call.done)

	return true
}

// listCalls lists calls, the latest first. A call that was not dialled yet
// has no StartTime, and no filter by it finds it.
func (c *Carrier) listCalls(r *http.Request) (int, any, *apiError) {
	var found []any
	for _, call := range slices.Backward(c.Calls()) {
		call.mu.Lock()
		status, dialled := call.status, call.dialled
		call.mu.Unlock()
		ok := true
		for name, value := range map[string]string{"To": call.To, "From": call.From, "Status": status} {
			if want := r.Form.Get(name); want != "" && want != value {
				ok = false
			}
		}
		for name, before := range map[string]bool{"StartTime>": false, "StartTime<": true} {
			want := r.Form.Get(name)
			if want == "" {
				continue
			}
			t, err := time.Parse(time.RFC3339, want)
			if err != nil {
				t, err = time.Parse(time.DateOnly, want)
			}
			if err != nil {
				return 0, nil, fault(http.StatusBadRequest, 20001, "%s is invalid", name)
			}
			if dialled.IsZero() || before && dialled.After(t) || !before && dialled.Before(t) {
				ok = false
			}
		}
		if ok {
			found = append(found, call.resource())
		}
	}

	return http.StatusOK, page(r, "calls", found), nil
}

func (c *Carrier) fetchCall(r *http.Request) (int, any, *apiError) {
	call := c.Call(name(r))
	if call == nil {
		return 0, nil, missing(r)
	}

	return http.StatusOK, call.resource(), nil
}

// updateCall ends a call or redirects it.
func (c *Carrier) updateCall(r *http.Request) (int, any, *apiError) {
	call := c.Call(name(r))
	if call == nil {
		return 0, nil, missing(r)
	}
	over := false
	select {
	case <-call.ctx.Done():
		over = true
	default:
	}
	status := call.Status()
	f := r.Form
	switch {
	case f.Get("Status") == completed || f.Get("Status") == canceled:
		if over {
			if f.Get("Status") == completed { // as Twilio does: the call stays what it is
				return http.StatusOK, call.resource(), nil
			}

			return 0, nil, fault(http.StatusBadRequest, 21220, "Call is not in-progress. Cannot redirect.")
		}
		if c.cancelWaiting(call) {
			return http.StatusOK, call.resource(), nil
		}
		switch {
		case f.Get("Status") == completed:
			call.end(errCompleted)
		case status == inProgress: // the answer was faster
			return 0, nil, fault(http.StatusBadRequest, 21220, "Call is in-progress. Cannot cancel.")
		default:
			call.end(errCanceled)
		}
	case f.Get("Status") != "":
		return 0, nil, fault(http.StatusBadRequest, 21218, "Invalid Status %s", f.Get("Status"))
	case f.Get("Twiml") != "" || f.Get("Url") != "":
		if over || status != inProgress {
			return 0, nil, fault(http.StatusBadRequest, 21220, "Call is not in-progress. Cannot redirect.")
		}
		if len(f.Get("Twiml")) > longestDocument {
			return 0, nil, fault(http.StatusBadRequest, 21626, "Twiml must not be longer than %d characters", longestDocument)
		}
		if f.Get("Twiml") != "" {
			if _, p := parse([]byte(f.Get("Twiml"))); p != nil {
				return 0, nil, fault(http.StatusBadRequest, p.code, "%s", p.text)
			}
		}
		call.divert(redirect{twiml: f.Get("Twiml"), url: f.Get("Url"), method: f.Get("Method")})
	case f.Get("TimeLimit") != "":
		n, err := strconv.Atoi(f.Get("TimeLimit"))
		if err != nil || n < 1 {
			return 0, nil, fault(http.StatusBadRequest, 20001, "TimeLimit is invalid")
		}
		call.shorten(time.Duration(n) * time.Second)
	}

	return http.StatusOK, call.resource(), nil
}

// shorten sets the time limit, counted from the answer.
func (c *Call) shorten(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orders.limit = limit
	if c.limit != nil {
		c.limit.Reset(time.Until(c.answered.Add(limit)))
	}
}

// resource is the call as the API shows it.
func (c *Call) resource() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	uri := "/2010-04-01/Accounts/" + c.c.o.AccountSID + "/Calls/" + c.SID
	out := map[string]any{
		"sid": c.SID, "account_sid": c.c.o.AccountSID, "to": c.To, "to_formatted": c.To, "from": c.From, "from_formatted": c.From,
		"status": c.status, "direction": c.Direction, "api_version": "2010-04-01", "price_unit": "USD", "price": nil,
		"date_created": when(c.created), "date_updated": when(c.updated), "start_time": when(c.dialled), "end_time": when(c.ended),
		"duration": nil, "answered_by": nil, "parent_call_sid": nil, "queue_time": strconv.FormatInt(c.waited.Milliseconds(), 10),
		"uri": uri + ".json", "subresource_uris": map[string]string{"recordings": uri + "/Recordings.json"},
	}
	if !c.ended.IsZero() {
		out["duration"] = strconv.Itoa(c.seconds())
	}
	if c.answeredBy != "" {
		out["answered_by"] = c.answeredBy
	}
	if c.parent != nil {
		out["parent_call_sid"] = c.parent.SID
	}

	return out
}
