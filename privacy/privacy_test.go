package privacy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"trunkline/privacy"
)

func TestNumberMasked(t *testing.T) {
	t.Parallel()
	for number, want := range map[privacy.Number]string{
		"":                                "",
		"+14155550123":                    "+1********23",
		"+79161234567":                    "+7********67",
		"+442079460123":                   "+44********23",
		"+353201234567":                   "+353*******67",
		"2079460123":                      "********23",
		"1001":                            "**01",
		"100":                             "***",
		"+123":                            "+***",
		"+":                               "+",
		"sip:+14155550123@192.0.2.1:5060": "sip:+1********23@192.0.2.1:5060",
		"sip:anna@example.com":            "sip:**na@example.com",
		"tel:+14155550123;ext=5550199":    "tel:+1********23",
		"anonymous":                       "*******us",
	} {
		if got := number.Masked(); got != want {
			t.Errorf("%s: masked as %s, want %s", string(number), got, want)
		}
	}
}

func TestNumberNeverShowsMoreThanItsEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := "+" + rapid.StringMatching(`[1-9][0-9]{5,14}`).Draw(t, "number")
		masked := privacy.Number(number).Masked()
		if len(masked) != len(number) {
			t.Fatalf("%s is masked as %s: another length", number, masked)
		}
		if shown := len(masked) - strings.Count(masked, "*"); shown > 1+3+2 {
			t.Fatalf("%s is masked as %s: %d characters shown", number, masked, shown)
		}
	})
}

func TestNothingLeaksIntoLogs(t *testing.T) {
	t.Parallel()
	number, words := privacy.Number("+14155550123"), privacy.Words("my card is lost")
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("call", "from", number, "said", words, "any", slog.AnyValue(number))
	}
	fmt.Fprintf(&out, "%s %v %+v %#v %q ", number, number, number, number, number)
	fmt.Fprintf(&out, "%s %v %+v %#v %q ", words, words, words, words, words)
	fmt.Fprintf(&out, "%v %+v", []privacy.Number{number}, struct{ W privacy.Words }{words})
	for _, secret := range []string{"4155", "card", "lost"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log shows %q:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "[4 words]") || !strings.Contains(out.String(), "+1********23") {
		t.Errorf("the log lacks the masked values:\n%s", out.String())
	}
}

func TestValuesStayWholeWhereTheyAreMeant(t *testing.T) {
	t.Parallel()
	encoded, err := json.Marshal(map[string]privacy.Number{"from": "+14155550123"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"from":"+14155550123"}`; string(encoded) != want {
		t.Errorf("JSON is %s, want %s", encoded, want)
	}
}
