package ladder

import "strings"

// Mask replaces the secrets of a message by asterisks: what nobody needs to
// see to understand a call. They are proofs of identity (RFC 3261 section 22),
// passwords of SIP URIs, keys of the audio (RFC 4568 and older ways), passwords
// of connectivity checks (RFC 8839) and
// pressed telephone keys, which may be those of a card. The text may be cut
// off anywhere. A call's end waits for its ladder, so this is one pass.
func Mask(text string) string {
	m := masked{text: text}
	head, folded, keys := true, false, false

	for at := 0; at < len(text); {
		line, _, ended := strings.Cut(text[at:], "\n")
		next := at + len(line)

		if ended {
			next++
		}

		line = strings.TrimSuffix(line, "\r")

		switch {
		case head && line == "":
			if head = false; keys {
				m.hide(next, len(text), hidden)
				return m.done()
			}
		case folded && line != "" && (line[0] == ' ' || line[0] == '\t'):
			m.hide(at, next, "") // goes on with the header line before
		default:
			folded = m.line(at, line, ended)
			keys = keys || head && tellsKeys(line)
		}

		at = next
	}

	return m.done()
}

// hidden stands in the place of a secret.
const hidden = "***"

// masked is a text while its secrets are taken out.
type masked struct {
	text string
	out  strings.Builder
	from int // what comes before is in out
}

// hide puts something in the place of the text from a to b.
func (m *masked) hide(a, b int, instead string) {
	if a < m.from || a == b && instead == "" {
		return
	}

	m.out.WriteString(m.text[m.from:a])
	m.out.WriteString(instead)
	m.from = b
}

func (m *masked) done() string {
	if m.from == 0 {
		return m.text
	}

	m.out.WriteString(m.text[m.from:])

	return m.out.String()
}

// line takes the secrets out of one line. It reports whether the lines that
// continue it are secret too.
func (m *masked) line(at int, line string, ended bool) (folded bool) {
	end := at + len(line)

	if rest, ok := header(line, "authorization"); ok {
		m.credentials(end-len(rest), end)
		return true
	}

	if rest, ok := header(line, "proxy-authorization"); ok {
		m.credentials(end-len(rest), end)
		return true
	}

	switch key := strings.TrimLeft(line, " \t"); {
	case begins(line, "a=crypto:"):
		for i := range line {
			if begins(line[i:], "inline:") {
				m.hide(at+i+len("inline:"), end, hidden)
				break
			}
		}
	case begins(line, "a=key-mgmt:"):
		m.hide(at+len("a=key-mgmt:"), end, hidden)
	case begins(line, "a=ice-pwd:"):
		m.hide(at+len("a=ice-pwd:"), end, hidden)
	case begins(line, "k="):
		m.hide(at+len("k="), end, hidden)
	case begins(key, "signal"):
		if rest := strings.TrimLeft(key[len("signal"):], " \t"); strings.HasPrefix(rest, "=") {
			m.hide(end-len(rest)+1, end, hidden)
			return false
		}

		m.passwords(at, line, ended)
	default:
		m.passwords(at, line, ended)
	}

	return false
}

// credentials hides what follows the scheme in the value from a to b, and all
// of a value without one.
func (m *masked) credentials(a, b int) {
	value := strings.TrimLeft(m.text[a:b], " \t")
	a = b - len(value)

	if i := strings.IndexAny(value, " \t"); i >= 0 {
		m.hide(a+i, b, " "+hidden)
	} else {
		m.hide(a, b, hidden)
	}
}

// passwords hides those of SIP URIs, "sip:user:password@host" (RFC 3261
// section 19.1.1). Where a text is cut off nobody knows whether an "@" was to
// come.
func (m *masked) passwords(at int, line string, ended bool) {
	for i := 0; i < len(line); {
		colon := strings.IndexByte(line[i:], ':')
		if colon < 0 {
			return
		}

		i += colon + 1

		if before := line[:i-1]; !endsIn(before, "sip") && !endsIn(before, "sips") {
			continue
		}

		user := strings.IndexAny(line[i:], "@ \t:;<>\"")
		if user < 1 || line[i+user] != ':' {
			continue
		}

		secret := line[i+user+1:]
		from := at + len(line) - len(secret)
		end := strings.IndexAny(secret, "@ \t<>\"")

		switch {
		case end >= 0 && secret[end] == '@':
			m.hide(from, from+end, hidden)
		case end < 0 && !ended:
			m.hide(from, at+len(line), hidden)
		}
	}
}

// tellsKeys reports whether a header line says that the body is nothing but a
// pressed key.
func tellsKeys(line string) bool {
	value, ok := header(line, "content-type")
	if !ok {
		value, ok = header(line, "c")
	}

	kind, _, _ := strings.Cut(value, ";")

	return ok && strings.EqualFold(strings.Trim(kind, " \t"), "application/dtmf")
}

// header is the value of a header line with the lower-case name.
func header(line, name string) (value string, ok bool) {
	if !begins(line, name) {
		return "", false
	}

	rest := strings.TrimLeft(line[len(name):], " \t")

	return strings.TrimPrefix(rest, ":"), strings.HasPrefix(rest, ":")
}

// begins reports whether s begins with the lower-case prefix, in any case.
func begins(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// endsIn reports whether s ends in the lower-case suffix, in any case.
func endsIn(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
