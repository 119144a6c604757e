package vendor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/pipeline"
)

// Client talks to one provider.
type Client struct {
	Provider string // named in errors, such as "openai"
	HTTP     *http.Client

	secure *tls.Config // of Dial's connections, which share HTTP's sessions; nil: Go's own
}

// idle is how long a connection is kept for the next turn.
const idle = 2 * time.Minute

// hosts is how many hosts' TLS sessions a Client keeps: a provider has one or
// two.
const hosts = 4

// NewClient makes a Client with a pool of its own. Requests end with their
// context only: a stream may be as long as the reply. Connections after the
// first one resume its TLS session (RFC 8446 section 2.2), so that the vendor's
// chain of certificates is proven once and not with every call.
func NewClient(provider string) *Client {
	secure := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(hosts), MinVersion: tls.VersionTLS12}

	return &Client{Provider: provider, secure: secure, HTTP: &http.Client{Transport: &http.Transport{
		TLSClientConfig:       secure.Clone(), // which gets HTTP/2 added
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       idle,
		TLSHandshakeTimeout:   3 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}}
}

// Close closes the idle connections. It has no error.
func (c *Client) Close() error {
	c.HTTP.CloseIdleConnections()

	return nil
}

// Warm opens a connection to the host of a URL, which the next request uses.
// Any answer will do.
func (c *Client) Warm(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return c.fault(pipeline.Rejected, err)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return c.Broken(ctx, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // a connection is reused when its answer was read

	return nil
}

// Get asks for a URL and reads nothing of the answer but whether it is one: for
// what shows that a key is good and costs nothing.
func (c *Client) Get(ctx context.Context, url string, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return c.fault(pipeline.Rejected, unaddressed(err))
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}

	return resp.Body.Close()
}

// Post sends a JSON body. The answer has status 2xx, and its Body is the
// caller's to close; all else is a pipeline.ProviderError.
func (c *Client) Post(ctx context.Context, url string, header http.Header, body any) (*http.Response, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, c.fault(pipeline.Rejected, fmt.Errorf("encode the request: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		return nil, c.fault(pipeline.Rejected, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")

	return c.Do(req)
}

// Do sends any request. See Post.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, c.Broken(req.Context(), err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()

		return nil, c.Refused(resp)
	}

	return resp, nil
}

// lastOctets is how long the end of an answer is waited for.
const lastOctets = 100 * time.Millisecond

// Finish reads the rest of an answer whose content is complete, and closes it.
// Its connection can be used again only when all was read; a server that does
// not end its answer soon loses it.
func Finish(body io.ReadCloser) {
	late := time.AfterFunc(lastOctets, func() { body.Close() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, body) // it ends by its end or by the time
	body.Close()
}

func (c *Client) fault(k pipeline.FaultKind, err error) error {
	return &pipeline.ProviderError{Provider: c.Provider, Kind: k, Err: err}
}

// Garbled is the fault of an answer that the protocol does not allow.
func (c *Client) Garbled(format string, args ...any) error {
	return c.fault(pipeline.Garbled, fmt.Errorf(format, args...)) //nolint:err113 // the kind is the sentinel
}

// Unavailable is the fault of a provider that says it cannot.
func (c *Client) Unavailable(format string, args ...any) error {
	return c.fault(pipeline.Unavailable, fmt.Errorf(format, args...)) //nolint:err113 // the kind is the sentinel
}

// Failed is the fault of an error that came within a stream, by its code.
func (c *Client) Failed(code string) error {
	kind := pipeline.Unavailable
	switch {
	case strings.Contains(code, "rate_limit"), strings.Contains(code, "quota"), strings.Contains(code, "RESOURCE_EXHAUSTED"):
		kind = pipeline.RateLimited
	case strings.Contains(code, "timeout"), code == "DEADLINE_EXCEEDED":
		kind = pipeline.Slow
	case strings.HasPrefix(code, "invalid_"), strings.Contains(code, "authentication"), strings.Contains(code, "permission"),
		code == "INVALID_ARGUMENT", code == "PERMISSION_DENIED", code == "UNAUTHENTICATED":
		kind = pipeline.Rejected
	}

	return c.fault(kind, fmt.Errorf("it sent the error %q", code)) //nolint:err113 // the kind is the sentinel
}

// Syntax is an error of a decoder without the text that it quotes, which may be
// words of the call.
func Syntax(err error) error {
	var at *json.SyntaxError
	if errors.As(err, &at) {
		return fmt.Errorf("syntax error at octet %d", at.Offset) //nolint:err113 // the kind is the sentinel
	}
	var field *json.UnmarshalTypeError
	if errors.As(err, &field) {
		return fmt.Errorf("the field %s has the wrong type", field.Field) //nolint:err113 // the kind is the sentinel
	}

	return errors.New("it cannot be read") //nolint:err113 // the kind is the sentinel
}

// NewID makes up an id where a protocol has none.
func NewID() string { return "call_" + strings.ReplaceAll(uuid.NewString(), "-", "") }

// Broken is the fault behind a request or a stream that broke. What ended with
// its own context is that context's cause, and no fault.
func (c *Client) Broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var told *pipeline.ProviderError
	if errors.As(err, &told) {
		return err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return c.fault(pipeline.Slow, unaddressed(err))
	}

	return c.fault(pipeline.Unavailable, unaddressed(err))
}

