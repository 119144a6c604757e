package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TLS is our certificate for listeners of tls and wss, in PEM files. They are
// read again when they change.
type TLS struct {
	Certificate string `yaml:"certificate"` // with those between it and the root
	Key         string `yaml:"key"`
	// Authorities sign the certificates of carriers, their servers' and their
	// clients'. Empty: the system's for servers, and no clients' are taken.
	Authorities string `yaml:"authorities"`
}

// SIPLimits bound what the SIP door takes on; 0 means no limit.
type SIPLimits struct {
	CallsPerSecond float64 `yaml:"calls_per_second"` // new calls of all trunks; more get 503
	// Messages is how many messages a second one source may send; more are
	// dropped unread. 0: 5000.
	Messages float64 `yaml:"messages_per_second"`
	CPU      float64 `yaml:"cpu"` // share of the processors, 0 to 1, beyond which new calls get 503
}

// HEP sends copies of all SIP messages to a Homer server (HEP version 3, by
// UDP), with secrets masked.
type HEP struct {
	Endpoint    string `yaml:"endpoint"`     // host:port of the server; empty: none are sent
	NodeID      uint32 `yaml:"node_id"`      // tells this gateway's messages from others'
	PasswordEnv string `yaml:"password_env"` // the variable with what the server knows us by; empty: nothing is sent of that
}

// Account is a user with its password, which stands in the environment or in
// a file.
type Account struct {
	User         string `yaml:"user"`
	PasswordEnv  string `yaml:"password_env"`
	PasswordFile string `yaml:"password_file"`
	Realm        string `yaml:"realm"` // the only one that it is for; empty: any
}

// Password is the account's password.
func (a *Account) Password() (string, error) {
	if a.PasswordFile == "" {
		return os.Getenv(a.PasswordEnv), nil
	}

	text, err := os.ReadFile(a.PasswordFile)

	return strings.TrimRight(string(text), "\r\n"), err
}

// TrunkTarget is a place that takes a trunk's calls.
type TrunkTarget struct {
	URI      string `yaml:"uri"`      // sip:HOST[:PORT][;transport=udp|tcp|tls] or sips:HOST
	Priority int    `yaml:"priority"` // lower ones are tried first
	Weight   int    `yaml:"weight"`   // share of the calls among those of the same priority; 0: 1
}

// Register says how a trunk is registered with its carrier.
type Register struct {
	Registrar string        `yaml:"registrar"` // SIP URI
	User      string        `yaml:"user"`      // of the address that is registered; empty: the account's
	Expires   time.Duration `yaml:"expires"`   // asked for; 0: an hour
	Bulk      bool          `yaml:"bulk"`      // all numbers of the account at once (RFC 6140)
}

// Numbers says how a trunk wants telephone numbers written.
type Numbers struct {
	Format        string `yaml:"format"`        // "e164" (+442079460000), "digits" (442079460000) or "national" (02079460000)
	Country       string `yaml:"country"`       // code of national numbers, such as "44"
	Prefix        string `yaml:"prefix"`        // before national numbers, such as "0"
	International string `yaml:"international"` // before numbers of other countries, such as "00"
}

// TrunkTransfer is somebody whom a trunk's calls may have called in their
// place.
type TrunkTransfer struct {
	Name string `yaml:"name"` // stands in the records
	// Users are the user parts of the URIs that mean them: numbers such as
	// +12025550100, or extensions. A * at the end stands for any rest.
	Users  []string      `yaml:"users"`
	Route  string        `yaml:"route"`  // of routes.outbound; default: the trunk itself
	Ring   time.Duration `yaml:"ring"`   // then the caller comes back to the agent; 0: 30s
	Record bool          `yaml:"record"` // the recording goes on with them
}

// Probes says how a trunk's targets are asked whether they are up.
type Probes struct {
	Every     time.Duration `yaml:"every"`      // 0: never
	DownAfter int           `yaml:"down_after"` // failures in a row; 0: 3
	UpAfter   int           `yaml:"up_after"`   // answers in a row; 0: 2
}

// secure reports whether some listener is encrypted.
func (s *SIP) secure() bool {
	return slices.ContainsFunc(s.Listen, func(l string) bool { return strings.HasPrefix(l, "tls:") || strings.HasPrefix(l, "wss:") })
}

func (v *validator) tls(s *SIP) {
	if !s.secure() {
		return
	}

	for path, file := range map[string]string{"sip.tls.certificate": s.TLS.Certificate, "sip.tls.key": s.TLS.Key} {
		if file == "" {
			v.addf(path, "is missing; listeners of tls and wss need a certificate and its key, in PEM files")
		}
	}

	v.files(map[string]string{
		"sip.tls.certificate": s.TLS.Certificate, "sip.tls.key": s.TLS.Key, "sip.tls.authorities": s.TLS.Authorities,
	})
}

// files checks that the named files exist.
func (v *validator) files(all map[string]string) {
	for path, file := range all {
		if file == "" {
			continue
		}

		if _, err := os.Stat(file); err != nil {
			v.addf(path, "cannot be read: %v", err)
		}
	}
}

func (v *validator) limits(l *SIPLimits) {
	for path, n := range map[string]float64{"sip.limits.calls_per_second": l.CallsPerSecond, "sip.limits.messages_per_second": l.Messages} {
		if n < 0 {
			v.addf(path, "is negative; leave it out for the default")
		}
	}

	if l.CPU < 0 || l.CPU > 1 {
		v.addf("sip.limits.cpu", "%g is no share of the processors; use 0.5 to 0.95, or leave it out for no limit", l.CPU)
	}
}

