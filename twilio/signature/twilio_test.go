package signature

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/twilio/twilio-go/client"
	"pgregory.net/rapid"
)

const token = "12345"

// vector is the request that Twilio's libraries test themselves with.
func vector() (target string, form url.Values, signature string) {
	return "/myapp.php?foo=1&bar=2", url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "From": {"+14158675309"},
		"Digits": {"1234"}, "To": {"+18005551212"},
	}, "RSOYDt4T1cUTdK1PDd93/VVr8B8="
}

func validator(t testing.TB, base string, tokens ...string) *Twilio {
	t.Helper()
	v, err := NewTwilio(base, tokens...)
	if err != nil {
		t.Fatal(err)
	}

	return v
}

func TestTwilioVector(t *testing.T) {
	t.Parallel()
	target, form, want := vector()
	if got := SignTwilio(token, "https://mycompany.com"+target, form); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	for name, tt := range map[string]struct {
		base   string
		tokens []string
		target string
		want   bool
	}{
		"as it is":                  {"https://mycompany.com", []string{token}, target, true},
		"with a slash":              {"https://mycompany.com/", []string{token}, target, true},
		"with the port":             {"https://mycompany.com:443", []string{token}, target, true},
		"a fragment":                {"https://mycompany.com#rc=3", []string{token}, target, true},
		"the token before":          {"https://mycompany.com", []string{"new", token}, target, true},
		"another token":             {"https://mycompany.com", []string{"12346"}, target, false},
		"another host":              {"https://mycompany.org", []string{token}, target, false},
		"another scheme":            {"http://mycompany.com", []string{token}, target, false},
		"another path":              {"https://mycompany.com", []string{token}, "/myapp.phq?foo=1&bar=2", false},
		"another query":             {"https://mycompany.com", []string{token}, "/myapp.php?foo=1&bar=3", false},
		"the query in another form": {"https://mycompany.com", []string{token}, "/myapp.php?bar=2&foo=1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := validator(t, tt.base, tt.tokens...)
			if got := v.Valid(&Request{Target: tt.target, Form: form}, want); got != tt.want {
				t.Errorf("valid is %v", got)
			}
		})
	}
}

