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

/* number, what is wrong, and what must notice: an invariant of the simulator's table, "unknown", or a test case of the unit
 * tests ("unit:merkle_walk"); of several, separated by commas, one is enough. Numbers that are missing concern what does not
 * exist yet. */
#define ATTUNE_PLANT_LIST(X)                                                                       \
    X(B01, "of versions that survive a merge the order is by milliseconds alone",                  \
      "S3,S7,S9,unit:catalog_merge")                                                               \
    X(B02, "at equal clocks a merge puts the smaller origin in force",                             \
      "S7,S9,unit:catalog_merge_algebra")                                                          \
    X(B03, "an entry that is replaced is stored, the tree keeps the old one", "G11,L1")            \
    X(B04, "the tree has an entry before its commit, and keeps it if that fails",                  \
      "S9,G11,L1,S3,G6")                                                                           \
    X(B05, "tombstones are removed by their age", "HORIZON,S3,L1,G6")                              \
    X(B06, "acknowledged before it is stored; SQLite does not sync", "S2")                         \
    X(B07, "the error of a commit is ignored", "S2,L8,G6,FRESH")                                   \
    X(B08, "agreement does not wait for a member that is gone", "S4,STAGED,unit:agreement_rule")   \
    X(B09, "a confirmation stands although its member has started again",                          \
      "unit:agreement_restart")                                                                    \
    X(B10, "agreement does not wait for members that were learnt of meanwhile",                    \
      "S4,unit:agreement_table")                                                                   \
    X(B11, "origin and clock begin anew with the same name on an empty disk", "S7,S15")            \
    X(B12, "the clock's high-water mark is not read at a start", "S12")                            \
    X(B13, "clocks past the year 2200 are taken from peers", "S11,S12,unit:message_decode")        \
    X(B14, "any write may follow on a staged one, and a drop on a drop",                           \
      "S7,unit:catalog_plan_new")                                                                  \
    X(B15, "an answer that ended at its limit counts as the whole", "SEEN,S14,S3,L1,FRESH")        \
    X(B16, "the member with the highest index never has its turn", "L2,L1")                        \
    X(B17, "after a failed dial the interval is not armed again", "L2,L1")                         \
    X(B18, "neither a silent hello nor a silent exchange is ended", "L3,L1,L4,HORIZON")            \
    X(B19, "a malformed message leaves its exchange in its slot", "L3,L2,L4,HORIZON")              \
    X(B20, "what a member does not acknowledge is repeated and kept without bound",                \
      "S10,unit:push_tick")                                                                        \
    X(B21, "an inner node stays that has too few items left", "unit:merkle_tree_insert")           \
    X(B22, "leaves and inner nodes are hashed under one seed", "S5,unit:merkle_tree_root")         \
    X(B23, "only the first 8 bits of digests are compared",                                        \
      "L1,SEEN,S3,G6,FRESH,unit:merkle_walk")                                                      \
    X(B24, "the cluster is checked only on connections that we dialled",                           \
      "S11,unit:recv_hello_refuses")                                                               \
    X(B25, "memory is taken for as many elements as a message declares",                           \
      "S10,unit:message_decode")                                                                   \
    X(B27, "at a start the rows are not compared with the stored count and sum",                   \
      "S8,unit:rows_set_aside")                                                                    \
    X(B28, "of two contents of one version each node keeps its own", "unit:catalog_merge")         \
    X(B29, "a removed member comes back when it is told of", "S13,unit:member_update")             \
    X(B30, "the clock is stored in 32 bits", "S8,S12")                                             \
    X(B31, "a merge drops fields of versions that it does not know", "S3,S9,unit:catalog_merge")   \
    X(B32, "an encoding that is not the shortest is taken, and hashed as it came",                 \
      "S11,S9,unit:catalog_msgpack_check")                                                         \
    X(B33, "freshness is counted from when the answer came", "FRESH,unit:agreement_age")           \
    X(B34, "what was seen is counted though the member tables differ", "unit:hostile_answers")     \
    X(B35, "what a member lacks behind the horizon is taken for removed", "S3,L1,G11,S2")          \
    X(B36, "a staged change takes its last step without waiting for agreement",                    \
      "STAGED,S4,unit:staged_rule")                                                                \
    X(B37, "a staged change is finished by another than its owner", "STAGED,S4,unit:staged_rule")  \
    X(B38, "what is in flight and not on disk is confirmed", "S4,STAGED,unit:recv_confirm")        \
    X(B39, "what lost rows have left is given to healthy members", "unit:healing")                 \
    X(B40, "a step of a staged change counts what superseded it as what it is",                    \
      "unit:agreement_rule")

enum attune_plant {
    ATTUNE_PLANT_NONE = 0,
#define X(name, what, caught_by) ATTUNE_##name,
    ATTUNE_PLANT_LIST(X)
#undef X
        ATTUNE_PLANT_COUNT,
};

#ifdef ATTUNE_PLANTS
extern enum attune_plant
    attune_planted; /* set once, before the first engine is made (merkle/instrument.c) */
struct attune_plant_text {
    const char *name; /* "B07" */
    const char *what, *caught_by;
};
extern const struct attune_plant_text
    attune_plants[ATTUNE_PLANT_COUNT]; /* nothing at ATTUNE_PLANT_NONE */
/* By its name; false if there is none of it. */
bool attune_plant_find(const char *name, enum attune_plant *plant);
#define PLANTED(plant) (attune_planted == (plant))
#else
#define PLANTED(plant) false
#endif

#endif
