/* verdict.c - the names of verdicts; see verdict.h. */
#include "test/sim/verdict.h"

#include <assert.h>
#include <stddef.h>

const char *chaos_verdict_name(enum chaos_verdict verdict) {
    static const char *const names[CHAOS_VERDICT_COUNT] = {
        [CHAOS_HELD] = "held",         [CHAOS_VIOLATED] = "violated", [CHAOS_USAGE] = "usage",
        [CHAOS_DIVERGED] = "diverged", [CHAOS_CRASHED] = "crashed",   [CHAOS_UNKNOWN] = "unknown",
    };
    assert((unsigned)verdict < CHAOS_VERDICT_COUNT);
    assert(names[verdict] != NULL);
    return names[verdict];
}
