package bundle

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"trunkline/compliance"
)

// BrokenError is the first thing in a bundle that is not as it was made.
type BrokenError struct {
	Line   int    // of the file, from 1
	Tenant string // empty when the line is no entry
	Seq    int64
	What   string
}

func (e *BrokenError) Error() string {
	if e.Tenant == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.What)
	}

	return fmt.Sprintf("line %d, entry %d of tenant %q: %s", e.Line, e.Seq, e.Tenant, e.What)
}

// Report is what a whole bundle holds.
type Report struct {
	MadeAt time.Time
	Key    ed25519.PublicKey // that signed it
	Heads  []Head
	Kinds  map[string]int // entries by kind
}

// maxLine bounds a line, in bytes: an entry with all facts of a decision is a
// few thousand.
const maxLine = 16 << 20

// Verify reads a bundle and checks every byte of it: that each line is written
// in the one way in which it can be, that the chains have no gap and their
// hashes fit, that every attempt stands behind a decision that allowed exactly
// it in time and not behind a suppression that stops it, that the heads are the
// chains' ends, and that the signature is of the key, or of the one in the file
// when key is nil. An error that is not
// a *BrokenError is the reader's.
func Verify(r io.Reader, key ed25519.PublicKey) (Report, error) {
	v := &verifier{
		in: bufio.NewReaderSize(r, 1<<16), report: Report{Kinds: map[string]int{}},
		allowed: map[string]allowance{}, ids: map[string]bool{}, suppressed: map[string][]suppression{}, lifted: map[string]bool{},
	}
	err := v.run(key)

	return v.report, err
}

type verifier struct {
	in      *bufio.Reader
	lines   int
	sum     []byte // of the lines before the current one
	report  Report
	prev    [sha256.Size]byte
	allowed map[string]allowance // by the decision's id, until an attempt uses it
	ids     map[string]bool      // of all entries

	suppressed map[string][]suppression // by tenant and callee
	lifted     map[string]bool          // ids of suppressions
}

// suppression is one that the chain has had, at an entry.
type suppression struct {
	compliance.Suppression

	seq int64
}

// allowance is a decision that allows an attempt.
type allowance struct {
	tenant, callee string
	until          time.Time
}

func (v *verifier) broken(format string, args ...any) error {
	return &BrokenError{Line: v.lines, What: fmt.Sprintf(format, args...)}
}

func (v *verifier) run(key ed25519.PublicKey) error {
	digest := sha256.New()
	text, err := v.next()
	if err != nil {
		return err
	}
	var h header
	if err := v.decode(text, &h); err != nil {
		return err
	}
	if h.Format != Format {
		return v.broken("it is not a bundle of the form %s", Format)
	}
	v.report.MadeAt = h.MadeAt
	for !bytes.HasPrefix(text, []byte(`{"heads":`)) {
		digest.Write(text) // never fails
		if text, err = v.next(); err != nil {
			return err
		}
		if bytes.HasPrefix(text, []byte(`{"entry":`)) {
			if err := v.entry(text); err != nil {
				return err
			}
		} else if !bytes.HasPrefix(text, []byte(`{"heads":`)) {
			return v.broken("it is neither an entry nor the heads of the chains")
		}
	}
	var ends heads
	if err := v.decode(text, &ends); err != nil {
		return err
	}
	if !slices.Equal(ends.Heads, v.report.Heads) {
		return v.broken("the heads are not the ends of the chains: entries were cut off or added")
	}
	digest.Write(text)
	v.sum = digest.Sum(nil)
	if text, err = v.next(); err != nil {
		return err
	}
	if err := v.seal(text, key); err != nil {
		return err
	}
	if _, err := v.in.ReadByte(); !errors.Is(err, io.EOF) {
		v.lines++

		return v.broken("something follows the signature")
	}

	return nil
}

