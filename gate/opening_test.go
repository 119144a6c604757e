package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/compliance/opening"
	"trunkline/privacy"
	"trunkline/storage"
)

// perWord is how long an agent's voice takes over a word: 170 words a minute.
const perWord = 353 * time.Millisecond

// spoken is the proof of a call whose sentences were all heard, one after the
// other.
func spoken(d *call.Duty) opening.Proof {
	line := opening.New(d.Opening)
	var at time.Duration
	say := func(s opening.Sentence) {
		for _, i := range s.Items {
			line.Apply(opening.Event{Kind: opening.Began, Item: i, At: at})
		}
		at += time.Duration(len(strings.Fields(s.Text))) * perWord
		for _, i := range s.Items {
			line.Apply(opening.Event{Kind: opening.Heard, Item: i, At: at})
		}
	}
	for _, s := range d.Sentences {
		say(s)
	}
	at += time.Minute // the conversation
	if d.Closing != nil {
		say(d.Closing("en"))
	}

	return line.Proof()
}

// TestEveryRuleOfAnOpeningIsSaid has every rule of the packs that asks for words
// said in the opening, in its time, wherever the person is.
func TestEveryRuleOfAnOpeningIsSaid(t *testing.T) {
	t.Parallel()
	numbers := map[string]privacy.Number{
		"US": "+12125550123", "US-FL": "+13055550123", "US-TX": "+15125550123", "US-WA": "+12065550123", "US-UT": "+18015550123",
		"US-ME": "+12075550123", "US-CO": "+13035550123", "US-CA": "+14155550123", "*": "+12125550123",
		"CA": "+14165550123", "GB": "+442079460123", "EU": "+4930123456", "DE": "+4930123456",
	}
	packs := []string{"us-federal", "us-states", "us-debt-collection", "canada", "uk", "eu"}
	rules, err := compliance.Load(packs)
	if err != nil {
		t.Fatal(err)
	}
	d := &Duties{
		Rules: rules, Key: "9", Places: []string{"US-NY"},
		Campaigns: map[string]compliance.Campaign{
			"roofs": {ID: "roofs", LegalName: "Roof Works, Inc.", CallbackNumber: "+12125550123", TollFreeOptOut: "+18005550123"},
		},
	}
	at := time.Date(2027, 3, 2, 18, 0, 0, 0, time.UTC) // all rules of the packs are in force
	asked := 0
	for _, r := range rules.All() {
		if r.Opening == nil {
			continue
		}
		asked++
		number, known := numbers[r.Jurisdiction]
		if !known {
			t.Errorf("%s: no number is listed for %s", r.ID, r.Jurisdiction)
		}
		for _, recorded := range []bool{true, false} {
			for _, purpose := range []compliance.Purpose{compliance.Telemarketing, compliance.Informational, compliance.DebtCollection} {
				got := d.Of(call.Party{
					Direction: storage.Outbound, Number: number, Campaign: "roofs", Purpose: string(purpose), Language: "en-US", Recorded: recorded, At: at,
				})
				if applies := slices.Contains(got.Rules, r.ID); applies != slices.Contains(appliesTo(&r), purpose) {
					t.Errorf("%s, %s: applies is %v", r.ID, purpose, applies)
				}
				if p := spoken(&got); !p.Kept {
					t.Errorf("%s, %s, recorded %v: %+v by %q", r.ID, purpose, recorded, p, texts(got))
				}
				asks(t, &r, &got)
			}
		}
	}
	if asked < 10 {
		t.Errorf("%d rules ask for an opening", asked)
	}
}

// appliesTo are the purposes that the test has.
func appliesTo(r *compliance.Rule) []compliance.Purpose {
	all := []compliance.Purpose{compliance.Telemarketing, compliance.Informational, compliance.DebtCollection}

	return slices.DeleteFunc(all, func(p compliance.Purpose) bool {
		return !slices.Contains(r.AppliesTo, p) && !slices.Contains(r.AppliesTo, compliance.Every)
	})
}

// asks checks that the parameters of a rule have reached a duty that it is part
// of, and the words.
func asks(t *testing.T, r *compliance.Rule, d *call.Duty) {
	t.Helper()
	if !slices.Contains(d.Rules, r.ID) {
		return
	}
	words := strings.Join(texts(*d), " ")
	closing := d.Closing("en").Text
	o := r.Opening
	for what, ok := range map[string]bool{
		"legal name":    o.LegalNameWithin == 0 || strings.Contains(words, "Roof Works, Inc"),
		"AI":            o.AIWithin == 0 || strings.Contains(words, "automated AI"),
		"opt-out":       o.OptOutAfterName == 0 || strings.Contains(words, "press 9"),
		"purpose":       o.PurposeWithin == 0 || strings.Contains(words, "sales call"),
		"callback":      !o.CallbackNumber || strings.Contains(closing, "+12125550123"),
		"AI at the end": !o.AIAtEnd || strings.Contains(closing, "automated AI"),
		"reminder":      !o.RemindAfterTransfers || d.Reminder != nil && strings.Contains(d.Reminder("en").Text, "AI"),
		"voicemail":     !o.TollFreeOnVoicemail || d.Voicemail != nil && strings.Contains(d.Voicemail("en").Text, "+18005550123"),
		"end":           o.EndWithin == 0 || d.Opening.EndWithin > 0 && d.Opening.EndWithin <= o.EndWithin,
	} {
		if !ok {
			t.Errorf("%s: its %s does not reach the words: %q, %q", r.ID, what, words, closing)
		}
	}
}

// Without a campaign nobody has said for whom the call is, but that an AI speaks
// and how to have no more calls are said where rules ask for it; the proof tells
// what is missing.
func TestACallWithoutACampaignSaysThatAnAISpeaks(t *testing.T) {
	t.Parallel()
	d := duties(t)
	for campaign, recorded := range map[string]bool{"": true, "unknown": false} {
		p := call.Party{
			Direction: storage.Outbound, Number: "+15125550123", Campaign: campaign, Purpose: "informational", Language: "en-US", Recorded: recorded,
			At: time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC),
		}
		got := d.Of(p)
		want := []string{"This is an automated AI assistant.", "Say stop or press 9 to end these calls."}
		if recorded {
			want = append(want, "This call is recorded and written down.")
		}
		if !slices.Equal(texts(got), want) {
			t.Errorf("%q says %q", campaign, texts(got))
		}
		if last := got.Closing("en"); last.Text != "" {
			t.Errorf("%q ends with %q", campaign, last.Text)
		}
		proof := spoken(&got)
		heard := map[opening.Item]bool{}
		for _, i := range proof.Items {
			heard[i.Item] = i.InDue
		}
		if proof.Heard || !heard[opening.AI] || !heard[opening.OptOut] || heard[opening.Name] || heard[opening.Callback] {
			t.Errorf("%q: the proof is %+v", campaign, proof)
		}
		made := fmt.Sprint(d.Sentences("en-US"))
		for _, text := range texts(got) {
			if !strings.Contains(made, text) {
				t.Errorf("%q is not prepared", text)
			}
		}
	}
}
