package tools

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"trunkline/pipeline"
)

const (
	maxRedirects  = 3
	maxBody       = 1 << 20 // bytes read of an answer of which a part is wanted
	maxComplaint  = 300     // bytes of a refusal that the model is given
	firstBackOff  = 150 * time.Millisecond
	maxBackOff    = 2 * time.Second
	keyHeader     = "Idempotency-Key"
	traceHeader   = "Traceparent" // W3C Trace Context section 3.2
	maxConnsPer   = 32
	idleConnsKept = 90 * time.Second
)

// newClient keeps connections open between calls and follows no redirect that
// leaves the host.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    3 * time.Second,
			MaxConnsPerHost:        maxConnsPer,
			MaxIdleConnsPerHost:    maxConnsPer,
			IdleConnTimeout:        idleConnsKept,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}

	return &http.Client{Transport: transport, CheckRedirect: stay}
}

// stay follows a redirect of a request without side effects on the same host.
func stay(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || first.Method != http.MethodGet && first.Method != http.MethodHead ||
		req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}

	return nil
}

// requester runs a declared tool.
type requester struct {
	client     *http.Client
	method     string
	address    address
	headers    http.Header
	body       string
	sendsArgs  bool
	carriesKey bool // its requests carry an idempotency key
	attempts   int
	timeout    time.Duration
	schema     *jsonschema.Schema
	path       []string
	limit      int
	keyed      []Keyed
}

func newRequester(t Tool, client *http.Client) (*requester, error) {
	r := &requester{
		client: client, method: strings.ToUpper(t.HTTP.Method), body: t.HTTP.Body, attempts: t.Retries + 1,
		timeout: cmp.Or(t.HTTP.Timeout, defaultTimeout), limit: cmp.Or(t.Result.Limit, defaultLimit), keyed: t.Keyed, headers: make(http.Header),
	}
	if r.method == "" {
		r.method = http.MethodGet
		if r.body != "" {
			r.method = http.MethodPost
		}
	}
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, r.method) {
		return nil, fmt.Errorf("http.method: %q is not known; use GET, POST, PUT, PATCH or DELETE", t.HTTP.Method)
	}
	var err error
	if r.address, err = parseAddress(t.HTTP.URL); err != nil {
		return nil, fmt.Errorf("http.url: %w", err)
	}
	r.sendsArgs = r.body == "" && (r.method == http.MethodPost || r.method == http.MethodPut || r.method == http.MethodPatch)
	r.carriesKey = t.SideEffect || !idempotent(r.method)
	for k, v := range t.HTTP.Headers {
		if v, err = expandEnv(v); err != nil {
			return nil, fmt.Errorf("http.headers.%s: %w", k, err)
		}
		r.headers.Set(k, v)
	}
	if r.schema, err = compileSchema(t.Result.Schema); err != nil {
		return nil, fmt.Errorf("result.schema: %w", err)
	}
	if t.Result.Path != "" {
		r.path = strings.Split(t.Result.Path, ".")
	}

	if err := r.checkKeyed(t); err != nil {
		return nil, err
	}

	return r, r.checkHoles(t)
}

// checkHoles sees that every hole is a parameter or a value of the call, and
// that the body is JSON.
func (r *requester) checkHoles(t Tool) error {
	var params struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if err := json.Unmarshal(t.Parameters, &params); err != nil {
		return fmt.Errorf("parameters: %w", ErrNoObject)
	}
	for _, h := range slices.Concat(holes(t.HTTP.URL), holes(t.HTTP.Body)) {
		if _, known := params.Properties[h]; !known && !strings.HasPrefix(h, callPrefix) && !strings.HasPrefix(h, keyedPrefix) {
			return fmt.Errorf("http: {%s} is none of the parameters; name a property of them, or {call.…} for a value of the call", h)
		}
	}
	for _, h := range holes(r.address.path) {
		if !slices.Contains(params.Required, h) && !strings.HasPrefix(h, callPrefix) {
			return fmt.Errorf("http.url: {%s} stands in the path, so parameters must list it as required", h)
		}
	}
	if r.body != "" && !json.Valid(fillBody(r.body, values{})) {
		return errors.New("http.body: is no JSON once its holes are filled; write {name} without quotes around it")
	}

	return nil
}

// idempotent methods may be sent again (RFC 9110 section 9.2.2).
func idempotent(method string) bool { return method != http.MethodPost && method != http.MethodPatch }

// run sends the request until it is answered, cannot be, or must not be sent
// again.
func (r *requester) run(ctx context.Context, in input) pipeline.ToolOutcome {
	keyed, err := r.ask(ctx, &in.scope)
	if err != nil {
		return failed(in.call, err.Error())
	}
	v := values{args: in.args, vars: in.scope.Vars, keyed: keyed}
	target, err := r.address.fill(v)
	if err != nil {
		return failed(in.call, err.Error())
	}
	var body []byte
	switch {
	case r.sendsArgs:
		if body, err = json.Marshal(in.args); err != nil {
			return failed(in.call, "the arguments cannot be sent")
		}
	case r.body != "":
		body = fillBody(r.body, v)
	}
	var last attempt
	for n := range r.attempts {
		if n > 0 && !pause(ctx, last.after(n)) {
			break
		}
		last = r.send(ctx, target, body, in)
		last.content, last.why = hide(last.content, keyed), hide(last.why, keyed)
		if !last.again {
			break
		}
	}
	if last.why != "" {
		out := failed(in.call, last.why)
		out.Uncertain = last.uncertain

		return out
	}

	return succeeded(in.call, last.content)
}

