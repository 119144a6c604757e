package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/access"
	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/evidence"
)

// Evidence is what the API of the evidence works with. Numbers are E.164.
type Evidence interface {
	Consents(ctx context.Context, number privacy.Number) ([]evidence.Consent, error)
	// ImportConsents takes one JSON object a line, and tells rejected of those
	// that are left out.
	ImportConsents(ctx context.Context, in io.Reader, rejected func(line int, why string)) (int, error)
	RevokeConsent(ctx context.Context, id uuid.UUID, method string) error
	ImportList(ctx context.Context, l evidence.List, in io.Reader) (compliance.ListSnapshot, int64, error)
	Suppressions(ctx context.Context, number privacy.Number) ([]evidence.Suppression, error)
	// Suppress records the act with the suppression. waits is true when both wait
	// on this node's disk, while the database is away: it denies dials already.
	Suppress(ctx context.Context, o evidence.Order, by Act) (id uuid.UUID, waits bool, err error)
	Consider(ctx context.Context, a compliance.Attempt, agent string) (compliance.Decision, error)
	Export(ctx context.Context, w io.Writer) error
}

// Bounds of what is sent.
const (
	importBound    = 1 << 30 // a national list has some 2.5 GB in twelve files
	rejectsTold    = 100
	importPatience = 10 * time.Minute
)

// evidenceRoutes serves consent, do-not-call lists, decisions and exports.
// Reading them is an act as well.
func (s *console) evidenceRoutes() {
	if s.Evidence == nil {
		return
	}
	const jsonKind, linesKind, listKind = "application/json", "application/x-ndjson", "text/csv"
	s.prove("GET /v1/consents", "look consents up", "", s.apiConsents)
	s.prove("POST /v1/consents", "import consents", linesKind, s.apiImportConsents)
	s.prove("POST /v1/consents/{id}/revocation", "revoke a consent", jsonKind, s.apiRevokeConsent)
	s.prove("POST /v1/dnc/{list}", "import a do-not-call list", listKind, s.apiImportList)
	s.prove("GET /v1/suppressions", "look suppressions up", "", s.apiSuppressions)
	s.proven("POST /v1/suppressions", jsonKind, s.apiSuppress)
	s.prove("POST /v1/decide", "try a decision", jsonKind, s.apiDecide)
	s.prove("POST /v1/audit/export", "export the evidence", jsonKind, s.apiExport)
}

// prove serves what works with the evidence, and is recorded before it is done.
func (s *console) prove(pattern, what, kind string, do action) {
	s.proven(pattern, kind, func(w http.ResponseWriter, r *http.Request) error {
		if err := s.note(r, access.Prove, what); err != nil {
			return err
		}

		return do(w, r)
	})
}

// proven serves what records itself. kind is the media type of the body, and one
// that no page of another site can have a browser send.
func (s *console) proven(pattern, kind string, do action) {
	s.mux.Handle(pattern, s.holding(access.Prove, s.apiProblem, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "" && got != kind {
			s.apiProblem(w, r, &problem{
				Status: http.StatusUnsupportedMediaType, Code: "wrong_type", Message: "The request has to be " + kind + ".", Hint: "Send it with Content-Type: " + kind + ".",
			})
			return
		}
		// Lists take longer than a request may by default.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(importPatience)) // not all writers can, and then need not
		r.Body = http.MaxBytesReader(w, r.Body, importBound)
		if err := do(w, r); err != nil {
			s.apiProblem(w, r, err)
		}
	})))
}

// decode reads a JSON body that has no field which is not known.
func decode(r *http.Request, into any) error {
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return &problem{
			Status: http.StatusBadRequest, Code: "bad_body", Message: "The body is not what is wanted here: " + err.Error() + ".", Hint: "See docs/integrator.md, The API.",
		}
	}

	return nil
}

// numberOf is the number that the query names.
func numberOf(q url.Values) (privacy.Number, error) { return dialable(q.Get("number")) }

