package digest

import (
	"crypto/md5" //nolint:gosec // RFC 8760 keeps it for peers that know no better
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Errors of headers and challenges.
var (
	ErrMalformed   = errors.New("malformed digest header")
	ErrUnsupported = errors.New("the challenge asks for what is not supported")
)

// maxParams bounds the parameters of one header; the RFC defines thirteen.
const maxParams = 32

// Algorithm is a hash by its name in the headers.
type Algorithm string

// The algorithms, of which the stronger one is preferred.
const (
	SHA256 Algorithm = "SHA-256"
	MD5    Algorithm = "MD5"
)

// parseAlgorithm reads the algorithm parameter. None means MD5.
func parseAlgorithm(name string) (Algorithm, bool) {
	switch {
	case name == "", strings.EqualFold(name, string(MD5)):
		return MD5, true
	case strings.EqualFold(name, string(SHA256)):
		return SHA256, true
	default:
		return "", false
	}
}

// hash is the lower-case hexadecimal hash of the parts joined by colons.
func (a Algorithm) hash(parts ...string) string {
	data := []byte(strings.Join(parts, ":"))

	if a == SHA256 {
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	}

	sum := md5.Sum(data) //nolint:gosec // see the import

	return hex.EncodeToString(sum[:])
}

// parse reads the value of one of the four headers: the scheme Digest and its
// parameters, names in lower case, each at most once.
func parse(value string) (map[string]string, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil, fmt.Errorf("%w: the scheme is not Digest", ErrUnsupported)
	}

	params := make(map[string]string)

	for rest = strings.TrimSpace(rest); rest != ""; {
		name, text, value, err := param(rest)
		if err != nil {
			return nil, err
		}

		if _, twice := params[name]; twice || len(params) >= maxParams {
			return nil, fmt.Errorf("%w: a parameter comes twice, or there are too many", ErrMalformed)
		}

		params[name] = value
		rest = text
	}

	return params, nil
}

// param reads "name=value" with the comma that may follow, and returns what
// comes after it.
func param(text string) (name, rest, value string, err error) {
	name, rest, ok := strings.Cut(text, "=")
	name = strings.ToLower(strings.TrimSpace(name))

	if !ok || name == "" || strings.ContainsAny(name, " \t\",") {
		return "", "", "", fmt.Errorf("%w: a parameter has no name", ErrMalformed)
	}

	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, `"`) {
		value, rest, err = unquote(rest[1:])
	} else {
		i := strings.IndexByte(rest, ',')
		if i < 0 {
			i = len(rest)
		}

		value, rest = strings.TrimSpace(rest[:i]), rest[i:]
	}

	if err != nil {
		return "", "", "", err
	}

	rest = strings.TrimSpace(rest)
	if rest == "" {
		return name, "", value, nil
	}

	if rest[0] != ',' {
		return "", "", "", fmt.Errorf("%w: no comma between parameters", ErrMalformed)
	}

	return name, strings.TrimSpace(rest[1:]), value, nil
}

// unquote reads a quoted-string after its first quote.
func unquote(text string) (value, rest string, err error) {
	var b strings.Builder

	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], nil
		case '\\':
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
		case '\r', '\n', 0:
			return "", "", fmt.Errorf("%w: a line break in a quoted string", ErrMalformed)
		default:
			b.WriteByte(text[i])
		}
	}

	return "", "", fmt.Errorf("%w: a quoted string does not end", ErrMalformed)
}

// quote makes a quoted-string; what would end the header line is left out.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "", "\x00", "").Replace(text) + `"`
}
