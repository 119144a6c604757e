package engine

import "strings"

// optOut is what a person is told who does not want to be called again.
type optOut struct{ stands, failed string }

// optOuts are in the languages in which such a wish is understood.
var optOuts = map[string]optOut{
	"en": {
		"You will not be called again. I have taken your number off our list.",
		"I understand that you do not want to be called. I could not note that myself, so a colleague will.",
	},
	"es": {
		"No volveremos a llamarle. He quitado su número de nuestra lista.",
		"Entiendo que no quiere recibir llamadas. No he podido anotarlo, así que lo hará un compañero.",
	},
	"de": {
		"Sie werden nicht mehr angerufen. Ihre Nummer ist von unserer Liste gestrichen.",
		"Ich habe verstanden, dass Sie nicht angerufen werden möchten. Ich konnte es nicht selbst vermerken, das übernimmt ein Kollege.",
	},
	"fr": {
		"Vous ne serez plus appelé. Votre numéro est retiré de notre liste.",
		"J'ai compris que vous ne voulez pas être appelé. Je n'ai pas pu le noter moi-même, un collègue s'en chargera.",
	},
}

// optOutLines are those of a language, or the English ones.
func optOutLines(tag string) optOut {
	code, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if l, ok := optOuts[code]; ok {
		return l
	}

	return optOuts["en"]
}
