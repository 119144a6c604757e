package carrier

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	webhookTime = 15 * time.Second // that a webhook may take
	bodyLimit   = 64 << 10         // octets of TwiML
)

// problem is a webhook that failed.
type problem struct {
	code int
	text string
	err  error // when the request itself failed
}

// request makes a signed request and returns the answer's body. Parameters of
// a GET are in the query, and signed as a part of the URL. The default is POST.
func (c *Carrier) request(ctx context.Context, method, address string, form url.Values) (kind string, body []byte, p *problem) {
	ctx, cancel := context.WithTimeout(ctx, webhookTime)
	defer cancel()
	method = cmp.Or(method, http.MethodPost)
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", nil, &problem{code: codeRetrieval, text: fmt.Sprintf("%q is no URL", address), err: err}
	}
	u.Fragment = "" // connection overrides, which are not sent
	var content io.Reader
	if method == http.MethodGet {
		query := u.Query()
		for name, values := range form {
			query[name] = append(query[name], values...)
		}
		u.RawQuery, form = query.Encode(), nil
	} else {
		content = strings.NewReader(form.Encode())
	}
	signed := u.String()
	plain := *u
	plain.Scheme = "http"
	r, err := http.NewRequestWithContext(ctx, method, plain.String(), content)
	if err != nil {
		return "", nil, &problem{code: codeRetrieval, text: err.Error(), err: err}
	}
	r.Host = u.Host
	r.Header.Set("User-Agent", "TwilioProxy/1.1")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("I-Twilio-Idempotency-Token", uuid.NewString())
	r.Header.Set("X-Home-Region", "us1")
	r.Header.Set("X-Forwarded-Proto", u.Scheme)
	r.Header.Set("X-Twilio-Signature", signature(c.o.AuthToken, signed, form))
	if content != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return "", nil, &problem{code: codeNoConnection, text: err.Error(), err: err}
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, bodyLimit+1))
	switch {
	case err != nil:
		return "", nil, &problem{code: codeRetrieval, text: err.Error(), err: err}
	case len(body) > bodyLimit:
		return "", nil, &problem{code: codeRetrieval, text: "the answer is longer than 64 KiB"}
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return "", nil, &problem{code: codeRetrieval, text: fmt.Sprintf("%s answered %s", address, answer.Status)}
	}

	return answer.Header.Get("Content-Type"), body, nil
}

// document fetches TwiML.
func (c *Carrier) document(ctx context.Context, method, address string, form url.Values) (*verb, *problem) {
	kind, body, p := c.request(ctx, method, address, form)
	if p != nil {
		return nil, p
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return &verb{}, nil // as an empty response
	}
	if !strings.Contains(kind, "xml") {
		return nil, &problem{code: codeContentType, text: fmt.Sprintf("%s answered with %q", address, kind)}
	}

	return parse(body)
}
