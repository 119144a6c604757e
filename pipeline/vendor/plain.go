package vendor

import "strings"

// Plain is a text as pipeline.Transcript wants it: lower case, without the
// punctuation around words.
func Plain(s string) string {
	fields := strings.Fields(strings.ToLower(s))
	out := fields[:0]
	for _, f := range fields {
		if f = strings.Trim(f, ".,;:!?¿¡…\"“”„()[]"); f != "" {
			out = append(out, f)
		}
	}

	return strings.Join(out, " ")
}
