package redact

import "slices"

// History is Conversation for one that grows, and of which each state is asked
// about: it remembers what it made of the turns before, and reads only those
// behind the last joint again. A joint lies where nothing that is said later
// belongs to a number that was said before. Its zero value is ready; it is not
// safe for concurrent use.
type History struct {
	turns  []Turn   // up to the last joint
	out    []string // of them
	joints []int    // how many turns lie before each joint
}

// Conversation returns the texts of the turns in order, as the function of that
// name does. Turns may differ from those of the time before: what is the same at
// the beginning is not read again.
func (h *History) Conversation(turns []Turn) []string {
	same := 0
	for same < min(len(h.turns), len(turns)) && h.turns[same] == turns[same] {
		same++
	}
	for len(h.joints) > 0 && h.joints[len(h.joints)-1] > same {
		h.joints = h.joints[:len(h.joints)-1]
	}
	from := 0
	if len(h.joints) > 0 {
		from = h.joints[len(h.joints)-1]
	}
	rest, _ := Conversation(turns[from:])
	out := slices.Concat(h.out[:from], rest)
	joint := from
	s := seam{since: nearWords}
	for i, t := range turns[from:] {
		if s.take(t); s.tight() {
			joint = from + i + 1
			h.joints = append(h.joints, joint)
		}
	}
	h.turns = append(h.turns[:from], turns[from:joint]...)
	h.out = append(h.out[:from], out[from:joint]...)

	return out
}

// seam tells what the turns since a joint leave open.
type seam struct {
	threads map[string]*thread // by speaker
	since   int                // words of all since the last number; before the first turn there is none
	last    []string           // words of all, nearWords at most
}

// take reads the next turn.
func (s *seam) take(t Turn) {
	if s.threads == nil {
		s.threads = make(map[string]*thread)
	}
	own := s.threads[t.Speaker]
	if own == nil {
		own = &thread{}
		s.threads[t.Speaker] = own
	}
	for _, p := range split(t.Text) {
		number, _ := own.take(p)
		switch {
		case number:
			s.since = 0
		case p.kind == word:
			s.since++
		}
		if p.kind == word {
			s.last = append(s.last[max(0, len(s.last)+1-nearWords):], p.text)
		}
	}
}

// tight says whether a joint lies behind the turns: nobody's words end with
// digits that may go on, and no digits can have the name of a security code on
// the other side, nor a part of it.
func (s *seam) tight() bool {
	for _, t := range s.threads {
		if t.open {
			return false
		}
	}

	return s.since >= nearWords && !slices.ContainsFunc(words.names, func(name []string) bool {
		return contains(s.last, name) || begins(s.last, name)
	})
}

// begins says whether the words end with the first ones of a name.
func begins(all, name []string) bool {
	for n := 1; n < len(name) && n <= len(all); n++ {
		if slices.Equal(all[len(all)-n:], name[:n]) {
			return true
		}
	}

	return false
}
