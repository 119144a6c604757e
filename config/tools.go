package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	toolName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

// builtInTools are names that no declared tool may have.
var builtInTools = []string{"transfer", "hang_up", "send_dtmf", "schedule_callback", "opt_out"}

// maxToolRetries bounds Tool.Retries.
const maxToolRetries = 5

// speech checks what an agent speaks, and where it is.
func (v *validator) speech(path string, a *Agent) {
	if !languageTag.MatchString(a.Language) {
		v.addf(path+".language", "%q is no language tag; write for example en-US or de", a.Language)
	}
	if _, err := time.LoadLocation(a.TimeZone); err != nil {
		v.addf(path+".time_zone", "%q is no time zone of this machine; write for example Europe/Berlin", a.TimeZone)
	}
}

// tools checks what an agent's model may call. What only the schemas and the
// environment tell is checked when the tools are made.
func (v *validator) tools(path string, a *Agent) {
	names := map[string]bool{}
	for i := range a.Tools {
		t, at := &a.Tools[i], fmt.Sprintf("%s.tools[%d]", path, i)
		switch {
		case !toolName.MatchString(t.Name):
			v.addf(at+".name", "%q cannot be a tool's name; use letters, digits and underscores, at most 64", t.Name)
		case names[t.Name]:
			v.addf(at+".name", "%q names two tools; names must differ", t.Name)
		case slices.Contains(builtInTools, t.Name):
			v.addf(at+".name", "%q is a built-in tool; choose another name", t.Name)
		}
		names[t.Name] = true
		v.require(at+".description", strings.TrimSpace(t.Description))
		if u := t.HTTP.URL; !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
			v.addf(at+".http.url", "%q is no URL; write https://HOST/PATH, with {name} for an argument", u)
		}
		v.oneOf(at+".http.method", strings.ToUpper(t.HTTP.Method), "", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
		if t.Retries < 0 || t.Retries > maxToolRetries {
			v.addf(at+".retries", "must be 0 to %d", maxToolRetries)
		}
		if t.HTTP.Timeout < 0 || t.Deadline < 0 {
			v.addf(at+".deadline", "a time must not be below 0")
		}
		if t.Result.Limit < 0 {
			v.addf(at+".result.limit", "must not be below 0")
		}
	}
	targets := map[string]bool{}
	for i, t := range a.BuiltIn.Transfer {
		at := fmt.Sprintf("%s.built_in_tools.transfer[%d].name", path, i)
		v.require(at, t.Name)
		v.distinct(at, t.Name, "targets", targets)
		v.target(fmt.Sprintf("%s.built_in_tools.transfer[%d]", path, i), &t)
	}
}

// The defaults of a transfer target.
const (
	TargetRing   = 30 * time.Second
	TargetDecide = 10 * time.Second
)

// target checks how a transfer target is reached.
func (v *validator) target(path string, t *Target) {
	how := cmp.Or(t.How, "bridge")
	v.oneOf(path+".how", how, "bridge", "refer", "either")
	v.oneOf(path+".brief_by", cmp.Or(t.BriefBy, "voice"), "voice", "header")
	uri := strings.HasPrefix(t.To, "sip:") || strings.HasPrefix(t.To, "sips:")
	switch {
	case t.To == "":
		if t.How != "" || t.Route != "" || t.Briefing != "" || t.Accept != "" || t.Ring != 0 {
			v.addf(path+".to", "is missing; without it the call ends with the hand-off line, and the other keys mean nothing")
		}
	case uri && how != "refer":
		v.addf(path+".to", "%q is a SIP URI, which only the carrier can call; give a number, or set how to refer", t.To)
	case !uri && !isPrefix(t.To):
		v.addf(path+".to", "%q is no number in E.164 form, such as +12125550123, and no sip: URI", t.To)
	}
	if len(t.Accept) > 1 || strings.Trim(t.Accept, "0123456789*#") != "" {
		v.addf(path+".accept", "%q is no key; use one of 0-9, * and #", t.Accept)
	}
	if t.Ring < 0 || t.Ring > 2*time.Minute {
		v.addf(path+".ring", "is %s; use up to 2m", t.Ring)
	}
	if t.Decide < 0 || t.Decide > time.Minute {
		v.addf(path+".decide", "is %s; use up to 1m", t.Decide)
	}
}
