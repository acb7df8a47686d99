/* shrink.h - makes a failing run small, so that a person can read it.
 *
 * In this order, again and again until nothing more can go (FAULTS.md 1.0):
 *   1. classes of faults are left out     4. actions that are faults     ddmin (Zeller, Hildebrandt: "Simplifying and
 *   2. nodes are left out                 5. operations of clients       Isolating Failure-Inducing Input", 2002)
 *   3. the load ends earlier              6. choices of the run become 0 ("no fault")
 * What is left is a scenario like any other: it can be printed, read, and run again.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "test/sim/scenario.h"

struct shrink_options {
    /* Whether this still fails in the same way. Called up to `runs_max` times. `choices` (may be changed by it) is how many
     * choices the run made. */
    bool (*fails)(const struct scenario *scenario, uint64_t *choices, void *context);
    /* What was tried, for a person who waits; NULL: nobody does. */
    void (*progress)(const char *step, const struct scenario *scenario, void *context);
    void *context;
    unsigned runs_max;
};

/* `scenario` is expanded (no loads) and fails; it becomes the smallest that was found. Returns how many runs it took. */
unsigned shrink(struct scenario *scenario, const struct shrink_options *options);

#endif
