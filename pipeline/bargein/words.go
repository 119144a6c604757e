package bargein

import (
	"slices"
	"strings"
)

// wordList is what one language's callers say over an agent.
type wordList struct {
	backchannels map[string]struct{} // agreement that leaves the turn with the agent
	commands     map[string]struct{} // words that ask the agent to stop, wherever they stand
	fillers      map[string]struct{} // words that say nothing either way
}

// languages holds the word lists by ISO 639-1 code. A phrase is written in
// lower case, without punctuation, and has at most longestPhrase words.
var languages = map[string]wordList{
	"en": {
		backchannels: set(`mm hm,mm hmm,mhm,mmhm,mm,hmm,uh huh,uhhuh,yeah,yes,yep,yup,ok,okay,right,alright,all right,sure,i see,
			got it,gotcha,go on,great,good,cool,fine,perfect,exactly,of course,thanks,thank you,nice,oh,ah,aha,wow,really,
			that's right,sounds good,makes sense,i know,i understand,true,correct,absolutely`),
		commands: set(`stop,wait,wait a minute,wait a second,hold on,hang on,no no,excuse me,pardon,pardon me,sorry,actually,
			one moment,one second,just a moment,just a second,be quiet,shut up,listen,enough,cancel,never mind,
			that's wrong,that's not right,not what i,let me,i have a question,question,operator,agent,human`),
		fillers: set(`um,uh,uhm,er,erm,like,so,well,a,the,and`),
	},
}

// longestPhrase is the most words that a listed phrase has.
const longestPhrase = 4

// Languages lists the languages that have word lists.
func Languages() []string {
	var codes []string
	for code := range languages {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// heard counts words by what they mean over an agent's voice.
type heard struct {
	command     string // the first phrase that asks the agent to stop
	backchannel int
	content     int
}

// read goes through words from the left, longest phrases first.
func (l wordList) read(words []string) heard {
	var h heard
	for i := 0; i < len(words); {
		n, kind := l.match(words[i:])
		switch kind {
		case command:
			if h.command == "" {
				h.command = strings.Join(words[i:i+n], " ")
			}
		case backchannel:
			h.backchannel += n
		case content:
			h.content++
		case filler:
		}
		i += n
	}
	return h
}

type meaning uint8

const (
	content meaning = iota
	command
	backchannel
	filler
)

// match says how many words at the beginning belong together and what they
// mean.
func (l wordList) match(words []string) (int, meaning) {
	for n := min(len(words), longestPhrase); n > 0; n-- {
		phrase := strings.Join(words[:n], " ")
		if _, ok := l.commands[phrase]; ok {
			return n, command
		}
		if _, ok := l.backchannels[phrase]; ok {
			return n, backchannel
		}
		if _, ok := l.fillers[phrase]; ok {
			return n, filler
		}
	}
	return 1, content
}

func set(list string) map[string]struct{} {
	m := make(map[string]struct{})
	for phrase := range strings.SplitSeq(list, ",") {
		m[strings.TrimSpace(phrase)] = struct{}{}
	}
	return m
}
