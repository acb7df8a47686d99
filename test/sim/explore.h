/* explore.h - model checking: enumerates every state that a small world can reach, and checks a property in each.
 *
 *      model (explore_removal.c ...)                        explorer (explore.c)
 *        begin   the first state                              a queue of states, in order of their distance
 *        expand  all that can happen next  ---- emit ----->   new? canonical form, 128-bit hash, visited before?
 *        broken  the property                                 the shortest way to a state in which it does not hold
 *
 * Nothing is drawn: what a node, the network, a disk or an operator may do next is emitted, all of it. Breadth first, so
 * the counterexample that is found is one of the shortest.
 *
 * A state is a flat structure of a few hundred bytes without pointers or padding; whatever is not in it did not happen.
 * States are equal if their canonical forms have the same XXH3-128: with 10^8 states two different ones share a hash with
 * a probability of 10^-23. Only hashes, parents and the states not expanded yet are kept. The way to a state is found by
 * going it again: from the first state, of all steps the one whose result has the hash that comes next.
 *
 * A model says in its first comment what it abstracts from, and why that is sound: for each behaviour of the real nodes
 * the model has one that looks the same to the property. Where it has more, a counterexample has to be looked at before it
 * is believed; where the property holds, it holds.
 */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    EXPLORE_STATE_SIZE_MAX = 512,
    EXPLORE_WHY_SIZE = 160,
    EXPLORE_NAMES_MAX = 8,
    EXPLORE_PLANT_NONE = 0, /* plants of a model are numbered from 1 */
};

/* How large a world is. What a model has no use for it ignores; `small` of a model is what it begins with. */
struct explore_limits {
    unsigned nodes;  /* members at the start */
    unsigned joins;  /* newcomers, by new ids of old nodes or by a fresh one */
    unsigned keys;   /* of the catalog */
    unsigned writes; /* sets and drops */
    unsigned
        walks; /* exchanges that take their time, with others in between; more of them are done at once */
    unsigned late;     /* messages that stay in the network: late, lost, out of order, repeated */
    unsigned crashes;  /* ends of processes, which begin again from their disk */
    unsigned restores; /* disks put back to a copy */
    unsigned losses;   /* disks lost */
    unsigned removals; /* by the operator */
    unsigned changes;  /* in stages */
    unsigned skips;    /* 1: agreements may leave out who is held to be dead */
    unsigned ticks;    /* of the clock, where there is one */
    uint64_t states;   /* to be kept: beyond it nothing is proved */
    uint64_t bytes;    /* of memory, the same */
};

struct explore_plant {
    const char *name; /* of a clause that is left out, or of a planted bug: "lift-late", "B05" */
    const char *what;
};

struct explore_world {
    struct explore_limits limits;
    unsigned plant; /* EXPLORE_PLANT_NONE, or which of the model's */
    bool settle;    /* also: from each state all members become equal again */
};

/* What happened, for the model itself to print. */
struct explore_step {
    uint8_t kind, a, b, c;
};

struct explore_sink;
/* Hands over what follows. `after` is borrowed. */
void explore_emit(struct explore_sink *sink, struct explore_step step, const void *after);

struct explore_model {
    const char *name;
    const char *what; /* the property in one sentence */
    size_t state_size_bytes;
    const struct explore_plant *plants;
    size_t plant_count;
    struct explore_limits small; /* a world of a few seconds */
    /* NULL, or why the world is larger than the model's state; may be NULL. */
    const char *(*unfit)(const struct explore_world *world);
    /* The first state, into memory that is all zeros. */
    void (*begin)(const struct explore_world *world, void *state);
    void (*expand)(const struct explore_world *world, const void *state, struct explore_sink *sink);
    /* One of the states that differ only in names; may be the identity. `names`, which is the identity before, says what
     * each is called now. */
    void (*canonical)(const struct explore_world *world, void *state, uint8_t *names);
    /* NULL, or what does not hold; a text that lives for ever. */
    const char *(*broken)(const struct explore_world *world, const void *state);
    /* `labels` says what each was called at the start. */
    void (*print_step)(const void *before, struct explore_step step, const void *after,
                       const uint8_t *labels, FILE *file);
    void (*print_state)(const void *state, const uint8_t *labels, FILE *file);
};

extern const struct explore_model explore_removal, explore_agreement, explore_staged,
    explore_freshness;

const struct explore_model *const *explore_models(size_t *count);
const struct explore_model *explore_model_find(const char *name);
/* 0 if the model has none of this name. */
unsigned explore_plant_find(const struct explore_model *model, const char *name);

/* A world of the suite (explore_suite.c), and what must come out of it. */
enum explore_outcome {
    EXPLORE_HOLDS = 1,  /* in all states, and all were seen */
    EXPLORE_BREAKS = 2, /* with what is planted */
    EXPLORE_FREE = 3,   /* what is left out is not missed in this world */
};
struct explore_case {
    const struct explore_model *model;
    const char *plant; /* NULL */
    bool large;        /* takes more than a few seconds */
    bool settle;
    enum explore_outcome outcome;
    struct explore_limits limits; /* `states` and `bytes` are the caller's */
};
const struct explore_case *explore_cases(size_t *count);

struct explore_result {
    uint64_t states;      /* different ones, the first included */
    uint64_t transitions; /* steps tried */
    unsigned depth;       /* the largest distance of a state from the first */
    bool complete;        /* all states that can be reached were expanded */
    bool out_of_memory;   /* the machine had less than the limit allows */
    bool broken;          /* a state was found in which the property does not hold */
    char why[EXPLORE_WHY_SIZE];
    unsigned steps; /* of the counterexample */
    uint64_t bytes; /* of memory, at most */
};

/* Explores the world until all is seen, something is broken, or a limit is met. With `trace` the counterexample is printed
 * there. */
struct explore_result explore_run(const struct explore_model *model,
                                  const struct explore_world *world, FILE *trace);

#endif
