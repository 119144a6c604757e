package script

import (
	"strings"
)

// template is a text with values to fill in: "We are open {hours}."
type template []piece

// piece is literal text, or the name of a value.
type piece struct {
	text string
	name string
}

// parseTemplate reads a text with names in braces.
func parseTemplate(s string) (t template, problem string) {
	for s != "" {
		text, rest, open := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, `"}" without "{"; write names as {name}`
		}
		if text != "" {
			t = append(t, piece{text: text})
		}
		if !open {
			return t, ""
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{ \t\n") {
			return nil, `"{" needs a name and "}" after it; write names as {name}`
		}
		t = append(t, piece{name: name})
		s = after
	}
	return t, ""
}

// names are the values that the template asks for.
func (t template) names() []string {
	var names []string
	for _, p := range t {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

// expand fills the template in from the first map that has each name.
func (t template) expand(values ...map[string]string) string {
	if len(t) == 1 && t[0].name == "" {
		return t[0].text
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if p.name == "" {
			continue
		}
		for _, m := range values {
			if v, ok := m[p.name]; ok {
				b.WriteString(v)
				break
			}
		}
	}
	return b.String()
}
