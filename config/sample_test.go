package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
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
var off = regexp.MustCompile(`(?m)^( *)#((?:- )?[a-z_]+:)`)

func TestSampleHasEveryKey(t *testing.T) {
	t.Parallel()
	var c Config
	all := off.ReplaceAll(sample(t), []byte("$1$2"))
	if err := yaml.NewDecoder(bytes.NewReader(all), yaml.Strict()).Decode(&c); err != nil {
		t.Fatal(err)
	}
	for _, path := range missing("", reflect.ValueOf(c)) {
		if path != "recording.enabled" && path != "agents[0].speculation.enabled" { // they are false
			t.Errorf("the sample does not have %s", path)
		}
	}
}

// missing lists the keys of v that have no value.
func missing(path string, v reflect.Value) (all []string) {
	switch {
	case v.IsZero():
		return []string{path}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			key := v.Type().Field(i).Tag.Get("yaml")
			if path != "" {
				key = path + "." + key
			}
			all = append(all, missing(key, v.Field(i))...)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			all = append(all, missing(fmt.Sprintf("%s[%d]", path, i), v.Index(i))...)
		}
	}

	return all
}
