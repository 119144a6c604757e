package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

const caller, called = "+12155550121", "+12155550131"

// sign makes an identity as a carrier would, after change.
func sign(t *testing.T, key *ecdsa.PrivateKey, change func(*header, *Claims)) string {
	t.Helper()
	h := header{Alg: "ES256", PPT: "shaken", Typ: "passport", X5U: certURL}
	c := Claims{
		Attest: Full, Dest: Numbers{[]string{"12155550131"}}, IssuedAt: noon.Unix(), Orig: Number{"12155550121"},
		OrigID: "123e4567-e89b-12d3-a456-426655440000",
	}
	if change != nil {
		change(&h, &c)
	}
	value, err := (&Signer{key: key, x5u: h.X5U}).sign(h, &c)
	if err != nil {
		t.Fatal(err)
	}

	return value
}

func TestVerify(t *testing.T) {
	t.Parallel()
	ca, other := newIssuer(t), newIssuer(t)
	key := newKey(t)
	leaf := ca.issue(t, key, carrier(t))
	good := sign(t, key, nil)
	attested := func(a Attestation) string { return sign(t, key, func(_ *header, c *Claims) { c.Attest = a }) }
	changed := func(f func(*header, *Claims)) string { return sign(t, key, f) }
	div := strings.ReplaceAll(good, `ppt="shaken"`, `ppt="div"`)
	for name, tc := range map[string]struct {
		call    Call
		verdict Verdict
		status  int
		why     string
	}{
		"full":                        {Call{Identities: []string{good}}, "A", 0, ""},
		"partial":                     {Call{Identities: []string{attested(Partial)}}, "B", 0, ""},
		"gateway":                     {Call{Identities: []string{attested(Gateway)}}, "C", 0, ""},
		"number with visual marks":    {Call{From: "+1 (215) 555-0121", Identities: []string{good}}, "A", 0, ""},
		"ppt without quotes":          {Call{Identities: []string{strings.ReplaceAll(good, `"shaken"`, "shaken")}}, "A", 0, ""},
		"one of two holds":            {Call{Identities: []string{div, "nonsense", good}}, "A", 0, ""},
		"none":                        {Call{}, None, 428, "no identity"},
		"another kind alone":          {Call{Identities: []string{div}}, None, 428, "no identity"},
		"nonsense":                    {Call{Identities: []string{"nonsense"}}, Failed, 438, "header.payload.signature"},
		"compact":                     {Call{Identities: []string{"..c2ln;info=<" + certURL + ">;alg=ES256;ppt=shaken"}}, Failed, 438, "no compact form"},
		"too long":                    {Call{Identities: []string{good + strings.Repeat(" ", maxIdentity)}}, Failed, 438, "bytes"},
		"another caller":              {Call{From: "+12155550199", Identities: []string{good}}, Failed, 438, "another caller"},
		"anonymous":                   {Call{From: "anonymous", Identities: []string{good}}, Failed, 438, "another caller"},
		"another callee":              {Call{To: "+12155550199", Identities: []string{good}}, Failed, 438, "another called number"},
		"old":                         {Call{Identities: []string{changed(func(_ *header, c *Claims) { c.IssuedAt -= 61 })}}, Failed, 403, "1m1s ago"},
		"of the future":               {Call{Identities: []string{changed(func(_ *header, c *Claims) { c.IssuedAt += 61 })}}, Failed, 403, "signed"},
		"old Date header":             {Call{Date: noon.Add(-2 * time.Minute), Identities: []string{good}}, Failed, 403, "Date header"},
		"no origid":                   {Call{Identities: []string{changed(func(_ *header, c *Claims) { c.OrigID = "" })}}, Failed, 438, "origid"},
		"attestation D":               {Call{Identities: []string{attested("D")}}, Failed, 438, `"D"`},
		"alg none":                    {Call{Identities: []string{changed(func(h *header, _ *Claims) { h.Alg = "none" })}}, Failed, 438, "none"},
		"info is not x5u":             {Call{Identities: []string{strings.ReplaceAll(good, certURL, certURL+"x")}}, Failed, 438, "x5u"},
		"a certificate nobody has":    {Call{Identities: []string{changed(func(h *header, _ *Claims) { h.X5U = "https://elsewhere.example/a" })}}, Failed, 436, "cannot be had"},
		"signed by somebody else":     {Call{Identities: []string{sign(t, newKey(t), nil)}}, Failed, 438, "signature"},
		"signature of another header": {Call{Identities: []string{swapHeader(good, attested(Gateway))}}, Failed, 438, "signature"},
	} {
		v, _ := ca.verifier(leaf)
		if tc.call.From == "" {
			tc.call.From = caller
		}
		if tc.call.To == "" {
			tc.call.To = called
		}
		r := v.Verify(t.Context(), tc.call)
		if r.Verdict != tc.verdict || r.Status != tc.status || !strings.Contains(r.Why, tc.why) || (r.Status == 0) != (r.Reason == "") {
			t.Errorf("%s: %+v; want %s, %d, %q", name, r, tc.verdict, tc.status, tc.why)
		}
	}

	v, _ := other.verifier(leaf)
	if r := v.Verify(t.Context(), Call{From: caller, To: called, Identities: []string{good}}); r.Status != 437 {
		t.Errorf("under a root that is not on the trust list: %+v; want 437", r)
	}
	v, _ = ca.verifier(leaf)
	v.now = func() time.Time { return noon.Add(2 * time.Hour) }
	late := changed(func(_ *header, c *Claims) { c.IssuedAt = noon.Add(2 * time.Hour).Unix() })
	if r := v.Verify(t.Context(), Call{From: caller, To: called, Identities: []string{late}}); r.Status != 437 {
		t.Errorf("under a certificate that has expired: %+v; want 437", r)
	}
}

