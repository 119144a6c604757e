package compliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
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

	return CanonicalJSON(raw.Bytes())
}

// CanonicalJSON is Canonical for a value that is JSON already.
func CanonicalJSON(src []byte) ([]byte, error) {
	if !utf8.Valid(src) {
		return nil, fmt.Errorf("compliance: text that is not UTF-8 %w", ErrNotCanonical)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	out, err := appendValue(nil, dec)
	if err != nil {
		return nil, fmt.Errorf("compliance: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("compliance: more than one value %w", ErrNotCanonical)
	}

	return out, nil
}

func appendValue(out []byte, dec *json.Decoder) ([]byte, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			return appendArray(out, dec)
		}

		return appendObject(out, dec)
	case string:
		return appendString(out, t), nil
	case json.Number:
		return appendNumber(out, t)
	case bool:
		return strconv.AppendBool(out, t), nil
	default:
		return append(out, "null"...), nil
	}
}

func appendArray(out []byte, dec *json.Decoder) ([]byte, error) {
	out = append(out, '[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendValue(out, dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token() // the closing bracket

	return append(out, ']'), err
}

func appendObject(out []byte, dec *json.Decoder) ([]byte, error) {
	type member struct {
		name  string
		value []byte
	}
	var members []member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := tok.(string)
		value, err := appendValue(nil, dec)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int {
		return slices.Compare(utf16.Encode([]rune(a.name)), utf16.Encode([]rune(b.name)))
	})
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			if members[i-1].name == m.name {
				return nil, fmt.Errorf("an object with %q twice %w", m.name, ErrNotCanonical)
			}
			out = append(out, ',')
		}
		out = append(appendString(out, m.name), ':')
		out = append(out, m.value...)
	}

	return append(out, '}'), nil
}

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

func appendNumber(out []byte, n json.Number) ([]byte, error) {
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || i > largestExact || i < -largestExact {
		return nil, fmt.Errorf("the number %s %w: write it as text", n, ErrNotCanonical)
	}

	return strconv.AppendInt(out, i, 10), nil
}
