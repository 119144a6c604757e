package dialect

import "bytes"

// readUsual reads a media message, or a mark that comes back, in its usual form
// and without allocating: an object whose strings have no escapes. It reports
// false for every other message, which may be sound. Marks are read where the
// carrier's have their name at nameOfMark.
func readUsual(m *Message, data []byte, marks bool) bool {
	s := scanner{rest: data}
	var event, payload, name []byte
	ok := s.object(func(member []byte) bool {
		switch {
		case string(member) == "event":
			v, ok := s.value()
			first := event == nil
			event = v

			return ok && first
		case string(member) == "media" && s.opens():
			return payload == nil && s.object(func(member []byte) bool {
				v, ok := s.value()
				if !ok {
					return false
				}
				switch string(member) {
				case "track":
					m.Outbound = bytes.HasPrefix(v, []byte("outbound"))
				case "chunk":
					m.Chunk, ok = number(v)
				case "timestamp":
					var at int64
					at, ok = number(v)
					m.setTime(at)
				case "payload":
					ok, payload = payload == nil, v
				}

				return ok
			})
		case string(member) == "mark" && s.opens():
			return name == nil && s.object(func(member []byte) bool {
				v, ok := s.value()
				if string(member) == "name" {
					ok, name = ok && name == nil, v
				}

				return ok
			})
		default:
			_, ok := s.value()

			return ok
		}
	})
	switch {
	case !ok || !s.done():
		return false
	case string(event) == "media" && name == nil:
		m.Kind = Media

		return m.decode(payload) == nil
	case string(event) == "mark" && payload == nil && marks:
		*m = Message{Kind: Played, Name: name, Audio: m.Audio}

		return len(name) > 0
	}

	return false
}

// number reads a decimal number without sign.
func number(v []byte) (n int64, ok bool) {
	const digits = 15 // less than 2^52, as a number in JSON is sure to be exact
	if len(v) == 0 || len(v) > digits || v[0] == '0' && len(v) > 1 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}

	return n, true
}

// scanner walks over flat JSON.
type scanner struct{ rest []byte }

func (s *scanner) space() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\n' || s.rest[0] == '\r') {
		s.rest = s.rest[1:]
	}
}

// next takes c, if it comes next.
func (s *scanner) next(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]

	return true
}

func (s *scanner) opens() bool {
	s.space()

	return len(s.rest) > 0 && s.rest[0] == '{'
}

func (s *scanner) done() bool {
	s.space()

	return len(s.rest) == 0
}

// object walks over an object; member takes the value of each of its members.
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.next('{') {
		return false
	}
	for {
		name, ok := s.text()
		if !ok || !s.next(':') || !member(name) {
			return false
		}
		if s.next('}') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

// text takes a string of plain ASCII without escapes.
func (s *scanner) text() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 {
		return nil, false
	}
	v := s.rest[:end]
	s.rest = s.rest[end+1:]
	for _, c := range v {
		if c < ' ' || c > '~' || c == '\\' {
			return nil, false
		}
	}

	return v, true
}

// value takes a string or a whole number.
func (s *scanner) value() ([]byte, bool) {
	s.space()
	if len(s.rest) > 0 && s.rest[0] == '"' {
		return s.text()
	}
	n := 0
	for n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9' {
		n++
	}
	v := s.rest[:n]
	s.rest = s.rest[n:]
	_, ok := number(v)

	return v, ok
}
