//go:build offline

#include <stdint.h>

typedef struct trunkline_voice trunkline_voice;

/* Voices live as long as the process. NULL when the name is not known. */
trunkline_voice *trunkline_voice_get(const char *name);

/*
 * Synthesises text and calls trunklineMark, trunklineSpan and trunklineAudio
 * with the handle. Returns 0 when all was said or when trunklineAudio asked to
 * stop, -1 when the engine failed. Safe on several threads at once.
 */
int trunkline_say(trunkline_voice *v, const char *text, uintptr_t handle);
