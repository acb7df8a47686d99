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
    const char *html, *json; /* files; NULL */
    const char *scenario;    /* file; NULL */
    bool wrong;              /* complained */
};

/* False: complained on stderr. --help, --usage, --version and unknown options end the program, as argp does. */
bool sim_arguments_parse(int argc, char **argv, struct sim_arguments *arguments);

#endif
