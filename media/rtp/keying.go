package rtp

// Keying says whether telephone events were agreed on, and whether the far
// end holds a key down, by what has arrived: the audio of this moment comes
// out of the jitter buffer later.
func (s *Session) Keying() (events, pressed bool) {
	s.in.Lock()
	defer s.in.Unlock()
	return s.in.params.EventType != 0, s.in.keys.pressed
}
