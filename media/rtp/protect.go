package rtp

import "trunkline/media/srtp"

// rekey keeps, makes or drops the Sealer of what we send, as key says.
func rekey(s *srtp.Sealer, key srtp.Key) (*srtp.Sealer, error) {
	switch {
	case key.Suite() == srtp.None:
		return nil, nil
	case s != nil && s.Key() == key:
		return s, nil
	}
	return srtp.NewSealer(key)
}

// reopen is rekey for what we receive.
func reopen(o *srtp.Opener, key srtp.Key) (*srtp.Opener, error) {
	switch {
	case key.Suite() == srtp.None:
		return nil, nil
	case o != nil && o.Key() == key:
		return o, nil
	}
	return srtp.NewOpener(key)
}
