/* plan.h - a batch on its way from writes to entries (private to catalog/).
 *
 *      writes --check--> targets --decide--> state, body --take along--> rules --stamp--> entries, outcomes
 *             plan_check.c       plan_decide.c           plan_drop.c   plan_rules.c  plan.c
 *                                plan_resolve.c
 *
 * A target says what one key will be after the batch. The targets lie over the pending layer as a view, and the rules are
 * checked on that view: so a batch is judged by its result, whatever the order of its lines.
 */
#ifndef CATALOG_PLAN_H
#define CATALOG_PLAN_H

#include "catalog/internal.h"

struct catalog__target {
    struct catalog_key key;
    const struct catalog_write *write; /* NULL: a drop took it along */
    size_t order;                      /* index of the write, or of the drop that took it along */
    struct catalog_entry *before;      /* newest on the pending layer, borrowed; NULL if absent */
    bool changed;
    bool refused;
    enum catalog_state state; /* as it will be */
    const uint8_t *body;      /* NULL when dropped */
    size_t body_size_bytes;
    const uint8_t *previous; /* NULL if none */
    size_t previous_size_bytes;
    uint64_t slot;
};

/* What a key holds as far as a reader of a view sees it; never dropped. */
struct catalog__in_force {
    struct catalog_key key;
    enum catalog_state state;
    const uint8_t *body;
    size_t body_size_bytes;
    const uint8_t *previous; /* NULL if none */
    size_t previous_size_bytes;
    const struct catalog__target *target; /* NULL: not of the batch */
};

/* A layer of the catalog, with targets (sorted by key) above it. */
struct catalog__view {
    const struct catalog *catalog;
    enum catalog__layer layer;
    struct catalog__target *targets;
    size_t target_count;
};
struct catalog__target *catalog__view_target(const struct catalog__view *view,
                                             const struct catalog_key *key);
/* False if the key is absent or dropped. */
bool catalog__view_find(const struct catalog__view *view, const struct catalog_key *key,
                        struct catalog__in_force *found);
/* The first that is not dropped behind `after` (NULL: from the beginning) of a kind and an entity. */
bool catalog__view_next(const struct catalog__view *view, uint16_t kind, struct catalog_text entity,
                        const struct catalog_key *after, struct catalog__in_force *found);

/* --- planning ------------------------------------------------------------------------------------------------------- */

struct catalog__refusal {
    size_t order;
    struct catalog_problem problem;
};

struct catalog__planning {
    const struct catalog *catalog;
    const struct merkle_allocator *allocator;
    struct catalog__view view;   /* pending layer + targets: the result */
    struct catalog__view before; /* pending layer alone */
    size_t target_capacity;
    struct catalog__refusal *refusals;
    size_t refusal_count;
    size_t refusal_capacity;
};

/* Each step returns 0 also if it refuses something (then refusal_count > 0), or CATALOG_ENOMEM. */

/* Checks each write by itself and makes a target of it; refuses the second of two for one key. */
int catalog__plan_check(struct catalog__planning *planning, const struct catalog_write *writes,
                        size_t write_count);
/* Decides state, body and whether anything changes: If-Match, the edges between states (DESIGN 4.3). */
int catalog__plan_decide(struct catalog__planning *planning, struct catalog__target *target);
/* The same for CATALOG_RESOLVE: the version of one node, over all (plan_resolve.c). */
int catalog__plan_resolve(struct catalog__planning *planning, struct catalog__target *target);
/* Adds what dropping a schema, or taking that back, takes along; refuses to drop what is still referenced. */
int catalog__plan_drops(struct catalog__planning *planning);
/* --- what goes along (plan_along.c) ----------------------------------------------------------------------------------- */

/* Targets that no write names, collected while the others are walked. */
struct catalog__along {
    struct catalog__target *items;
    size_t count;
    size_t capacity;
};
/* An entry goes the way of a schema: dropped, pending_drop, or back to active. Refuses the schema where that cannot be. */
int catalog__along_add(struct catalog__planning *planning, struct catalog__along *along,
                       struct catalog_entry *entry, struct catalog__target *schema);
/* Its own constraints and indexes do, those of them that the batch does not write. */
int catalog__along_own(struct catalog__planning *planning, struct catalog__along *along,
                       struct catalog__target *schema);
/* Adds them to the targets, each once. */
int catalog__along_finish(struct catalog__planning *planning, struct catalog__along *along);

/* The rules of DESIGN 4.4 on the result. */
int catalog__plan_rules(struct catalog__planning *planning);
/* One of them: no two constraints of one meaning. */
int catalog__plan_meanings(struct catalog__planning *planning);

/* Adds a target; the view is to be sorted again. */
int catalog__plan_add(struct catalog__planning *planning, const struct catalog__target *target);
void catalog__plan_sort(struct catalog__planning *planning);

/* Refuses a target, once; the message is cut at a whole character. */
int catalog__plan_refuse(struct catalog__planning *planning, struct catalog__target *target,
                         int code, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "constraint 'posts_author' of entity 'posts'", "schema of entity 'posts'". */
enum { CATALOG__KEY_SHOWN_SIZE = 2 * CATALOG_NAME_SIZE_MAX + 64 };
const char *catalog__key_shown(const struct catalog_key *key, char text[CATALOG__KEY_SHOWN_SIZE]);
/* Cuts a text that printf may have cut within a character. */
void catalog__message_trim(char *message);

#endif
