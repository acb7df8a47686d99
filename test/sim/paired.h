/* paired.h - L6: what one bad peer costs the others, seen by running the same scenario without what is bad about it.
 *
 * How long the others take is counted at each interval: for each write that one of them acknowledged, on how many of them it
 * is missing. The sum over the run is their lag; it grows with the time that writes take as well as with how many are late.
 */
#ifndef SIM_PAIRED_H
#define SIM_PAIRED_H

#include "test/sim/sim.h"

struct paired {
    struct sim_result with, without; /* the faults of the bad peer */
    size_t left_out;                 /* actions that were */
};

/* Runs both. `scenario` is expanded; bad about the node is each fault that names it alone. */
void paired_run(const struct scenario *scenario, size_t bad, struct paired *paired);
/* Whether the others took more than twice as long, or did not come to an end. Most writes are
 * everywhere within the interval, so a quarter of an interval for each is within the error of the measure. */
bool paired_costs_too_much(const struct paired *paired);

#endif