// attempt is what became of one request.
type attempt struct {
	content   string
	why       string        // what went wrong; empty: nothing
	again     bool          // it may go right at another time
	uncertain bool          // the server may have done it all the same
	wait      time.Duration // as the server asked; 0: it did not
}

// after is how long to wait before attempt n.
func (a attempt) after(n int) time.Duration {
	if a.wait > 0 {
		return a.wait
	}
	d := min(firstBackOff<<(n-1), maxBackOff)

	return d/2 + rand.N(d/2+1)
}

// pause waits, unless the deadline comes first.
func pause(ctx context.Context, d time.Duration) bool {
	if end, bounded := ctx.Deadline(); bounded && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// send makes one attempt.
func (r *requester) send(ctx context.Context, target *url.URL, body []byte, in input) attempt {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return attempt{why: "the arguments make no request"}
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json, text/plain;q=0.5")
	req.Header.Set("User-Agent", "trunkline")
	if r.carriesKey {
		req.Header.Set(keyHeader, in.scope.Key)
	}
	if in.scope.Trace != "" {
		req.Header.Set(traceHeader, in.scope.Trace)
	}
	for k, v := range r.headers {
		req.Header[k] = v
	}
	res, err := r.client.Do(req)
	if err != nil {
		return attempt{why: unreachable(err), again: true, uncertain: true}
	}
	defer res.Body.Close()

	return r.judge(res)
}

// unreachable says why there was no answer. The library's error would tell the
// URL with its arguments.
func unreachable(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "the service did not answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "it was cancelled"
	}

	return "the service could not be reached"
}

// judge reads an answer.
func (r *requester) judge(res *http.Response) attempt {
	status := res.StatusCode
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return attempt{why: fmt.Sprintf("the service is busy (HTTP %d)", status), again: true, wait: retryAfter(res.Header.Get("Retry-After"))}
	case status >= 500, status == http.StatusRequestTimeout:
		return attempt{why: fmt.Sprintf("the service failed (HTTP %d)", status), again: true, uncertain: status >= 500}
	case status >= 400:
		return attempt{why: fmt.Sprintf("the service refused it (HTTP %d)%s", status, complaint(res.Body))}
	case status >= 300:
		return attempt{why: fmt.Sprintf("the service sent the call elsewhere (HTTP %d), which is not followed", status), uncertain: true}
	}
	limit := r.limit
	if len(r.path) > 0 {
		limit = maxBody
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err != nil {
		return attempt{why: "the answer broke off", again: true, uncertain: true}
	}
	if len(b) > limit {
		return attempt{why: fmt.Sprintf("it was done, but the answer is longer than %d bytes and was not read", limit)}
	}
	content, err := r.content(b)
	if err != nil {
		return attempt{why: "it was done, but the answer cannot be used: " + err.Error()}
	}

	return attempt{content: content}
}

// complaint is the beginning of what a server said when it refused.
func complaint(body io.Reader) string {
	b, err := io.ReadAll(io.LimitReader(body, maxComplaint))
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "")), " ")
	if err != nil || text == "" || strings.HasPrefix(text, "<") { // a page for browsers
		return ""
	}

	return ": " + text
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3).
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(at))
	}

	return 0
}

// content is the wanted part of an answer, checked: JSON in its shortest form,
// or text.
func (r *requester) content(b []byte) (string, error) {
	if len(bytes.TrimSpace(b)) == 0 && r.schema == nil && len(r.path) == 0 {
		return "done", nil
	}
	v, err := parseJSON(b)
	if err != nil {
		if r.schema != nil || len(r.path) > 0 {
			return "", errors.New("it is no JSON")
		}
		if !utf8.Valid(b) {
			return "", errors.New("it is no text")
		}

		return strings.TrimSpace(string(b)), nil
	}
	if v, err = part(v, r.path); err != nil {
		return "", err
	}
	if err := conform(r.schema, v); err != nil {
		return "", err
	}
	short, err := json.Marshal(v)
	if err != nil {
		return "", errors.New("it is no JSON")
	}
	if len(short) > r.limit {
		return "", fmt.Errorf("it is longer than %d bytes", r.limit)
	}

	return string(short), nil
}

// part walks down a JSON value by keys and indices.
func part(v any, path []string) (any, error) {
	for _, key := range path {
		switch c := v.(type) {
		case map[string]any:
			next, found := c[key]
			if !found {
				return nil, fmt.Errorf("it has no %q", key)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(c) {
				return nil, fmt.Errorf("it has no %q", key)
			}
			v = c[i]
		default:
			return nil, fmt.Errorf("it has no %q", key)
		}
	}

	return v, nil
}
