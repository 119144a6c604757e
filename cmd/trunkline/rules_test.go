package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	t.Parallel()
	code, out, stderr := command(t, "", "rules", "--state", "US-OR", "--at", "2026-02-01")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"us-states of 2026-", "us-or-cap", "us-hours", "house-clock", "counsel review pending"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "us-fl-cap") {
		t.Error("it shows Florida's rules")
	}
	code, out, stderr = command(t, "", "rules", "--state", "US-OR", "--at", "2025-06-01", "--json")
	var rows []ruleRow
	if err := json.Unmarshal([]byte(out), &rows); code != exitOK || err != nil {
		t.Fatalf("exit %d: %v: %s%s", code, err, out, stderr)
	}
	if slices.ContainsFunc(rows, func(r ruleRow) bool { return r.ID == "us-or-cap" }) {
		t.Error("Oregon's cap is in force before 2026")
	}
	if code, _, stderr = command(t, "", "rules", "--at", "tomorrow"); code != exitUsage || !strings.Contains(stderr, "2026-01-31") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
