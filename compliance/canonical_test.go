package compliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCanonicalJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		// The sorting example of RFC 8785 section 3.2.3.
		"sorted by UTF-16": {
			`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew","1":"One","\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"Latin"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin\",\"€\":\"Euro Sign\",\"😀\":\"Emoji\",\"\ufb33\":\"Hebrew\"}",
		},
		"nested, no white space":    {"{ \"b\" : [ 1 , true, null ], \"a\" : { \"d\":1, \"c\":2 } }", `{"a":{"c":2,"d":1},"b":[1,true,null]}`},
		"only necessary escapes":    {`"\u003c\/\u0000\u001f\"\\\t"`, `"</\u0000\u001f\"\\\t"`},
		"integers as they are":      {`[-0, 9007199254740991, -12]`, `[0,9007199254740991,-12]`},
		"empty object, empty array": {`{"a":{},"b":[]}`, `{"a":{},"b":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := CanonicalJSON([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestCanonicalJSONRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"a fraction":         `1.5`,
		"an exponent":        `1e3`,
		"beyond 2^53":        `9007199254740992`,
		"a name twice":       `{"a":1,"a":2}`,
		"two values":         `1 2`,
		"text not in UTF-8":  "\"\xff\"",
		"a name twice below": `[{"a":{"b":1,"\u0062":2}}]`,
	} {
		if got, err := CanonicalJSON([]byte(in)); !errors.Is(err, ErrNotCanonical) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if _, err := CanonicalJSON([]byte(`{"a":`)); err == nil {
		t.Error("half an object has a canonical form")
	}
}

func TestCanonicalDecisionIsStable(t *testing.T) {
	t.Parallel()
	d := Decision{
		Allow: true, Purpose: Telemarketing, States: []string{"US-FL"}, At: time.Date(2026, 11, 20, 15, 0, 0, 5, time.UTC), ValidFor: 30 * time.Second,
		Reasons: []Reason{{Rule: "r", Verdict: Pass, Code: "c", Why: "because <it> is", Evidence: Evidence{"b": "2", "a": "1"}}},
	}
	first, err := Canonical(d)
	if err != nil {
		t.Fatal(err)
	}
	var back Decision
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, back); diff != "" {
		t.Errorf("a decision changes on its way through storage:\n%s", diff)
	}
	second, err := Canonical(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("two encodings:\n%s\n%s", first, second)
	}
}

func TestCanonicalIsAFixedPoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "m")
		first, err := Canonical(m)
		if err != nil {
			t.Fatal(err)
		}
		second, err := CanonicalJSON(first)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Fatalf("%q becomes %q", first, second)
		}
		var back map[string][]string
		if err := json.Unmarshal(first, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzCanonicalJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x",null,true]}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := CanonicalJSON(in)
		if err != nil {
			return
		}
		again, err := CanonicalJSON(out)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%q becomes %q, then %q (%v)", in, out, again, err)
		}
	})
}
