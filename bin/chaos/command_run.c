/* command_run.c - attune-chaos run: real processes. Holds the place of what real.h describes. */
#include "bin/chaos/chaos.h"

#include <argp.h>

int command_run(int argc, char **argv) {
    static const struct argp argp = {
        NULL, NULL, "", "Performs a scenario on real attuned processes.", NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    chaos_complain("run is not there yet");
    return CHAOS_USAGE;
}
