package sphinx

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// domainFiles prepares the given phrases with a small dictionary and returns
// the language model, the dictionary and the log.
func domainFiles(t *testing.T, phrases ...string) (arpa, dictionary, log string) {
	t.Helper()
	if _, err := os.Stat(debianAcousticModel); err != nil {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Skip("Debian's pocketsphinx-en-us is not installed")
	}
	var out bytes.Buffer
	config, err := Config{
		Phrases: phrases, Interjections: []string{"yep", "mmhm", "hang on"},
		Cache: t.TempDir(),
		Log:   slog.New(slog.NewTextHandler(&out, nil)),
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	var read [2]string
	for range 2 { // the second time from the cache
		m, err := prepare(config)
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range []string{m.domain, m.dictionary} {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			read[i] = string(data)
		}
	}
	return read[0], read[1], out.String()
}

func TestDomainFiles(t *testing.T) {
	t.Parallel()
	arpa, dictionary, log := domainFiles(t, "Call Zlatkovich, please!", "at 10 Main Street", "read the report")
	for _, want := range []string{"<s> call zlatkovich\n", "<s> read the\n", "\tuh huh"} {
		if !strings.Contains(arpa, want) {
			t.Errorf("the language model lacks %q", want)
		}
	}
	if !strings.Contains(arpa, "<s> hang on\n") || strings.Contains(dictionary, "mmhm") || strings.Contains(log, "mmhm") {
		t.Error("interjections are not heard, or a sound is guessed for one")
	}
	if strings.Contains(arpa, "main street") {
		t.Error("a phrase with a word that has no sound is in the language model")
	}
	for _, want := range []string{"\nread R EH D\n", "\nread(2) R IY D\n", "zlatkovich Z L AE T K AA V IH CH\n"} {
		if !strings.Contains(dictionary, want) {
			t.Errorf("the dictionary lacks %q", want)
		}
	}
	if n := strings.Count(dictionary, "\n"); n > 200 {
		t.Errorf("the dictionary of three phrases has %d lines", n)
	}
	for _, want := range []string{"zlatkovich = Z L AE T K AA V IH CH", "words=[10]"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	phrases := []string{"hello"}
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no phrases":    {Config{}, `the mode "domain" needs phrases`},
		"mode":          {Config{Mode: "Domain", Phrases: phrases}, `unknown mode "Domain"`},
		"pool":          {Config{Phrases: phrases, Pool: -1}, "a pool of -1 streams"},
		"acoustic":      {Config{Phrases: phrases, AcousticModel: "/nowhere/am"}, "acoustic model: stat /nowhere/am"},
		"dictionary":    {Config{Phrases: phrases, Dictionary: "/nowhere/dict"}, "dictionary: stat /nowhere/dict"},
		"general model": {Config{Mode: General, LanguageModel: "/nowhere/lm"}, "general language model: stat /nowhere/lm"},
	} {
		if _, err := New(context.Background(), c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestLocateNamesThePackage(t *testing.T) {
	t.Parallel()
	path := ""
	err := locate(&path, filepath.Join(t.TempDir(), "model"), "acoustic model")
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "apt-get install pocketsphinx-en-us") {
		t.Errorf("error %v", err)
	}
}

func TestUnwritableCache(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := keep(filepath.Join(file, "cache"), "domain", ".arpa", []byte("text"))
	if err == nil || !strings.Contains(err.Error(), "write cache") {
		t.Errorf("error %v", err)
	}
}
