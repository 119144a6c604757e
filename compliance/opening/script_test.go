package opening

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/compliance"
)

func TestScriptSaysInOrder(t *testing.T) {
	t.Parallel()
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	c := Caller{LegalName: "Roof Works Inc.", Callback: "+12125550123", Key: "9"}
	own := Texts{Purpose: "I would like to offer you a new roof."}
	want := []Sentence{
		{[]Item{AI, Name}, "This is an automated AI assistant calling for Roof Works Inc."},
		{[]Item{OptOut}, "Say stop or press 9 to end these calls."},
		{[]Item{Purpose}, "I would like to offer you a new roof."}, // due sooner
		{[]Item{Recording}, "This call is recorded and written down."},
		{[]Item{Callback}, "You can call us back at +12125550123."},
	}
	if diff := cmp.Diff(want, own.Or(In("en-US")).Sentences(c, duty, true)); diff != "" {
		t.Error(diff)
	}
	if got := In("en").Sentences(c, compliance.OpeningDuty{}, false); len(got) != 3 {
		t.Errorf("not recorded: %v", got)
	}
	c.Key = ""
	if got := In("de").Sentences(c, duty, false)[1].Text; strings.Contains(got, "drücken") {
		t.Errorf("without a key: %q", got)
	}
	c.Key = "*"
	if got := In("fr-CA").Sentences(c, duty, false)[1].Text; !strings.Contains(got, "étoile") {
		t.Errorf("a key without a digit: %q", got)
	}
	if In("pt").Identity != In("en").Identity {
		t.Error("a language without texts has not the English ones")
	}
}

// A script says every item of the strictest duty.
func TestScriptCoversTheDuty(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "es", "de", "fr"} {
		own := Texts{Purpose: "x"}
		var said []Item
		for _, s := range own.Or(In(language)).Sentences(Caller{LegalName: "x", Callback: "y", Key: "9"}, duty, true) {
			said = append(said, s.Items...)
			if strings.ContainsAny(s.Text, "{}") {
				t.Errorf("%s: %q", language, s.Text)
			}
		}
		for _, i := range New(duty).Items() {
			if !slices.Contains(said, i) {
				t.Errorf("%s: %s is not said", language, i)
			}
		}
	}
}

func TestTextsOfOnesOwn(t *testing.T) {
	t.Parallel()
	for want, texts := range map[error]Texts{
		nil: {}, errNoName: {Identity: "This is an AI."}, errNoNumber: {Callback: "Call us."}, errNoKey: {OptOut: "Say stop."},
	} {
		if err := texts.Validate(); err != want {
			t.Errorf("%+v: %v", texts, err)
		}
	}
}
