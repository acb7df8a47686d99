/* checker.h - a checker is an object: what it claims, and what it looks at when something happens.
 *
 * It is called after the event, never changes anything, and makes no choice. sim_violated() notes what is wrong; the first
 * violation ends the run. Costs per call: what is called at each event must be O(1); O(entries) is for starts, intervals
 * (one in so many) and the end. A checker keeps its memory in the run: sim_checker_state() gives it, zeroed, of the size
 * that it asked for; what it allocates beside it frees in `close`.
 */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H

#include "test/sim/world.h"

struct sim_checker {
    const char *id;        /* FAULTS.md 2: "S3", "L1"; or a promise of DESIGN 2: "G6" */
    const char *statement; /* one sentence */
    size_t state_size_bytes;
    bool liveness; /* a violation means "diverged", not "a safety promise was broken" */
    bool later;    /* it comes later: nothing is checked yet */

    /* An engine was made from what its disk held, before its first step. */
    void (*started)(struct sim *sim, struct sim_node *node, const struct catalog_load *load);
    /* It is gone: crash, stop, wipe. Its disk is as it will be found. */
    void (*ended)(struct sim *sim, struct sim_node *node);
    /* After each step, before the update is performed. */
    void (*stepped)(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                    const struct gossip_update *update);
    /* A frame is sent, before the network's faults; its type is that of gossip/message.h. */
    void (*sent)(struct sim *sim, struct sim_node *node, struct sim_node *to, unsigned type,
                 const struct gossip_send *send);
    /* An entry takes its place on a disk: what stood there (NULL: nothing), what stands there. */
    void (*put)(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                struct catalog_entry *after);
    /* A row is taken off a disk: a tombstone that the horizon has passed. */
    void (*taken)(struct sim *sim, struct sim_node *node, struct catalog_entry *before);
    /* A disk is about to begin anew under another id (DESIGN 4.7): it still is as it was. */
    void (*reset)(struct sim *sim, struct sim_node *node, const struct sim_batch *batch);
    /* A client asked how fresh a node is, and was told: in touch with a majority so long ago. */
    void (*fresh)(struct sim *sim, struct sim_node *node, uint64_t age_ms);
    /* An engine handed over what this node alone had, in this update. */
    void (*handed_over)(struct sim *sim, struct sim_node *node, const struct gossip_update *update);
    /* A batch is on a disk as a whole; `before` is the state row that it replaced (NULL: the first). */
    void (*landed)(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                   const struct catalog_node_state *before);
    /* A client was told that its write is durable. */
    void (*acknowledged)(struct sim *sim, struct sim_node *node,
                         const struct catalog_outcome *outcome);
    /* The disk was changed by a fault that is outside the promises: emptied, put back, damaged. */
    void (*disk_replaced)(struct sim *sim, struct sim_node *node);
    /* Each virtual interval, in all phases. */
    void (*interval)(struct sim *sim);
    /* A phase begins. */
    void (*phase)(struct sim *sim, enum sim_phase phase);
    /* The end of the run: all that was required is equal and at rest. */
    void (*finished)(struct sim *sim);
    void (*close)(struct sim *sim);
};

/* All, in the order of the table (checkers.c). */
extern const struct sim_checker *const sim_checkers[];
extern const size_t sim_checker_count;

/* Each stands in a file of its group, check_*.c; they are named here so that those that share what they keep can. */
#define SIM_CHECKERS(X)                                                                            \
    X(s1)                                                                                          \
    X(s3)                                                                                          \
    X(l4)                                                                                          \
    X(s4)                                                                                          \
    X(staged)                                                                                      \
    X(horizon)                                                                                     \
    X(lineage)                                                                                     \
    X(fresh)                                                                                       \
    X(s5)                                                                                          \
    X(s9)                                                                                          \
    X(s6)                                                                                          \
    X(s7)                                                                                          \
    X(s11)                                                                                         \
    X(s12)                                                                                         \
    X(s13)                                                                                         \
    X(s14)                                                                                         \
    X(s8)                                                                                          \
    X(s10)                                                                                         \
    X(s15)                                                                                         \
    X(seen)                                                                                        \
    X(g6)                                                                                          \
    X(g11)                                                                                         \
    X(l1)                                                                                          \
    X(l2)                                                                                          \
    X(l3)                                                                                          \
    X(l5)                                                                                          \
    X(l8)                                                                                          \
    X(l9)
#define X(name) extern const struct sim_checker sim_check_##name;
SIM_CHECKERS(X)
#undef X

/* Whether the horizon has passed all that there is on all required disks (check_horizon.c). */
bool sim_horizon_is_at_rest(const struct sim *sim);

/* The memory of a checker in this run, and how often it has looked (count it yourself: one for each real comparison). */
void *sim_checker_state(struct sim *sim, const struct sim_checker *checker);
void sim_checker_looked(struct sim *sim, const struct sim_checker *checker);
void sim_violated(struct sim *sim, const struct sim_checker *checker, const struct sim_node *node,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* C03: whether the options say that it always passes. */
bool sim_checker_is_hollow(const struct sim *sim, const char *id);

/* Calls of all checkers, for the world (checkers.c). */
void sim_checkers_open(struct sim *sim);
void sim_checkers_close(struct sim *sim);
uint64_t sim_checkers_begin(const struct sim *sim);
void sim_checkers_end(struct sim *sim, uint64_t begun_ns);
#define SIM_CHECK(sim, hook, ...)                                                                  \
    do {                                                                                           \
        uint64_t sim_check_begun_ns = sim_checkers_begin(sim);                                     \
        for (size_t sim_check_at = 0; sim_check_at < sim_checker_count; sim_check_at++) {          \
            if (sim_checkers[sim_check_at]->hook != NULL && !(sim)->failed) {                      \
                sim_checkers[sim_check_at]->hook(__VA_ARGS__);                                     \
            }                                                                                      \
        }                                                                                          \
        sim_checkers_end((sim), sim_check_begun_ns);                                               \
    } while (0)

#endif
