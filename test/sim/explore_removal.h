/* explore_removal.h - the model of removal (DESIGN 4.7): its state, its rules, its steps (shared by explore_removal*.c).
 *
 *   explore_removal.c         what is modelled and why it is enough; the steps
 *   explore_removal_rules.c   the rules of 4.7 as functions of numbers and sets
 *   explore_removal_node.c    what a node does by them: hears, counts, raises, joins, starts again
 *   explore_removal_entry.c   and: tells, takes and writes entries
 *   explore_removal_check.c   the properties
 *   explore_removal_settle.c  that all become equal once nothing fails
 *   explore_removal_print.c   words
 */
#ifndef SIM_EXPLORE_REMOVAL_H
#define SIM_EXPLORE_REMOVAL_H

#include "gossip/horizon_rule.h"
#include "test/sim/explore.h"

#include <assert.h>

enum {
    REMOVAL_IDS_MAX = 5,
    REMOVAL_WRITES_MAX = 8,
    REMOVAL_KEYS_MAX = 2,
    REMOVAL_LATE_MAX = 3,
    REMOVAL_NONE = 0xff,
};

/* Clauses that are left out, one at a time, and bugs. */
#define REMOVAL_PLANTS(X)                                                                          \
    X(TABLES, "tables-unequal", "an answer counts whatever its member table")                      \
    X(LIFT, "lift-late", "seen is lifted to the member's seen of now, not of the answer")          \
    X(RESET, "no-reset", "what was counted stays when an id is added or removed")                  \
    X(REFUSAL, "no-refusal", "what is absent here is taken from senders behind the horizon")       \
    X(NEWCOMER, "newcomer-goes-on", "a newcomer that hears a horizon above its seen raises it")    \
    X(ADMITTER, "admitter-removed", "a newcomer goes on when its admitter is removed")             \
    X(ABSENT, "absent-unseen", "a pair that is absent counts as never seen, not as the horizon")   \
    X(DIRECTION, "walk-back", "a walk counts for the side that was asked, too")                    \
    X(OLD_DISK, "old-disk", "a member whose seen is below a horizon raises it")                    \
    X(REMOVED_HEARD, "removed-heard", "entries of a removed id are taken")                         \
    X(UNFINISHED, "unfinished-walk", "a walk counts although an entry was refused or gone")        \
    X(RAISE_LATER, "raise-later", "entries stamped above the own horizon are merged before it")    \
    X(DROP_STAYS, "drop-stays", "a drop at the horizon does not yield to a set above it")          \
    X(CLOCK, "newcomer-clock", "what a newcomer hears does not raise its clock")                   \
    X(JOINING, "joining-free", "members that are joining do not hold the horizon back")            \
    X(HORIZON_ALONE, "own-seen", "a node raises the horizon to its own seen")                      \
    X(TOMBSTONES_STAY, "tombstone-returns", "a merge may leave a tombstone below the horizon")     \
    X(ADMIT_SEEN, "admitted-at-zero", "a newcomer begins with a seen and a horizon of 0")          \
    X(JOIN_ONE, "ready-through-one", "a newcomer is ready after a walk with one member")           \
    X(JOIN_BEFORE, "walk-before-row", "walks begun before the member stored the newcomer count")   \
    X(REPLACED, "replaced-stays", "the former id of a node that took a new one is not removed")    \
    X(ACROSS, "walk-across", "a walk counts although an id was added or removed meanwhile")        \
    X(AMNESIA, "amnesia", "a member counts although it has not met all others since its start")    \
    X(HEARD, "seen-any-table", "what a member has seen counts whatever its table")                 \
    X(CLOCK_BACK, "clock-back", "the wall clock of a disk put back is behind clocks of before")    \
    X(PRESENT, "present-merged",                                                                   \
      "what is present here is merged with entries from behind the horizon")                       \
    X(TWO_HORIZONS, "two-horizons",                                                                \
      "the same, what they lack counting up to their stamp (not a bug)")                           \
    X(B05, "B05", "tombstones go when they are old, whatever the horizon")

enum removal_plant {
    REMOVAL_PLANT_NONE = 0,
#define X(symbol, name, what) REMOVAL_PLANT_##symbol,
    REMOVAL_PLANTS(X)
#undef X
        REMOVAL_PLANT_COUNT,
};

/* --- the state ------------------------------------------------------------------------------------------------------ */

/* A write is a version that was made once: bit n of a set is the n-th of them. They are kept in order of clocks. */
struct removal_write {
    uint8_t clock;
    uint8_t origin; /* of the start of the process that made it, from 1 */
    uint8_t key;
    uint8_t drop; /* else a set */
    uint8_t past; /* ghost: what it superseded, directly or not */
};

