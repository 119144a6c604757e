package gate

import (
	"slices"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/compliance/opening"
	"trunkline/privacy"
	"trunkline/storage"
)

func duties(t *testing.T) *Duties {
	t.Helper()
	rules, err := compliance.Load([]string{"us-federal", "us-states"})
	if err != nil {
		t.Fatal(err)
	}

	return &Duties{
		Rules: rules, Key: "9", Places: []string{"US-TX"},
		Campaigns: map[string]compliance.Campaign{"roofs": {ID: "roofs", LegalName: "Roof Works Inc.", CallbackNumber: "+12125550123"}},
		Openings:  map[string]map[string]opening.Texts{"roofs": {"en": {Purpose: "I would like to offer you a roof."}}},
		Notices:   map[string]string{"es": "Grabamos esta llamada."},
	}
}

// texts are a duty's sentences.
func texts(d call.Duty) (all []string) {
	for _, s := range d.Sentences {
		all = append(all, s.Text)
	}

	return all
}

func TestDutiesOfACallThatWePlace(t *testing.T) {
	t.Parallel()
	d := duties(t)
	p := call.Party{
		Direction: storage.Outbound, Number: "+15125550123", Campaign: "roofs", Purpose: "telemarketing", Language: "en-US", Recorded: true,
		At: time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC),
	}
	got := d.Of(p)
	want := []string{
		"This is an automated AI assistant calling for Roof Works Inc.", "Say stop or press 9 to end these calls.",
		"I would like to offer you a roof.", "This call is recorded and written down.", "You can call us back at +12125550123.", // Texas wants the purpose soon
	}
	if !slices.Equal(texts(got), want) {
		t.Errorf("said: %q", texts(got))
	}
	o := got.Opening
	if o.LegalNameWithin != 5*time.Second || o.AIWithin == 0 || o.OptOutAfterName != 2*time.Second || o.RecordingWithin == 0 || !o.CallbackNumber {
		t.Errorf("duty: %+v", o)
	}
	if !slices.Contains(got.Rules, "us-opening") || !slices.Contains(got.Rules, "house-opening") {
		t.Errorf("by the rules %v", got.Rules)
	}
	if last := got.Closing("es-US").Text; last != "Puede llamarnos al +12125550123." {
		t.Errorf("at the end: %q", last)
	}
	p.Recorded = false
	if got := d.Of(p); got.Opening.RecordingWithin != 0 || len(got.Sentences) != 4 || got.Recording.Consent != "" {
		t.Errorf("not recorded: %+v", got)
	}
}

func TestDutiesOfACallThatComesIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		number  privacy.Number
		places  []string
		silent  string
		consent compliance.RecordingConsent
		says    []string
	}{
		"Texas to Texas":    {"+15125550123", []string{"US-TX"}, "", compliance.OneParty, []string{"This call is recorded and written down."}},
		"California":        {"+14155550123", []string{"US-TX"}, "", compliance.AllParty, []string{"This call is recorded and written down."}},
		"toll-free":         {"+18005550123", []string{"US-TX"}, "", compliance.AllParty, []string{"This call is recorded and written down."}},
		"no number":         {"", []string{"US-TX"}, "", compliance.AllParty, []string{"This call is recorded and written down."}},
		"we are not placed": {"+15125550123", nil, "", compliance.AllParty, []string{"This call is recorded and written down."}},
		"somebody else":     {"+15125550123", []string{"US-TX"}, "the carrier", compliance.OneParty, nil},
	} {
		d := duties(t)
		d.Places, d.Silent = c.places, c.silent
		got := d.Of(call.Party{Direction: storage.Inbound, Number: c.number, Language: "en-US", Recorded: true})
		if got.Recording.Consent != c.consent || !slices.Equal(texts(got), c.says) || got.Silent != c.silent {
			t.Errorf("%s: %+v", name, got)
		}
	}
	d := duties(t)
	if got := d.Of(call.Party{Direction: storage.Inbound, Language: "es-MX", Recorded: true}); !slices.Equal(texts(got), []string{"Grabamos esta llamada."}) {
		t.Errorf("the operator's own: %q", texts(got))
	}
	if got := d.Of(call.Party{Direction: storage.Inbound}); len(got.Sentences) != 0 || got.Recording.Consent != "" {
		t.Errorf("not recorded: %+v", got)
	}
}

// Whatever a call may have to say is prepared.
func TestAllSentencesArePrepared(t *testing.T) {
	t.Parallel()
	d := duties(t)
	for _, language := range []string{"en-US", "es", "de-DE", "fr", "pt-BR"} {
		made := d.Sentences(language)
		for _, campaign := range []string{"", "roofs"} {
			for _, direction := range []storage.Direction{storage.Inbound, storage.Outbound} {
				got := d.Of(call.Party{Direction: direction, Number: "+15125550123", Campaign: campaign, Language: language, Recorded: true})
				for _, text := range texts(got) {
					if !slices.Contains(made, text) {
						t.Errorf("%s: %q is not prepared", language, text)
					}
				}
				if got.Closing != nil && !slices.Contains(made, got.Closing(language).Text) {
					t.Errorf("%s: the closing is not prepared", language)
				}
			}
		}
	}
}
