package acceptance

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/config"
	"trunkline/storage/cluster/clustertest"
)

// A mistake in the configuration is answered with where it stands and what to
// do, by every command that reads it.
func TestMistakesInTheConfiguration(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, yaml string
		says       []string // after the file's name
	}{
		{"unknown key", "log:\n  level: info\nsip:\n  lisen: []\n", []string{":4:3: ", `unknown key "lisen"`, "correct its spelling"}},
		{"wrong type", "calls:\n  max_calls: many\n", []string{":2:14: ", `"many" stands where a whole number is wanted`}},
		{"wrong duration", "calls:\n  cap: half an hour\n", []string{":2:8: ", "half an hour"}},
		{"no YAML", "sip: [\n", []string{":1:"}},
		{"warning after the cap", "calls:\n  cap: 1m\n  warn_before: 2m\n", []string{":3:16: calls.warn_before: ", "shorten it"}},
		{"too few ports", "media:\n  port_low: 20000\n  port_top: 20099\n", []string{":3:13: media.port_top: ", "widen the range"}},
		{"all addresses", "sip:\n  listen: [\"udp:0.0.0.0:5060\"]\n", []string{":2:12: sip.listen[0]: ", "set sip.advertise"}},
		{"no such agent", "sip:\n  trunks:\n    - name: a\n      sources: [127.0.0.1]\n      agent: nobody\n", []string{":5:14: sip.trunks[0].agent: ", `"nobody"`}},
		{"no such script", "agents:\n  - name: reception\n    model:\n      script: /no/such/file.yaml\n", []string{":4:15: agents[0].model.script: ", "/no/such/file.yaml"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "bad.yaml")
			if err := os.WriteFile(file, []byte(test.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"serve", "check"} {
				r := command(t, "--config", file, name)
				if r.code != 2 {
					t.Errorf("%s: exit %d, want 2: %s", name, r.code, r.stderr)
				}
				for _, s := range append([]string{"trunkline: " + file + test.says[0]}, test.says[1:]...) {
					if !strings.Contains(r.stderr, s) {
						t.Errorf("%s does not say %q: %s", name, s, r.stderr)
					}
				}
			}
		})
	}
}

// What serve needs and does not get is named, with what to do, and nothing is
// left running.
func TestServeSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	script := filepath.Join(t.TempDir(), "script.yaml")
	if err := os.WriteFile(script, []byte("name: desk\nintents:\n  - nam: hours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*config.Config)
		says   []string
	}{
		{
			"SIP port in use", func(c *config.Config) { c.SIP.Listen = []string{"udp:" + socket.LocalAddr().String()} },
			[]string{socket.LocalAddr().String(), "in use"},
		},
		{
			"HTTP port in use", func(c *config.Config) { c.HTTP.Listen = taken.Addr().String() },
			[]string{"http.listen", taken.Addr().String(), "in use"},
		},
		{
			"database away", func(c *config.Config) { c.Database.URL = "postgres://trunkline@" + freeAddr(t) + "/trunkline" },
			[]string{"the database is away", "start PostgreSQL there, or correct database.url"},
		},
		{
			"database URL wrong", func(c *config.Config) { c.Database.URL = "postgres://%zz" },
			[]string{"database"},
		},
		{
			"bad script", func(c *config.Config) { c.Agents[0].Model = config.Model{Engine: "script", Script: script} },
			[]string{`agent "desk"`, script + ":3"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := configuration(t, desk())
			c.Database.URL = clustertest.URL(t)
			test.change(&c)
			file := write(t, &c)
			serve := command(t, "--config", file, "serve")
			if serve.code != 1 && serve.code != 2 {
				t.Errorf("serve: exit %d: %s", serve.code, serve.stderr)
			}
			for _, s := range test.says {
				if !strings.Contains(serve.lastLine(), s) {
					t.Errorf("serve does not end with %q: %s", s, serve.stderr)
				}
			}
			check := command(t, "--config", file, "check")
			if check.code != serve.code || !strings.Contains(check.stdout, "FAIL") && check.code == 1 {
				t.Errorf("check: exit %d: %s%s", check.code, check.stdout, check.stderr)
			}
			for _, s := range test.says {
				if !strings.Contains(check.stdout+check.stderr, s) {
					t.Errorf("check does not say %q: %s%s", s, check.stdout, check.stderr)
				}
			}
		})
	}
}

func TestCheckOfAGoodConfiguration(t *testing.T) {
	t.Parallel()
	c := configuration(t, desk())
	c.Database.URL = clustertest.URL(t)
	file := write(t, &c)
	r := command(t, "--config", file, "check")
	if r.code != 0 {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	for _, s := range []string{
		"ok    configuration: " + file + "\n", "ok    ports: udp:127.0.0.1:", "ok    audio: UDP ports ",
		"ok    database: ", "ok    agents: desk (recogniser declared", "ok    recordings: ",
	} {
		if !strings.Contains(r.stdout, s) {
			t.Errorf("check does not say %q: %s", s, r.stdout)
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, 0, "trunkline "},
		{[]string{"--help"}, 0, "Answer calls until stopped."},
		{[]string{"--config", "/no/such/file.yaml", "serve"}, 2, "/no/such/file.yaml"},
		{[]string{"answer"}, 2, "answer"},
		{[]string{"why"}, 2, "call-id"},
	} {
		r := command(t, test.args...)
		if r.code != test.code || !strings.Contains(r.stdout+r.stderr, test.says) {
			t.Errorf("%q: exit %d, want %d with %q: %s%s", test.args, r.code, test.code, test.says, r.stdout, r.stderr)
		}
	}
}
