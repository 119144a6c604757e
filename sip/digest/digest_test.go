package digest

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	alice = Credentials{User: "alice", Password: `se"c\ret`}
	epoch = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
)

// TestVectors are the examples of RFC 7616 section 3.9.1, with its client
// nonce in place of a random one.
func TestVectors(t *testing.T) {
	t.Parallel()

	c := NewClient(Credentials{User: "Mufasa", Password: "Circle of Life"})

	for algorithm, want := range map[Algorithm]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		r := &realm{challenge: challenge{
			realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm: algorithm, named: true, qop: true,
		}, count: 1}

		got := c.answer(r, "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
		if !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}

// answer is what a client gives to the challenges of a server.
func answer(t interface{ Fatal(args ...any) }, c *Client, values []string, method string) string {
	if err := c.Challenge(values, nil); err != nil {
		t.Fatal(err)
	}

	headers := c.Authorize(method, "sip:+12025550199@example.net")
	if len(headers) != 1 || headers[0].Name != "Authorization" {
		t.Fatal("headers", headers)
	}

	return headers[0].Value
}

func TestVerdicts(t *testing.T) {
	t.Parallel()

	s := NewServer("trunkline", alice)
	c := NewClient(alice)
	both := s.Challenges(epoch, false)

	if !strings.Contains(both[0], "algorithm=SHA-256") || !strings.Contains(both[1], "algorithm=MD5") {
		t.Fatal(both)
	}

	first := answer(t, c, both, "INVITE")
	if !strings.Contains(first, "algorithm=SHA-256") {
		t.Error("the weaker algorithm was taken:", first)
	}

	second := c.Authorize("BYE", "sip:x")[0].Value
	weak := answer(t, NewClient(alice), s.Challenges(epoch, false)[1:], "INVITE")
	old := answer(t, NewClient(alice), s.Challenges(epoch, false), "INVITE")

	for _, tt := range []struct {
		name, value, method string
		after               time.Duration
		want                Verdict
	}{
		{"another method", first, "BYE", 0, Wrong},
		{"right", first, "INVITE", time.Second, Proven},
		{"replayed", first, "INVITE", 2 * time.Second, Stale},
		{"the next count", second, "BYE", 2 * time.Second, Proven},
		{"MD5", weak, "INVITE", 2 * time.Second, Proven},
		{"late", old, "INVITE", nonceLife + time.Second, Stale},
		{"another user", answer(t, NewClient(Credentials{User: "bob", Password: alice.Password}), both, "INVITE"), "INVITE", 0, Wrong},
		{"another password", answer(t, NewClient(Credentials{User: "alice"}), both, "INVITE"), "INVITE", 0, Wrong},
		{"another server's nonce", answer(t, NewClient(alice), NewServer("trunkline", alice).Challenges(epoch, false), "INVITE"), "INVITE", 0, Unproven},
		{"another realm", answer(t, NewClient(alice), NewServer("other", alice).Challenges(epoch, false), "INVITE"), "INVITE", 0, Unproven},
		{"nothing", "", "INVITE", 0, Unproven},
		{"Basic", "Basic YWxpY2U6", "INVITE", 0, Unproven},
		{"no count", strings.Replace(first, "nc=00000001", "nc=0000000g", 1), "INVITE", 0, Unproven},
		{"auth-int", strings.Replace(first, "qop=auth", "qop=auth-int", 1), "INVITE", 0, Unproven},
	} {
		if got := s.Verify(tt.value, tt.method, epoch.Add(tt.after)); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestOneAlgorithm: what was not offered is not taken.
func TestOneAlgorithm(t *testing.T) {
	t.Parallel()

	s := NewServer("trunkline", alice, MD5)
	weak := s.Challenges(epoch, false)

	if len(weak) != 1 || !strings.Contains(weak[0], "algorithm=MD5") {
		t.Fatal(weak)
	}

	if v := s.Verify(answer(t, NewClient(alice), weak, "INVITE"), "INVITE", epoch); v != Proven {
		t.Errorf("MD5: %d", v)
	}

	strong := strings.Replace(weak[0], "MD5", "SHA-256", 1)
	if v := s.Verify(answer(t, NewClient(alice), []string{strong}, "INVITE"), "INVITE", epoch); v != Unproven {
		t.Errorf("SHA-256: %d", v)
	}
}

func TestStaleNonceIsAnsweredAgain(t *testing.T) {
	t.Parallel()

	s, c := NewServer("trunkline", alice), NewClient(alice)
	_ = answer(t, c, s.Challenges(epoch, false), "INVITE")

	again := answer(t, c, s.Challenges(epoch, true), "INVITE")
	if v := s.Verify(again, "INVITE", epoch); v != Proven {
		t.Errorf("verdict %d on %s", v, again)
	}
}

func TestClientGivesUpWhenRefused(t *testing.T) {
	t.Parallel()

	s, c := NewServer("trunkline", alice), NewClient(Credentials{User: "alice", Password: "guess"})
	_ = answer(t, c, s.Challenges(epoch, false), "INVITE")

	if err := c.Challenge(s.Challenges(epoch, false), nil); !errors.Is(err, ErrRefused) {
		t.Errorf("the second challenge: %v", err)
	}

	_ = answer(t, c, s.Challenges(epoch, false), "INVITE") // another request tries anew
}

func TestChallengesThatAreNotAnswered(t *testing.T) {
	t.Parallel()

	for _, value := range []string{
		`Digest realm="r", nonce="n", qop="auth-int"`,
		`Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"`,
		`Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"`,
		`Digest realm="r", qop="auth"`,
		`Digest realm="r", nonce="n", realm="q"`,
		`Digest realm="r`,
		`Digest realm "r"`,
		`Basic realm="r"`,
		``,
	} {
		c := NewClient(alice)
		if err := c.Challenge([]string{value}, nil); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", value, err)
		}

		if got := c.Authorize("INVITE", "sip:x"); len(got) != 0 {
			t.Errorf("%s is answered with %v", value, got)
		}
	}

	elsewhere := NewClient(Credentials{User: "alice", Realm: "ours"})
	if err := elsewhere.Challenge([]string{`Digest realm="theirs", nonce="n"`}, nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a realm that is not ours: %v", err)
	}
}

// TestOldServers get the answer of RFC 2069, which carries no count.
func TestOldServers(t *testing.T) {
	t.Parallel()

	got := answer(t, NewClient(Credentials{User: "u", Password: "p"}), []string{`Digest realm="r", nonce="n"`}, "REGISTER")
	want := MD5.hash(MD5.hash("u", "r", "p"), "n", MD5.hash("REGISTER", "sip:+12025550199@example.net"))

	if !strings.Contains(got, want) || strings.Contains(got, "qop") || strings.Contains(got, "algorithm") {
		t.Error(got)
	}
}

// TestProof: whatever the names, the client's answers are proven once each.
func TestProof(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{0,20}`)
		who := Credentials{User: text.Draw(t, "user"), Password: text.Draw(t, "password")}
		s, c := NewServer(text.Draw(t, "realm"), who), NewClient(who)
		method := rapid.SampledFrom([]string{"INVITE", "BYE", "REGISTER"}).Draw(t, "method")

		if err := c.Challenge(s.Challenges(epoch, false), nil); err != nil {
			t.Fatal(err)
		}

		var values []string
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			values = append(values, c.Authorize(method, text.Draw(t, "uri"))[0].Value)
		}

		for _, i := range rapid.Permutation(values).Draw(t, "order") {
			if v := s.Verify(i, method, epoch); v != Proven {
				t.Fatalf("verdict %d on %s", v, i)
			}

			if v := s.Verify(i, method, epoch); v != Stale {
				t.Fatalf("verdict %d on a replay of %s", v, i)
			}
		}
	})
}

func TestServerForgetsWithinItsBound(t *testing.T) {
	t.Parallel()

	s := NewServer("trunkline", alice)
	one := answer(t, NewClient(alice), s.Challenges(epoch, false), "INVITE")

	for range maxNonces {
		s.Verify(answer(t, NewClient(alice), s.Challenges(epoch, false), "INVITE"), "INVITE", epoch)
	}

	if v := s.Verify(one, "INVITE", epoch.Add(time.Second)); v != Stale {
		t.Errorf("a nonce from before the table was full: %d", v)
	}

	now := epoch.Add(2 * time.Second)
	if v := s.Verify(answer(t, NewClient(alice), s.Challenges(now, true), "INVITE"), "INVITE", now); v != Proven {
		t.Errorf("a new nonce: %d", v)
	}

	later := now.Add(2 * nonceLife)
	s.Verify(answer(t, NewClient(alice), s.Challenges(later, false), "INVITE"), "INVITE", later)

	if n := len(s.used); n != 1 {
		t.Errorf("%d nonces are remembered", n)
	}
}

func TestPasswordIsNeverPrinted(t *testing.T) {
	t.Parallel()

	type trunk struct {
		Account Credentials `json:"account"`
	}

	who := trunk{Credentials{User: "alice", Password: "wonderland"}}

	var log strings.Builder

	slog.New(slog.NewTextHandler(&log, nil)).Info("x", slog.Any("trunk", who), slog.Any("account", who.Account), slog.Any("p", &who.Account))

	encoded, err := json.Marshal(who)
	if err != nil {
		t.Fatal(err)
	}

	for _, text := range []string{
		log.String(), string(encoded), who.Account.String(), fmt.Sprint(who), fmt.Sprintf("%+v", who), fmt.Sprintf("%#v", who),
		fmt.Sprintf("%s %v %q %x %d", who.Account, &who, who.Account, who.Account, who.Account),
	} {
		if strings.Contains(text, "wonderland") || strings.Contains(text, fmt.Sprintf("%x", "wonderland")) {
			t.Error(text)
		}
	}
}

func FuzzHeader(f *testing.F) {
	s := NewServer("trunkline", alice)
	c := NewClient(alice)

	for _, v := range s.Challenges(epoch, true) {
		f.Add(v)
	}

	f.Add(answer(f, c, s.Challenges(epoch, false), "INVITE"))
	f.Add(`Digest realm="a\"b", nonce = "n" , qop="auth,auth-int", stale=TRUE, algorithm=md5`)
	f.Add(`digest a=,b="`)

	f.Fuzz(func(t *testing.T, value string) {
		if v := s.Verify(value, "INVITE", epoch); v == Proven && !strings.Contains(value, "alice") {
			t.Errorf("%q is proven", value)
		}

		c := NewClient(alice)
		if c.Challenge([]string{value}, []string{value}) != nil {
			return
		}

		for _, h := range c.Authorize("INVITE", value) {
			if strings.ContainsAny(h.Value, "\r\n") {
				t.Errorf("%q is answered by two lines: %q", value, h.Value)
			}

			if _, err := parse(h.Value); err != nil {
				t.Errorf("our own %q: %v", h.Value, err)
			}
		}
	})
}
