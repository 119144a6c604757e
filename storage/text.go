package storage

import "strings"

// storable makes s fit for PostgreSQL's text, which holds valid UTF-8 with no
// zero bytes: other bytes become U+FFFD.
func storable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}
