package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"trunkline/config"
)

// apiKeyEnv holds the key with which commands ask a running gateway.
const apiKeyEnv = "TRUNKLINE_API_KEY" //nolint:gosec // the name of a variable, not a key

// answerBound is the longest answer of the gateway that a command reads.
const answerBound = 16 << 20

// errNoGateway says that nothing answers at the gateway's address.
var errNoGateway = errors.New("no gateway answers")

// refusal is an answer of the gateway that says why it does not do something.
type refusal struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Error implements error.
func (r *refusal) Error() string {
	if r.Hint == "" {
		return r.Message
	}

	return r.Message + " " + r.Hint
}

// ask sends a request to the gateway that runs with this configuration, with
// body as JSON unless it is nil, and reads the answer into answer unless that
// is nil. The error wraps errNoGateway, or is a *refusal.
func ask(ctx context.Context, cfg *config.Config, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("ask the gateway: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+cfg.HTTP.Listen+path, content)
	if err != nil {
		return fmt.Errorf("ask the gateway: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key := os.Getenv(apiKeyEnv); key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // it repeats method and address
			err = at.Err
		}

		return fmt.Errorf("%w at %s (http.listen, --http): %w", errNoGateway, cfg.HTTP.Listen, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerBound))
	if err != nil {
		return fmt.Errorf("ask the gateway at %s: %w", cfg.HTTP.Listen, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return refused(cfg.HTTP.Listen, resp.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("what answers at %s is no gateway of this version: %w", cfg.HTTP.Listen, err)
	}

	return nil
}

// refused reads why the gateway at addr does not do something.
func refused(addr string, status int, text []byte) error {
	var body struct {
		Error refusal `json:"error"`
	}
	if err := json.Unmarshal(text, &body); err != nil || body.Error.Message == "" {
		return &refusal{Status: status, Code: "unknown", Message: fmt.Sprintf("what answers at %s is no gateway: it says %d", addr, status)}
	}
	body.Error.Status = status
	if status == http.StatusUnauthorized {
		body.Error.Hint = "Set " + apiKeyEnv + " to a key of this gateway; trunkline key makes one."
	}

	return &body.Error
}
