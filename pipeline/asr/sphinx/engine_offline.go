//go:build offline

package sphinx

/*
#cgo pkg-config: pocketsphinx sphinxbase
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pocketsphinx.h>
#include <sphinxbase/cmn.h>
#include <sphinxbase/err.h>
#include <sphinxbase/feat.h>
#include <sphinxbase/ngram_model.h>

// The library reports what happens through one callback. Errors are kept per
// thread, for the caller of the function that failed; the rest is of no use to
// an operator.
static __thread char last_error[512];

static void keep_error(void *unused, err_lvl_t level, const char *format, ...) {
	if (level < ERR_ERROR)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(last_error, sizeof last_error, format, args);
	va_end(args);
}

static void silence(void) { err_set_callback(keep_error, NULL); }

// mix makes the search use an interpolation of two language models.
static int mix(ps_decoder_t *ps, const char *general, const char *domain, float domain_weight) {
	logmath_t *math = ps_get_logmath(ps);
	cmd_ln_t *config = ps_get_config(ps);
	char *names[2] = {"general", "domain"};
	float32 weights[2] = {1 - domain_weight, domain_weight};
	ngram_model_t *models[2], *set = NULL;
	int rc = -1;
	models[0] = ngram_model_read(config, general, NGRAM_AUTO, math);
	models[1] = ngram_model_read(config, domain, NGRAM_AUTO, math);
	if (models[0] != NULL && models[1] != NULL)
		set = ngram_model_set_init(config, models, names, weights, 2);
	if (set != NULL && ngram_model_set_interp(set, NULL, NULL) != NULL &&
	    ps_set_lm(ps, "mixed", set) == 0)
		rc = ps_set_search(ps, "mixed");
	if (set != NULL)
		ngram_model_free(set);
	if (models[0] != NULL)
		ngram_model_free(models[0]);
	if (models[1] != NULL)
		ngram_model_free(models[1]);
	return rc;
}

// open_decoder makes a decoder from arguments like those of a command line,
// and gives it a mixture of two language models when mixed names them. On
// failure it returns NULL and copies the reason.
static ps_decoder_t *open_decoder(int argc, char **argv, const char *general, const char *domain,
                                  float domain_weight, char *why, size_t size) {
	ps_decoder_t *ps = NULL;
	last_error[0] = 0;
	err_set_logfp(NULL); // of this thread: the table of settings goes there
	cmd_ln_t *config = cmd_ln_parse_r(NULL, ps_args(), argc, argv, TRUE);
	if (config != NULL) {
		ps = ps_init(config);
		cmd_ln_free_r(config);
	}
	if (ps != NULL && general != NULL && mix(ps, general, domain, domain_weight) != 0) {
		ps_free(ps);
		ps = NULL;
	}
	if (ps == NULL)
		snprintf(why, size, "%s", last_error);
	return ps;
}

// set_channel sets the running cepstral mean to what a telephone call has on
// average, with the weight of the given number of frames.
static void set_channel(ps_decoder_t *ps, const float *mean, int frames) {
	cmn_t *cmn = ps_get_feat(ps)->cmn_struct;
	for (int i = 0; i < cmn->veclen; i++) {
		cmn->cmn_mean[i] = mean[i];
		cmn->sum[i] = mean[i] * frames;
	}
	cmn->nframe = frames;
}

// process searches samples, then moves the cepstral mean to what was heard.
static int process(ps_decoder_t *ps, const int16 *samples, size_t count, int learn) {
	int rc = ps_process_raw(ps, samples, count, FALSE, FALSE);
	if (learn)
		cmn_live_update(ps_get_feat(ps)->cmn_struct);
	return rc;
}

// posterior is the probability of the best path, 0 to 1, once the talkspurt
// has ended.
static double posterior(ps_decoder_t *ps) {
	return logmath_exp(ps_get_logmath(ps), ps_get_prob(ps));
}
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"unsafe"
)

// engine is a pocketsphinx decoder.
type engine struct {
	ps        *C.ps_decoder_t
	sinceMean int // samples since the cepstral mean was last moved
}

var silenceOnce sync.Once

// newDecoder makes a decoder. It reads the models from disk: some tens of
// milliseconds for a domain, up to two seconds for general English.
func newDecoder(m *models) (decoder, error) {
	silenceOnce.Do(func() { C.silence() })
	// The library keeps the arguments' values, not the array, and copies them.
	args := append([]string{"trunkline"}, m.arguments()...)
	argv := make([]*C.char, len(args))
	for i, arg := range args {
		argv[i] = C.CString(arg)
		defer C.free(unsafe.Pointer(argv[i]))
	}
	var general, domain *C.char
	if m.mode == GeneralAndDomain {
		general, domain = C.CString(m.general), C.CString(m.domain)
		defer C.free(unsafe.Pointer(general))
		defer C.free(unsafe.Pointer(domain))
	}
	var why [256]C.char
	ps := C.open_decoder(C.int(len(argv)), &argv[0], general, domain, C.float(domainShare), &why[0], C.size_t(len(why)))
	if ps == nil {
		return nil, fmt.Errorf("start pocketsphinx: %s", C.GoString(&why[0]))
	}
	e := &engine{ps: ps}
	e.reset()
	return e, nil
}

func (e *engine) reset() {
	mean := telephoneMean
	C.set_channel(e.ps, (*C.float)(unsafe.Pointer(&mean[0])), C.int(telephoneMeanFrames))
}

func (e *engine) start() error {
	if C.ps_start_utt(e.ps) < 0 {
		return errors.New("pocketsphinx did not start a talkspurt")
	}
	e.sinceMean = 0
	return nil
}

func (e *engine) process(samples []int16) error {
	learn := 0
	if e.sinceMean += len(samples); e.sinceMean >= meanInterval {
		e.sinceMean, learn = 0, 1
	}
	rc := C.process(e.ps, (*C.int16)(unsafe.Pointer(unsafe.SliceData(samples))), C.size_t(len(samples)), C.int(learn))
	if rc < 0 {
		return errors.New("pocketsphinx failed to search")
	}
	return nil
}

func (e *engine) words(prev string) string {
	hyp := C.ps_get_hyp(e.ps, nil)
	if hyp == nil {
		return ""
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(hyp)), C.strlen(hyp))
	if string(text) == prev {
		return prev
	}
	return string(text)
}

func (e *engine) finish() (string, float64, error) {
	if C.ps_end_utt(e.ps) < 0 {
		return "", 0, errors.New("pocketsphinx failed to end a talkspurt")
	}
	text := e.words("")
	if text == "" {
		return "", 0, nil
	}
	// The posterior of a whole sentence falls with its length.
	words := 1 + strings.Count(text, " ")
	return text, min(1, math.Pow(float64(C.posterior(e.ps)), 1/float64(words))), nil
}

func (e *engine) free() { C.ps_free(e.ps) }
