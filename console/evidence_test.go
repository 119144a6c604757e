package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/access"
	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/storage/evidence"
)

// office keeps evidence.
type office struct {
	jobs    Jobs
	orders  []evidence.Order
	lists   []evidence.List
	texts   []string
	judged  []compliance.Attempt
	revoked []string
	cut     bool // an export breaks off
	waits   bool // the database is away: suppressions wait on disk
	by      []Act
	err     error
}

func (f *office) Consents(_ context.Context, number privacy.Number) ([]evidence.Consent, error) {
	return []evidence.Consent{{Number: number, Seller: "Roof Works LLC", Level: compliance.PriorExpressWritten}}, f.err
}

func (f *office) ImportConsents(_ context.Context, in io.Reader, rejected func(int, string)) (int, error) {
	text, err := io.ReadAll(in)
	f.texts = append(f.texts, string(text))
	rejected(2, "has no seller")

	return 1, errors.Join(err, f.err)
}

func (f *office) RevokeConsent(_ context.Context, id uuid.UUID, method string) error {
	f.revoked = append(f.revoked, id.String()+" "+method)

	return f.err
}

func (f *office) ImportList(_ context.Context, l evidence.List, in io.Reader) (compliance.ListSnapshot, int64, error) {
	text, err := io.ReadAll(in)
	f.lists, f.texts = append(f.lists, l), append(f.texts, string(text))
	for i := range 200 {
		l.Rejected(i+1, "is no number here")
	}

	return compliance.ListSnapshot{ID: "v1", SHA256: "abc"}, 3, errors.Join(err, f.err)
}

func (f *office) Suppressions(context.Context, privacy.Number) ([]evidence.Suppression, error) {
	return []evidence.Suppression{{ID: uuid.Max, Scope: compliance.ScopeTenant, Cause: "opt_out", At: time.Unix(0, 0)}}, f.err
}

func (f *office) Suppress(_ context.Context, o evidence.Order, by Act) (id uuid.UUID, waits bool, err error) {
	f.orders, f.by = append(f.orders, o), append(f.by, by)

	return uuid.Max, f.waits, f.err
}

func (f *office) Consider(_ context.Context, a compliance.Attempt, _ string) (compliance.Decision, error) {
	f.judged = append(f.judged, a)

	return compliance.Decision{Reasons: []compliance.Reason{{Rule: "fed.window", Verdict: compliance.Deny, Why: "it is night there"}}}, f.err
}

func (f *office) Export(_ context.Context, w io.Writer) error {
	if f.err != nil && !f.cut {
		return f.err
	}
	_, err := io.WriteString(w, "{}\n")

	return errors.Join(err, f.err)
}

// openOffice is a console with evidence, a key for each role, and its acts.
func openOffice(t *testing.T, f *office) (send func(role access.Role, method, path, kind, body string) *httptest.ResponseRecorder, acts *[]Act) {
	t.Helper()
	acts = &[]Act{}
	h, keys := keyed(t, Config{Reader: &reader{}, Evidence: f, Jobs: f.jobs, Act: func(_ context.Context, a Act) error {
		*acts = append(*acts, a)

		return nil
	}})

	return func(role access.Role, method, path, kind, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+keys[role])
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)

		return w
	}, acts
}

const (
	asJSON  = "application/json"
	asLines = "application/x-ndjson"
	asList  = "text/csv"
)

// requests are all of the evidence's API, well formed.
var requests = []struct {
	method, path, kind, body string
	want                     int
	answer                   string // part of it
}{
	{"GET", "/v1/consents?number=%2B12125550123", "", "", 200, `"seller": "Roof Works LLC"`},
	{"POST", "/v1/consents", asLines, "{}\n{}\n", 200, `"has no seller"`},
	{"POST", "/v1/consents/" + uuid.Max.String() + "/revocation", asJSON, `{"method": "letter"}`, 204, ""},
	{"POST", "/v1/dnc/national?account=1&area_code=212&obtained_at=2026-11-01T00:00:00Z", asList, "2125550123\n", 200, `"rejected": 200`},
	{"POST", "/v1/dnc/state:TX", asList, "", 200, `"list": "v1"`},
	{"GET", "/v1/suppressions?number=%2B12125550123", "", "", 200, `"opt_out"`},
	{"POST", "/v1/suppressions", asJSON, `{"number": "+12125550123", "cause": "complaint"}`, 201, uuid.Max.String()},
	{"POST", "/v1/decide", asJSON, `{"number": "+12125550123", "purpose": "telemarketing"}`, 200, "it is night there"},
	{"POST", "/v1/audit/export", asJSON, "{}", 200, "{}\n"},
}

