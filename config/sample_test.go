package config

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// samplePath is the file from which users start.
var samplePath = filepath.Join("..", "testdata", "config", "trunkline.yaml")

func sample(t *testing.T) []byte {
	t.Helper()
	src, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}

	return src
}

func TestSampleIsTheDefault(t *testing.T) {
	t.Parallel()
	got, err := Load(samplePath, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Load("", Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the sample says other defaults (-default +sample):\n%s", d)
	}
}

// off finds a key of the sample that is off.
var off = regexp.MustCompile(`(?m)^( *)#((?:- )?[a-z0-9_]+:)`)

func TestSampleHasEveryKey(t *testing.T) {
	t.Parallel()
	var c Config
	all := off.ReplaceAll(sample(t), []byte("$1$2"))
	if err := yaml.NewDecoder(bytes.NewReader(all), yaml.Strict()).Decode(&c); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	find(reflect.ValueOf(c), said)
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if !said[key] && key != "Recording.enabled" { // it is false
			t.Errorf("the sample does not have %s", key)
		}
	}
}

// find tells of each key, by its block's type, whether it has a value
// somewhere: blocks may stand in several places, and within themselves.
func find(v reflect.Value, said map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			find(v.Elem(), said)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if key := v.Type().Name() + "." + f.Tag.Get("yaml"); !f.Anonymous {
				said[key] = said[key] || !v.Field(i).IsZero()
			}
			find(v.Field(i), said)
		}
	case reflect.Slice:
		for i := range v.Len() {
			find(v.Index(i), said)
		}
	}
}
