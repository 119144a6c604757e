package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"trunkline/compliance"
)

var (
	testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))
	noon    = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

// fact is an entry of a test's chain.
type fact struct {
	tenant, kind, id string
	at               time.Time
	body             any
}

func decision(n byte, allow bool, callee string) fact {
	d := compliance.Decision{Allow: allow, At: noon}
	if allow {
		d.ValidFor = 30 * time.Second
	}

	return fact{"acme", "decision", uuid.UUID{n}.String(), noon, map[string]any{"callee": callee, "decision": d}}
}

func attempt(n, of byte, callee string, at time.Time) fact {
	return fact{"acme", "attempt", uuid.UUID{n}.String(), at, map[string]any{"callee": callee, "decision": uuid.UUID{of}.String()}}
}

func write(t testing.TB, facts ...fact) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, testKey, noon)
	if err != nil {
		t.Fatal(err)
	}
	prev := map[string][sha256.Size]byte{}
	seq := map[string]int64{}
	for _, f := range facts {
		entry, err := compliance.Canonical(map[string]any{"tenant": f.tenant, "kind": f.kind, "id": f.id, "at": f.at, "body": f.body})
		if err != nil {
			t.Fatal(err)
		}
		seq[f.tenant]++
		hash := Link(prev[f.tenant], seq[f.tenant], entry)
		prev[f.tenant] = hash
		if err := w.Add(f.tenant, seq[f.tenant], entry, hash[:]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func sample(t testing.TB) []byte {
	return write(t,
		decision(1, true, "aa"), attempt(2, 1, "aa", noon.Add(time.Second)), decision(3, false, "bb"),
		fact{"other", "suppression", uuid.UUID{4}.String(), noon, map[string]any{"cause": "opt_out", "said": "nicht mehr, bitte <ü>"}},
	)
}

func TestWholeBundle(t *testing.T) {
	t.Parallel()
	public, _ := testKey.Public().(ed25519.PublicKey)
	for _, key := range []ed25519.PublicKey{nil, public} {
		r, err := Verify(bytes.NewReader(sample(t)), key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"decision": 2, "attempt": 1, "suppression": 1}, r.Kinds); diff != "" {
			t.Error(diff)
		}
		if len(r.Heads) != 2 || r.Heads[0].Seq != 3 || r.Heads[1].Tenant != "other" || !r.Key.Equal(public) {
			t.Errorf("%+v", r)
		}
	}
	if _, err := Verify(bytes.NewReader(write(t)), nil); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, ed25519.SeedSize))
	foreign, _ := other.Public().(ed25519.PublicKey)
	if _, err := Verify(bytes.NewReader(sample(t)), foreign); err == nil {
		t.Error("it passes for one of another key")
	}
}

// No byte can be changed, left out or put in unnoticed, and a change of an
// entry's line is found in that line.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	good := sample(t)
	entries := bytes.Count(good, []byte(`{"entry":`))
	check := func(what string, at int, bad []byte) {
		t.Helper()
		_, err := Verify(bytes.NewReader(bad), nil)
		broken, ok := errors.AsType[*BrokenError](err)
		if !ok {
			t.Fatalf("byte %d %s: %v", at, what, err)
		}
		line := bytes.Count(good[:at], []byte("\n")) + 1
		if line > 1 && line <= entries+1 && broken.Line != line {
			t.Fatalf("byte %d of line %d %s: found in line %d: %v", at, line, what, broken.Line, err)
		}
	}
	for at := range good {
		flip := []byte{0x01, 0x20, 0x80}[at%3]
		bad := bytes.Clone(good)
		bad[at] ^= flip
		check(fmt.Sprintf("changed by %#x", flip), at, bad)
		if at%5 != 0 {
			continue
		}
		check("left out", at, append(bytes.Clone(good[:at]), good[at+1:]...))
		if good[at] == '\n' {
			continue // an empty line after it, and not in it
		}
		check("put in twice", at, append(append(bytes.Clone(good[:at]), good[at]), good[at:]...))
	}
	for _, cut := range []int{0, 10, len(good) / 2, len(good) - 1} {
		if _, err := Verify(bytes.NewReader(good[:cut]), nil); err == nil {
			t.Errorf("cut off after %d bytes", cut)
		}
	}
}

