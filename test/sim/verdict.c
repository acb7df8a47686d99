/* verdict.c - names of verdicts. */
#include "test/sim/verdict.h"
const char *chaos_verdict_name(enum chaos_verdict verdict) {
    static const char *const names[CHAOS_VERDICT_COUNT] = {"held",     "violated", "usage",
                                                           "diverged", "crashed",  "unknown"};
    return names[verdict];
}
