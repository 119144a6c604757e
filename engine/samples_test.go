package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/config"
)

// TestSampleAgents opens each sample as check does, with made-up keys.
func TestSampleAgents(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "testdata", "config", "agents", "*.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := config.Parse(file, []byte(here(t, string(src))), config.Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, &c.Agents[0])
			stages := map[string]bool{}
			for _, p := range s.Providers() {
				stages[string(p.Stage)] = true
			}
			if delete(stages, "converse"); len(stages) != 3 {
				t.Errorf("it has the stages %v", stages)
			}
		})
	}
}

// here puts files of this test in the place of those that a sample names.
func here(t *testing.T, src string) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range map[string]struct {
		is   string
		text string
	}{
		"/opt/piper/piper":                    {"piper", "#!/bin/sh\nexec cat >/dev/null\n"},
		"/opt/piper/en_US-lessac-medium.onnx": {"voice.onnx", ""},
		"beside the voice":                    {"voice.onnx.json", `{"audio": {"sample_rate": 22050}}`},
		"/etc/trunkline/google.json": {"google.json", `{"type": "service_account", "project_id": "harbor", "client_email": "a@harbor.example",
			"private_key_id": "1", "private_key": "none", "token_uri": "http://127.0.0.1:1/token"}`},
	} {
		path := filepath.Join(dir, f.is)
		if err := os.WriteFile(path, []byte(f.text), 0o700); err != nil {
			t.Fatal(err)
		}
		src = strings.ReplaceAll(src, name, path)
	}

	return src
}
