//go:build offline

#include "engine.h"

#include <flite/flite.h>

#include "_cgo_export.h"

cst_voice *register_cmu_us_slt(const char *voxdir);
cst_voice *register_cmu_us_rms(const char *voxdir);
cst_voice *register_cmu_us_awb(const char *voxdir);
cst_voice *register_cmu_us_kal16(const char *voxdir);

trunkline_voice *trunkline_voice_get(const char *name) {
	cst_voice *v = NULL;

	flite_init();
	if (cst_streq(name, "slt"))
		v = register_cmu_us_slt(NULL);
	else if (cst_streq(name, "rms"))
		v = register_cmu_us_rms(NULL);
	else if (cst_streq(name, "awb"))
		v = register_cmu_us_awb(NULL);
	else if (cst_streq(name, "kal16"))
		v = register_cmu_us_kal16(NULL);
	return (trunkline_voice *)v;
}

/* Tells where each token of the text ends and when its sound begins, and where the speech lies
 * between the pauses at its ends. The segments' times are known before the
 * first sample is made. */
static void tell_times(const cst_utterance *u, uintptr_t handle) {
	const char *start = "R:SylStructure.daughter1.daughter1.R:Segment.p.end";
	double from = 0, to = 0;
	cst_item *i, *w;

	for (i = relation_head(utt_relation(u, "Token")); i; i = item_next(i)) {
		w = item_daughter(i);
		while (w && !item_daughter(item_as(w, "SylStructure")))
			w = item_next(w); /* a mark that has no sound */
		if (w)
			trunklineMark(handle, item_feat_int(i, "file_pos"), ffeature_float(w, start));
	}
	i = relation_head(utt_relation(u, "Segment"));
	if (i && cst_streq(item_name(i), "pau"))
		from = item_feat_float(i, "end");
	i = relation_tail(utt_relation(u, "Segment"));
	if (i) {
		to = item_feat_float(i, "end");
		if (cst_streq(item_name(i), "pau") && item_prev(i))
			to = item_feat_float(item_prev(i), "end");
	}
	trunklineSpan(handle, from, to);
}

static int on_audio(const cst_wave *w, int start, int size, int last, cst_audio_streaming_info *asi) {
	uintptr_t handle = (uintptr_t)asi->userdata;

	(void)last;
	if (start == 0 && asi->utt)
		tell_times(asi->utt, handle);
	if (size > 0 && trunklineAudio(handle, w->samples + start, size, w->sample_rate))
		return CST_AUDIO_STREAM_STOP;
	return CST_AUDIO_STREAM_CONT;
}

int trunkline_say(trunkline_voice *voice, const char *text, uintptr_t handle) {
	cst_utterance *u = new_utterance();
	cst_audio_streaming_info *asi;
	int failed;

	utt_set_input_text(u, text);
	utt_init(u, (cst_voice *)voice);
	asi = new_audio_streaming_info();
	asi->asc = on_audio;
	asi->utt = u;
	asi->userdata = (void *)handle;
	/* On the utterance, which owns it from here; the voice is shared. */
	feat_set(u->features, "streaming_info", audio_streaming_info_val(asi));
	failed = utt_synth(u) == NULL;
	delete_utterance(u);
	return failed ? -1 : 0;
}
