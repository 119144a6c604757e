package console

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// patience bounds one check of readiness.
const patience = 2 * time.Second

// healthz says that the process serves requests.
func (s *console) healthz(w http.ResponseWriter, _ *http.Request) error {
	s.writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
	return nil
}

// outcome is what one check of readiness found.
type outcome struct {
	Name   string  `json:"name"`
	OK     bool    `json:"ok"`
	Error  string  `json:"error,omitempty"`
	TookMS float64 `json:"took_ms"`
}

// readyz runs all checks side by side. It answers 503 when one fails.
func (s *console) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	checks := make([]outcome, len(s.Checks))
	var wg sync.WaitGroup
	for i, c := range s.Checks {
		wg.Go(func() {
			began := time.Now()
			err := c.Run(ctx)
			checks[i] = outcome{Name: c.Name, OK: err == nil, TookMS: float64(time.Since(began).Microseconds()) / 1000}
			if err != nil {
				checks[i].Error = err.Error()
			}
		})
	}
	wg.Wait()
	status, word := http.StatusOK, "ready"
	for _, c := range checks {
		if !c.OK {
			status, word = http.StatusServiceUnavailable, "not_ready"
		}
	}
	s.writeJSON(w, status, struct {
		Status string    `json:"status"`
		Checks []outcome `json:"checks"`
	}{word, checks})
	return nil
}
