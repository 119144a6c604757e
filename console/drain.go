package console

import "net/http"

// apiDrain has the gateway take no new call, and end after the last one.
func (s *console) apiDrain(w http.ResponseWriter, _ *http.Request) error {
	if s.Drain == nil {
		return errPath
	}
	s.writeJSON(w, http.StatusAccepted, struct {
		Running int `json:"running"`
	}{s.Drain()})

	return nil
}
