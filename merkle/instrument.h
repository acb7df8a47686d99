/* instrument.h - what the checks compile into the code that they check: probes, and planted bugs. Not installed.
 *
 * PROBE("folder.what") marks a place that a sweep of simulations must reach sometimes ("sometimes assertions", as in
 * FoundationDB and TigerBeetle). Names are unique. It counts where ATTUNE_PROBES is defined (attune-chaos is built so),
 * and is nothing elsewhere.
 *
 * PLANTED(ATTUNE_B07) is true while that bug is switched on: a mistake made on purpose, to see that the checks catch it.
 * It can be true only in a build with ATTUNE_PLANTS (make MODE=plant), where attune-chaos chooses one at start; in all
 * others it is the constant false, and the mistake is not compiled. Release builds refuse ATTUNE_PLANTS.
 */
#ifndef MERKLE_INSTRUMENT_H
#define MERKLE_INSTRUMENT_H

#include <stdbool.h>
#include <stdint.h>

#if defined(ATTUNE_PLANTS) && defined(ATTUNE_RELEASE)
#error "a release is not built with planted bugs"
#endif

/* --- probes ------------------------------------------------------------------------------------------------------ */

struct attune_probe {
    const char *name;
    const char *file;
    int line;
    uint64_t hits; /* of this process; one thread counts */
};

#ifdef ATTUNE_PROBES
/* The linker collects pointers to all of them between __start_attune_probes and __stop_attune_probes. */
#define PROBE(probe_name)                                                                          \
    do {                                                                                           \
        static struct attune_probe attune_probe_here = {(probe_name), __FILE__, __LINE__, 0};      \
        static struct attune_probe *const attune_probe_listed                                      \
            __attribute__((used, section("attune_probes"))) = &attune_probe_here;                  \
        (void)attune_probe_listed;                                                                 \
        attune_probe_here.hits++;                                                                  \
    } while (0)
#else
#define PROBE(probe_name) ((void)0)
#endif

/* --- planted bugs ------------------------------------------------------------------------------------------------ */

/* number, what is wrong, what must notice (an invariant of the simulator's table, "unknown", or a unit test case).
 * FAULTS.md 3; those that are missing concern what does not exist yet. */
#define ATTUNE_PLANT_LIST(X)                                                                       \
    X(B01, "the version in force is chosen by milliseconds alone", "S1")

enum attune_plant {
    ATTUNE_PLANT_NONE = 0,
#define X(name, what, caught_by) ATTUNE_##name,
    ATTUNE_PLANT_LIST(X)
#undef X
        ATTUNE_PLANT_COUNT,
};

#ifdef ATTUNE_PLANTS
extern enum attune_plant attune_planted; /* set once, before the first engine is made (merkle/instrument.c) */
#define PLANTED(plant) (attune_planted == (plant))
#else
#define PLANTED(plant) false
#endif

#endif