// dialable reads a number in E.164.
func dialable(text string) (privacy.Number, error) {
	digits, ok := strings.CutPrefix(text, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return "", badParameter("number is no telephone number.", "Write it with its country code, as +12125550123; in an address the + is %2B.")
	}

	return privacy.Number(text), nil
}

func (s *console) apiConsents(w http.ResponseWriter, r *http.Request) error {
	number, err := numberOf(r.URL.Query())
	if err != nil {
		return err
	}
	all, err := s.Evidence.Consents(r.Context(), number)
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, struct {
		Consents []evidence.Consent `json:"consents"`
	}{append([]evidence.Consent{}, all...)})
	return nil
}

// rejectedLine is a line that an import left out.
type rejectedLine struct {
	Line int    `json:"line"`
	Why  string `json:"why"`
}

// importedJSON is what became of an import.
type importedJSON struct {
	Recorded int64          `json:"recorded"`
	Rejected int            `json:"rejected"`
	Lines    []rejectedLine `json:"rejected_lines"` // the first hundred
	List     string         `json:"list,omitempty"` // id of the list's version
	SHA256   string         `json:"sha256,omitempty"`
}

func (i *importedJSON) reject(line int, why string) {
	i.Rejected++
	if len(i.Lines) < rejectsTold {
		i.Lines = append(i.Lines, rejectedLine{line, why})
	}
}

func (s *console) apiImportConsents(w http.ResponseWriter, r *http.Request) error {
	out := importedJSON{Lines: []rejectedLine{}}
	n, err := s.Evidence.ImportConsents(r.Context(), r.Body, out.reject)
	if err != nil {
		return err
	}
	out.Recorded = int64(n)
	s.writeJSON(w, http.StatusOK, out)
	return nil
}

func (s *console) apiRevokeConsent(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return badParameter("The path names no consent.", "It is the consent_id of GET /v1/consents.")
	}
	var body struct {
		Method string `json:"method"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.Method == "" {
		return badParameter("method is missing.", `Say how it was taken back, as {"method": "letter"}.`)
	}
	err = s.Evidence.RevokeConsent(r.Context(), id, body.Method)
	if errors.Is(err, evidence.ErrNoConsent) {
		return &problem{Status: http.StatusNotFound, Code: "no_consent", Message: "There is no consent with this id.", Hint: "GET /v1/consents shows those of a number."}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiImportList makes the body the newest version of the list that the path
// names: national, internal, litigator, or state:TX.
func (s *console) apiImportList(w http.ResponseWriter, r *http.Request) error {
	kind, state, _ := strings.Cut(r.PathValue("list"), ":")
	q := r.URL.Query()
	list := evidence.List{
		Kind: compliance.ListKind(kind), State: state, Account: q.Get("account"), AreaCodes: q["area_code"],
		Everywhere: q.Get("everywhere") == "true", ObtainedAt: time.Now(),
	}
	switch list.Kind {
	case compliance.NationalList, compliance.StateList, compliance.InternalList, compliance.LitigatorList:
	default:
		return badParameter(fmt.Sprintf("There is no list %q.", r.PathValue("list")), "Use national, internal, litigator or state:TX.")
	}
	if at := q.Get("obtained_at"); at != "" {
		var err error
		if list.ObtainedAt, err = time.Parse(time.RFC3339, at); err != nil {
			return badParameter("obtained_at is no time.", "Write it as 2026-01-31T10:00:00Z.")
		}
	}
	out := importedJSON{Lines: []rejectedLine{}}
	list.Rejected = out.reject
	snapshot, n, err := s.Evidence.ImportList(r.Context(), list, r.Body)
	if err != nil {
		return err
	}
	out.Recorded, out.List, out.SHA256 = n, snapshot.ID, snapshot.SHA256
	s.writeJSON(w, http.StatusOK, out)
	return nil
}

// suppressionJSON is a suppression in the API: the number is the one that was
// asked for.
type suppressionJSON struct {
	ID       uuid.UUID        `json:"id"`
	Scope    compliance.Scope `json:"scope"`
	Seller   string           `json:"seller,omitempty"`
	Campaign string           `json:"campaign,omitempty"`
	Cause    string           `json:"cause"`
	At       time.Time        `json:"at"`
	Call     *uuid.UUID       `json:"call"` // in which it was asked for
}

func (s *console) apiSuppressions(w http.ResponseWriter, r *http.Request) error {
	number, err := numberOf(r.URL.Query())
	if err != nil {
		return err
	}
	all, err := s.Evidence.Suppressions(r.Context(), number)
	if err != nil {
		return err
	}
	out := make([]suppressionJSON, len(all))
	for i := range all {
		o := &all[i]
		out[i] = suppressionJSON{o.ID, o.Scope, o.Seller, o.Campaign, o.Cause, o.At, orNull(o.Call)}
	}
	s.writeJSON(w, http.StatusOK, struct {
		Suppressions []suppressionJSON `json:"suppressions"`
	}{out})
	return nil
}

// apiSuppress takes a suppression also while the database is away: a person who
// asked not to be called is not called until it returns.
func (s *console) apiSuppress(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Number string           `json:"number"`
		Scope  compliance.Scope `json:"scope"`
		Seller string           `json:"seller"`
		Cause  string           `json:"cause"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	number, err := dialable(body.Number)
	if err != nil {
		return err
	}
	switch body.Scope {
	case "":
		body.Scope = compliance.ScopeTenant
	case compliance.ScopeEverything, compliance.ScopeTenant, compliance.ScopeSeller, compliance.ScopeMarketing:
	default:
		return badParameter(fmt.Sprintf("There is no scope %q.", body.Scope), "Use everything, tenant, seller or marketing.")
	}
	if body.Cause == "" {
		body.Cause = "internal_list"
	}
	id, waits, err := s.Evidence.Suppress(r.Context(), evidence.Order{
		Key: uuid.NewString(), Number: number, Scope: body.Scope, Seller: body.Seller, Cause: body.Cause, At: time.Now(),
	}, s.actOf(r, "suppress a number"))
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if waits {
		status = http.StatusAccepted
	}
	s.writeJSON(w, status, struct {
		ID    uuid.UUID `json:"id"`
		Waits bool      `json:"waits,omitempty"` // for the database; this node denies dials already
	}{id, waits})
	return nil
}