/* An entry: of each origin that it has a pair of, the write that the pair names; those of them whose version survives.
 * Absent: no survivors. */
struct removal_entry {
    uint8_t pairs, alive;
};

enum removal_row { REMOVAL_UNKNOWN = 0, REMOVAL_JOINING = 1, REMOVAL_READY = 2, REMOVAL_GONE = 3 };

/* What stands on disk, all of one transaction. */
struct removal_disk {
    struct removal_entry entries[REMOVAL_KEYS_MAX];
    uint8_t horizon, seen, high_water;
    uint8_t ready;
    uint8_t
        admitter; /* whose horizon it took; REMOVAL_NONE: nobody's yet; the id itself: a founder */
    uint8_t replaces;               /* its former id; REMOVAL_NONE */
    uint8_t table[REMOVAL_IDS_MAX]; /* enum removal_row; its own row too */
    uint8_t known;                  /* ghost: what stood here once, and what came with it */
    uint8_t
        owed; /* ghost: of those what it must not lose: not what it had as a newcomer, or has from one alone */
};

/* What a node remembers of the one walk that it is on. */
struct removal_walk {
    uint8_t peer; /* REMOVAL_NONE: none */
    uint8_t clock, seen;
    uint8_t counts;   /* the tables were equal */
    uint8_t whole;    /* the member was whole */
    uint8_t admitted; /* it began after the member's ADMIT was stored here */
    uint8_t keys;     /* to be pulled */
};

enum removal_status { REMOVAL_UNUSED = 0, REMOVAL_LIVE = 1, REMOVAL_ENDED = 2 };

struct removal_node {
    uint8_t status;
    uint8_t origin;  /* of this process; 0: it has written nothing */
    uint8_t again;   /* ghost: it has started again empty, under its id: its `seen` has fallen */
    uint8_t reached; /* its wall clock is past this: the largest high-water mark that it ever had */
    uint8_t met;     /* since this process began: with whom an exchange of its own has counted */
    uint8_t admitted, through;
    uint8_t counted[REMOVAL_IDS_MAX];
    uint8_t heard[REMOVAL_IDS_MAX]; /* the largest seen that each told under a table like its own */
    struct removal_walk walk;
    struct removal_disk disk;
};

enum removal_message_type { REMOVAL_FREE = 0, REMOVAL_DIGEST = 1, REMOVAL_ENTRY = 2 };

/* A message that stays in the network: may come at any time, as often as it likes. */
struct removal_message {
    uint8_t type, from, to;
    uint8_t stale;    /* the sender's process has ended since */
    uint8_t wanted;   /* whoever asked for it has not started again, and asked for nothing newer */
    uint8_t admitted; /* asked for after the sender's ADMIT was stored */
    uint8_t whole;    /* the sender has met all members since its process began */
    uint8_t key;      /* ENTRY */
    struct removal_entry entries[REMOVAL_KEYS_MAX]; /* ENTRY: the first */
    uint8_t horizon, seen, high_water, ready;
    uint8_t table[REMOVAL_IDS_MAX];
    uint8_t known, owed; /* ghosts: of the sender, then */
};

struct removal_state {
    struct removal_node nodes[REMOVAL_IDS_MAX];
    struct removal_write writes[REMOVAL_WRITES_MAX];
    uint8_t write_count, origin_count;
    struct removal_message late[REMOVAL_LATE_MAX];
    uint8_t late_count;
    uint8_t copied; /* of whom there is a copy; REMOVAL_NONE */
    struct removal_disk copy;
    uint8_t
        removed_ever; /* ghost: ids that some node once had as removed; its disk may be lost since */
    uint8_t thrown_out;    /* ghost: somebody took a new id, and no disk was ever put back */
    uint8_t ids, ids_used; /* there can be, there were */
    uint8_t crashes, restores, losses, removals; /* so many have happened */
};
static_assert(sizeof(struct removal_state) <= EXPLORE_STATE_SIZE_MAX, "a state fits");

/* --- rules (explore_removal_rules.c) --------------------------------------------------------------------------------- */

/* What two copies of an entry know together, at a horizon, as catalog_merge() has it; what becomes of one at a horizon. */
struct removal_entry removal_merge(const struct removal_state *state, unsigned plant,
                                   struct removal_entry a, struct removal_entry b, uint8_t horizon,
                                   uint8_t horizon_b);
struct removal_entry removal_prune(const struct removal_state *state, unsigned plant,
                                   struct removal_entry entry, uint8_t horizon);
uint8_t removal_highest(const struct removal_state *state, struct removal_entry entry);

/* Those of gossip/horizon_rule.h, with what is planted. */
enum gossip__horizon_verdict removal_judge(unsigned plant, const struct removal_disk *disk,
                                           uint8_t heard);
