package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"

	"trunkline/access"
	"trunkline/jobs"
	"trunkline/privacy"
)

// desk takes orders for jobs.
type desk struct {
	asked     []string
	err       error
	standings []jobs.Standing
}

func (d *desk) List(_ context.Context, kind string, most int) ([]jobs.Job, error) {
	if most != jobsTold && most != jobsShown {
		return nil, errors.New("another bound")
	}

	return []jobs.Job{{ID: 7, Kind: kind, State: "retryable", Failure: "no space", Progress: json.RawMessage(`{"destroyed":3}`)}}, d.err
}

func (d *desk) Standings(context.Context) ([]jobs.Standing, error) { return d.standings, d.err }

func (d *desk) take(what string) (jobs.Job, error) {
	d.asked = append(d.asked, what)

	return jobs.Job{ID: 8, Kind: "k"}, d.err
}

func (d *desk) Ask(_ context.Context, kind string) (jobs.Job, error) { return d.take("ask " + kind) }

func (d *desk) Erase(_ context.Context, number privacy.Number) (jobs.Job, error) {
	return d.take("erase " + string(number))
}

func (d *desk) Retry(_ context.Context, id int64) (jobs.Job, error) {
	return d.take("retry " + string(rune('0'+id)))
}

func TestJobsOverTheAPI(t *testing.T) {
	t.Parallel()
	const jsonKind = "application/json"
	d := &desk{}
	send, acts := openOffice(t, &office{jobs: d})
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		asked                    string
	}{
		{http.MethodGet, "/v1/jobs?kind=purge", "", "", http.StatusOK, ""},
		{http.MethodPost, "/v1/jobs", jsonKind, `{"kind": "retention"}`, http.StatusAccepted, "ask retention"},
		{http.MethodPost, "/v1/jobs", jsonKind, `{"sort": "retention"}`, http.StatusBadRequest, ""},
		{http.MethodPost, "/v1/jobs", "text/plain", `{"kind": "retention"}`, http.StatusUnsupportedMediaType, ""},
		{http.MethodPost, "/v1/erasures", jsonKind, `{"number": "+12125550123"}`, http.StatusAccepted, "erase +12125550123"},
		{http.MethodPost, "/v1/erasures", jsonKind, `{"number": "5550123"}`, http.StatusBadRequest, ""},
		{http.MethodPost, "/v1/jobs/7/retry", jsonKind, "", http.StatusAccepted, "retry 7"},
		{http.MethodPost, "/v1/jobs/x/retry", jsonKind, "", http.StatusBadRequest, ""},
	} {
		d.asked = nil
		got := send(access.Compliance, c.method, c.path, c.kind, c.body)
		if want := slices.DeleteFunc([]string{c.asked}, func(s string) bool { return s == "" }); got.Code != c.status || !slices.Equal(d.asked, want) {
			t.Errorf("%s %s %s: %d, asked %q: %s", c.method, c.path, c.body, got.Code, d.asked, got.Body)
		}
		if got := send(access.Operator, c.method, c.path, c.kind, c.body); got.Code != http.StatusForbidden {
			t.Errorf("%s %s by an operator: %d", c.method, c.path, got.Code)
		}
	}
	if len(*acts) == 0 {
		t.Error("nothing is told of who asked")
	}
	for err, status := range map[error]int{jobs.ErrNotFound: http.StatusNotFound, ErrNoKind: http.StatusBadRequest, errors.New("x"): http.StatusInternalServerError} {
		d.err = err
		if got := send(access.Compliance, http.MethodPost, "/v1/jobs/7/retry", jsonKind, ""); got.Code != status {
			t.Errorf("%v: %d, %s", err, got.Code, got.Body)
		}
	}
	var listed struct {
		Jobs []jobs.Job `json:"jobs"`
	}
	d.err = nil
	if err := json.Unmarshal(send(access.Admin, http.MethodGet, "/v1/jobs", "", "").Body.Bytes(), &listed); err != nil || len(listed.Jobs) != 1 || listed.Jobs[0].Failure != "no space" {
		t.Errorf("listed: %+v, %v", listed, err)
	}
}