// next reads a line with its newline.
func (v *verifier) next() ([]byte, error) {
	v.lines++
	var text []byte
	for {
		part, err := v.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case err == nil:
			return text, nil
		case len(text) > maxLine:
			return nil, v.broken("the line is longer than %d bytes", maxLine)
		case errors.Is(err, io.EOF):
			return nil, v.broken("the file ends here: it is cut off")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// decode reads a line into to, and makes sure that it is written as to would
// be.
func (v *verifier) decode(text []byte, to any) error {
	if err := json.Unmarshal(text, to); err != nil {
		return v.broken("it cannot be read: %v", err)
	}
	again, err := compliance.Canonical(to)
	if err != nil || !bytes.Equal(append(again, '\n'), text) {
		return v.broken("it is not written as it was made")
	}

	return nil
}

// entry checks one entry and its place in the chain.
func (v *verifier) entry(text []byte) error {
	var l line
	if err := v.decode(text, &l); err != nil {
		return err
	}
	broken := func(format string, args ...any) error {
		return &BrokenError{Line: v.lines, Tenant: l.Tenant, Seq: l.Seq, What: fmt.Sprintf(format, args...)}
	}
	n := len(v.report.Heads)
	switch {
	case n == 0 || v.report.Heads[n-1].Tenant != l.Tenant:
		if slices.ContainsFunc(v.report.Heads, func(h Head) bool { return h.Tenant == l.Tenant }) {
			return broken("the tenant's chain began before another one's")
		}
		if l.Seq != 1 {
			return broken("the chain begins with this entry and not with number 1")
		}
		v.report.Heads = append(v.report.Heads, Head{Tenant: l.Tenant})
		v.prev = [sha256.Size]byte{}
	case l.Seq != v.report.Heads[n-1].Seq+1:
		return broken("it follows entry %d: entries are missing or out of order", v.report.Heads[n-1].Seq)
	}
	v.prev = Link(v.prev, l.Seq, l.Entry)
	if l.Hash != hex.EncodeToString(v.prev[:]) {
		return broken("its hash does not fit: it, its number or its hash was changed")
	}
	v.report.Heads[len(v.report.Heads)-1] = Head{Tenant: l.Tenant, Seq: l.Seq, Hash: l.Hash}
	if what := v.meaning(&l); what != "" {
		return broken("%s", what)
	}

	return nil
}

// meaning checks what the entry says against those before it.
func (v *verifier) meaning(l *line) string {
	var e struct {
		ID     string    `json:"id"`
		Kind   string    `json:"kind"`
		Tenant string    `json:"tenant"`
		At     time.Time `json:"at"`
		Body   struct {
			Callee   string          `json:"callee"`
			Decision json.RawMessage `json:"decision"` // of a decision itself, of an attempt the decision's id

			Seller      string             `json:"seller"`
			Campaign    string             `json:"campaign"`
			Purpose     compliance.Purpose `json:"purpose"`     // of an attempt
			Scope       compliance.Scope   `json:"scope"`       // of a suppression
			Suppression string             `json:"suppression"` // of a lift
		} `json:"body"`
	}
	if err := json.Unmarshal(l.Entry, &e); err != nil {
		return "it cannot be read: " + err.Error()
	}
	switch {
	case e.Tenant != l.Tenant:
		return "it is an entry of another tenant"
	case v.ids[e.ID]:
		return "an entry with its id was there before"
	}
	v.ids[e.ID] = true
	v.report.Kinds[e.Kind]++
	switch e.Kind {
	case "decision":
		var d compliance.Decision
		if err := json.Unmarshal(e.Body.Decision, &d); err != nil {
			return "its decision cannot be read: " + err.Error()
		}
		if d.Allow {
			v.allowed[e.ID] = allowance{l.Tenant, e.Body.Callee, d.ValidUntil()}
		}
	case "attempt":
		var id string
		if err := json.Unmarshal(e.Body.Decision, &id); err != nil {
			return "the id of its decision cannot be read: " + err.Error()
		}
		a, ok := v.allowed[id]
		switch {
		case !ok:
			return "no decision before it allows this attempt"
		case a.tenant != l.Tenant || a.callee != e.Body.Callee:
			return "its decision is about somebody else"
		case e.At.After(a.until):
			return "its decision had expired"
		}
		delete(v.allowed, id) // it allows one
		call := compliance.Attempt{Seller: e.Body.Seller, Campaign: e.Body.Campaign, Purpose: e.Body.Purpose}
		for _, s := range v.suppressed[l.Tenant+" "+e.Body.Callee] {
			if !v.lifted[s.ID] && call.StoppedBy(&s.Suppression) {
				return fmt.Sprintf("the person had asked not to be called, by entry %d", s.seq)
			}
		}
	case "suppression":
		of := l.Tenant + " " + e.Body.Callee
		v.suppressed[of] = append(v.suppressed[of], suppression{
			compliance.Suppression{ID: e.ID, Scope: e.Body.Scope, Seller: e.Body.Seller, Campaign: e.Body.Campaign}, l.Seq,
		})
	case "suppression_lift":
		v.lifted[e.Body.Suppression] = true
	}

	return ""
}

// seal checks the signature.
func (v *verifier) seal(text []byte, key ed25519.PublicKey) error {
	var s seal
	if err := v.decode(text, &s); err != nil {
		return err
	}
	public, err := ParsePublicKey(s.Key)
	if err != nil {
		return v.broken("%v", err)
	}
	if key != nil && !key.Equal(public) {
		return v.broken("it is signed by another key: %s", s.Key)
	}
	if s.SHA256 != hex.EncodeToString(v.sum) {
		return v.broken("the signed hash is not that of the file: a line before the first entry, or this one, was changed")
	}
	signature, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || base64.StdEncoding.EncodeToString(signature) != s.Signature || !ed25519.Verify(public, append([]byte(signed), v.sum...), signature) {
		return v.broken("the signature does not fit")
	}
	v.report.Key = public

	return nil
}
