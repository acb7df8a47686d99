/* command_sim.h - the arguments of attune-chaos sim, read and found to make sense together. */
#ifndef CHAOS_COMMAND_SIM_H
#define CHAOS_COMMAND_SIM_H

#include "bin/chaos/chaos.h"

struct sim_arguments {
    bool single; /* --seed: one run, of the seed `from` */
    bool
        sweep; /* --seeds or --from were given; neither this nor `single` nor a scenario: a sweep too */
    uint64_t from, count; /* of a sweep: 1, 100 */
    uint64_t nodes;       /* 0: drawn */
    unsigned jobs;        /* 0: one for each processor */
    unsigned seconds_max; /* 0: the default of sweep.h */
    bool twice, trace, quiet;
    bool stop_at_first;      /* a sweep ends at the first failure, with one line for programs */
    const char *html, *json; /* files; NULL */
    bool shrink;
    const char *save; /* file for the (shrunk) scenario; NULL: stdout, where one is asked for */
    const char *only; /* classes of faults, separated by commas; NULL: all that were drawn */
    uint64_t
        probes_least; /* a sweep is not enough if a probe has fewer hits; 0: they are only listed */
    /* how the checks themselves are checked (FAULTS.md 3) */
    const char *plant;    /* B07; only in a build with planted bugs */
    const char *hollow;   /* C03: these invariants are never reported */
    bool lossless;        /* C02: nothing is ever lost, delayed, repeated or reordered */
    bool canary;          /* C01: one seed of 100 fails on purpose */
    const char *scenario; /* file; NULL */
    bool wrong;           /* complained */
};

/* False: complained on stderr. --help, --usage, --version and unknown options end the program, as argp does. */
bool sim_arguments_parse(int argc, char **argv, struct sim_arguments *arguments);

/* Runs what they ask for; returns the exit code (simulate_one.c, simulate_sweep.c). */
int simulate_one(const struct sim_arguments *arguments);
int simulate_sweep(const struct sim_arguments *arguments);

#endif
