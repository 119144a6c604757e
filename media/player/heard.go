package player

import (
	"strings"

	"trunkline/media"
)

// Heard is what the caller has heard of an utterance.
type Heard struct {
	// Text ends with the last word of which at least half was played.
	Text string
	// Played counts the samples that left at full level, Total those written
	// so far.
	Played, Total media.Samples
	// Complete says that the utterance was sealed and played to its end.
	Complete bool
}

// Heard tells what has left of an utterance so far. Counts survive Clear; the
// ledger remembers the last 8 utterances that are over, and for older or
// unknown ones Heard is zero.
func (p *Player) Heard(utterance int) Heard {
	h, spoken := p.account(utterance)
	var heard []string
	for _, s := range spoken {
		if text := s.heard(); text != "" {
			heard = append(heard, text)
		}
	}
	h.Text = strings.Join(heard, " ")
	return h
}

// account copies an utterance's part of the ledger.
func (p *Player) account(utterance int) (Heard, []speech) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.find(utterance)
	if u == nil {
		return Heard{}, nil
	}
	h := Heard{Complete: u.finished}
	spoken := make([]speech, len(u.segments))
	for i, s := range u.segments {
		h.Played += s.before + s.played
		h.Total += s.before + s.total
		spoken[i] = s.account()
	}
	return h, spoken
}

// speech is the account of one segment.
type speech struct {
	text          string
	words         []media.Word // the engine's marks, if it gives any
	played, total media.Samples
	closed        bool // total is final
	reached       int  // octets of the text, spaces around it aside, that were heard of earlier takes
}

// heard is the beginning of the text that was heard.
func (s speech) heard() string {
	text := strings.TrimSpace(s.text)
	if s.played == 0 {
		return text[:s.reached]
	}
	if s.closed && s.played == s.total {
		return text
	}
	words := strings.Fields(text)
	starts := s.place(words)
	end := 0
	for i, w := range words {
		if 2*s.played < starts[i]+starts[i+1] {
			break
		}
		end += strings.Index(text[end:], w) + len(w)
	}
	return text[:max(end, s.reached)]
}