// swapHeader puts the claims of another token under a signature.
func swapHeader(value, other string) string {
	a, b := strings.SplitN(value, ".", 3), strings.SplitN(other, ".", 3)

	return a[0] + "." + b[1] + "." + a[2]
}

func TestReplayFails(t *testing.T) {
	t.Parallel()
	ca, key := newIssuer(t), newKey(t)
	v, _ := ca.verifier(ca.issue(t, key, carrier(t)))
	call := Call{From: caller, To: called, Identities: []string{sign(t, key, nil)}}
	if r := v.Verify(t.Context(), call); r.Verdict != "A" {
		t.Fatalf("the first: %+v", r)
	}
	if r := v.Verify(t.Context(), call); r.Verdict != Failed || r.Status != 438 {
		t.Errorf("the same again: %+v; want 438", r)
	}
	v.now = func() time.Time { return noon.Add(Freshness) }
	if r := v.Verify(t.Context(), call); r.Verdict != Failed {
		t.Errorf("the same again, at the end of its freshness: %+v", r)
	}
}

func TestForgeriesHaveNothingFetched(t *testing.T) {
	t.Parallel()
	ca, key := newIssuer(t), newKey(t)
	v, s := ca.verifier(ca.issue(t, key, carrier(t)))
	for _, call := range []Call{
		{From: "+12155550199", To: called, Identities: []string{sign(t, key, nil)}},
		{From: caller, To: called, Identities: []string{"x.y.z;info=<" + certURL + ">;ppt=shaken"}},
	} {
		v.Verify(t.Context(), call)
	}
	if s.asked != 0 {
		t.Errorf("certificates were asked for %d times; want never", s.asked)
	}
}

func TestSignerIsVerified(t *testing.T) {
	t.Parallel()
	ca, key := newIssuer(t), newKey(t)
	signer, err := NewSigner(key, certURL)
	if err != nil {
		t.Fatal(err)
	}
	value, err := signer.Identity(caller, called, Partial, noon)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 8225 section 9: keys in order, no white space.
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(value, ".")[1])
	if err != nil || !strings.HasPrefix(string(claims), `{"attest":"B","dest":{"tn":["12155550131"]},"iat":1795262400,"orig":{"tn":"12155550121"},"origid":"`) {
		t.Errorf("claims %s, %v", claims, err)
	}
	v, _ := ca.verifier(ca.issue(t, key, carrier(t)))
	if r := v.Verify(t.Context(), Call{From: caller, To: called, Identities: []string{value}}); r.Verdict != "B" || r.Signer != "CN=SHAKEN 999Z" || r.OrigID == "" {
		t.Errorf("our own signature: %+v", r)
	}
	if _, err := signer.Identity("anonymous", called, Full, noon); err == nil {
		t.Error("a caller without a number is signed for")
	}
	wrong, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner(wrong, certURL); err == nil {
		t.Error("a key on P-384 is taken")
	}
	if _, err := NewSigner(key, "http://certs.example.org/a"); err == nil {
		t.Error("a certificate over plain HTTP is taken")
	}
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	ca, key := newIssuer(t), newKey(t)
	for name, tc := range map[string]struct {
		list []asn1.RawValue
		want int
	}{
		"its range":           {list: []asn1.RawValue{span(t, "12155550100", 100)}},
		"its last number":     {list: []asn1.RawValue{span(t, "12155550120", 2)}},
		"one past its range":  {list: []asn1.RawValue{span(t, "12155550101", 20)}, want: 437},
		"before its range":    {list: []asn1.RawValue{span(t, "12155550122", 20)}, want: 437},
		"of another length":   {list: []asn1.RawValue{span(t, "1215555010", 1000000000)}, want: 437},
		"the number":          {list: []asn1.RawValue{entry(t, 2, "12155550121", "ia5")}},
		"another number":      {list: []asn1.RawValue{entry(t, 2, "12155550122", "ia5")}, want: 437},
		"a provider":          {list: []asn1.RawValue{entry(t, 2, "12155550122", "ia5"), carrier(t)}},
		"an unknown entry":    {list: []asn1.RawValue{entry(t, 3, "x", "ia5")}, want: 437},
		"a certificate of no": {want: 437},
	} {
		v, _ := ca.verifier(ca.issue(t, key, tc.list...))
		r := v.Verify(t.Context(), Call{From: caller, To: called, Identities: []string{sign(t, key, nil)}})
		if r.Status != tc.want {
			t.Errorf("%s: %+v; want %d", name, r, tc.want)
		}
	}
}

func TestReplaysForget(t *testing.T) {
	t.Parallel()
	r := newReplays()
	for i := range replaysKept {
		id := identity{claims: Claims{OrigID: "a", IssuedAt: int64(i)}}
		if !r.first(&id, noon) {
			t.Fatalf("identity %d is new", i)
		}
	}
	if n := len(r.young) + len(r.old); n > replaysKept {
		t.Errorf("%d identities are kept; want at most %d", n, replaysKept)
	}
}

func FuzzParse(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	s := &Signer{key: key, x5u: certURL}
	value, err := s.Identity(caller, called, Full, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add("..x;info=<a>;alg=ES256;ppt=shaken")
	f.Add(";;;=;info=")
	f.Fuzz(func(t *testing.T, value string) {
		id, err := parse(value)
		if err == nil && (len(id.signature) != 64 || id.info == "" || len(id.claims.Dest.TN) == 0 || !digits(id.claims.Orig.TN)) {
			t.Errorf("taken as whole: %+v", id)
		}
		if errors.Is(err, errNotShaken) && err.Error() == "" {
			t.Error("no words")
		}
	})
}
