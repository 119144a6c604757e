package sphinx

import "errors"

// ErrNotBuilt says that this program has no offline recogniser in it.
var ErrNotBuilt = errors.New("built without the offline recogniser (pocketsphinx): rebuild with make build, or with go build -tags offline")

// decoder is one instance of the engine. It is used by one goroutine at a
// time, but not always by the same one.
type decoder interface {
	// reset forgets what was learned of the last call's channel.
	reset()
	// start begins a talkspurt.
	start() error
	// process hears samples of the talkspurt.
	process(samples []int16) error
	// words is what was said so far. It returns prev itself when nothing
	// changed.
	words(prev string) string
	// finish ends the talkspurt and returns its words, and how sure the
	// engine is of them, 0 to 1.
	finish() (text string, confidence float64, err error)
	// free gives the engine's memory back. No other method is called after it.
	free()
}