// apiDecide says whether a call would be allowed now, and why. Nothing is
// recorded and nothing dialed.
func (s *console) apiDecide(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Number   string              `json:"number"`
		From     string              `json:"from"`
		Purpose  compliance.Purpose  `json:"purpose"`
		Agent    string              `json:"agent"`
		Campaign string              `json:"campaign"`
		Seller   string              `json:"seller"`
		Subject  string              `json:"subject"`
		Line     compliance.LineType `json:"line"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	number, err := dialable(body.Number)
	if err != nil {
		return err
	}
	d, err := s.Evidence.Consider(r.Context(), compliance.Attempt{
		To: number, From: privacy.Number(body.From), Purpose: body.Purpose, Campaign: body.Campaign, Seller: body.Seller,
		Subject: body.Subject, Line: body.Line, At: time.Now(),
	}, body.Agent)
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, d)
	return nil
}

// apiExport streams the tenant's evidence, signed, as trunkline audit verify
// reads it. What fails after the first byte cuts the answer off, and the file
// says that it is not whole.
func (s *console) apiExport(w http.ResponseWriter, r *http.Request) error {
	out := &begun{ResponseWriter: w}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="evidence.jsonl"`)
	err := s.Evidence.Export(r.Context(), out)
	if err != nil && out.wrote {
		s.Log.Error("an export was cut off", "error", err)
		panic(http.ErrAbortHandler) //nolint:forbidigo // the server's own way to cut an answer off; it recovers
	}
	if err != nil {
		w.Header().Del("Content-Disposition")
	}
	return err
}

// begun is a response that knows whether it has begun.
type begun struct {
	http.ResponseWriter

	wrote bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.wrote = true
	return b.ResponseWriter.Write(p)
}
