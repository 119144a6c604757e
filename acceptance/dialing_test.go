package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/config"
	"trunkline/storage"
)

// TestPlacedCalls has one gateway call another: the call that the gate allows
// is dialed, talked on and proved, the other one is not dialed.
func TestPlacedCalls(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "audit.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("A", 43)+"="), 0o600); err != nil {
		t.Fatal(err)
	}
	callee := serve(t, desk(), nil)
	caller := serve(t, desk(), func(c *config.Config) {
		c.SIP.Trunks[0].Targets = []config.TrunkTarget{{URI: "sip:" + callee.sip()}}
		c.Routes.Outbound = []config.OutboundRoute{{
			Name: "all", Prefixes: []string{"+1"}, Door: "sip", Trunk: "peers", CallerIDs: []string{"+12125550100"}, Agent: "desk",
		}}
		c.Outbound.OnMachine = "treat_as_human"
		c.Compliance.Clock = "trusted"
		c.Compliance.AuditKeyFile = key
		c.Compliance.Campaigns = []config.Campaign{{
			ID: "fire", Seller: "town", Active: true, LegalName: "Town of Salem", CallbackNumber: "+12125550100", TollFreeOptOut: "+18005550100",
			RingTimeout: 25 * time.Second, OptOutPolicy: "policy-1", OpeningSaysAI: true, EmergencyBasis: "doc-17",
		}}
		c.Compliance.Voices = []config.Licence{{
			Agent: "desk", Voice: "tone", Licence: "ours", SpeakerConsent: "none needed", Sellers: []string{"*"}, ExpiresAt: "2099-12-31",
		}}
	})
	trunkline := func(args ...string) result { return command(t, append([]string{"--config", caller.file}, args...)...) }
	dial := []string{"dial", "(312) 664-0000", "--campaign", "fire", "--cap", "8s"}

	// Nothing proves the right to show the number yet.
	if r := trunkline(append(dial, "--purpose", "emergency")...); r.code == 0 || !strings.Contains(r.stderr, "house-caller-id") {
		t.Fatalf("exit %d: %s%s; want it denied for the caller ID", r.code, r.stdout, r.stderr)
	}
	if r := trunkline("caller-id", "add", "+12125550100", "--seller", "town", "--proof", "letter-1", "--answered"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	// No consent, no lists: not for marketing.
	if r := trunkline(append(dial, "--purpose", "telemarketing")...); r.code == 0 || !strings.Contains(r.stderr, "consent") {
		t.Fatalf("exit %d: %s%s; want it denied for want of consent", r.code, r.stdout, r.stderr)
	}
	if n := len(callee.calls(t)); n != 0 {
		t.Fatalf("%d calls arrived that were not allowed", n)
	}

	if r := trunkline(append(dial, "--purpose", "emergency")...); r.code != 0 || !strings.Contains(r.stdout, "in progress") {
		t.Fatalf("exit %d: %s%s; want a call that is answered", r.code, r.stdout, r.stderr)
	}
	placed := caller.only(t).Call
	if placed.Direction != storage.Outbound || placed.DecisionID == uuid.Nil || placed.AttemptID == uuid.Nil || placed.Campaign != "fire" {
		t.Errorf("the record is %+v", placed)
	}
	taken := callee.only(t).Call
	if taken.Direction != storage.Inbound || taken.From != "+12125550100" || taken.DoorCallID != placed.DoorCallID {
		t.Errorf("the other side's record is %+v", taken)
	}
	heard := false
	for _, turn := range caller.only(t).Turns {
		heard = heard || turn.Role == storage.Agent && turn.HeardText != ""
	}
	if !heard {
		t.Error("the person called heard nothing of the agent")
	}

	bundle := filepath.Join(t.TempDir(), "evidence.jsonl")
	if r := trunkline("audit", "export", bundle); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if r := trunkline("audit", "verify", bundle); r.code != 0 || !strings.Contains(r.stdout, "is whole") || !strings.Contains(r.stdout, "3 decision") {
		t.Errorf("exit %d: %s%s; want it whole, with three decisions", r.code, r.stdout, r.stderr)
	}
	if text := read(t, bundle); !strings.Contains(text, placed.DecisionID.String()) || strings.Contains(text, "3126640000") {
		t.Error("the export lacks the call's decision, or has a telephone number in it")
	}
}
