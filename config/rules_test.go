package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSamplePolicies: the policies of docs/compliance-officer.md can be
// loaded as they stand, from the top of the repository.
func TestSamplePolicies(t *testing.T) {
	t.Chdir("..")
	for _, name := range []string{"inbound.yaml", "outbound.yaml"} {
		c, err := Load(filepath.Join("testdata", "config", "policies", name), Overrides{})
		if err != nil {
			t.Errorf("%s: %v", name, err)

			continue
		}
		rules, err := c.Compliance.LoadRules()
		if err != nil {
			t.Errorf("%s: %v", name, err)

			continue
		}
		if has := strings.Contains(rules.Version(), "acme@2026-11-20"); has != (name == "outbound.yaml") {
			t.Errorf("%s: the rules in use are %s", name, rules.Version())
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(bad, []byte("pack: us-federal\nversion: 2026-11-20\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ yaml, path, what string }{
		"an unknown pack":      {"compliance: {packs: [mars]}", "compliance.packs", `"mars" is not known`},
		"half of the US":       {"compliance: {packs: [us-federal]}", "compliance.packs", `the pack "us-states" must be in use beside it`},
		"no such file":         {"compliance: {rules: [/nowhere.yaml]}", "compliance.rules", "/nowhere.yaml"},
		"a file that is wrong": {"compliance: {rules: [" + bad + "]}", "compliance.rules", "choose another name"},
	} {
		_, err := Parse("test.yaml", []byte(c.yaml), Overrides{})
		if err == nil || !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("test.yaml", []byte("compliance: {packs: [us-federal, us-states, uk]}"), Overrides{}); err != nil {
		t.Errorf("three packs: %v", err)
	}
}
