package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/config"
	"trunkline/twilio/rest"
	"trunkline/twilio/signature"
)

// twilioCmd sets up and checks the accounts of the configuration.
type twilioCmd struct {
	Connect twilioConnectCmd `cmd:"" help:"Point a number's calls at this gateway. Shows what changes and asks."`
	Check   twilioCheckCmd   `cmd:"" help:"Check credentials, numbers, webhooks and the way from outside."`
}

// askBound bounds each question to Twilio and to the public URL.
const askBound = 15 * time.Second

// twilioAccount is one account of the configuration.
func twilioAccount(c *config.Config, name string) (*config.TwilioAccount, error) {
	var names []string
	var found *config.TwilioAccount
	for i := range c.Twilio.Accounts {
		a := &c.Twilio.Accounts[i]
		if a.Carrier != "twilio" {
			continue
		}
		names = append(names, a.Name)
		if name == "" || a.Name == name {
			found = a
		}
	}
	switch {
	case len(names) == 0:
		return nil, usageError("the configuration has no account with Twilio; add one under twilio.accounts")
	case name == "" && len(names) > 1:
		return nil, usageError("there are several accounts; choose one with --account: " + strings.Join(names, ", "))
	case found == nil:
		return nil, usageError(fmt.Sprintf("no account is called %q; there are: %s", name, strings.Join(names, ", ")))
	}

	return found, nil
}

// twilioClient signs in to an account.
func twilioClient(a *config.TwilioAccount, m *rest.Metrics, log *slog.Logger) (*rest.Client, error) {
	user, secret := a.Credentials()

	return rest.New(rest.Options{
		AccountSID: a.AccountSID, User: user, Secret: secret, Base: a.API, CallsPerSecond: a.CallsPerSecond, Metrics: m, Log: log,
	})
}

// webhooks are what a number of the account is to be pointed at.
func webhooks(c *config.Config, a *config.TwilioAccount) rest.Webhooks {
	base := strings.TrimRight(c.Twilio.PublicURL, "/") + "/" + a.Name

	return rest.Webhooks{Voice: base + "/voice", Fallback: base + "/fallback", Status: base + "/status"}
}

// twilioConnectCmd points a number at the gateway.
type twilioConnectCmd struct {
	Number  string `arg:"" help:"The number, in E.164 form, such as +12025550100."`
	Account string `help:"The account of the configuration; needed when there are several." placeholder:"NAME"`
	Yes     bool   `help:"Do not ask."`
}

func (t *twilioConnectCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	a, err := twilioAccount(&cfg, t.Account)
	if err != nil {
		return err
	}
	client, err := twilioClient(a, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = client.Stop(ctx) }() // it has no calls
	ctx, cancel := context.WithTimeout(ctx, 3*askBound)
	defer cancel()
	n, err := client.Number(ctx, t.Number)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Number, err)
	}
	want := webhooks(&cfg, a)
	if n.Webhooks == want {
		fmt.Fprintf(std.out, "%s of account %s points at this gateway already; nothing is to be changed\n", t.Number, a.Name)

		return nil
	}
	if err := showChange(std.out, a.Name, &n, &want); err != nil {
		return err
	}
	if !t.Yes {
		fmt.Fprint(std.err, "Change it? [y/N] ")
		answer, _ := bufio.NewReader(std.in).ReadString('\n') // the end of the input is a no
		if said := strings.ToLower(strings.TrimSpace(answer)); said != "y" && said != "yes" {
			return usageError("nothing was changed; answer y, or give --yes")
		}
	}
	if err := client.Point(ctx, n.SID, want); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s points at this gateway; next: trunkline twilio check\n", t.Number)

	return nil
}

// showChange prints a number's webhooks before and after.
func showChange(out io.Writer, account string, n *rest.Number, want *rest.Webhooks) error {
	fmt.Fprintf(out, "%s of account %s\n", n.Number, account)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range []struct{ name, before, after string }{
		{"voice webhook", n.Webhooks.Voice, want.Voice},
		{"fallback", n.Webhooks.Fallback, want.Fallback},
		{"call status", n.Webhooks.Status, want.Status},
	} {
		if row.before == row.after {
			fmt.Fprintf(w, "  %s\tstays\t%s\n", row.name, row.after)

			continue
		}
		fmt.Fprintf(w, "  %s\tbefore\t%s\n", row.name, withoutSecret(row.before))
		fmt.Fprintf(w, "  \tafter\t%s\n", row.after)
	}

	return w.Flush()
}

// withoutSecret is an address as it may be shown.
func withoutSecret(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(no URL)"
	}

	return cmp.Or(u.Redacted(), "(nothing)")
}

