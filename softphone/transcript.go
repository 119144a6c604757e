package softphone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Transcript is the gateway's own record of a call.
type Transcript struct {
	ID         string           `json:"id"`
	Direction  string           `json:"direction"`
	Door       string           `json:"door"`
	From       string           `json:"from"`
	To         string           `json:"to"`
	Agent      string           `json:"agent"`
	State      string           `json:"state"`
	StartedAt  *time.Time       `json:"started_at"`
	AnsweredAt *time.Time       `json:"answered_at"`
	EndedAt    *time.Time       `json:"ended_at"`
	EndReason  string           `json:"end_reason"`
	Fault      string           `json:"fault"`
	Recording  string           `json:"recording"`
	Turns      []TranscriptTurn `json:"turns"`
}

// TranscriptTurn is one side's words.
type TranscriptTurn struct {
	Role        string             `json:"role"` // "caller" or "agent"
	Text        string             `json:"text"`
	HeardText   string             `json:"heard_text"` // of the agent's text, what the caller heard
	Interrupted bool               `json:"interrupted"`
	LatencyMS   map[string]float64 `json:"latency_ms"` // by stage, and "total"
}

// The record is written behind the call: it is asked for until it is closed.
const (
	recordWait = 3 * time.Second
	recordPoll = 100 * time.Millisecond
	maxRecord  = 4 << 20
)

// FetchTranscript gets the record of a call from the gateway's API at base,
// such as http://127.0.0.1:8080. A call that has just ended is asked for
// again, for up to 3 s, until its record is closed; what there is by then is
// returned. callID is the gateway's own id.
func FetchTranscript(ctx context.Context, base, callID string) (*Transcript, error) {
	return fetchTranscript(ctx, http.DefaultClient, base, callID)
}

// AddTranscript adds the gateway's record to the report, or the reason why
// there is none.
func (r *Report) AddTranscript(ctx context.Context, base string) {
	r.addTranscript(ctx, http.DefaultClient, base)
}

func (r *Report) addTranscript(ctx context.Context, client *http.Client, base string) {
	if r.TrunklineCallID == "" {
		r.TranscriptNote = "no transcript: the answer had no " + CallIDHeader + " header, so the far end is not trunkline"

		return
	}
	transcript, err := fetchTranscript(ctx, client, base, r.TrunklineCallID)
	if err != nil {
		r.TranscriptNote = "no transcript: " + err.Error()

		return
	}
	r.Transcript, r.TranscriptNote = transcript, ""
	if transcript.EndedAt == nil {
		r.TranscriptNote = "the gateway has not closed the record yet: the transcript may lack the last turns"
	}
}

// errNoRecord says that the gateway does not know the call, or not yet.
var errNoRecord = errors.New("the gateway has no record of the call")

func fetchTranscript(ctx context.Context, client *http.Client, base, callID string) (*Transcript, error) {
	address := strings.TrimSuffix(base, "/") + "/v1/calls/" + url.PathEscape(callID)
	deadline := time.Now().Add(recordWait)
	for {
		transcript, err := getRecord(ctx, client, address)
		switch {
		case err != nil && !errors.Is(err, errNoRecord):
			return nil, err
		case err == nil && transcript.EndedAt != nil, !time.Now().Before(deadline):
			return transcript, err
		}
		select {
		case <-time.After(recordPoll):
		case <-ctx.Done():
			return nil, fmt.Errorf("softphone: get %s: %w", address, context.Cause(ctx))
		}
	}
}

func getRecord(ctx context.Context, client *http.Client, address string) (*Transcript, error) {
	ctx, cancel := context.WithTimeout(ctx, recordWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("softphone: the gateway's API address: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("softphone: the gateway's API is not reachable: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxRecord))
	if err != nil {
		return nil, fmt.Errorf("softphone: get %s: %w", address, err)
	}
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("softphone: get %s: %w", address, errNoRecord)
	default:
		return nil, fmt.Errorf("softphone: get %s: the gateway's API answered %s", address, res.Status)
	}
	var transcript Transcript
	if err := json.Unmarshal(body, &transcript); err != nil {
		return nil, fmt.Errorf("softphone: get %s: not a call record: %w", address, err)
	}

	return &transcript, nil
}