func TestLinesCannotBeMoved(t *testing.T) {
	t.Parallel()
	lines := bytes.SplitAfter(sample(t), []byte("\n"))
	for i := range lines {
		without := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
		if _, err := Verify(bytes.NewReader(without), nil); err == nil && len(lines[i]) > 0 {
			t.Errorf("line %d is missing", i+1)
		}
		if i+1 >= len(lines)-1 {
			continue
		}
		swapped := append([][]byte{}, lines...)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		if _, err := Verify(bytes.NewReader(bytes.Join(swapped, nil)), nil); err == nil {
			t.Errorf("lines %d and %d are exchanged", i+1, i+2)
		}
	}
}

// A chain whose hashes all fit may still not say what it must.
func TestAttemptsNeedTheirDecisions(t *testing.T) {
	t.Parallel()
	soon := noon.Add(time.Second)
	for want, facts := range map[string][]fact{
		"no decision before it":  {attempt(2, 1, "aa", soon), decision(1, true, "aa")},
		"no decision before it ": {decision(1, false, "aa"), attempt(2, 1, "aa", soon)},
		"no decision  before it": {decision(1, true, "aa"), attempt(2, 1, "aa", soon), attempt(3, 1, "aa", soon)},
		"somebody else":          {decision(1, true, "aa"), attempt(2, 1, "bb", soon)},
		"had expired":            {decision(1, true, "aa"), attempt(2, 1, "aa", noon.Add(time.Minute))},
		"id was there before":    {decision(1, true, "aa"), decision(1, true, "aa")},
	} {
		_, err := Verify(bytes.NewReader(write(t, facts...)), nil)
		if err == nil || !strings.Contains(err.Error(), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A call behind the wish not to be called is told, also where every hash fits.
func TestNoAttemptIsBehindASuppression(t *testing.T) {
	t.Parallel()
	stop := func(n byte, callee, scope, seller string) fact {
		return fact{"acme", "suppression", uuid.UUID{n}.String(), noon, map[string]any{"callee": callee, "scope": scope, "seller": seller}}
	}
	dial := func(seller, purpose string) fact {
		return fact{"acme", "attempt", uuid.UUID{9}.String(), noon, map[string]any{"callee": "aa", "decision": uuid.UUID{8}.String(), "seller": seller, "purpose": purpose}}
	}
	lift := fact{"acme", "suppression_lift", uuid.UUID{7}.String(), noon, map[string]any{"suppression": uuid.UUID{1}.String()}}
	allows := decision(8, true, "aa")
	for name, c := range map[string]struct {
		facts []fact
		bad   bool
	}{
		"behind it":                 {[]fact{stop(1, "aa", "seller", "roof"), allows, dial("roof", "telemarketing")}, true},
		"between decision and dial": {[]fact{allows, stop(1, "aa", "everything", ""), dial("roof", "emergency")}, true},
		"before it":                 {[]fact{allows, dial("roof", "telemarketing"), stop(1, "aa", "seller", "roof")}, false},
		"another person's":          {[]fact{stop(1, "bb", "everything", ""), allows, dial("roof", "telemarketing")}, false},
		"another seller's":          {[]fact{stop(1, "aa", "seller", "windows"), allows, dial("roof", "telemarketing")}, false},
		"an emergency":              {[]fact{stop(1, "aa", "tenant", ""), allows, dial("roof", "emergency")}, false},
		"lifted":                    {[]fact{stop(1, "aa", "tenant", ""), lift, allows, dial("roof", "telemarketing")}, false},
		"another one lifted":        {[]fact{stop(2, "aa", "tenant", ""), lift, allows, dial("roof", "telemarketing")}, true},
	} {
		_, err := Verify(bytes.NewReader(write(t, c.facts...)), nil)
		broken, is := errors.AsType[*BrokenError](err)
		if is != c.bad || err == nil == c.bad {
			t.Errorf("%s: %v", name, err)
		} else if c.bad && (broken.Seq != int64(len(c.facts)) || !strings.Contains(broken.What, "asked not to be called")) {
			t.Errorf("%s: found as %v", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(sample(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Verify(bytes.NewReader(data), nil)
		if err == nil && r.Key == nil {
			t.Fatal("a bundle with no signature passes")
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "x", "AAAA"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
		if _, err := ParsePublicKey(bad); err == nil {
			t.Errorf("%q is a public key", bad)
		}
	}
}