// twilioCheckCmd checks the accounts.
type twilioCheckCmd struct {
	Account string `help:"Check this account alone." placeholder:"NAME"`

	// The way to the public URL; nil: the network's.
	transport http.RoundTripper
	dialer    *websocket.Dialer
}

func (t *twilioCheckCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}

	return t.all(ctx, &cfg, std.out)
}

// all checks the accounts that were asked for.
func (t *twilioCheckCmd) all(ctx context.Context, cfg *config.Config, out io.Writer) error {
	if t.Account != "" {
		if _, err := twilioAccount(cfg, t.Account); err != nil {
			return err
		}
	}
	checked, failed := 0, false
	for i := range cfg.Twilio.Accounts {
		a := &cfg.Twilio.Accounts[i]
		if a.Carrier != "twilio" || t.Account != "" && a.Name != t.Account {
			continue
		}
		checked++
		if !t.account(ctx, cfg, a, out) {
			failed = true
		}
	}
	switch {
	case checked == 0:
		return usageError("the configuration has no account with Twilio; add one under twilio.accounts")
	case failed:
		return errCheck
	}

	return nil
}

// account checks one account and prints a line for each part. It reports
// whether all is well.
func (t *twilioCheckCmd) account(ctx context.Context, cfg *config.Config, a *config.TwilioAccount, out io.Writer) bool {
	client, err := twilioClient(a, nil, nil)
	if err != nil {
		fmt.Fprintf(out, "FAIL  %s: %v\n", a.Name, err)

		return false
	}
	defer func() { _ = client.Stop(ctx) }() // it has no calls
	node := cmp.Or(cfg.Twilio.NodeURL, cfg.Twilio.PublicURL)
	good := true
	for _, check := range []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"credentials", func(ctx context.Context) (string, error) { return signsIn(ctx, client) }},
		{"clock", func(context.Context) (string, error) { return twilioClock(client) }},
		{"numbers", func(ctx context.Context) (string, error) { return numbers(ctx, cfg, a, client) }},
		{"public URL", func(ctx context.Context) (string, error) { return t.reach(ctx, cfg.Twilio.PublicURL, a) }},
		{"node URL", func(ctx context.Context) (string, error) { return t.reach(ctx, node, a) }},
		{"audio socket", func(ctx context.Context) (string, error) { return t.socket(ctx, node, a) }},
	} {
		if check.name == "node URL" && cfg.Twilio.NodeURL == "" {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, askBound)
		uses, err := check.run(bounded)
		cancel()
		if err != nil {
			good = false
			fmt.Fprintf(out, "FAIL  %s: %s: %v\n", a.Name, check.name, err)

			continue
		}
		fmt.Fprintf(out, "ok    %s: %s: %s\n", a.Name, check.name, uses)
	}

	return good
}

// signsIn looks whether the account's secret is good.
func signsIn(ctx context.Context, client *rest.Client) (string, error) {
	account, err := client.Account(ctx)
	switch {
	case err != nil:
		return "", err
	case account.Status != "active":
		return "", fmt.Errorf("the account is %s; see Twilio's console", account.Status)
	case account.Type == "Trial":
		return account.Name + ", a trial account: it calls verified numbers only, and says so to who answers", nil
	}

	return account.Name + ", " + account.Status, nil
}

// clockBound is how far the clocks may differ: records and searches for calls
// go by the second.
const clockBound = 5 * time.Second

func twilioClock(client *rest.Client) (string, error) {
	ahead := client.Clock()
	if ahead.Abs() > clockBound {
		return "", fmt.Errorf("Twilio's clock is %v ahead of this machine's; synchronise it, with chrony or systemd-timesyncd", ahead) //nolint:staticcheck // a name
	}

	return "within " + clockBound.String() + " of Twilio's", nil
}

// numbers looks whether the account has each number and points it here.
func numbers(ctx context.Context, cfg *config.Config, a *config.TwilioAccount, client *rest.Client) (string, error) {
	if len(a.Numbers) == 0 {
		return "none is configured (twilio.accounts.numbers): no calls out", nil
	}
	want := webhooks(cfg, a)
	var errs []error
	for _, number := range a.Numbers {
		n, err := client.Number(ctx, number)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", number, err))
		case n.Webhooks.Voice != want.Voice:
			errs = append(errs, fmt.Errorf("%s: its calls go to %s; run trunkline twilio connect %s", number, withoutSecret(n.Webhooks.Voice), number))
		case n.Webhooks != want:
			errs = append(errs, fmt.Errorf("%s: its fallback or its status callback goes elsewhere; run trunkline twilio connect %s", number, number))
		}
	}

	return fmt.Sprintf("%d, all pointed at %s", len(a.Numbers), want.Voice), errors.Join(errs...)
}

