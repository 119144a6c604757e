package optout

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
)

// said is testdata/said.yaml: what people say, by language and by what it
// means.
type said map[string]map[string][]string

func readSaid(t *testing.T) said {
	t.Helper()
	src, err := os.ReadFile("testdata/said.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all said
	if err := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(&all); err != nil {
		t.Fatal(err)
	}

	return all
}

// TestSaid counts over the whole table. Every stop must be found; a false
// alarm is one too many as well.
func TestSaid(t *testing.T) {
	t.Parallel()
	codes, err := Languages()
	if err != nil {
		t.Fatal(err)
	}
	all := readSaid(t)
	for _, language := range codes {
		var found, missed, wrong, right int
		for _, class := range []Class{OptOut, WrongNumber, Ambiguous, None} {
			texts := all[language][string(class)]
			if class == None {
				texts = all[language]["nothing"]
			}
			if len(texts) < 6 {
				t.Errorf("%s: only %d examples of %q", language, len(texts), class)
			}
			for _, text := range texts {
				got := Find(language, text)
				if got.Class != class {
					t.Errorf("%s: %q is %q by %q, want %q", language, text, got.Class, got.Phrase, class)
				}
				stops := class == OptOut || class == WrongNumber
				switch saw := got.Class == OptOut || got.Class == WrongNumber; {
				case stops && saw:
					found++
				case stops:
					missed++
				case saw:
					wrong++
				default:
					right++
				}
			}
		}
		t.Logf("%s: recall %d of %d, %d false alarms in %d", language, found, found+missed, wrong, wrong+right)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	if got := Find("en-US", "Stop."); got.Class != OptOut || !got.Alone || got.Words != "stop" {
		t.Errorf("%+v", got)
	}
	if got := Find("en", "Look, please stop calling me."); got.Class != OptOut || got.Alone || got.Words != "stop calling me" {
		t.Errorf("%+v", got)
	}
	// In a conversation in English somebody answers in Spanish; and in one whose language has no list.
	if got := Find("en", "no me llamen más"); got.Class != OptOut {
		t.Errorf("%+v", got)
	}
	if got := Find("pt", "stop calling me"); got.Class != OptOut {
		t.Errorf("%+v", got)
	}
	if got := Find("en", ""); got != (Finding{}) {
		t.Errorf("%+v", got)
	}
	codes, err := Languages()
	if err != nil || !slices.Equal(codes, []string{"de", "en", "es", "fr"}) {
		t.Errorf("%v, %v", codes, err)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("en", "stop calling me")
	f.Add("de", "rufen sie mich nicht mehr an")
	f.Fuzz(func(t *testing.T, language, text string) {
		if got := Find(language, text); (got.Class == None) != (got.Phrase == "") {
			t.Errorf("%+v", got)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Find("en", "well I was wondering whether the delivery on Tuesday could come a little later in the day because of work")
	}
}
