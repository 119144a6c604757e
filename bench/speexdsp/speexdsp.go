//go:build speexdsp

package speexdsp

/*
#cgo pkg-config: speexdsp
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>

static void set(SpeexEchoState *e, SpeexPreprocessState *p) {
	int rate = 8000, off = 0;
	speex_echo_ctl(e, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
	speex_preprocess_ctl(p, SPEEX_PREPROCESS_SET_DENOISE, &off);
	speex_preprocess_ctl(p, SPEEX_PREPROCESS_SET_ECHO_STATE, e);
}
*/
import "C"

import "trunkline/media"

// Canceller is one call's canceller.
type Canceller struct {
	echo     *C.SpeexEchoState
	suppress *C.SpeexPreprocessState
	out      media.Frame

	Suppress bool // also run the residual suppressor
}

// New makes a Canceller with a tail of so many samples. Close frees it.
func New(tail media.Samples) *Canceller {
	c := &Canceller{
		echo:     C.speex_echo_state_init(media.FrameSamples, C.int(tail)),
		suppress: C.speex_preprocess_state_init(media.FrameSamples, media.SampleRate),
	}
	C.set(c.echo, c.suppress)
	return c
}

// Process takes the echo of far out of near.
func (c *Canceller) Process(near, far *media.Frame) {
	C.speex_echo_cancellation(c.echo, (*C.spx_int16_t)(&near[0]), (*C.spx_int16_t)(&far[0]), (*C.spx_int16_t)(&c.out[0]))
	if c.Suppress {
		C.speex_preprocess_run(c.suppress, (*C.spx_int16_t)(&c.out[0]))
	}
	*near = c.out
}

// Close frees c.
func (c *Canceller) Close() {
	C.speex_preprocess_state_destroy(c.suppress)
	C.speex_echo_state_destroy(c.echo)
}
