package sip

import (
	"bytes"
	"strings"
)

// tidy writes the header section of a message as nearly all senders write it:
// each header on one line, and no white space where RFC 3261 section 25.1
// allows it around the separators of the headers that we read. The parser
// expects that. Quoted strings stay as they are.
func tidy(data []byte) []byte {
	head, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
	if !found {
		return data
	}

	start, rest, _ := strings.Cut(string(head), "\r\n")

	// A line that begins with white space continues the one before (section 7.3.1).
	rest = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(rest)

	var b bytes.Buffer

	b.WriteString(start)

	for line := range strings.SplitSeq(rest, "\r\n") {
		b.WriteString("\r\n")

		name, value, ok := strings.Cut(line, ":")
		if !ok {
			b.WriteString(line)
			continue
		}

		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		b.WriteString(name + ": ")

		switch strings.ToLower(name) {
		case "via", "v":
			compact(&b, value, ";=,/:")
		case "from", "f", "to", "t", "contact", "m", "route", "record-route":
			compact(&b, value, ";=,")
		default:
			b.WriteString(strings.Join(strings.Fields(value), " "))
		}
	}

	b.WriteString("\r\n\r\n")
	b.Write(body)

	return b.Bytes()
}

// compact writes a value with white space only where it separates words, and
// none around separators.
func compact(b *bytes.Buffer, value, separators string) {
	quoted, space, last := false, false, byte(',')

	for i := 0; i < len(value); i++ {
		c := value[i]

		switch {
		case quoted && c == '\\' && i+1 < len(value):
			b.WriteByte(c)

			i++
			c = value[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			space = true
			continue
		}

		if space && strings.IndexByte(separators, last) < 0 && strings.IndexByte(separators, c) < 0 {
			b.WriteByte(' ')
		}

		space, last = false, c
		b.WriteByte(c)
	}
}
