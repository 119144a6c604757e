package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/storage"
)

// callJSON is a call in the API. What is not known, or not yet, is null.
type callJSON struct {
	ID         uuid.UUID         `json:"id"`
	Direction  storage.Direction `json:"direction"`
	Door       storage.Door      `json:"door"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Agent      string            `json:"agent"`
	State      storage.State     `json:"state"`
	StartedAt  time.Time         `json:"started_at"`
	AnsweredAt *time.Time        `json:"answered_at"`
	EndedAt    *time.Time        `json:"ended_at"`
	EndReason  *string           `json:"end_reason"`
	Fault      *string           `json:"fault"`
	Recording  *string           `json:"recording"` // where the API serves it
	Cost       *storage.Amount   `json:"cost"`      // in the currency of the configured prices
	// Attestation of the caller's number: A, B, C, failed or none (STIR/SHAKEN).
	Attestation *string `json:"attestation"`

	// Of calls that were placed; else null.
	Purpose    *string    `json:"purpose"`
	Campaign   *string    `json:"campaign"`
	DecisionID *uuid.UUID `json:"decision_id"`
	AttemptID  *uuid.UUID `json:"attempt_id"`
	AnsweredBy *string    `json:"answered_by"` // human, machine, screening, menu, fax or unknown
	GreetedAt  *time.Time `json:"greeted_at"`  // the callee's greeting ended
	OpenedAt   *time.Time `json:"opened_at"`   // the agent was first heard
}

func callToJSON(c *storage.Call) callJSON {
	j := callJSON{
		ID: c.ID, Direction: c.Direction, Door: c.Door, From: string(c.From), To: string(c.To), Agent: c.Agent,
		State: c.State, StartedAt: c.StartedAt, AnsweredAt: orNull(c.AnsweredAt), EndedAt: orNull(c.EndedAt),
		EndReason: orNull(c.EndReason), Fault: orNull(string(c.Fault)), Attestation: orNull(c.Attestation),
		Purpose: orNull(c.Purpose), Campaign: orNull(c.Campaign), DecisionID: orNull(c.DecisionID), AttemptID: orNull(c.AttemptID),
		AnsweredBy: orNull(c.AnsweredBy), GreetedAt: orNull(c.GreetedAt), OpenedAt: orNull(c.OpenedAt),
	}
	if c.Recording != "" {
		j.Recording = new(recordingPath(c.ID))
	}
	if len(c.Costs) > 0 {
		j.Cost = new(c.Cost())
	}
	return j
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func recordingPath(id uuid.UUID) string { return "/calls/" + id.String() + "/recording" }

// historyJSON is a call with its turns.
type historyJSON struct {
	callJSON

	Costs []storage.Cost `json:"costs"` // by stage and provider; null when none are known
	Turns []turnJSON     `json:"turns"`
}

type turnJSON struct {
	Role        storage.Role `json:"role"`
	Text        string       `json:"text"`
	HeardText   string       `json:"heard_text"`
	Interrupted bool         `json:"interrupted"`
	Latency     *latencyJSON `json:"latency_ms"` // null when none was measured
}

func historyToJSON(h *storage.History) historyJSON {
	j := historyJSON{callToJSON(&h.Call), h.Call.Costs, make([]turnJSON, len(h.Turns))}
	for i, t := range h.Turns {
		j.Turns[i] = turnJSON{Role: t.Role, Text: string(t.Text), HeardText: string(t.HeardText), Interrupted: t.Interrupted}
		if t.Latency.Measured() {
			j.Turns[i].Latency = (*latencyJSON)(&t.Latency)
		}
	}
	return j
}

// latencyJSON is an object with the stages in their order and "total", in
// milliseconds.
type latencyJSON storage.Latency

// MarshalJSON implements json.Marshaler.
func (l *latencyJSON) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, s := range append(slices.Clone(l.Stages), storage.Stage{Name: "total", Took: l.Total}) {
		name, err := json.Marshal(s.Name)
		if err != nil {
			return nil, err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%v", name, storage.Milliseconds(s.Took))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// apiCalls lists calls, latest first.
func (s *console) apiCalls(w http.ResponseWriter, r *http.Request) error {
	filter, err := parseFilter(r.URL.Query(), time.Now())
	if err != nil {
		return err
	}
	page, err := s.Reader.Calls(r.Context(), filter)
	if err != nil {
		return err
	}
	body := struct {
		Calls []callJSON `json:"calls"`
		Next  *string    `json:"next"` // cursor of the next page; null on the last
	}{make([]callJSON, len(page.Calls)), orNull(page.Next)}
	for i := range page.Calls {
		body.Calls[i] = callToJSON(&page.Calls[i])
	}
	s.writeJSON(w, http.StatusOK, body)
	return nil
}

// apiCall tells one call with its turns.
func (s *console) apiCall(w http.ResponseWriter, r *http.Request) error {
	history, err := s.history(r)
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, historyToJSON(&history))
	return nil
}

// history reads the call that the path names.
func (s *console) history(r *http.Request) (storage.History, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return storage.History{}, errNoCall
	}
	return s.Reader.Call(r.Context(), id)
}

// parseFilter reads the query of a list of calls: state, since (a time, or a
// duration before now), limit and cursor. An empty value counts as none.
func parseFilter(query url.Values, now time.Time) (storage.Filter, error) {
	var f storage.Filter
	for name, values := range query {
		value := strings.TrimSpace(values[len(values)-1])
		if value == "" {
			continue
		}
		var err error
		switch name {
		case "state":
			if f.State, err = storage.ParseState(value); err != nil {
				return f, badParameter("There is no state "+strconv.Quote(value)+".", "state is dialing, ringing, in_progress or ended.")
			}
		case "since":
			if f.Since, err = parseSince(value, now); err != nil {
				return f, badParameter("since does not read as a time: "+strconv.Quote(value)+".",
					"Write it as 2006-01-02T15:04:05Z, as 2006-01-02, or as a duration before now such as 24h.")
			}
		case "limit":
			if f.Limit, err = strconv.Atoi(value); err != nil || f.Limit < 1 || f.Limit > storage.MaxLimit {
				return f, badParameter("limit is out of range: "+strconv.Quote(value)+".",
					fmt.Sprintf("limit is a number from 1 to %d; without it a page has %d calls.", storage.MaxLimit, storage.DefaultLimit))
			}
		case "cursor":
			f.Cursor = value
		default:
			return f, badParameter("There is no parameter "+strconv.Quote(name)+".", "The parameters are state, since, limit and cursor.")
		}
	}
	return f, nil
}

func parseSince(value string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(value); err == nil {
		return now.Add(-d.Abs()), nil
	}
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, value)
}