func (v *validator) hep(h *HEP) {
	if h.Endpoint == "" {
		if h.PasswordEnv != "" || h.NodeID != 0 {
			v.addf("sip.hep.endpoint", "is missing; say host:port of the Homer server, or leave sip.hep out")
		}

		return
	}

	host, port, err := net.SplitHostPort(h.Endpoint)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || n == 0 {
		v.addf("sip.hep.endpoint", "%q is no HOST:PORT; Homer listens on 9060 as a rule: homer.example.net:9060", h.Endpoint)
	}

	if h.PasswordEnv != "" && os.Getenv(h.PasswordEnv) == "" {
		v.addf("sip.hep.password_env", "the environment variable %q is empty; set it, or leave the key out", h.PasswordEnv)
	}
}

// trunk checks what a trunk says beyond who may call.
func (v *validator) trunk(path string, t *Trunk, s *SIP) {
	if len(t.Certificates) > 0 && (!s.secure() || s.TLS.Authorities == "") {
		v.addf(path+".certificates", "no client shows one: listen on tls, and name the authorities that sign them in sip.tls.authorities")
	}

	v.account(path+".account", &t.Account)
	v.account(path+".challenge", &t.Challenge)

	if t.Proxy != "" {
		v.sipURI(path+".proxy", t.Proxy)
	}

	for i, target := range t.Targets {
		at := fmt.Sprintf("%s.targets[%d]", path, i)
		v.sipURI(at+".uri", target.URI)

		if target.Weight < 0 {
			v.addf(at+".weight", "is negative; 0 and 1 mean an equal share")
		}
	}

	if r := t.Register; r != nil {
		v.sipURI(path+".register.registrar", r.Registrar)

		if r.User == "" && t.Account.User == "" {
			v.addf(path+".register.user", "is empty, and the trunk has no account; say which user to register")
		}

		if r.Expires < 0 || r.Expires > 24*time.Hour {
			v.addf(path+".register.expires", "%s is no life of a registration; use 60s to 24h", r.Expires)
		}
	}

	format := cmp.Or(t.Numbers.Format, "e164")
	v.oneOf(path+".numbers.format", format, "e164", "digits", "national")

	if format == "national" && t.Numbers.Country == "" {
		v.addf(path+".numbers.country", "is empty; national numbers need the code of their country, such as 44")
	}

	v.transfers(path, t)

	for i, host := range t.Redirects {
		if u, err := url.Parse("//" + host); err != nil || u.Host != host || u.Port() != "" || host == "" {
			v.addf(fmt.Sprintf("%s.redirects[%d]", path, i), "%q is no host; write a name or an address, such as sbc2.carrier.example.net", host)
		}
	}

	if t.CallsPerSecond < 0 {
		v.addf(path+".calls_per_second", "is negative; use 0 for no limit")
	}

	if t.Probes.Every < 0 || t.Probes.Every > 0 && t.Probes.Every < time.Second {
		v.addf(path+".probes.every", "%s is no interval; use 10s to 5m, or 0 for never", t.Probes.Every)
	}

	if t.Probes.DownAfter < 0 || t.Probes.UpAfter < 0 {
		v.addf(path+".probes", "counts are negative; leave them out for 3 and 2")
	}
}

// transfers checks whom a trunk's calls may have called.
func (v *validator) transfers(path string, t *Trunk) {
	for i, r := range t.Transfer {
		at := fmt.Sprintf("%s.transfer[%d]", path, i)
		v.require(at+".name", r.Name)

		if len(r.Users) == 0 {
			v.addf(at+".users", "is empty; list the numbers and extensions that mean %q", r.Name)
		}

		for j, u := range r.Users {
			if strings.Trim(u, "*") == "" || strings.ContainsAny(u, " @:;<>?") {
				v.addf(fmt.Sprintf("%s.users[%d]", at, j), "%q is no number or extension, with or without a * at its end", u)
			}
		}

		if r.Ring != 0 && (r.Ring < 5*time.Second || r.Ring > 2*time.Minute) {
			v.addf(at+".ring", "is %s; use 5s to 2m", r.Ring)
		}
	}
}

func (v *validator) account(path string, a *Account) {
	if *a == (Account{}) {
		return
	}

	if a.User == "" {
		v.addf(path+".user", "is empty; an account has a user")
	}

	if (a.PasswordEnv == "") == (a.PasswordFile == "") {
		v.addf(path, "give it either password_env or password_file; a password does not stand in this file")
		return
	}

	if password, err := a.Password(); err != nil {
		v.addf(path+".password_file", "cannot be read: %v", err)
	} else if password == "" {
		if a.PasswordFile != "" {
			v.addf(path+".password_file", "%s is empty; write the password into it", a.PasswordFile)

			return
		}
		v.addf(path+".password_env", "the environment variable %s is empty; set it to the password", a.PasswordEnv)
	}
}

// sipURI checks the form of a URI; whether its name leads anywhere shows when
// it is used.
func (v *validator) sipURI(path, text string) {
	scheme, rest, _ := strings.Cut(text, ":")
	host, _, _ := strings.Cut(rest, ";")

	if _, h, ok := strings.Cut(host, "@"); ok {
		host = h
	}

	u, err := url.Parse("//" + host)
	if scheme != "sip" && scheme != "sips" || err != nil || u.Hostname() == "" || u.Path != "" {
		v.addf(path, "%q is no SIP URI; write for example sip:carrier.example.net;transport=tls", text)
	}
}
