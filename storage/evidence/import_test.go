package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/privacy"
)

// facts are those of a dry decision.
func facts(t testing.TB, b bundleOf, a compliance.Attempt) compliance.Facts {
	t.Helper()
	var seen compliance.Facts
	_, err := b.Consider(t.Context(), b.caseOf(a), func(f *compliance.Facts) compliance.Decision {
		seen = *f

		return deny(&a)
	})
	if err != nil {
		t.Fatal(err)
	}

	return seen
}

func TestImportList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var rejects []string
	list := List{
		Tenant: "acme", Kind: compliance.NationalList, Account: "SAN-1", ObtainedAt: time.Now().Add(-time.Hour),
		Rejected: func(line int, why string) { rejects = append(rejects, fmt.Sprint(line, ": ", why)) },
	}
	file := "212,5550123\n(646) 555-0100\r\nhello\n\n+442079460123;2026-01-01\n2125550123\n12345\n"
	s, n, err := b.ImportList(t.Context(), list, strings.NewReader(file))
	if err != nil || n != 3 {
		t.Fatal(n, err)
	}
	if diff := cmp.Diff([]string{"3: it is no telephone number", "7: it is no telephone number"}, rejects); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"212", "646"}, s.AreaCodes); diff != "" || len(s.SHA256) != 64 {
		t.Error(diff, s.SHA256)
	}
	for number, hit := range map[privacy.Number]bool{
		callee: true, "+16465550100": true, "+442079460123": true, "+12125550124": false, "+16465550123": false, "+13125550123": false,
	} {
		a := sampleAttempt()
		a.To = number
		lists := facts(t, b, a).Lists
		if !lists.Known || len(lists.Value) != 1 || lists.Value[0].Hit != hit || lists.Value[0].ID != s.ID {
			t.Errorf("%s: %+v", string(number), lists)
		}
	}
	// The newest version of each list counts.
	if _, _, err := b.ImportList(t.Context(), List{
		Tenant: "acme", Kind: compliance.NationalList, ObtainedAt: time.Now(), Everywhere: true,
	}, strings.NewReader("3125550100\n")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.ImportList(t.Context(), List{
		Tenant: "acme", Kind: compliance.StateList, State: "tx", ObtainedAt: time.Now(), AreaCodes: []string{"212"},
	}, strings.NewReader("2125550123\n")); err != nil {
		t.Fatal(err)
	}
	got := facts(t, b, sampleAttempt()).Lists.Value
	if len(got) != 2 || got[0].Hit || !got[0].Everywhere || !got[1].Hit || got[1].State != "TX" {
		t.Errorf("lists %+v", got)
	}
	for what, bad := range map[string]List{
		"no state": {Tenant: "acme", Kind: compliance.StateList}, "no number": {Tenant: "acme", Kind: compliance.NationalList},
	} {
		if _, _, err := b.ImportList(t.Context(), bad, strings.NewReader("x\n")); err == nil {
			t.Errorf("%s: imported", what)
		}
	}
}

func FuzzListed(f *testing.F) {
	for _, s := range []string{"212,5550123", "+12125550123", "(212) 555-0123,x", ",", "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n := listed(text); n != "" && n[0] != '+' {
			t.Fatalf("%q is read as %q", text, string(n))
		}
	})
}

func sampleConsent() Consent {
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)

	return Consent{
		Number: callee, Name: "Ann Doe", IP: "192.0.2.1", UserAgent: "browser", Seller: "acme-inc", SellerLegalName: "Acme, Inc.",
		Level: compliance.PriorExpressWritten, Purposes: []compliance.Purpose{compliance.Telemarketing}, Channels: []string{"voice"}, Scope: "all",
		ArtificialVoice: true, NotCondition: true, DisclosureText: "By signing you agree ...", RequestSHA256: "aa", GivenSHA256: "bb",
		EvidenceURI: "s3://x", EvidenceSHA256: "cc", SignatureKind: "checkbox", SignatureValue: "on", CapturedAt: at, Method: "web form",
		URL: "https://example.net/form", FormVersion: "7", LeadSource: "site", ContractID: "k1", RecordingURI: "r1", Subject: "policy",
	}
}

func TestConsentsComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := sampleConsent()
	good, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{
		string(good), "", `{"e164": "12"}`, "no JSON", strings.Replace(string(good), `"level":"pewc"`, `"level":"maybe"`, 1),
		strings.Replace(string(good), `"method"`, `"methode"`, 1), strings.Replace(string(good), `"seller":"acme-inc"`, `"seller":""`, 1),
	}
	rejects := map[int]string{}
	n, err := b.ImportConsents(t.Context(), "acme", strings.NewReader(strings.Join(lines, "\n")), func(line int, why string) { rejects[line] = why })
	if err != nil || n != 1 || len(rejects) != 5 {
		t.Fatal(n, rejects, err)
	}
	var all []Consent
	read := func() {
		all = nil
		if err := b.EachConsent(t.Context(), "acme", callee, func(c Consent) error {
			all = append(all, c)

			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	read()
	want.Tenant, want.ID = "acme", all[0].ID
	want.ReceivedAt, want.EffectiveAt, want.DisclosureSHA256 = all[0].ReceivedAt, want.CapturedAt, all[0].DisclosureSHA256
	if diff := cmp.Diff([]Consent{want}, all); diff != "" {
		t.Error(diff)
	}
	fact := facts(t, b, sampleAttempt()).Consents.Value
	if len(fact) != 1 || !fact[0].Signature || !fact[0].Artificial || fact[0].To != callee || fact[0].Disclosure == "" || !fact[0].RevokedAt.IsZero() {
		t.Errorf("fact %+v", fact)
	}
	for range 2 {
		if err := b.RevokeConsent(t.Context(), "acme", all[0].ID, time.Now(), "letter"); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if all[0].RevokedAt.IsZero() || facts(t, b, sampleAttempt()).Consents.Value[0].RevokedAt.IsZero() {
		t.Error("the revocation is not seen")
	}
	var leaks int
	if err := b.store.Pool().QueryRow(t.Context(), `SELECT count(*) FROM ledger WHERE entry LIKE '%2125550123%' OR entry LIKE '%Ann Doe%'`).Scan(&leaks); err != nil || leaks != 0 {
		t.Errorf("%d entries name the person, %v", leaks, err)
	}
}

func TestLift(t *testing.T) {
	t.Parallel()
	b := setup(t)
	earlier := sampleConsent()
	earlier.ID = uuid.New()
	if err := b.AddConsents(t.Context(), "acme", earlier); err != nil {
		t.Fatal(err)
	}
	o := order("k")
	o.At = time.Now().Add(-time.Minute)
	suppress(t, b.Ledger, o)
	if _, err := b.Lift(t.Context(), "acme", callee, earlier.ID); !errors.Is(err, ErrNoOptIn) {
		t.Errorf("by an earlier consent: %v", err)
	}
	later := sampleConsent()
	later.ID, later.CapturedAt = uuid.New(), time.Now().Add(-time.Second)
	if err := b.AddConsents(t.Context(), "acme", later); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lift(t.Context(), "acme", "+12125550999", later.ID); !errors.Is(err, ErrNoOptIn) {
		t.Errorf("of another number: %v", err)
	}
	if n, err := b.Lift(t.Context(), "acme", callee, later.ID); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if got := facts(t, b, sampleAttempt()).Suppressions.Value; len(got) != 0 {
		t.Errorf("still suppressed: %v", got)
	}
}

func TestNumbersOfOursAndTheirs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := sampleAttempt()
	id := compliance.CallerID{Number: a.From, Seller: "acme-inc", Proof: "loa-1", ValidFrom: instant(time.Now().Add(-time.Hour)), Answered: true}
	answer := compliance.ReassignedResult{Answer: compliance.ReassignedNo, QueriedAt: instant(time.Now()), AskedSince: instant(time.Now().Add(-time.Hour))}
	if err := b.AddCallerID(t.Context(), "acme", id); err != nil {
		t.Fatal(err)
	}
	if err := b.AddReassigned(t.Context(), "acme", Reassigned{a.To, answer}); err != nil {
		t.Fatal(err)
	}
	f := facts(t, b, a)
	if diff := cmp.Diff(compliance.Know(id), f.CallerID); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(compliance.Know(answer), f.Reassigned); diff != "" {
		t.Error(diff)
	}
}
