package amd

import "strings"

// phrases are what only one kind of callee says, in lower case. A recogniser
// writes no punctuation.
var phrases = []struct {
	class Class
	words []string
}{
	{Screening, []string{
		"state your name", "say your name", "record your name", "reason for calling", "reason for your call",
		"why you're calling", "why you are calling", "screening service", "call assist", "using a call screen",
		"see if this person is available", "stay on the line", "please hold while i connect",
	}},
	{Machine, []string{
		"leave a message", "leave your message", "leave me a message", "leave your name", "leave a brief message",
		"after the tone", "after the beep", "at the tone", "at the beep", "voice mail", "voicemail", "mailbox",
		"can't come to the phone", "cannot come to the phone", "can't take your call", "cannot take your call",
		"unable to take your call", "unable to answer", "not available right now", "you have reached the voice",
		"is not available", "get back to you as soon", "hinterlassen sie", "nach dem ton", "deje su mensaje",
		"después del tono", "laissez un message", "après le bip",
	}},
	{Menu, []string{
		"press one", "press 1", "press two", "press 2", "press zero", "press 0", "main menu", "menu options",
		"para español", "our menu has changed",
	}},
	{Human, []string{
		"how can i help", "how may i help", "how can i assist", "how may i direct", "what can i do for you",
		"who is this", "who's this", "who is calling", "who's calling",
	}},
}

// classOf is the class that words tell of; Unknown when they tell nothing.
func classOf(text string) (Class, string) {
	text = strings.ToLower(text)
	for _, p := range phrases {
		for _, w := range p.words {
			if strings.Contains(text, w) {
				return p.class, w
			}
		}
	}

	return Unknown, ""
}
