package acceptance

import (
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"trunkline/config"
	"trunkline/storage/cluster/clustertest"
)

// The demo shows a whole call, twice in a row; the second time a gateway runs
// on the same state directory.
func TestDemo(t *testing.T) {
	t.Parallel()
	c := configuration(t, config.Default().Agents[0])
	c.StateDir = clustertest.Dir(t)
	c.Database.URL = ""
	file := write(t, &c)
	demo := func(a *attempt) { checkDemo(a, command(t, "--config", file, "demo")) }
	calmly(t, demo)
	serveConfig(t, c)
	calmly(t, demo)
	if left := processesOf(t, c.StateDir+"/demo"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// The demo over the simulated carrier shows a call in and a call out.
func TestDemoOverTwilio(t *testing.T) {
	t.Parallel()
	c := configuration(t, config.Default().Agents[0])
	c.StateDir = clustertest.Dir(t)
	c.Database.URL = ""
	file := write(t, &c)
	calmly(t, func(a *attempt) {
		r := command(t, "--config", file, "demo", "--door", "twilio", "--short")
		if r.code != 0 || r.stderr != "" {
			a.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)

			return
		}
		for _, said := range []string{"inbound over twilio", "outbound over twilio", "attestation A", "Monday to Friday", "Goodbye.", "to the agent's silence"} {
			if !strings.Contains(r.stdout, said) {
				a.Errorf("it does not show %q: %s", said, r.stdout)
			}
		}
		if left := demoLeaves.FindAllStringSubmatch(r.stdout, -1); len(left) != 4 {
			a.Errorf("it names %q, want two recordings and two pages", left)
		}
	})
	if left := processesOf(t, c.StateDir+"/demo"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

var demoLeaves = regexp.MustCompile(`(?m)^(recording|page) +(/.*)$`)

func checkDemo(a *attempt, r result) {
	a.Helper()
	if r.code != 0 {
		a.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)

		return
	}
	if r.stderr != "" {
		a.Errorf("it complains: %s", r.stderr)
	}
	for _, said := range []string{
		"opening hours", "Monday to Friday", "Harbor Street", "appointment", "Wednesday", "Goodbye.",
		"The record", "from the caller's last packet to the agent's first: median", "to the agent's silence",
	} {
		if !strings.Contains(r.stdout, said) {
			a.Errorf("it does not show %q: %s", said, r.stdout)
		}
	}
	left := demoLeaves.FindAllStringSubmatch(r.stdout, -1)
	if len(left) != 2 {
		a.Fatalf("it names %q, want a recording and a page: %s", left, r.stdout)
	}
	caller, agent := recording(a.T, left[0][2])
	if n, m := len(spurtsOf(caller)), len(spurtsOf(agent)); n < 4 || m < 4 {
		a.Errorf("the recording has %d talkspurts of the caller and %d of the agent", n, m)
	}
	if page := read(a.T, left[1][2]); !strings.Contains(page, "opening hours") || !strings.Contains(page, "</html>") {
		a.Errorf("the page is %s", tail(page))
	}
}

// A demo that cannot be held says why, and leaves nothing running.
func TestDemoThatFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := configuration(t, desk())
	c.StateDir = clustertest.Dir(t)
	c.Database.URL = ""
	file := write(t, &c)
	r := command(t, "--config", file, "--http", taken.Addr().String(), "demo")
	if r.code == 0 || !strings.Contains(r.lastLine(), "http.listen") || !strings.Contains(r.lastLine(), "in use") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	// The agent of this configuration never lets itself be interrupted into
	// another topic: it is not the reception desk.
	r = command(t, "--config", file, "demo", "--short")
	if r.code != 1 || !strings.HasPrefix(r.lastLine(), "trunkline: ") {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if left := processesOf(t, c.StateDir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, err := os.Stat(c.StateDir); err != nil {
		t.Error(err)
	}
}