// A suppression is taken while the database is away, and nothing else is.
func TestSuppressionWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	f := &office{waits: true}
	h, keys := keyed(t, Config{Reader: &reader{}, Evidence: f, Act: func(context.Context, Act) error { return storage.ErrAway }})
	send := func(path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+keys[access.Compliance])
		r.Header.Set("Content-Type", asJSON)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)

		return w
	}
	w := send("/v1/suppressions", `{"number": "+12125550123"}`)
	if w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), uuid.Max.String()) || !strings.Contains(w.Body.String(), `"waits": true`) {
		t.Errorf("%d %s; want 202", w.Code, w.Body)
	}
	if len(f.by) != 1 || f.by[0].Actor != "compliance's" || f.by[0].What != "suppress a number" || f.by[0].At.IsZero() {
		t.Errorf("by %+v", f.by)
	}
	if w := send("/v1/decide", `{"number": "+12125550123"}`); w.Code != http.StatusServiceUnavailable || len(f.judged) != 0 {
		t.Errorf("a decision: %d %s", w.Code, w.Body)
	}
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	f := &office{}
	send, acts := openOffice(t, f)
	for _, q := range requests {
		w := send(access.Compliance, q.method, q.path, q.kind, q.body)
		if w.Code != q.want || !strings.Contains(w.Body.String(), q.answer) {
			t.Errorf("%s %s: %d %s; want %d with %q", q.method, q.path, w.Code, w.Body, q.want, q.answer)
		}
	}
	*acts = append(*acts, f.by...) // recorded with what was done
	if len(*acts) != len(requests) {
		t.Errorf("%d acts are recorded for %d requests", len(*acts), len(requests))
	}
	for _, a := range *acts {
		if a.Actor != "compliance's" || strings.Contains(a.What+a.Object, "2125550123") {
			t.Errorf("recorded %+v", a)
		}
	}
	if l := f.lists[0]; l.Kind != compliance.NationalList || l.Account != "1" || len(l.AreaCodes) != 1 || l.ObtainedAt.Day() != 1 {
		t.Errorf("the list is %+v", l)
	}
	if l := f.lists[1]; l.Kind != compliance.StateList || l.State != "TX" || time.Since(l.ObtainedAt) > time.Minute {
		t.Errorf("the state's list is %+v", l)
	}
	if o := f.orders[0]; o.Number != "+12125550123" || o.Scope != compliance.ScopeTenant || o.Cause != "complaint" || o.Key == "" {
		t.Errorf("the suppression is %+v", o)
	}
	if f.judged[0].Purpose != compliance.Telemarketing || f.judged[0].At.IsZero() || f.revoked[0] != uuid.Max.String()+" letter" {
		t.Errorf("judged %+v, revoked %q", f.judged, f.revoked)
	}
	var imported importedJSON
	w := send(access.Compliance, "POST", "/v1/dnc/internal", asList, "")
	if err := json.Unmarshal(w.Body.Bytes(), &imported); err != nil || len(imported.Lines) != rejectsTold {
		t.Errorf("%d lines of 200 are told, %v", len(imported.Lines), err)
	}
}

func TestEvidenceIsForComplianceAlone(t *testing.T) {
	t.Parallel()
	f := &office{}
	send, acts := openOffice(t, f)
	for _, q := range requests {
		for _, role := range []access.Role{access.Viewer, access.Operator} {
			if w := send(role, q.method, q.path, q.kind, q.body); w.Code != http.StatusForbidden {
				t.Errorf("%s %s by a %s: %d; want 403", q.method, q.path, role, w.Code)
			}
		}
		if q.kind != "" { // a form of another site, or a page that knows no better
			for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
				if w := send(access.Admin, q.method, q.path, kind, q.body); w.Code != http.StatusUnsupportedMediaType {
					t.Errorf("%s %s as %q: %d; want 415", q.method, q.path, kind, w.Code)
				}
			}
		}
	}
	if len(*acts) != 0 || len(f.orders)+len(f.lists)+len(f.texts)+len(f.judged)+len(f.revoked) != 0 {
		t.Errorf("something was done: %+v", f)
	}
}

func TestEvidenceRefuses(t *testing.T) {
	t.Parallel()
	send, _ := openOffice(t, &office{})
	for _, q := range []struct{ method, path, kind, body string }{
		{"GET", "/v1/consents", "", ""},
		{"GET", "/v1/suppressions?number=2125550123", "", ""},
		{"GET", "/v1/suppressions?number=%2B1212555012x", "", ""},
		{"POST", "/v1/consents/x/revocation", asJSON, `{"method": "letter"}`},
		{"POST", "/v1/consents/" + uuid.Max.String() + "/revocation", asJSON, `{}`},
		{"POST", "/v1/dnc/mine", asList, ""},
		{"POST", "/v1/dnc/national?obtained_at=yesterday", asList, ""},
		{"POST", "/v1/suppressions", asJSON, `{"number": "+12125550123", "scope": "nothing"}`},
		{"POST", "/v1/suppressions", asJSON, `{"number": "+12125550123", "reason": "x"}`},
		{"POST", "/v1/suppressions", asJSON, `{`},
		{"POST", "/v1/decide", asJSON, `{"purpose": "telemarketing"}`},
	} {
		w := send(access.Admin, q.method, q.path, q.kind, q.body)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"hint": "`) {
			t.Errorf("%s %s %s: %d %s; want 400 and what to do", q.method, q.path, q.body, w.Code, w.Body)
		}
	}
}

func TestEvidenceWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	send, _ := openOffice(t, &office{err: storage.ErrAway})
	for _, q := range requests {
		if w := send(access.Admin, q.method, q.path, q.kind, q.body); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %s: %d; want 503", q.method, q.path, w.Code)
		}
	}
}

func TestAnExportThatBreaksOffIsNoWholeAnswer(t *testing.T) {
	t.Parallel()
	var keys access.Keys
	server := httptest.NewServer(New(Config{Access: &keys, Evidence: &office{cut: true, err: storage.ErrAway}}))
	defer server.Close()
	resp, err := http.Post(server.URL+"/v1/audit/export", asJSON, bytes.NewReader([]byte("{}")))
	if err != nil {
		return // cut off before its head
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the answer ended as if it were whole")
	}
}
