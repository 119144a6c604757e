package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

func TestSomeAnswersAreNotTheModels(t *testing.T) {
	const answer = "I am an automated assistant. I am not a person."
	truth := func(language, words string) (string, bool) {
		return answer, language == "en-US" && strings.Contains(words, "robot")
	}
	converse(t, options{
		says:  []string{"are you a robot", "when are you open"},
		model: &declared.Model{FirstToken: 300 * ms, TokensPerSecond: 50, Reply: declared.Replies(hours)},
		cfg:   pipeline.Config{Truth: truth, Language: "en-US"},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("the answer", answer, c.lastTurn().Text)
		c.Same("what the model was asked", 0, len(c.model.asked()))
		c.Speak(time.Second)
		c.AgentSaid(3)
		c.Same("the model's own", hours, c.lastTurn().Text)
		c.Same("its history", []string{answer}, []string{c.model.history()[2].Text})
	})
}

func TestTheTruthNeedsNoModel(t *testing.T) {
	truth := func(string, string) (string, bool) { return "I am a machine.", true }
	converse(t, options{
		says: []string{"are you a robot"}, model: &declared.Model{FirstToken: time.Hour},
		cfg: pipeline.Config{Truth: truth},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("the answer", "I am a machine.", c.lastTurn().Text)
	})
}
