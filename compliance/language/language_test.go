package language

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

type greeting struct {
	Hello string `yaml:"hello"`
}

func greetings(texts map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for code, text := range texts {
		files["texts/"+code+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}

	return files
}

func TestSet(t *testing.T) {
	t.Parallel()
	set, err := Load[greeting](greetings(map[string]string{"en": "hello: hi", "de": "hello: hallo", "es": "hello: hola"}), "texts")
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{"de-AT": "hallo", "ES": "hola", "pt": "hi", "": "hi"} {
		if got := set.In(tag).Hello; got != want {
			t.Errorf("in %q: %q, want %q", tag, got, want)
		}
	}
	for tag, want := range map[string][]string{"es-MX": {"hola", "hallo", "hi"}, "pt": {"hallo", "hi", "hola"}} {
		var got []string
		for g := range set.From(tag) {
			got = append(got, g.Hello)
		}
		if !slices.Equal(got, want) {
			t.Errorf("from %q: %q, want %q", tag, got, want)
		}
	}
	if got := set.Codes(); !slices.Equal(got, []string{"de", "en", "es"}) {
		t.Errorf("codes %q", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		texts map[string]string
		want  string
	}{
		"a key that is none": {map[string]string{"en": "hello: hi", "de": "bye: tschuess"}, "texts/de.yaml"},
		"no English":         {map[string]string{"de": "hello: hallo"}, "there is no en.yaml"},
		"no directory":       {nil, "texts"},
	} {
		if _, err := Load[greeting](greetings(tc.texts), "texts"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
