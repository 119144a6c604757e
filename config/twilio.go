package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
)

// Twilio is the door of carriers that tell calls by webhook and carry their
// audio over a WebSocket. It is open when it has accounts.
type Twilio struct {
	// Listen is HOST:PORT of the carriers' requests, in plain HTTP: TLS ends at
	// the load balancer or the tunnel before it.
	Listen string `yaml:"listen"`
	// PublicURL is how the carriers reach Listen: https://HOST, with a path where
	// there is one. Requests are signed over it.
	PublicURL string `yaml:"public_url"`
	// NodeURL leads to this node alone, where PublicURL leads to several: a
	// call's first webhook may come to any of them, and all that follows, its
	// audio above all, has to come to the one that answered.
	NodeURL  string          `yaml:"node_url"` // empty: public_url
	Accounts []TwilioAccount `yaml:"accounts"`
}

// TwilioAccount is one account with one carrier.
type TwilioAccount struct {
	Name    string `yaml:"name"`    // stands in the records and in the webhooks' URLs
	Carrier string `yaml:"carrier"` // how it speaks: twilio, telnyx, plivo, vonage, signalwire or exotel
	Agent   string `yaml:"agent"`   // name of the agent that answers
	// AccountSID and the secrets in the environment are as the carrier's console
	// shows them.
	AccountSID string `yaml:"account_sid"`
	// AuthTokenEnv names the variable that holds what webhooks are signed with;
	// PreviousAuthTokenEnv the one before, while it is being changed.
	AuthTokenEnv         string `yaml:"auth_token_env"`
	PreviousAuthTokenEnv string `yaml:"previous_auth_token_env"`
	// APIKey and the secret in APISecretEnv sign in to the REST API in place of
	// the account's own token.
	APIKey       string `yaml:"api_key"`
	APISecretEnv string `yaml:"api_secret_env"`
	API          string `yaml:"api"` // address of the REST API: another region or edge
	// CallsPerSecond is how many calls out may begin, as the carrier has agreed;
	// more wait here.
	CallsPerSecond float64 `yaml:"calls_per_second"`
	// AMD has Twilio listen too for who answers calls out, which it charges for;
	// its verdict counts beside our own.
	AMD bool `yaml:"amd"`
	// Record has Twilio record calls too, with both sides apart, for as long as
	// the gateway does: what happens to its recordings is set at Twilio.
	Record bool `yaml:"record"`
	// Numbers are the account's, in E.164: those that are to be answered here, or
	// shown by calls out.
	Numbers  []string       `yaml:"numbers"`
	Fallback TwilioFallback `yaml:"fallback"`
}

// TwilioFallback is what callers get whom no agent can take.
type TwilioFallback struct {
	Number   string `yaml:"number"`   // called in the agent's place, E.164; empty: nobody
	Say      string `yaml:"say"`      // said before the call ends; empty: an English sentence
	Language string `yaml:"language"` // of say, BCP 47
}

// twilioTokenEnv is where Twilio's own tools look for the auth token.
const twilioTokenEnv = "TWILIO_AUTH_TOKEN" //nolint:gosec // the name of the variable, not the secret

// fillTwilio gives each account the defaults of what it leaves out.
func (c *Config) fillTwilio() {
	for i := range c.Twilio.Accounts {
		a := &c.Twilio.Accounts[i]
		a.Carrier = cmp.Or(a.Carrier, "twilio")
		a.AuthTokenEnv = cmp.Or(a.AuthTokenEnv, twilioTokenEnv)
		a.API = cmp.Or(a.API, "https://api.twilio.com")
		a.CallsPerSecond = cmp.Or(a.CallsPerSecond, 1)
		a.Fallback.Language = cmp.Or(a.Fallback.Language, "en-US")
	}
}

// Tokens are what the account's webhooks may be signed with, the current one
// first.
func (a *TwilioAccount) Tokens() []string {
	var tokens []string
	for _, name := range []string{a.AuthTokenEnv, a.PreviousAuthTokenEnv} {
		if name != "" && os.Getenv(name) != "" {
			tokens = append(tokens, os.Getenv(name))
		}
	}

	return tokens
}

// Credentials sign in to the account's REST API.
func (a *TwilioAccount) Credentials() (user, secret string) {
	if a.APIKey != "" {
		return a.APIKey, os.Getenv(a.APISecretEnv)
	}

	return a.AccountSID, os.Getenv(a.AuthTokenEnv)
}

// PlacesCalls reports whether calls out can leave by the account: trunkline
// knows Twilio's REST API alone.
func (a *TwilioAccount) PlacesCalls() bool { return a.Carrier == "twilio" }

