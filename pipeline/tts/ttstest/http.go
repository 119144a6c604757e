package ttstest

import (
	"net/http"
	"time"
)

// Stream writes a reply of a script as the body of an answer. Convert makes the
// vendor's format of µ-law; nil leaves it.
func Stream(w http.ResponseWriter, r *http.Request, s *Script, reply *Reply, convert func([]byte) []byte) {
	flush := http.NewResponseController(w)
	select {
	case <-time.After(reply.FirstAudio):
	case <-r.Context().Done():
		s.Left()

		return
	}
	for i, part := range reply.Parts() {
		if i == 1 && reply.Hang {
			<-r.Context().Done()
			s.Left()

			return
		}
		if i == 1 && reply.Fails() {
			panic(http.ErrAbortHandler)
		}
		if convert != nil {
			part = convert(part)
		}
		if _, err := w.Write(part); err != nil {
			s.Left()

			return
		}
		_ = flush.Flush() // the next write tells
	}
}
