package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate reports every setting that is wrong by itself or together with
// another one. It touches no socket and no service; it does look whether named
// files exist.
func (c *Config) Validate() []Problem {
	v := &validator{}
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	v.require("node", c.Node)
	v.require("state_dir", c.StateDir)
	v.sip(c)
	v.twilio(c)
	v.media(c)
	v.http(&c.HTTP)
	v.calls(c)
	v.outbound(c)
	v.recording(c)
	v.compliance(c)
	v.traces(&c.Traces)
	v.agents(c)

	return v.problems
}

type validator struct{ problems []Problem }

func (v *validator) addf(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, What: fmt.Sprintf(format, args...)})
}

// distinct wants a list's names to differ; seen are those before this one.
func (v *validator) distinct(path, name, things string, seen map[string]bool) {
	if seen[name] {
		v.addf(path, "%q names two %s; names must differ", name, things)
	}
	seen[name] = true
}

// agent wants the name of an agent.
func (v *validator) agent(path, name string, c *Config) {
	if _, ok := c.Agent(name); !ok {
		v.addf(path, "%q is not one of the agents; add it under agents or correct the name", name)
	}
}

func (v *validator) require(path, value string) {
	if value == "" {
		v.addf(path, "is empty; give it a value or leave the key out for the default")
	}
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.addf(path, "%q is not known; use one of: %s", value, strings.Join(allowed, ", "))
	}
}

func (v *validator) sip(c *Config) {
	if len(c.SIP.Listen) == 0 {
		v.addf("sip.listen", "is empty; name at least one socket, such as udp:127.0.0.1:5060")
	}
	for i, l := range c.SIP.Listen {
		path := fmt.Sprintf("sip.listen[%d]", i)
		_, addr, err := ParseListen(l)
		if err != nil {
			v.addf(path, "%v", err)

			continue
		}
		if addr.Addr().IsUnspecified() && c.SIP.Advertise == "" {
			v.addf(path, "listens on all addresses, so peers cannot be told which one to use; set sip.advertise to the address that they reach")
		}
	}
	if c.SIP.Advertise != "" {
		if a, err := netip.ParseAddr(c.SIP.Advertise); err != nil || a.IsUnspecified() {
			v.addf("sip.advertise", "%q is not an IP address of this host", c.SIP.Advertise)
		}
	}
	if len(c.SIP.Codecs) == 0 {
		v.addf("sip.codecs", "is empty; list PCMU, PCMA or both")
	}
	for i, codec := range c.SIP.Codecs {
		v.oneOf(fmt.Sprintf("sip.codecs[%d]", i), codec, "PCMU", "PCMA")
	}
	if len(c.SIP.Trunks) == 0 {
		v.addf("sip.trunks", "is empty, so nobody could call; add a trunk with its sources and agent")
	}
	v.tls(&c.SIP)
	v.limits(&c.SIP.Limits)
	v.hep(&c.SIP.HEP)
	v.trunks(c)
	v.stir(c)
	v.oneOf("sip.reliable_responses", c.SIP.Reliable, "offered", "off")
	v.sessionTimer(c.SIP.SessionTimer)
}

// sessionTimer holds the bounds of RFC 4028 section 4.
func (v *validator) sessionTimer(t SessionTimer) {
	v.oneOf("sip.session_timer.use", t.Use, "offered", "off")
	if t.Minimum < 90*time.Second || t.Minimum%time.Second != 0 {
		v.addf("sip.session_timer.minimum", "%v is too short or no whole number of seconds; RFC 4028 wants 90s at least", t.Minimum)
	}
	if t.Interval < t.Minimum || t.Interval%time.Second != 0 {
		v.addf("sip.session_timer.interval", "%v is less than the minimum of %v or no whole number of seconds; 30m is usual", t.Interval, t.Minimum)
	}
}

func (v *validator) trunks(c *Config) {
	names := map[string]bool{}
	for i, t := range c.SIP.Trunks {
		path := fmt.Sprintf("sip.trunks[%d]", i)
		v.require(path+".name", t.Name)
		v.distinct(path+".name", t.Name, "trunks", names)
		if len(t.Sources) == 0 && len(t.Certificates) == 0 && t.Register == nil {
			v.addf(path+".sources", "is empty, so no call would be accepted; list the carrier's addresses or prefixes")
		}
		for j, s := range t.Sources {
			if _, err := ParseSource(s); err != nil {
				v.addf(fmt.Sprintf("%s.sources[%d]", path, j), "%v", err)
			}
		}
		if t.MaxCalls < 0 {
			v.addf(path+".max_calls", "is negative; use 0 for no limit")
		}
		v.srtp(path+".srtp", t.SRTP, c.SIP.secure())
		v.trunk(path, &t, &c.SIP)
		v.oneOf(path+".dtmf", cmp.Or(t.DTMF, "auto"), "auto", "rfc4733", "info", "inband")
		v.agent(path+".agent", t.Agent, c)
	}
}

// srtp checks a trunk's policy. Without a listener of TLS keys need leave to
// stand in plain signalling.
func (v *validator) srtp(path string, s SRTP, secure bool) {
	policy := cmp.Or(s.Policy, "off")
	v.oneOf(path+".policy", policy, "off", "optional", "required")
	v.oneOf(path+".keys", cmp.Or(s.Keys, "auto"), "auto", "sdes", "dtls")
	switch {
	case s.Keys == "dtls" && (s.Policy != "" || s.AllowPlainSignalling):
		v.addf(path+".keys", "dtls protects every call, and takes no keys from the signalling; leave out policy and allow_plain_signalling")
	case s.Keys == "dtls":
	case policy == "off" && s.AllowPlainSignalling:
		v.addf(path+".allow_plain_signalling", "allows nothing while policy is off; set policy to optional or required, or leave this out")
	case (policy == "optional" || policy == "required") && !s.AllowPlainSignalling && !secure:
		v.addf(path+".policy", "%q needs signalling over TLS, which sip.listen does not offer: keys would be readable on the way; in a network that you trust set allow_plain_signalling to true, or set policy to off", policy)
	}
}

