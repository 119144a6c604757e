package objection

import "testing"

var objections = map[string][]string{
	"en": {
		"don't record me", "stop recording", "I don't want to be recorded", "please stop recording this call", "do not record this", "turn the recording off",
		"turn off that recording", "I do not consent to being recorded", "I'm not comfortable with being recorded", "I'd rather not be recorded",
		"can we do this without being recorded", "you can't record me", "I don't want this call recorded", "I object to the recording", "no recording please",
		"I'm not okay with this being recorded", "please don't record", "I refuse to be recorded", "I don't want you recording me", "stop transcribing",
	},
	"es": {
		"no me grabe", "no quiero que me graben", "deje de grabar", "no quiero ser grabada", "pare la grabación por favor", "no acepto la grabación", "no grabe esta llamada",
		"no autorizo que me graben", "sin grabar por favor", "no quiero que esta llamada sea grabada",
	},
	"de": {
		"Bitte nicht aufzeichnen.", "Ich möchte nicht aufgezeichnet werden", "keine Aufzeichnung bitte", "Hören Sie auf aufzunehmen", "stoppen Sie die Aufnahme",
		"Ich will nicht aufgenommen werden", "zeichnen Sie das Gespräch nicht auf", "schalten Sie die Aufzeichnung aus", "ich widerspreche der Aufzeichnung",
	},
	"fr": {
		"ne m'enregistrez pas", "je ne veux pas être enregistré", "arrêtez l'enregistrement", "arrêtez d'enregistrer", "je refuse d'être enregistrée",
		"n'enregistrez pas cet appel", "je ne suis pas d'accord pour être enregistré", "je ne veux pas qu'on m'enregistre", "coupez l'enregistrement s'il vous plaît",
	},
}

var others = map[string][]string{
	"en": {
		"is this call recorded", "are you recording this", "I have it on record", "do you have a record of my order", "you can record this if you like", "that is fine",
		"I don't want to talk to a recording", "I don't have my records here", "stop calling me", "my recorder does not work", "for the record I never ordered it",
		"I want to hear the recording", "did you not record my payment", "the recording said to press one", "okay record it",
	},
	"es": {"¿se graba esta llamada?", "no quiero hablar con una grabación", "grabe mi pedido", "no me llame más", "no tengo la grabadora"},
	"de": {"wird das aufgezeichnet", "nehmen Sie die Bestellung auf", "ich kann das nicht aufnehmen", "rufen Sie mich nicht an", "die Aufnahme war gut"},
	"fr": {"est-ce que c'est enregistré", "enregistrez ma commande", "je n'ai pas enregistré mes bagages", "ne m'appelez plus", "vous pouvez m'enregistrer"},
}

func TestObjections(t *testing.T) {
	t.Parallel()
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	for language, all := range objections {
		for _, text := range all {
			if _, ok := Find(language, text); !ok {
				t.Errorf("%s: %q is not heard as an objection", language, text)
			}
			if _, ok := Find("en-US", text); !ok {
				t.Errorf("%q is not heard in a conversation in English", text)
			}
		}
	}
	for language, all := range others {
		for _, text := range all {
			if entry, ok := Find(language, text); ok {
				t.Errorf("%s: %q is heard as the objection %q", language, text, entry)
			}
		}
	}
}

func TestEveryLanguageHasALine(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, language := range []string{"en", "es-MX", "de", "fr"} {
		l := Line(language)
		if l == "" || seen[l] {
			t.Errorf("%s: %q", language, l)
		}
		seen[l] = true
	}
	if Line("pt") != Line("en") {
		t.Error("a language without a list has not the English line")
	}
}
