package tools

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"trunkline/media/dtmf"
	"trunkline/pipeline"
	"trunkline/privacy/luhn"
)

// maxKeyed bounds the values that one tool asks for.
const maxKeyed = 8

// keys that end an entry, and that begin it anew.
const (
	endKey   = "#"
	eraseKey = "*"
)

// checkKeyed says what of a tool's keyed values cannot work.
func (r *requester) checkKeyed(t Tool) error {
	if len(t.Keyed) > maxKeyed {
		return fmt.Errorf("keyed: at most %d values can be asked for", maxKeyed)
	}
	names := map[string]bool{}
	for i, k := range t.Keyed {
		at := fmt.Sprintf("keyed[%d]", i)
		switch {
		case !name.MatchString(k.Name) || names[k.Name]:
			return fmt.Errorf("%s.name: %q is no name, or that of two values", at, k.Name)
		case strings.TrimSpace(k.Ask) == "":
			return fmt.Errorf("%s.ask: is empty, so the caller would not know what to key in", at)
		case k.Min < 1 || k.Max < k.Min || k.Max > 32:
			return fmt.Errorf("%s: min and max must be 1 to 32 keys", at)
		case k.Check != "" && k.Check != "luhn":
			return fmt.Errorf("%s.check: %q is not known; use luhn, or leave it out", at, k.Check)
		}
		names[k.Name] = true
	}
	for _, h := range holes(t.HTTP.URL) {
		if strings.HasPrefix(h, keyedPrefix) {
			return fmt.Errorf("http.url: {%s} would stand in servers' logs; put it into the body", h)
		}
	}
	for _, h := range holes(t.HTTP.Body) {
		if n, found := strings.CutPrefix(h, keyedPrefix); found && !names[n] {
			return fmt.Errorf("http.body: {%s} is none of the keyed values", h)
		}
	}
	if base := r.address.base; len(t.Keyed) > 0 && base.Scheme != "https" && !loopback(base.Hostname()) {
		return errors.New("http.url: what the caller keys in leaves this machine over https only")
	}

	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)

	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ask has the caller key in the tool's values.
func (r *requester) ask(ctx context.Context, scope *pipeline.ToolScope) (map[string]string, error) {
	if len(r.keyed) == 0 {
		return nil, nil
	}
	if scope.Ask == nil {
		return nil, errors.New("no key can be taken in this call")
	}
	asks := make([]pipeline.Ask, len(r.keyed))
	for i, k := range r.keyed {
		asks[i] = pipeline.Ask{Text: k.Ask, Rules: dtmf.Rules{Min: k.Min, Max: k.Max, Terminator: endKey, Erase: eraseKey, First: firstKey, Between: nextKey}}
		if k.Check == "luhn" {
			asks[i].Valid = luhn.Valid[string]
		}
	}
	got, err := scope.Ask(ctx, asks)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(got))
	for i, v := range got {
		values[r.keyed[i].Name] = v
	}

	return values, nil
}

// hide takes what was keyed in out of an answer: a service may repeat it.
func hide(text string, keyed map[string]string) string {
	for _, v := range keyed {
		text = strings.ReplaceAll(text, v, "[hidden]")
	}

	return text
}