bool removal_takes(unsigned plant, bool present, uint8_t horizon, uint8_t stamp);
/* The horizon that a node may raise itself to; its own if none. */
uint8_t removal_horizon(const struct removal_state *state, unsigned plant, unsigned node);

/* --- nodes (explore_removal_node.c, explore_removal_entry.c) ---------------------------------------------------------------------------------- */

/* In all of these `state` changes, and `plant` says what is left out. */
struct removal_message removal_digest_of(const struct removal_state *state, unsigned from,
                                         unsigned to);
struct removal_message removal_entry_of(const struct removal_state *state, unsigned from,
                                        unsigned to, unsigned key);
/* False: it did not come to that; the horizons had to be made equal first, or the sender is not heard. */
bool removal_hear(struct removal_state *state, unsigned plant,
                  const struct removal_message *message);
void removal_answer(struct removal_state *state, unsigned plant,
                    const struct removal_message *message);
/* The whole of it at once. */
void removal_exchange(struct removal_state *state, unsigned plant, unsigned node, unsigned from);
bool removal_admit(struct removal_state *state, unsigned plant,
                   const struct removal_message *message);
/* `pulled`: it answers the walk that the receiver is on. False: refused, or not heard. */
bool removal_take(struct removal_state *state, unsigned plant,
                  const struct removal_message *message, bool pulled);
/* The walk has what it wanted of this key; with the last one it concludes. */
bool removal_is_whole(const struct removal_state *state, unsigned node);
void removal_key_done(struct removal_state *state, unsigned plant, unsigned node, unsigned key);
/* The walk's peer has nothing under this key any more. */
void removal_gone(struct removal_state *state, unsigned plant, unsigned node, unsigned key);
/* The node hears that `id` has at least this row. */
void removal_row(struct removal_state *state, unsigned plant, unsigned node, unsigned id,
                 uint8_t row);
void removal_raise(struct removal_state *state, unsigned plant, unsigned node, uint8_t horizon);
/* Whoever has a session, and the same table, hears of the other's `seen`. */
void removal_listen(struct removal_state *state, unsigned plant);
void removal_write(struct removal_state *state, unsigned node, unsigned key, bool drop,
                   uint8_t clock);
void removal_restart(struct removal_state *state, unsigned node);
void removal_end(struct removal_state *state, unsigned node);
void removal_new_id(struct removal_state *state, unsigned node);
bool removal_in_cluster(const struct removal_node *node);
void removal_join(struct removal_state *state);
/* Whether `node` deals with `other`: it has it in its table, not removed. */
bool removal_deals(const struct removal_state *state, unsigned node, unsigned other);

/* --- properties, words ----------------------------------------------------------------------------------------------- */

const char *removal_broken(const struct explore_world *world, const void *state);
/* NULL, or what is still wrong when nothing fails any more (explore_removal_settle.c). */
const char *removal_unsettled(const struct explore_world *world, const struct removal_state *state);
bool removal_is_removed(const struct removal_state *state, unsigned id);
void removal_canonical(const struct explore_world *world, void *state, uint8_t *names);
void removal_print_step(const void *before, struct explore_step step, const void *after,
                        const uint8_t *labels, FILE *file);
void removal_print_state(const void *state, const uint8_t *labels, FILE *file);

enum removal_step {
    REMOVAL_STEP_WRITE = 1,    /* a, key, clock + 16 if a drop */
    REMOVAL_STEP_RAISE,        /* a, to b */
    REMOVAL_STEP_ROW,          /* a hears from b of c */
    REMOVAL_STEP_EXCHANGE,     /* a asks b, and walks and pulls at once */
    REMOVAL_STEP_WALK,         /* a asks b, and begins a walk */
    REMOVAL_STEP_ADMIT,        /* a is admitted by b */
    REMOVAL_STEP_PULL,         /* a pulls from b the key c */
    REMOVAL_STEP_PUSH,         /* b gives a the key c */
    REMOVAL_STEP_DELAY_DIGEST, /* of b to a */
    REMOVAL_STEP_DELAY_ENTRY,  /* of b to a, key c */
    REMOVAL_STEP_LATE_HEARD,   /* message a as a request */
    REMOVAL_STEP_LATE_ANSWER,
    REMOVAL_STEP_LATE_ADMIT,
    REMOVAL_STEP_LATE_ENTRY,
    REMOVAL_STEP_CRASH,
    REMOVAL_STEP_COPY,
    REMOVAL_STEP_RESTORE,
    REMOVAL_STEP_LOSE,
    REMOVAL_STEP_REMOVE, /* at a, of b */
    REMOVAL_STEP_TOLD,   /* a is told that it was removed */
    REMOVAL_STEP_JOIN,   /* a begins empty */
    REMOVAL_STEP_FORGET, /* B05: a forgets the tombstone of key b */
};

#endif