// unaddressed leaves out the URL that net/http puts before its errors: it may
// hold a key.
func unaddressed(err error) error {
	var u interface{ Unwrap() error }
	if strings.Contains(err.Error(), "://") && errors.As(err, &u) && u.Unwrap() != nil {
		return unaddressed(u.Unwrap())
	}

	return err
}

// maxErrorBody is how much is read of an answer that is an error.
const maxErrorBody = 16 << 10

// Refused is the fault behind an answer that is not 2xx. Of its body only the
// error's code is told: messages may repeat keys, or words of the call.
func (c *Client) Refused(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // the status says enough
	text := "HTTP " + strconv.Itoa(resp.StatusCode)
	code := Code(body)
	if code != "" {
		text += " " + code
	}

	return &pipeline.ProviderError{
		Provider: c.Provider, Kind: StatusKind(resp.StatusCode, code),
		RetryAfter: retryAfter(resp.Header, time.Now()), Err: errors.New(text), //nolint:err113 // the kind is the sentinel
	}
}

// StatusKind is what an HTTP status says of the fault, with the error's code
// where vendors use one status for several.
func StatusKind(status int, code string) pipeline.FaultKind {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusPaymentRequired, strings.Contains(code, "quota"):
		return pipeline.RateLimited
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return pipeline.Slow
	case status >= 400 && status < 500:
		return pipeline.Rejected
	default:
		return pipeline.Unavailable
	}
}

var plainCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// Code finds the error's code in a vendor's JSON. It is empty when there is
// none, or when it is no plain word.
func Code(body []byte) string {
	var doc map[string]any
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	for _, at := range []string{"error", "detail"} {
		if inner, ok := doc[at].(map[string]any); ok {
			doc = inner

			break
		}
	}
	for _, field := range []string{"code", "status", "type", "err_code", "error_code", "error"} {
		if s, ok := doc[field].(string); ok && plainCode.MatchString(s) {
			return s
		}
	}

	return ""
}

// longestWait bounds what a provider may ask for: more is a mistake, or no
// provider.
const longestWait = time.Hour

// retryAfter reads when the provider wants to be asked again: Retry-After in
// seconds or as a date (RFC 9110 section 10.2.3), or in milliseconds.
func retryAfter(h http.Header, now time.Time) time.Duration {
	var seconds float64
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		seconds = ms / 1000
	} else if s, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil {
		seconds = s
	} else if t, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		seconds = t.Sub(now).Seconds()
	}
	if !(seconds > 0) { // also not a number
		return 0
	}

	return time.Duration(min(seconds, longestWait.Seconds()) * float64(time.Second))
}
