package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func headers(pairs ...string) func(string) string {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}

	return h.Get
}

func TestTelnyx(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	older, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewTelnyx(base64.StdEncoding.EncodeToString(older), base64.StdEncoding.EncodeToString(public))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(at time.Time, body string) func(string) string {
		stamp := fmt.Sprint(at.Unix())

		return headers("telnyx-timestamp", stamp, "telnyx-signature-ed25519", base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(stamp+"|"+body))))
	}
	r := &Request{Body: []byte("CallSid=1")}
	for name, tt := range map[string]struct {
		header func(string) string
		want   bool
	}{
		"signed":        {sign(now, "CallSid=1"), true},
		"a little late": {sign(now.Add(-4*time.Minute), "CallSid=1"), true},
		"old":           {sign(now.Add(-6*time.Minute), "CallSid=1"), false},
		"of the future": {sign(now.Add(6*time.Minute), "CallSid=1"), false},
		"another body":  {sign(now, "CallSid=2"), false},
		"no signature":  {headers("telnyx-timestamp", fmt.Sprint(now.Unix())), false},
		"no base64":     {headers("telnyx-timestamp", fmt.Sprint(now.Unix()), "telnyx-signature-ed25519", "?"), false},
		"no time":       {headers(), false},
	} {
		if got := v.Valid(r, tt.header, now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, keys := range [][]string{nil, {"x"}, {"AAAA"}} {
		if _, err := NewTelnyx(keys...); err == nil {
			t.Errorf("%v are keys", keys)
		}
	}
}

// The signatures were made by Plivo's own library (npm plivo 4.79.0).
func TestPlivo(t *testing.T) {
	t.Parallel()
	v, err := NewPlivo("https://voice.example.com/line", "another", "MzA5ZGY2Njc")
	if err != nil {
		t.Fatal(err)
	}
	first := Request{Target: "/main/voice", Form: url.Values{"CallUUID": {"a1"}, "From": {"+12155550121"}, "To": {"+12155550131"}, "Event": {"StartApp"}}}
	repeated := Request{Target: "/main/status?b=2&a=1", Form: url.Values{"CallUUID": {"a1"}, "Tag": {"b", "a"}}}
	got := Request{Target: "/main/voice?CallUUID=a1&A=x", Form: url.Values{}}
	for name, tt := range map[string]struct {
		r     *Request
		given string
		nonce string
		want  bool
	}{
		"a form":           {&first, "mxiCRkcKz3SUCoK0Aa7cjgfqABmw8c9CHPEOinH23RM=", "12345", true},
		"several":          {&first, "xxx, mxiCRkcKz3SUCoK0Aa7cjgfqABmw8c9CHPEOinH23RM=", "12345", true},
		"a repeated key":   {&repeated, "SHgHYEmfcd8f4NcY7/MavBPQ8PzX7Z7jS0VI+7hq8rM=", "12345", true},
		"a query":          {&got, "ft4rhzuQlz11JESYxz0jPisuVtWpkVY7kp4lJsFaQkg=", "12345", true},
		"another nonce":    {&first, "mxiCRkcKz3SUCoK0Aa7cjgfqABmw8c9CHPEOinH23RM=", "12346", false},
		"another request":  {&got, "mxiCRkcKz3SUCoK0Aa7cjgfqABmw8c9CHPEOinH23RM=", "12345", false},
		"no nonce":         {&first, "mxiCRkcKz3SUCoK0Aa7cjgfqABmw8c9CHPEOinH23RM=", "", false},
		"no signature":     {&first, "", "12345", false},
		"an unsound query": {&Request{Target: "/v?%zz"}, "mxiCRkcKz3SUCoK0Aa7cjgfqABmw8c9CHPEOinH23RM=", "12345", false},
	} {
		if got := v.Valid(tt.r, headers("X-Plivo-Signature-V3", tt.given, "X-Plivo-Signature-V3-Nonce", tt.nonce)); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := NewPlivo("https://voice.example.com"); err == nil {
		t.Error("no token, no error")
	}
	if _, err := NewPlivo("voice", "x"); err == nil {
		t.Error("no URL, no error")
	}
}

func TestVonage(t *testing.T) {
	t.Parallel()
	v, err := NewVonage("older", "secret")
	if err != nil {
		t.Fatal(err)
	}
	body := `{"uuid":"1"}`
	hash := sha256.Sum256([]byte(body))
	sign := func(head, claims, secret string) func(string) string {
		signed := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(signed))

		return headers("Authorization", "Bearer "+signed+"."+base64.RawURLEncoding.EncodeToString(h.Sum(nil)))
	}
	const head = `{"alg":"HS256","typ":"JWT"}`
	claims := func(at time.Time, hash []byte) string {
		return fmt.Sprintf(`{"iat":%d,"payload_hash":%q}`, at.Unix(), hex.EncodeToString(hash))
	}
	for name, tt := range map[string]struct {
		header func(string) string
		body   string
		want   bool
	}{
		"signed":          {sign(head, claims(now, hash[:]), "secret"), body, true},
		"without a body":  {sign(head, claims(now, nil), "older"), "", true},
		"old":             {sign(head, claims(now.Add(-time.Hour), hash[:]), "secret"), body, false},
		"another body":    {sign(head, claims(now, hash[:]), "secret"), body + " ", false},
		"no hash":         {sign(head, claims(now, nil), "secret"), body, false},
		"another secret":  {sign(head, claims(now, hash[:]), "guess"), body, false},
		"no algorithm":    {sign(`{"alg":"none"}`, claims(now, hash[:]), "secret"), body, false},
		"no claims":       {sign(head, "", "secret"), body, false},
		"no token":        {headers(), body, false},
		"half a token":    {headers("Authorization", "Bearer a"), body, false},
		"two parts":       {headers("Authorization", "Bearer a.b"), body, false},
		"another's token": {headers("Authorization", "Basic a.b.c"), body, false},
	} {
		if got := v.Valid(&Request{Body: []byte(tt.body)}, tt.header, now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := NewVonage(); err == nil {
		t.Error("no secret, no error")
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	v, err := NewBasic("older:one", "exotel:word:with:colons")
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]bool{
		"exotel:word:with:colons": true, "older:one": true, "older:two": false, "older": false, "": false,
	} {
		if got := v.Valid(headers("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(given)))); got != want {
			t.Errorf("%q: %v", given, got)
		}
	}
	for _, h := range []func(string) string{headers(), headers("Authorization", "Basic ?"), headers("Authorization", "Bearer b2xkZXI6b25l")} {
		if v.Valid(h) {
			t.Error("no user is a user")
		}
	}
	for _, users := range [][]string{nil, {"user"}, {":password"}, {"user:"}} {
		if _, err := NewBasic(users...); err == nil {
			t.Errorf("%q are users", users)
		}
	}
}
