package access

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func request(t *testing.T, authorization string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/v1/calls", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}

	return r
}

func TestHolder(t *testing.T) {
	t.Parallel()
	desk, officer := NewKey(), NewKey()
	var keys Keys
	for key, h := range map[string]Holder{desk: {"desk", Operator}, officer: {"officer", Compliance}} {
		if err := keys.Add(SumOf(key), h); err != nil {
			t.Fatal(err)
		}
	}
	basic := request(t, "")
	basic.SetBasicAuth("anybody", officer)
	for name, tc := range map[string]struct {
		r    *http.Request
		want string
	}{
		"bearer":                 {request(t, "Bearer "+desk), "desk"},
		"bearer in small letter": {request(t, "bearer "+desk), "desk"},
		"basic":                  {basic, "officer"},
		"none":                   {request(t, ""), ""},
		"empty":                  {request(t, "Bearer "), ""},
		"another scheme":         {request(t, "Digest "+desk), ""},
		"the sum itself":         {request(t, "Bearer "+SumOf(desk).String()), ""},
		"a key cut short":        {request(t, "Bearer "+desk[:len(desk)-1]), ""},
	} {
		h, ok := keys.Holder(tc.r)
		if h.Name != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: holder %q, %v; want %q", name, h.Name, ok, tc.want)
		}
	}
}

func TestWithoutKeysEverybodyIsLocal(t *testing.T) {
	t.Parallel()
	for _, k := range []*Keys{nil, {}} {
		if h, ok := k.Holder(request(t, "Bearer nonsense")); !ok || h != local {
			t.Errorf("holder %v, %v; want %v", h, ok, local)
		}
	}
}

func TestTheSameKeyTwice(t *testing.T) {
	t.Parallel()
	var keys Keys
	sum := SumOf(NewKey())
	if err := keys.Add(sum, Holder{"a", Viewer}); err != nil {
		t.Fatal(err)
	}
	if err := keys.Add(sum, Holder{"b", Admin}); err == nil || !strings.Contains(err.Error(), `"a" and "b"`) {
		t.Errorf("error %v; want one that names both", err)
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	for role, may := range map[Role][3]bool{
		Viewer:     {true, false, false},
		Operator:   {true, true, false},
		Compliance: {true, false, true},
		Admin:      {true, true, true},
		"":         {},
		"root":     {},
	} {
		for i, right := range []Right{Read, Run, Prove} {
			if got := role.May(right); got != may[i] {
				t.Errorf("a %s may %s: %v; want %v", role, right, got, may[i])
			}
		}
	}
	for _, name := range Roles() {
		if r, err := ParseRole(name); err != nil || !r.May(Read) {
			t.Errorf("role %q: %v, may read %v", name, err, r.May(Read))
		}
	}
	if _, err := ParseRole("root"); err == nil {
		t.Error("root is taken for a role")
	}
}

func TestParseSum(t *testing.T) {
	t.Parallel()
	sum := SumOf(NewKey())
	if got, err := ParseSum(sum.String()); err != nil || got != sum {
		t.Errorf("%v, %v; want %v", got, err, sum)
	}
	for _, bad := range []string{"", "zz", sum.String()[2:], NewKey()} {
		if _, err := ParseSum(bad); err == nil {
			t.Errorf("%q is taken for a sum", bad)
		}
	}
	if first, second := NewKey(), NewKey(); first == second {
		t.Error("two keys are the same")
	}
}
