package archive

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// HTTP uploads by one request for each recording. The answer 2xx says that
// the copy has arrived.
type HTTP struct {
	URL     string      // with {call} and {file} for the call's id and the file's name
	Method  string      // PUT or POST
	Header  http.Header // of every request
	Timeout time.Duration
	Client  *http.Client // nil: one that follows no redirection
}

var plainClient = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func expand(address string, o Object) string {
	return strings.NewReplacer("{call}", o.Call.String(), "{file}", o.File).Replace(address)
}

// Target implements Uploader.
func (h *HTTP) Target(o Object) string {
	u, err := url.Parse(expand(h.URL, o))
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Upload implements Uploader. The request tells the content's SHA-256 in the
// header Content-Digest (RFC 9530); an answer that tells another one is an
// error.
func (h *HTTP) Upload(ctx context.Context, o Object, body io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, h.Method, expand(h.URL, o), io.NopCloser(body))
	if err != nil {
		return &RetryError{Never: true, Err: errors.New("the URL cannot be used")}
	}
	for name, values := range h.Header {
		req.Header[name] = values
	}
	req.ContentLength = o.Size
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(o.SHA256[:]) + ":"
	req.Header.Set("Content-Digest", digest)
	req.Header.Set("Content-Type", "application/octet-stream")
	if strings.HasSuffix(o.File, ".wav") {
		req.Header.Set("Content-Type", "audio/wav")
	}
	client := h.Client
	if client == nil {
		client = plainClient
	}
	answer, err := client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which may hold secrets
		}
		return fmt.Errorf("%s: %w", h.Target(o), err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 1<<16) // so that the connection can be used again
	return judge(answer, h.Target(o), digest)
}

// judge says what an answer means for the copy.
func judge(answer *http.Response, target, digest string) error {
	err := fmt.Errorf("%s answered %s", target, answer.Status)
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		for _, name := range []string{"Content-Digest", "Repr-Digest"} {
			got := answer.Header.Get(name)
			if strings.HasPrefix(got, "sha-256=:") && got != digest {
				return fmt.Errorf("%s: the copy there has another SHA-256", target)
			}
		}
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return &RetryError{After: retryAfter(answer.Header.Get("Retry-After"), time.Now()), Err: err}
	case code == http.StatusRequestTimeout, code >= 500:
		return err
	default:
		return &RetryError{Never: true, Err: err}
	}
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(value); err == nil && s >= 0 {
		return time.Duration(min(s, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
