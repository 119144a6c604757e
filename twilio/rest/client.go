package rest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// DefaultBase is where Twilio's API is.
const DefaultBase = "https://api.twilio.com"

const (
	answerLimit    = 4 << 20 // octets of an answer
	defaultTimeout = 10 * time.Second
)

// Options sets up a Client. The zero value of a field means its default, but
// for AccountSID and Secret, which are needed.
type Options struct {
	AccountSID string
	User       string // an API key's SID; default: AccountSID
	Secret     string // the auth token, or the API key's secret
	Base       string // default DefaultBase; another region or edge

	CallsPerSecond float64       // that the account may place; default 1
	Timeout        time.Duration // of one request; default 10 s
	// Lookups are the waits before the account's list is asked for a call
	// whose request was not answered; default 1, 3 and 8 s.
	Lookups []time.Duration
	// EndWithin bounds how long a hang-up is repeated; default 1 h. Then the
	// account's operator has to end the call, if Twilio has not.
	EndWithin time.Duration

	Metrics   *Metrics          // nil: nobody counts
	Transport http.RoundTripper // default: one of its own
	Log       *slog.Logger
}

// Client speaks with one account. Its methods may be called from any
// goroutine.
type Client struct {
	o    Options
	http *http.Client
	pace *pace
	work sync.WaitGroup
	ctx  context.Context // ends when the Client stops
	stop context.CancelCauseFunc

	mu      sync.Mutex
	claimed map[string]time.Time     // calls of the list that belong to an attempt, and since when
	ending  map[string]*ending       // calls that are to be over
	placing map[string]chan struct{} // pairs of numbers between which a call is being placed
	skew    time.Duration            // how much Twilio's clock is ahead of ours
}

// errStopped ends what runs when the Client stops.
var errStopped = errors.New("the client stops")

// New makes a Client. It does nothing yet.
func New(o Options) (*Client, error) {
	o.User = cmp.Or(o.User, o.AccountSID)
	o.Base = strings.TrimSuffix(cmp.Or(o.Base, DefaultBase), "/")
	o.CallsPerSecond = cmp.Or(o.CallsPerSecond, 1)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.EndWithin = cmp.Or(o.EndWithin, time.Hour)
	if o.Lookups == nil {
		o.Lookups = []time.Duration{time.Second, 3 * time.Second, 8 * time.Second}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = newMetrics()
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second, MaxConnsPerHost: 32, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true,
		}
	}
	base, err := url.Parse(o.Base)
	switch {
	case o.AccountSID == "" || o.Secret == "":
		return nil, errors.New("twilio: an account needs its SID and a secret")
	case err != nil || base.Host == "" || base.Scheme != "https" && !isLoopback(base.Hostname()):
		return nil, fmt.Errorf("twilio: %q is no address of an API: want https://HOST, such as %s", o.Base, DefaultBase)
	case o.CallsPerSecond < 0:
		return nil, errors.New("twilio: calls per second must be more than 0")
	}
	c := &Client{
		o: o, pace: newPace(o.CallsPerSecond), claimed: map[string]time.Time{}, ending: map[string]*ending{}, placing: map[string]chan struct{}{},
		http: &http.Client{
			Transport: o.Transport, Timeout: o.Timeout,
			// Twilio redirects no request; one that is may carry the secret elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.ctx, c.stop = context.WithCancelCause(context.Background())

	return c, nil
}

// isLoopback says whether the secret stays on this machine even in clear text.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)

	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Stop waits until the calls that are to be over are, or ctx ends; then it
// gives up what still runs. It may be called twice.
func (c *Client) Stop(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		c.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		c.stop(errStopped)
		<-done // every wait of theirs ends with c.ctx
	}
	c.stop(errStopped)
	c.http.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.ending); n > 0 {
		return fmt.Errorf("twilio: %d calls were not seen to be over; their time limit ends them", n)
	}

	return nil
}

// AccountSID names the account.
func (c *Client) AccountSID() string { return c.o.AccountSID }

// api is the API for requests within ctx.
func (c *Client) api(ctx context.Context) *openapi.ApiService {
	return openapi.NewApiService(&client.RequestHandler{Client: &session{c, ctx}})
}

// session implements client.BaseClient, which knows no context.
type session struct {
	*Client
	ctx context.Context
}

// AccountSid implements client.BaseClient.
func (s *session) AccountSid() string { return s.o.AccountSID }

// SetTimeout implements client.BaseClient: the timeout is the Client's.
func (s *session) SetTimeout(time.Duration) {}

// SetOauth implements client.BaseClient: the door signs in with a secret.
func (s *session) SetOauth(client.OAuth) {}

// OAuth implements client.BaseClient.
func (s *session) OAuth() client.OAuth { return nil }

// SendRequest implements client.BaseClient. Its errors are of type *Error.
func (s *session) SendRequest(method, address string, data url.Values, _ map[string]any, _ ...byte) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, &Error{Kind: Refused, err: err}
	}
	target := s.o.Base + u.EscapedPath()
	query := u.Query()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(data.Encode())
	} else {
		for name, values := range data {
			query[name] = append(query[name], values...)
		}
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(s.ctx, method, target, body)
	if err != nil {
		return nil, &Error{Kind: Refused, err: err}
	}
	r.SetBasicAuth(s.o.User, s.o.Secret)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "trunkline")
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	began := time.Now()
	answer, err := s.http.Do(r)
	if err != nil {
		s.o.Metrics.requests.WithLabelValues("failed").Inc()
		kind := Unknown
		if unsent(err) {
			kind = Unavailable
		}

		return nil, &Error{Kind: kind, err: err}
	}
	defer answer.Body.Close()
	s.o.Metrics.took(answer.StatusCode, time.Since(began))
	s.learnClock(answer.Header.Get("Date"), began)
	content, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return nil, &Error{Kind: Unknown, Status: answer.StatusCode, err: err}
	}
	answer.Body = io.NopCloser(bytes.NewReader(content))
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return answer, nil
	}

	return nil, refusal(answer.StatusCode, content)
}

// unsent reports whether a request never left: there was no connection.
func unsent(err error) bool {
	var op *net.OpError
	var name *net.DNSError

	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &name)
}

// Clock is how much Twilio's clock is ahead of ours, to the second, as its
// latest answer told it.
func (c *Client) Clock() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.skew
}

// learnClock notes the clock of an answer whose request was made at began.
func (c *Client) learnClock(date string, began time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew = theirs.Sub(began.Add(time.Since(began) / 2)).Round(time.Second)
}
