/* rules.h - the rules of DESIGN 4.4 that tie a constraint or an index to schemas and other constraints (private to
 * catalog/).
 *
 * They are functions of a view, so that a plan asks them of its result, and of what was there before (a write is not
 * refused for what a merge has broken already), and the audit of what is stored.
 */
#ifndef CATALOG_RULES_H
#define CATALOG_RULES_H

#include "catalog/plan.h"

enum {
    CATALOG__FACTS_KEPT =
        8, /* entities whose schemas stay parsed: a run of foreign keys names few */
    CATALOG__BODIES_MAX =
        2, /* in force or coming: the body, and `previous` while it is pending_add */
};

struct catalog__not_null {
    struct catalog_text field;
    struct catalog_key key; /* of the constraint */
};

/* What a view says about one entity. */
struct catalog__facts {
    struct catalog_text entity;
    size_t schema_count; /* 0: no schema */
    struct catalog__schema *schemas[CATALOG__BODIES_MAX];
    enum catalog_state schema_state;
    const struct catalog__target *schema_target;
    bool not_nulls_read;
    struct catalog__not_null *not_nulls; /* sorted by field */
    size_t not_null_count;
};

struct catalog__rules {
    const struct merkle_allocator *allocator;
    const struct catalog__view *view;
    struct catalog__facts facts[CATALOG__FACTS_KEPT];
    size_t facts_count;
    size_t facts_next; /* the one to give up */
};

/* What is wrong with a constraint or index; code 0: nothing. */
struct catalog__finding {
    int code;                   /* EMISSINGFIELD, EREFERENCE, ESETNULL */
    bool target_lacks_field;    /* EREFERENCE for a missing field, not for its type */
    struct catalog_key culprit; /* the schema or not_null that it does not go with */
    char message[480];
};

void catalog__rules_init(struct catalog__rules *rules, const struct merkle_allocator *allocator,
                         const struct catalog__view *view);
void catalog__rules_close(struct catalog__rules *rules);
/* `pinned` (may be NULL) are facts that must stay. CATALOG_ENOMEM. */
int catalog__rules_facts(struct catalog__rules *rules, struct catalog_text entity,
                         const struct catalog__facts *pinned, struct catalog__facts **facts);
/* CATALOG_ENOMEM. */
int catalog__rules_check(struct catalog__rules *rules, const struct catalog__in_force *constraint,
                         struct catalog__finding *finding);
/* The constraint that is in force or coming, parsed; to be released. */
int catalog__rules_parse(const struct catalog__rules *rules,
                         const struct catalog__in_force *constraint,
                         struct catalog__constraint **parsed);
/* A digest of what a constraint demands, whatever the order of its fields: equal for equal meaning. CATALOG_ENOMEM. */
int catalog__rules_meaning(const struct merkle_allocator *allocator,
                           const struct catalog__constraint *constraint,
                           struct merkle_digest *meaning);

#endif
