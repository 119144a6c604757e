package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"trunkline/jobs"
	"trunkline/privacy"
)

// Jobs is what the API of the jobs works with: what is removed in time, and what
// is checked.
type Jobs interface {
	// List gives the newest, of a kind or for an empty one of all.
	List(ctx context.Context, kind string, most int) ([]jobs.Job, error)
	// Standings tell how the jobs of each kind do.
	Standings(ctx context.Context) ([]jobs.Standing, error)
	// Ask asks for a job that needs nothing told but its kind.
	Ask(ctx context.Context, kind string) (jobs.Job, error)
	// Erase asks to erase what is kept of a number's owner.
	Erase(ctx context.Context, number privacy.Number) (jobs.Job, error)
	Retry(ctx context.Context, id int64) (jobs.Job, error)
}

// ErrNoKind says that jobs of a kind are not for asking.
var ErrNoKind = errors.New("there are no jobs of this kind to ask for")

// jobsTold bounds the jobs in one answer.
const jobsTold = 100

func (s *console) jobRoutes() {
	if s.Jobs == nil {
		return
	}
	const jsonKind = "application/json"
	s.prove("GET /v1/jobs", "look jobs up", "", s.apiJobs)
	s.prove("POST /v1/jobs", "ask for a job", jsonKind, s.apiAskJob)
	s.prove("POST /v1/jobs/{id}/retry", "try a job again", jsonKind, s.apiRetryJob)
	s.prove("POST /v1/erasures", "ask for an erasure", jsonKind, s.apiErase)
}

func (s *console) apiJobs(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Jobs.List(r.Context(), r.URL.Query().Get("kind"), jobsTold)
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, struct {
		Jobs []jobs.Job `json:"jobs"`
	}{all})
	return nil
}

func (s *console) apiAskJob(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Kind string `json:"kind"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	return s.asked(w, func() (jobs.Job, error) { return s.Jobs.Ask(r.Context(), body.Kind) })
}

func (s *console) apiErase(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Number string `json:"number"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	number, err := dialable(body.Number)
	if err != nil {
		return err
	}
	return s.asked(w, func() (jobs.Job, error) { return s.Jobs.Erase(r.Context(), number) })
}

func (s *console) apiRetryJob(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return badParameter("The id of a job is a number.", "GET /v1/jobs lists them.")
	}
	return s.asked(w, func() (jobs.Job, error) { return s.Jobs.Retry(r.Context(), id) })
}

// asked answers with a job that is done later.
func (s *console) asked(w http.ResponseWriter, ask func() (jobs.Job, error)) error {
	job, err := ask()
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return &problem{Status: http.StatusNotFound, Code: "no_job", Message: "There is no such job, or no longer.", Hint: "GET /v1/jobs lists them."}
	case errors.Is(err, ErrNoKind):
		return badParameter(fmt.Sprintf("%v.", err), "Ask for retention, purge or recheck; for an erasure, POST /v1/erasures.")
	case err != nil:
		return err
	}
	s.writeJSON(w, http.StatusAccepted, job)
	return nil
}