func TestTwilioForms(t *testing.T) {
	t.Parallel()
	form := url.Values{"CallSid": {"CA1"}, "Tag": {"b", "a", "b"}}
	body := []byte(`{"a": 1}`)
	hash := sha256.Sum256(body)
	hashed := "/v?bodySHA256=" + hex.EncodeToString(hash[:])
	for name, tt := range map[string]struct {
		base    string
		signed  string // the URL that the sender signed
		values  url.Values
		request Request
		want    bool
	}{
		"a port that is not told":        {"https://h.example", "https://h.example:443/v", form, Request{Target: "/v", Form: form}, true},
		"a port that is told":            {"https://h.example:8443", "https://h.example:8443/v", form, Request{Target: "/v", Form: form}, true},
		"a port that is left out":        {"https://h.example:8443", "https://h.example/v", form, Request{Target: "/v", Form: form}, true},
		"a wrong port":                   {"https://h.example", "https://h.example:80/v", form, Request{Target: "/v", Form: form}, false},
		"no TLS":                         {"http://h.example", "http://h.example:80/v", form, Request{Target: "/v", Form: form}, true},
		"an IPv6 address":                {"https://[2001:db8::1]", "https://[2001:db8::1]:443/v", form, Request{Target: "/v", Form: form}, true},
		"a slash too many":               {"https://h.example", "https://h.example/v/", form, Request{Target: "/v", Form: form}, true},
		"a slash too few":                {"https://h.example", "https://h.example", nil, Request{Target: "/", Form: url.Values{}}, true},
		"below a path":                   {"https://h.example/line/", "https://h.example/line/v?a=1", form, Request{Target: "/v?a=1", Form: form}, true},
		"a socket":                       {"https://h.example", "wss://h.example/s", nil, Request{Target: "/s", WebSocket: true}, true},
		"a socket with a port":           {"https://h.example", "wss://h.example:443/s", nil, Request{Target: "/s", WebSocket: true}, true},
		"a socket with a slash":          {"https://h.example", "wss://h.example/s/", nil, Request{Target: "/s", WebSocket: true}, true},
		"a socket signed as a page":      {"https://h.example", "https://h.example/s", nil, Request{Target: "/s", WebSocket: true}, false},
		"a page signed as a socket":      {"https://h.example", "wss://h.example/s", nil, Request{Target: "/s"}, false},
		"a body":                         {"https://h.example", "https://h.example" + hashed, nil, Request{Target: hashed, Body: body}, true},
		"another body":                   {"https://h.example", "https://h.example" + hashed, nil, Request{Target: hashed, Body: []byte(`{"a":1}`)}, false},
		"a body without hash":            {"https://h.example", "https://h.example/v", nil, Request{Target: "/v", Body: body}, false},
		"a hash that is no hash":         {"https://h.example", "https://h.example/v?bodySHA256=zz", nil, Request{Target: "/v?bodySHA256=zz", Body: body}, false},
		"a hash and no body":             {"https://h.example", "https://h.example" + hashed, nil, Request{Target: hashed}, false},
		"a value left out":               {"https://h.example", "https://h.example/v", url.Values{"CallSid": {"CA1"}, "Tag": {"a"}}, Request{Target: "/v", Form: form}, false},
		"a value moved into its key":     {"https://h.example", "https://h.example/v", url.Values{"a": {"b", "c"}}, Request{Target: "/v", Form: url.Values{"a": {"bc"}}}, false},
		"a form that became a query":     {"https://h.example", "https://h.example/v", form, Request{Target: "/v?CallSid=CA1", Form: url.Values{}}, false},
		"an escape that was taken apart": {"https://h.example", "https://h.example/v?a=%2F", nil, Request{Target: "/v?a=/"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := SignTwilio(token, tt.signed, tt.values)
			if got := validator(t, tt.base, token).Valid(&tt.request, given); got != tt.want {
				t.Errorf("valid is %v", got)
			}
		})
	}
	for _, bad := range []string{"", "x", "====", strings.Repeat("A", 4000), SignTwilio(token, "https://h.example/v", form)[:27]} {
		if validator(t, "https://h.example", token).Valid(&Request{Target: "/v", Form: form}, bad) {
			t.Errorf("signature %.30q is valid", bad)
		}
	}
}

func TestNewTwilio(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"": "https://", "mycompany.com": "https://", "ftp://h.example": "https://", "https://u:p@h.example": "user", "https://h.example?a=1": "query", "https://h .example": "public URL",
	} {
		if _, err := NewTwilio(base, token); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something about %q", base, err, want)
		}
	}
	if _, err := NewTwilio("https://h.example", "", ""); err == nil {
		t.Error("no token, no error")
	}
}

// form draws a form such as Twilio sends, with any characters.
func drawForm(t *rapid.T, values int) url.Values {
	form := url.Values{}
	key, text := rapid.StringMatching(`[A-Za-z0-9_.]{1,12}`), rapid.String()
	for range rapid.IntRange(0, 8).Draw(t, "keys") {
		form[key.Draw(t, "key")] = rapid.SliceOfN(text, 1, values).Draw(t, "values")
	}

	return form
}

// What Twilio's Go library believes we believe, and what it does not we do not,
// wherever it handles the request rightly: http and https, each key once.
func TestTwilioAgainstTheGoLibrary(t *testing.T) {
	t.Parallel()
	theirs := client.NewRequestValidator(token)
	rapid.Check(t, func(t *rapid.T) {
		form := drawForm(t, 1)
		base := rapid.SampledFrom([]string{"https://h.example", "http://h.example", "https://h.example:8443"}).Draw(t, "base")
		target := rapid.SampledFrom([]string{"/v", "/v/w?x=1", "/v?a=%20&b="}).Draw(t, "target")
		key := rapid.SampledFrom([]string{token, token, "another"}).Draw(t, "token")
		given := SignTwilio(key, base+target, form)
		v, err := NewTwilio(base, token)
		if err != nil {
			t.Fatal(err)
		}
		want := theirs.ValidateBody(base+target, []byte(form.Encode()), given)
		if got := v.Valid(&Request{Target: target, Form: form}, given); got != want || want != (key == token) {
			t.Errorf("we say %v, they say %v", got, want)
		}
	})
}

