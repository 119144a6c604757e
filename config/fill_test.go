package config

import (
	"testing"

	"github.com/goccy/go-yaml"
)

func TestGuessesAreOnWhereTheyCostNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		agent string
		want  bool
	}{
		{agent: "{}", want: true},
		{agent: "{speculation: {enabled: false}}"},
		{agent: "{voice: {engine: piper}}", want: true},
		{agent: "{voice: {engine: aura}}"},
		{agent: "{model: {engine: openai}}"},
		{agent: "{model: {engine: openai}, speculation: {enabled: true}}", want: true},
		{agent: "{model: {engine: script, fallback: [{engine: openai}]}}"},
		{agent: "{model: {engine: script, rules: [{after: 5m, model: {engine: gemini}}]}}"},
		{agent: "{voice: {engine: offline, fallback: [{engine: cartesia}]}}"},
		{agent: "{languages: [{language: de, voice: {engine: cartesia}}]}"},
		{agent: "{languages: [{language: de, voice: {engine: piper}}]}", want: true},
		{agent: "{languages: [{language: de, voice: {engine: piper}, model: {engine: openai}}]}"},
	} {
		a := Agent{}
		if err := yaml.Unmarshal([]byte(c.agent), &a); err != nil {
			t.Fatalf("%s: %v", c.agent, err)
		}
		file := Config{Agents: []Agent{a}}
		file.fillAgents()
		if got := file.Agents[0].Speculates(); got != c.want {
			t.Errorf("%s: %t, want %t", c.agent, got, c.want)
		}
	}
}

func TestOpenAIsKeyIsSentToOpenAIAlone(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"": "OPENAI_API_KEY", "https://api.openai.com/v1": "OPENAI_API_KEY", "https://api.openai.com.example.net/v1": "", "http://127.0.0.1:8000/v1": "",
	} {
		s := Service{BaseURL: address}
		if s.fillOpen(); s.KeyEnv != want {
			t.Errorf("%q: %q, want %q", address, s.KeyEnv, want)
		}
	}
}
