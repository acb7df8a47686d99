/* verdict.h - how a run ended, as attune-chaos's exit code says it. */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

enum chaos_verdict {
    CHAOS_HELD =
        0, /* every promise that was checked held, and everything that was to be tried was */
    CHAOS_VIOLATED = 1, /* a safety promise was broken */
    CHAOS_USAGE = 2,    /* the call or the scenario makes no sense, or this machine cannot do it */
    CHAOS_DIVERGED = 3, /* the nodes did not become equal in time */
    CHAOS_CRASHED = 4,  /* a process died that nobody killed */
    CHAOS_UNKNOWN = 5,  /* nothing was broken, and too little happened to say that it holds */
    CHAOS_VERDICT_COUNT = 6,
};
/* "held", "violated", "usage", "diverged", "crashed", "unknown" */
const char *chaos_verdict_name(enum chaos_verdict verdict);

#endif
