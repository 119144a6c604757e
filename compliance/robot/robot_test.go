package robot

import (
	"strings"
	"testing"
)

var questions = map[string][]string{
	"en": {
		"are you a robot", "Are you a real person?", "wait, are you human", "is this a recording", "is this an AI", "am I talking to a machine",
		"am I speaking with a real person right now", "is this a bot or what", "you sound like a robot", "are you an AI", "are you some kind of computer",
		"is that a real human", "you're a robot aren't you", "am I talking to a person", "is this automated", "are you a person or a machine",
	},
	"es": {"¿eres un robot?", "¿es usted una persona real?", "¿estoy hablando con una máquina?", "¿es una grabación?", "¿hablo con una persona?", "eres humana"},
	"de": {"Sind Sie ein Roboter?", "spreche ich mit einem Menschen", "sind Sie ein echter Mensch", "ist das eine Maschine", "bist du eine KI", "ist das eine Bandansage"},
	"fr": {"êtes-vous un robot ?", "vous êtes une vraie personne ?", "je parle à une machine ?", "c'est un enregistrement ?", "est-ce que c'est un robot", "êtes-vous humaine"},
}

var others = map[string][]string{
	"en": {
		"I am not a robot", "my robot vacuum is broken", "I want to speak to a human", "are you open on Sundays", "is this the pharmacy", "are you really sure about that",
		"are you a robot repair company", "is the machine covered", "is this a computer repair shop", "am I talking too fast", "can I speak with a person", "you're right",
		"are you a real estate agent", "is this a good time",
	},
	"es": {"quiero hablar con una persona", "es un robot de cocina", "es una buena idea", "¿es usted el doctor?"},
	"de": {"ich will mit einem Menschen sprechen", "ist das Gerät neu", "sind Sie sicher", "ist der Computer dabei"},
	"fr": {"je veux parler à une personne", "c'est une machine à laver", "êtes-vous ouverts dimanche", "vous êtes gentil"},
}

func TestAsked(t *testing.T) {
	t.Parallel()
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	for language, all := range questions {
		for _, text := range all {
			if !Asked(language, text) {
				t.Errorf("%s: %q is not heard as the question", language, text)
			}
			if !Asked("en", text) {
				t.Errorf("%q is not heard in a conversation in English", text)
			}
		}
	}
	for language, all := range others {
		for _, text := range all {
			if Asked(language, text) {
				t.Errorf("%s: %q is heard as the question", language, text)
			}
		}
	}
}

func TestAnswerIsTheTruth(t *testing.T) {
	t.Parallel()
	for language, truth := range map[string][2]string{
		"en": {"automated AI", "not a person"}, "es-MX": {"inteligencia artificial", "no una persona"}, "de": {"KI-Assistent", "kein Mensch"},
		"fr": {"intelligence artificielle", "non une personne"}, "pt": {"automated AI", "not a person"},
	} {
		for _, business := range []string{"", "Roof Works LLC"} {
			answer := Answer(language, business)
			if !strings.Contains(answer, truth[0]) || !strings.Contains(answer, truth[1]) || !strings.Contains(answer, business) || strings.Contains(answer, "{") {
				t.Errorf("%s: %s", language, answer)
			}
		}
	}
}
