package compliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrNotCanonical is wrapped by the errors of Canonical.
var ErrNotCanonical = errors.New("has no canonical form")

// Canonical encodes v as JSON in one way only, so that it can be hashed: as
// encoding/json would, then by RFC 8785 with integers alone. Members are sorted by the
// UTF-16 code units of their names, there is no white space, strings escape
// only what must be (quotation mark, backslash, control characters), and
// numbers are whole, within ±(2^53-1): a fraction or an exponent is an error,
// since two programs may print it differently. So are text that is not UTF-8,
// and two members of one name.
func Canonical(v any) ([]byte, error) {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("compliance: %w", err)
	}

	return canonical(raw.Bytes()) // the encoder writes valid JSON only
}

// CanonicalJSON is Canonical for a value that is JSON already.
func CanonicalJSON(src []byte) ([]byte, error) {
	if !json.Valid(src) {
		return nil, fmt.Errorf("compliance: text that is not one JSON value %w", ErrNotCanonical)
	}

	return canonical(src)
}

func canonical(src []byte) ([]byte, error) {
	if !utf8.Valid(src) {
		return nil, fmt.Errorf("compliance: text that is not UTF-8 %w", ErrNotCanonical)
	}
	r := reader{src: src}
	out, err := r.appendValue(make([]byte, 0, len(src)))
	if err != nil {
		return nil, fmt.Errorf("compliance: %w", err)
	}

	return out, nil
}

// reader goes through JSON that is known to be valid, which is what makes it
// short: it looks for ends and checks nothing.
type reader struct {
	src []byte
	at  int
}

// next skips white space and gives the byte that follows.
func (r *reader) next() byte {
	for {
		switch c := r.src[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

func (r *reader) appendValue(out []byte) ([]byte, error) {
	switch c := r.next(); c {
	case '{':
		return r.appendObject(out)
	case '[':
		return r.appendArray(out)
	case '"':
		text, err := r.text()

		return appendString(out, text), err
	case 't', 'f', 'n':
		return append(out, r.word()...), nil
	default:
		return appendNumber(out, r.word())
	}
}

// word takes a number or a name.
func (r *reader) word() []byte {
	begin := r.at
	for r.at < len(r.src) && strings.IndexByte(",]} \t\r\n", r.src[r.at]) < 0 {
		r.at++
	}

	return r.src[begin:r.at]
}

// text takes a string. Most have no escapes.
func (r *reader) text() (string, error) {
	begin, escaped := r.at, false
	for r.at++; r.src[r.at] != '"'; r.at++ {
		if r.src[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	if !escaped {
		return string(r.src[begin+1 : r.at-1]), nil
	}
	var text string
	err := json.Unmarshal(r.src[begin:r.at], &text)

	return text, err
}

func (r *reader) appendArray(out []byte) ([]byte, error) {
	r.at++
	out = append(out, '[')
	for first := true; r.next() != ']'; first = false {
		if !first {
			r.at++ // the comma
			out = append(out, ',')
		}
		var err error
		if out, err = r.appendValue(out); err != nil {
			return nil, err
		}
	}
	r.at++

	return append(out, ']'), nil
}

// member is one of an object, with its place in what was written of all.
type member struct {
	name       string
	begin, end int
}

func (r *reader) appendObject(out []byte) ([]byte, error) {
	const usual = 16
	var few [usual]member
	members := few[:0]
	r.at++
	out = append(out, '{')
	begin := len(out)
	for first := true; r.next() != '}'; first = false {
		if !first {
			r.at++ // the comma
			r.next()
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		r.next()
		r.at++ // the colon
		from := len(out)
		out = append(appendString(out, name), ':')
		if out, err = r.appendValue(out); err != nil {
			return nil, err
		}
		members = append(members, member{name, from, len(out)})
	}
	r.at++
	slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	written := slices.Clone(out[begin:])
	out = out[:begin]
	for i, m := range members {
		if i > 0 {
			if members[i-1].name == m.name {
				return nil, fmt.Errorf("an object with %q twice %w", m.name, ErrNotCanonical)
			}
			out = append(out, ',')
		}
		out = append(out, written[m.begin-begin:m.end-begin]...)
	}

	return append(out, '}'), nil
}

// compareUTF16 orders names by their UTF-16 code units, which is the order of
// their bytes but for characters beyond U+FFFF.
func compareUTF16(a, b string) int {
	if strings.IndexFunc(a, wide) < 0 && strings.IndexFunc(b, wide) < 0 {
		return strings.Compare(a, b)
	}

	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

func wide(r rune) bool { return r > 0xFFFF }

// appendString writes s by RFC 8785 section 3.2.2.2.
func appendString(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= ' ':
			out = append(out, c)
		case c == '\b':
			out = append(out, `\b`...)
		case c == '\t':
			out = append(out, `\t`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\f':
			out = append(out, `\f`...)
		case c == '\r':
			out = append(out, `\r`...)
		default:
			out = append(out, `\u00`...)
			out = append(out, hex[c>>4], hex[c&15])
		}
	}

	return append(out, '"')
}

// largestExact is the largest integer that every JSON reader keeps (RFC 7493
// section 2.2).
const largestExact = 1<<53 - 1

func appendNumber(out, n []byte) ([]byte, error) {
	i, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil || i > largestExact || i < -largestExact {
		return nil, fmt.Errorf("the number %s %w: write it as text", n, ErrNotCanonical)
	}

	return strconv.AppendInt(out, i, 10), nil
}
