package tools

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// hole is a place for a value: {name} for an argument, {call.name} for a value
// of the call.
var hole = regexp.MustCompile(`\{([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)?)\}`)

// callPrefix marks a value of the call.
const callPrefix = "call."

// keyedPrefix marks what the caller keyed in.
const keyedPrefix = "keyed."

// values fills holes.
type values struct {
	args  map[string]any
	vars  map[string]string
	keyed map[string]string
}

func (v values) get(name string) (any, bool) {
	if key, found := strings.CutPrefix(name, callPrefix); found {
		s, known := v.vars[key]

		return s, known
	}
	if key, found := strings.CutPrefix(name, keyedPrefix); found {
		s, known := v.keyed[key]

		return s, known
	}
	a, known := v.args[name]

	return a, known
}

// text is a value as it stands in a URL: a string without quotes, anything
// else as JSON, nothing as nothing.
func (v values) text(name string) string {
	switch a, _ := v.get(name); a := a.(type) {
	case nil:
		return ""
	case string:
		return a
	default:
		b, err := json.Marshal(a)
		if err != nil {
			return ""
		}

		return string(b)
	}
}

// errPath says that an argument would change which resource is meant.
var errPath = errors.New("is no name that can stand in a path")

// address is a URL with holes in its path and query.
type address struct {
	base  *url.URL // scheme and host
	path  string
	query string
}

// parseAddress checks a URL template: its scheme and host are fixed.
func parseAddress(template string) (address, error) {
	plain := hole.ReplaceAllString(template, "x")
	u, err := url.Parse(plain)
	switch {
	case err != nil:
		return address{}, errors.New("is no URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return address{}, errors.New("must begin with https:// or http:// and a host")
	case u.User != nil:
		return address{}, errors.New("must not hold a user or password; put them into a header, as ${NAME} of the environment")
	case u.Fragment != "":
		return address{}, errors.New("must not have a fragment (#)")
	}
	origin := u.Scheme + "://" + u.Host
	rest, fixed := strings.CutPrefix(template, origin)
	if !fixed {
		return address{}, errors.New("must name its host outright: arguments may stand in the path and the query only")
	}
	a := address{base: &url.URL{Scheme: u.Scheme, Host: u.Host}}
	a.path, a.query, _ = strings.Cut(rest, "?")

	return a, nil
}

// fill puts values into the holes, escaped for where they stand.
func (a address) fill(v values) (*url.URL, error) {
	var bad error
	path := hole.ReplaceAllStringFunc(a.path, func(h string) string {
		name := h[1 : len(h)-1]
		s := v.text(name)
		if s == "" || s == "." || s == ".." {
			bad = fmt.Errorf("%s: %q %w", name, s, errPath)
		}

		return url.PathEscape(s)
	})
	query := hole.ReplaceAllStringFunc(a.query, func(h string) string { return url.QueryEscape(v.text(h[1 : len(h)-1])) })
	if bad != nil {
		return nil, bad
	}
	u, err := url.Parse(a.base.String() + path)
	if err != nil {
		return nil, errors.New("the arguments make no URL")
	}
	u.RawQuery = query

	return u, nil
}

// holes are the names in a template.
func holes(template string) []string {
	var all []string
	for _, m := range hole.FindAllStringSubmatch(template, -1) {
		all = append(all, m[1])
	}

	return all
}

// fillBody puts values as JSON into a JSON template.
func fillBody(template string, v values) []byte {
	return []byte(hole.ReplaceAllStringFunc(template, func(h string) string {
		a, known := v.get(h[1 : len(h)-1])
		if !known {
			return "null"
		}
		b, err := json.Marshal(a)
		if err != nil {
			return "null"
		}

		return string(b)
	}))
}

// fromEnv is a name of the environment in a header's value.
var fromEnv = regexp.MustCompile(`\$\{([A-Za-z_]\w*)\}`)

// expandEnv fills in ${NAME}. A name that is not set is a mistake.
func expandEnv(s string) (string, error) {
	var missing []string
	out := fromEnv.ReplaceAllStringFunc(s, func(m string) string {
		name := m[2 : len(m)-1]
		value, set := os.LookupEnv(name)
		if !set {
			missing = append(missing, name)
		}

		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("the environment has no %s; set it where trunkline starts", strings.Join(missing, ", "))
	}

	return out, nil
}
