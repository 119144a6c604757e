package console

import (
	"net/http"
	"time"
)

// Provider is how one of an agent's providers does.
type Provider struct {
	Agent    string `json:"agent"`
	Language string `json:"language,omitempty"` // empty: the agent's own
	Stage    string `json:"stage"`              // recognise, think, speak or converse
	Order    int    `json:"order"`              // in its list, from 1
	Rule     string `json:"rule,omitempty"`     // when it is used; empty: from the beginning of a call
	Name     string `json:"name"`
	Engine   string `json:"engine"`
	Model    string `json:"model"`
	Host     string `json:"host"`    // empty: this machine
	Breaker  string `json:"breaker"` // closed, half_open or open

	OpenUntil     *time.Time `json:"open_until"` // when somebody may try again; null: the breaker is not open
	Failures      int        `json:"failures"`   // since the start
	LatestFailure *time.Time `json:"latest_failure_at"`
	LatestKind    string     `json:"latest_failure_kind,omitempty"`
}

// Providers is the body of GET /v1/providers.
type Providers struct {
	Providers []Provider `json:"providers"`
}

// apiProviders tells how the agents' providers do.
func (s *console) apiProviders(w http.ResponseWriter, _ *http.Request) error {
	if s.Providers == nil {
		return errPath
	}
	body := Providers{Providers: s.Providers()}
	if body.Providers == nil {
		body.Providers = []Provider{}
	}
	s.writeJSON(w, http.StatusOK, body)
	return nil
}