// accountName keeps names fit for a path: they stand in webhooks' URLs.
var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// e164 is a number in international form.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{3,14}$`)

// twilio checks the door of webhooks.
func (v *validator) twilio(c *Config) {
	t := &c.Twilio
	if len(t.Accounts) == 0 {
		return
	}
	if _, _, err := net.SplitHostPort(t.Listen); err != nil {
		v.addf("twilio.listen", "%q is not HOST:PORT; write for example 127.0.0.1:8070", t.Listen)
	}
	v.publicURL("twilio.public_url", t.PublicURL)
	if t.NodeURL != "" {
		v.publicURL("twilio.node_url", t.NodeURL)
	}
	for i := range t.Accounts {
		v.twilioAccount(c, i)
	}
}

// publicURL checks a URL by which carriers reach the gateway.
func (v *validator) publicURL(path, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		v.addf(path, "%q is not how a carrier reaches this gateway; write https://HOST, as a load balancer or a tunnel serves it", text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		v.addf(path, "must be plain, with no user, no ? and no #: requests are signed over it")
	}
}

func (v *validator) twilioAccount(c *Config, i int) {
	a := &c.Twilio.Accounts[i]
	path := fmt.Sprintf("twilio.accounts[%d]", i)
	if !accountName.MatchString(a.Name) {
		v.addf(path+".name", "%q cannot stand in a URL; use lower-case letters, digits and hyphens", a.Name)
	}
	if slices.ContainsFunc(c.SIP.Trunks, func(t Trunk) bool { return t.Name == a.Name }) ||
		slices.ContainsFunc(c.Twilio.Accounts[:i], func(b TwilioAccount) bool { return b.Name == a.Name }) {
		v.addf(path+".name", "%q also names a trunk or another account; names must differ", a.Name)
	}
	v.oneOf(path+".carrier", a.Carrier, "twilio", "telnyx", "plivo", "vonage", "signalwire", "exotel")
	v.agent(path+".agent", a.Agent, c)
	v.require(path+".account_sid", a.AccountSID)
	v.secretIn(path+".auth_token_env", a.AuthTokenEnv)
	if a.PreviousAuthTokenEnv != "" {
		v.secretIn(path+".previous_auth_token_env", a.PreviousAuthTokenEnv)
	}
	if a.APIKey != "" {
		v.secretIn(path+".api_secret_env", a.APISecretEnv)
	}
	u, err := url.Parse(a.API)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
		v.addf(path+".api", "is no address of an API; write https://HOST, such as https://api.dublin.ie1.twilio.com")
	}
	if a.CallsPerSecond < 0 || a.CallsPerSecond > 100 {
		v.addf(path+".calls_per_second", "is %v; use what the carrier has agreed to, more than 0 and at most 100", a.CallsPerSecond)
	}
	if a.AMD && !a.PlacesCalls() {
		v.addf(path+".amd", "is for accounts with Twilio; calls out leave by those alone")
	}
	switch {
	case a.Record && !a.PlacesCalls():
		v.addf(path+".record", "is for accounts with Twilio")
	case a.Record && !c.Recording.Enabled:
		v.addf(path+".record", "needs recording.enabled: true: the notice, pauses and objections are those of the gateway's own recording")
	}
	for j, n := range append(slices.Clone(a.Numbers), a.Fallback.Number) {
		where := fmt.Sprintf("%s.numbers[%d]", path, j)
		if j == len(a.Numbers) {
			where = path + ".fallback.number"
		}
		if n != "" && !e164.MatchString(n) || n == "" && j < len(a.Numbers) {
			v.addf(where, "%q is no number in E.164 form; write for example \"+12025550100\", in quotes", n)
		}
	}
}

// placingAccount checks the account of a route that leaves by this door.
func (v *validator) placingAccount(path string, t *Twilio, name string) {
	if !slices.ContainsFunc(t.Accounts, func(a TwilioAccount) bool { return a.Name == name && a.PlacesCalls() }) {
		v.addf(path, "%q is no account with Twilio; add it under twilio.accounts or correct the name", name)
	}
}

// secretIn checks the name of a variable that has to hold a secret. The name
// is not quoted when it looks like one.
func (v *validator) secretIn(path, name string) {
	switch {
	case !variableName.MatchString(name):
		v.addf(path, "is no name of an environment variable; the secret itself stands in the environment, not in the file")
	case os.Getenv(name) == "":
		v.addf(path, "the environment variable %q is empty; set it to the secret of the carrier's console", name)
	}
}
