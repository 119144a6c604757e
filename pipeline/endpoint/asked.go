package endpoint

// Kind is what a question asks for.
type Kind string

// The kinds, in the order in which they are looked for.
const (
	AsksNothing  Kind = ""
	AsksSpelling Kind = "spelling"
	AsksEmail    Kind = "email"
	AsksNumber   Kind = "number"
	AsksName     Kind = "name"
	AsksBirth    Kind = "birth" // a date with its year
	AsksDate     Kind = "date"  // or a time
	AsksWords    Kind = "words" // anything
	AsksYesNo    Kind = "yes_no"
)

// Asked is what the agent asked last.
type Asked struct {
	For    Kind `json:"for,omitempty"`
	Digits int  `json:"digits,omitempty"` // of AsksNumber: how many the answer has; 0: not known
}

// Question says what the agent's words ask for. Only their last sentence
// counts, and an end without a question or a request asks for nothing.
func Question(code, text string) Asked {
	l := speech(code)
	words := Words(lastSentence(text))
	for _, k := range []Kind{AsksSpelling, AsksEmail, AsksNumber, AsksName, AsksBirth, AsksDate, AsksWords, AsksYesNo} {
		if !l.Asks[k].in(words) {
			continue
		}
		a := Asked{For: k}
		if k == AsksNumber {
			a.Digits, _ = l.announced(words)
		}

		return a
	}

	return Asked{}
}

// lastSentence is the text after the last sentence's end but one.
func lastSentence(text string) string {
	end := len(text)
	for end > 0 && !wordByte(text[end-1]) {
		end--
	}
	for i := end - 1; i > 0; i-- {
		if text[i] == ' ' && (text[i-1] == '.' || text[i-1] == '?' || text[i-1] == '!') {
			return text[i:]
		}
	}

	return text
}

// wordByte reports whether b is part of a word; bytes of other alphabets are.
func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b >= 0x80
}