// Twilio's Node library makes the signatures that we make, repeated keys
// included, and believes what we believe.
func TestTwilioAgainstTheNodeLibrary(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("testdata/node_modules/twilio"); err != nil {
		absentf(t, "run scripts/deps.sh test for the npm package twilio: %v", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		absentf(t, "run scripts/deps.sh test for Node.js: %v", err)
	}
	type request struct {
		Token string     `json:"token"`
		URL   string     `json:"url"`
		Form  url.Values `json:"form"`
		Given string     `json:"given"`
		Body  *string    `json:"body,omitempty"`

		base, target string
		socket       bool
	}
	body, other := `{"event":"x"}`, `{"event":"y"}`
	hash := sha256.Sum256([]byte(body))
	hashed := "/v?bodySHA256=" + hex.EncodeToString(hash[:])
	var requests []request
	for i := range 60 {
		form := rapid.Custom(func(t *rapid.T) url.Values { return drawForm(t, 3) }).Example(i)
		base := []string{"https://h.example", "https://h.example:8443", "http://h.example"}[i%3]
		target := []string{"/v", "/v/w?x=1&y=%2F", "/"}[i/3%3]
		key := []string{token, "another"}[i%2]
		requests = append(requests, request{Token: token, URL: base + target, Form: form, Given: SignTwilio(key, base+target, form), base: base, target: target})
	}
	for _, b := range []*string{&body, &other} {
		u := "https://h.example" + hashed
		requests = append(requests, request{Token: token, URL: u, Form: url.Values{}, Given: SignTwilio(token, u, nil), Body: b, base: "https://h.example", target: hashed})
	}
	for _, signed := range []string{"wss://h.example/s", "wss://h.example:443/s", "https://h.example/s"} {
		// With the port: of wss URLs without it, the library tries port 80.
		requests = append(requests, request{Token: token, URL: "wss://h.example:443/s", Form: url.Values{}, Given: SignTwilio(token, signed, nil), base: "https://h.example", target: "/s", socket: true})
	}
	var in bytes.Buffer
	for i := range requests {
		if err := json.NewEncoder(&in).Encode(&requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "peer.js")
	cmd.Dir, cmd.Stdin, cmd.Stderr = "testdata", &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(bytes.NewReader(out))
	for i, r := range requests {
		var answer struct {
			Made  string `json:"made"`
			Valid bool   `json:"valid"`
		}
		if !answers.Scan() || json.Unmarshal(answers.Bytes(), &answer) != nil {
			t.Fatalf("no answer to request %d of %d", i, len(requests))
		}
		if made := SignTwilio(r.Token, r.URL, r.Form); made != answer.Made {
			t.Errorf("request %d, %s %v: we sign %s, they %s", i, r.URL, r.Form, made, answer.Made)
		}
		asked := Request{Target: r.target, Form: r.Form, WebSocket: r.socket}
		if r.Body != nil {
			asked.Form, asked.Body = nil, []byte(*r.Body)
		}
		got := validator(t, r.base, token).Valid(&asked, r.Given)
		if got != answer.Valid {
			t.Errorf("request %d, %s: we say %v, they %v", i, r.URL, got, answer.Valid)
		}
	}
}

// absentf ends a test that needs what is not installed.
func absentf(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func FuzzTwilio(f *testing.F) {
	target, form, given := vector()
	f.Add(target, form.Encode(), given)
	f.Add("/v?bodySHA256=00", "", given)
	f.Fuzz(func(t *testing.T, target, encoded, given string) {
		form, err := url.ParseQuery(encoded)
		if err != nil {
			return
		}
		v := validator(t, "https://mycompany.com", token)
		r := &Request{Target: target, Form: form}
		if made := SignTwilio(token, "https://mycompany.com"+target, form); !v.Valid(r, made) {
			t.Errorf("%q with %q: our own signature is not valid", target, encoded)
		}
		if v.Valid(r, given) && v.Valid(&Request{Target: target + "x", Form: form}, given) {
			t.Error("one signature for two requests")
		}
	})
}