// noCall names a call that there never was.
const noCall = "CA00000000000000000000000000000000"

// certificateSpare is how long the certificate has to be good at least.
const certificateSpare = 7 * 24 * time.Hour

// reach sends a public URL what Twilio might send, once signed as Twilio would
// and once not.
func (t *twilioCheckCmd) reach(ctx context.Context, base string, a *config.TwilioAccount) (string, error) {
	address := strings.TrimRight(base, "/") + "/" + a.Name + "/status"
	form := url.Values{"CallSid": {noCall}, "AccountSid": {a.AccountSID}, "CallStatus": {"completed"}}
	tokens := a.Tokens()
	if len(tokens) == 0 {
		return "", fmt.Errorf("there is no auth token to sign a probe with (%s)", a.AuthTokenEnv)
	}
	var until time.Time
	for _, probe := range []struct {
		signature string
		want      int
		otherwise string
	}{
		{
			signature.SignTwilio(tokens[0], address, form), http.StatusNoContent,
			"a signed request was answered with %s: is trunkline serve running with this configuration, and does the load balancer or the tunnel lead to twilio.listen?",
		},
		{
			"bm90IHNpZ25lZA==", http.StatusForbidden,
			"a request that is not signed was answered with %s: something before the gateway answers in its place",
		},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(signature.TwilioHeader, probe.signature)
		client := http.Client{
			Transport:     t.transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		answer, err := client.Do(r)
		if err != nil {
			return "", fmt.Errorf("%w; is the name right, and does the load balancer or the tunnel run?", err)
		}
		answer.Body.Close()
		switch {
		case answer.StatusCode == probe.want:
		case answer.Header.Get("Location") != "":
			return "", fmt.Errorf("the request was sent on to %s: Twilio's signature is then over another URL; configure the last one", answer.Header.Get("Location"))
		case answer.StatusCode == http.StatusForbidden:
			return "", errors.New("a signed request was refused: the gateway that answers has another auth token or another URL; its log says which")
		default:
			return "", fmt.Errorf(probe.otherwise, answer.Status)
		}
		if answer.TLS != nil {
			until = answer.TLS.PeerCertificates[0].NotAfter
		}
	}
	if !until.IsZero() && time.Until(until) < certificateSpare {
		return "", fmt.Errorf("the certificate ends on %s: Twilio calls no URL whose certificate is not good", until.Format(time.DateOnly))
	}

	return "signed requests arrive at " + base + ", others are refused", nil
}

// strayStart begins a stream of no call: the gateway closes the socket for it.
const strayStart = `{"event":"start","sequenceNumber":"1","streamSid":"MZ0","start":{"streamSid":"MZ0","callSid":"` + noCall + `","customParameters":{"token":"none"}}}`

// socket opens a WebSocket as Twilio would for a call's audio, and looks whether
// messages get there and back.
func (t *twilioCheckCmd) socket(ctx context.Context, node string, a *config.TwilioAccount) (string, error) {
	base, err := url.Parse(node)
	if err != nil {
		return "", err
	}
	base.Scheme = "wss"
	address := base.JoinPath(a.Name, "media").String()
	tokens := a.Tokens()
	if len(tokens) == 0 {
		return "", fmt.Errorf("there is no auth token to sign a probe with (%s)", a.AuthTokenEnv)
	}
	dialer := t.dialer
	if dialer == nil {
		dialer = websocket.DefaultDialer
	}
	conn, answer, err := dialer.DialContext(ctx, address, http.Header{signature.TwilioHeader: {signature.SignTwilio(tokens[0], address, nil)}})
	if answer != nil {
		answer.Body.Close()
	}
	switch {
	case err == nil:
		defer conn.Close()

		return strayed(ctx, conn)
	case answer != nil:
		return "", fmt.Errorf("the request to open one was answered with %s: does the load balancer or the tunnel pass WebSockets on?", answer.Status)
	default:
		return "", err
	}
}

// strayed has the gateway be told of a stream of no call. It must close the
// socket for that, and nobody else may.
func strayed(ctx context.Context, conn *websocket.Conn) (string, error) {
	deadline, bound := ctx.Deadline()
	if !bound {
		deadline = time.Now().Add(askBound)
	}
	if err := errors.Join(conn.SetReadDeadline(deadline), conn.WriteMessage(websocket.TextMessage, []byte(strayStart))); err != nil {
		return "", err
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
		return "", fmt.Errorf("it opens, but messages do not get to the gateway and back: %w", err)
	}

	return "opens, and messages pass", nil
}