func (v *validator) media(c *Config) {
	m := c.Media
	if m.Address != "" {
		if a, err := netip.ParseAddr(m.Address); err != nil || a.IsUnspecified() {
			v.addf("media.address", "%q is not an IP address of this host", m.Address)
		}
	}
	if m.PortLow < 1024 || m.PortTop > 65535 || m.PortTop-m.PortLow < 3 {
		v.addf("media.port_low", "%d to %d is no usable range; it must lie in 1024 to 65535 and hold at least two pairs of ports", m.PortLow, m.PortTop)

		return
	}
	if pairs := (m.PortTop - m.PortLow + 1) / 2; pairs < c.Calls.MaxCalls {
		v.addf("media.port_top", "%d port pairs cannot carry calls.max_calls = %d; widen the range or lower the limit", pairs, c.Calls.MaxCalls)
	}
	if m.Clocks < 0 {
		v.addf("media.clocks", "is negative; use 0 for one per processor")
	}
}

func (v *validator) calls(c *Config) {
	k := c.Calls
	if k.Cap <= 0 {
		v.addf("calls.cap", "must be longer than 0; every call has a cap")
	}
	if k.WarnBefore < 0 || k.WarnBefore >= k.Cap && k.Cap > 0 {
		v.addf("calls.warn_before", "%s does not lie before the cap of %s; shorten it, or 0 for no warning", k.WarnBefore, k.Cap)
	}
	if k.NoMedia <= 0 {
		v.addf("calls.no_media", "must be longer than 0; a dead call has to end")
	}
	if k.MaxCalls <= 0 {
		v.addf("calls.max_calls", "must be at least 1")
	}
	v.oneOf("calls.fax", k.Fax, "end", "keep")
}

func (v *validator) agents(c *Config) {
	names := map[string]bool{}
	for i, a := range c.Agents {
		path := fmt.Sprintf("agents[%d]", i)
		v.require(path+".name", a.Name)
		v.distinct(path+".name", a.Name, "agents", names)
		v.providers(path, &a)
		v.speech(path, &a)
		v.tools(path, &a)
		v.yielding(path, &a)
		if a.Moment < time.Second || a.Moment > 5*time.Minute {
			v.addf(path+".moment", "must be 1s to 5m")
		}
		for j, d := range a.Idle {
			if d <= 0 {
				v.addf(fmt.Sprintf("%s.idle[%d]", path, j), "must be longer than 0")
			}
		}
	}
}

// yielding checks how an agent's turns begin and end.
func (v *validator) yielding(path string, a *Agent) {
	for i, l := range a.Protected {
		v.oneOf(fmt.Sprintf("%s.protected[%d]", path, i), l, "greeting", "idle", "not_heard", "apology", "cap_warning")
	}
	v.oneOf(path+".hold_sound", a.HoldSound, "off", "tone")
	for i, w := range a.ProtectedWording {
		if _, err := Wording(w); err != nil {
			v.addf(fmt.Sprintf("%s.protected_wording[%d]", path, i), "%v", err)
		}
	}
	if n := a.Speculation.PerTurn; n < 1 || n > 5 {
		v.addf(path+".speculation.per_turn", "is %d; each guess costs tokens: use 1 to 5", n)
	}
	if d := a.Speculation.Stable; d < 50*time.Millisecond || d > 2*time.Second {
		v.addf(path+".speculation.stable", "is %v; use 50ms to 2s", d)
	}
}

// Wording is a pattern for an entry of Agent.ProtectedWording.
func Wording(entry string) (*regexp.Regexp, error) {
	if len(entry) > 1 && strings.HasPrefix(entry, "/") && strings.HasSuffix(entry, "/") {
		r, err := regexp.Compile(entry[1 : len(entry)-1])
		if err != nil {
			return nil, fmt.Errorf("is no regular expression: %w", err)
		}
		if r.MatchString("") {
			return nil, errors.New("matches every sentence; make it narrower")
		}

		return r, nil
	}
	words := strings.Fields(entry)
	if len(words) == 0 {
		return nil, errors.New("is empty; write the words, or a regular expression between slashes")
	}
	for i := range words {
		words[i] = regexp.QuoteMeta(words[i])
	}

	return regexp.Compile("(?i)" + strings.Join(words, `\s+`))
}

// ParseListen splits "udp:HOST:PORT" or "tcp:HOST:PORT".
func ParseListen(s string) (network string, addr netip.AddrPort, err error) {
	network, rest, _ := strings.Cut(s, ":")
	if !slices.Contains([]string{"udp", "tcp", "tls", "ws", "wss"}, network) {
		return "", netip.AddrPort{}, fmt.Errorf("%q does not begin with udp:, tcp:, tls:, ws: or wss:; write for example udp:127.0.0.1:5060", s)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%q is not %s:ADDRESS:PORT", s, network)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%q: %q is not an IP address", s, host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%q: %q is not a port", s, port)
	}

	return network, netip.AddrPortFrom(ip, uint16(n)), nil
}

// ParseSource reads an address or a CIDR prefix.
func ParseSource(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a prefix; write for example 203.0.113.7 or 203.0.113.0/24", s)
	}

	return p.Masked(), nil
}
