package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	if _, err := Load("", Overrides{}); err != nil {
		t.Fatal(err)
	}
}

func TestFileOverridesDefaults(t *testing.T) {
	t.Parallel()
	c, err := Parse("t.yaml", []byte("calls:\n  cap: 10s\n  warn_before: 0s\nhttp:\n  listen: 127.0.0.1:9\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Calls.Cap, want.Calls.WarnBefore = 10*time.Second, 0
	want.HTTP.Listen = "127.0.0.1:9"
	if d := cmp.Diff(want, c); d != "" {
		t.Fatal(d)
	}
}

func TestMistakesNameFileLineAndWhatToDo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"unknown key": {"sip:\n  lissten: []\n", []string{"t.yaml:2:3", `unknown key "lissten"`, "spelling"}},
		"wrong type":  {"calls:\n  cap: soon\n", []string{"t.yaml:2:"}},
		"no number":   {"calls:\n  max_calls: many\n", []string{"t.yaml:2:14", `"many" stands where a whole number is wanted`}},
		"no list":     {"sip:\n  trunks: all\n", []string{"t.yaml:2:11", "sequence"}},
		"no block":    {"sip: all\n", []string{"t.yaml:1:6", "mapping"}},
		"no truth":    {"recording:\n  enabled: perhaps\n", []string{"t.yaml:2:", "true or false"}},
		"syntax":      {"sip: [\n", []string{"t.yaml:1:"}},
		"all addresses, nothing advertised": {
			"sip:\n  listen: [\"udp:0.0.0.0:5060\"]\n",
			[]string{"t.yaml:2:12", "sip.listen[0]", "sip.advertise"},
		},
		"warning after the cap": {
			"calls:\n  cap: 1m\n",
			[]string{"t.yaml:2:6", "calls.warn_before", "2m0s does not lie before the cap of 1m0s"},
		},
		"too few ports": {
			"media:\n  port_low: 20000\n  port_top: 20009\n",
			[]string{"t.yaml:3:13", "5 port pairs", "max_calls"},
		},
		"ways of keys": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1]\n      agent: reception\n      dtmf: touch\n",
			[]string{"t.yaml:6:13", "auto, rfc4733, info, inband"},
		},
		"fax": {"calls:\n  fax: shred\n", []string{"t.yaml:2:8", "end, keep"}},
		"trunk without agent": {
			"sip:\n  trunks:\n    - name: a\n      sources: [10.0.0.1, bad]\n      agent: nobody\n",
			[]string{"t.yaml:4:27", "t.yaml:5:14", `"nobody" is not one of the agents`},
		},
		"missing script": {
			"agents:\n  - name: reception\n    model: {engine: script, script: /nowhere.yaml}\n",
			[]string{"/nowhere.yaml", "dialogue file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("t.yaml", []byte(tc.src), Overrides{})
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want an *Error", err)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("message lacks %q:\n%v", w, err)
				}
			}
		})
	}
}

func TestDatabaseURLComesFromTheEnvironment(t *testing.T) {
	t.Setenv(DatabaseURLEnv, "postgres://secret@127.0.0.1/db")
	c, err := Parse("t.yaml", []byte("database:\n  url: postgres://other/db\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Database.URL != "postgres://secret@127.0.0.1/db" {
		t.Fatalf("got %q", c.Database.URL)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("calls:\n  cap: 10s\n"))
	f.Add([]byte("sip:\n  trunks:\n    - {name: a, sources: [::1/128], agent: reception}\n"))
	f.Fuzz(func(_ *testing.T, src []byte) {
		_, _ = Parse("f.yaml", src, Overrides{})
	})
}
