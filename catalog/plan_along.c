/* plan_along.c - what hangs on a schema goes its way: its own constraints and indexes, and, if it cascades, foreign keys.
 *
 *      the schema becomes     an entry that hangs on it
 *      dropped                is dropped
 *      pending_drop           becomes pending_drop: at the last step it is one state from dropped, as the schema is (DESIGN 7.6)
 *      active again           becomes active again, if it is pending_drop
 *
 * All in one batch. An entry with a staged change of its own is in the way: it belongs to the member that began it, so the
 * schema is refused until that is finished or aborted. Only the last step of a staged drop takes along what it finds, for
 * what came meanwhile came from members that did not know of it. One that is pending_drop already needs no change. An entry in
 * conflict has no one state from which it could take a step.
 */
#include "catalog/plan.h"
#include "merkle/instrument.h"

#include <stdlib.h>

static bool is_pending(const struct catalog_entry *entry) {
    return entry->state == CATALOG_PENDING_ADD || entry->state == CATALOG_PENDING_DROP;
}

static int refuse(struct catalog__planning *planning, struct catalog__target *schema,
                  const struct catalog_entry *entry, const char *why) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    char shown_entry[CATALOG__KEY_SHOWN_SIZE];
    struct catalog_key key = catalog_entry_key(entry);
    PROBE("catalog.drop_against_staged");
    return catalog__plan_refuse(planning, schema, CATALOG_ESTATE, "%.150s: %.210s %s",
                                catalog__key_shown(&schema->key, shown),
                                catalog__key_shown(&key, shown_entry), why);
}

/* Whether the entry can go along; why not, if that is to be told. */
static bool goes_along(const struct catalog_entry *entry, const struct catalog__target *schema,
                       const char **why) {
    static const char staged[] = "has a staged change, which goes on with --staged, back with "
                                 "--abort: that must come first";
    *why = NULL;
    if (schema->state == CATALOG_DROPPED) {
        bool others = !entry->conflict && is_pending(entry) && !schema->write->step;
        *why = others ? staged : NULL;
        return !others;
    }
    if (schema->state == CATALOG_ACTIVE) {
        return !entry->conflict && entry->state == CATALOG_PENDING_DROP;
    }
    if (entry->conflict) {
        *why = "is in conflict, which must be resolved first";
    } else if (entry->state == CATALOG_PENDING_ADD) {
        *why = staged;
    }
    return !entry->conflict && entry->state == CATALOG_ACTIVE;
}

int catalog__along_add(struct catalog__planning *planning, struct catalog__along *along,
                       struct catalog_entry *entry, struct catalog__target *schema) {
    const char *why = NULL;
    if (!goes_along(entry, schema, &why)) {
        return why != NULL ? refuse(planning, schema, entry, why) : 0;
    }
    if (along->count == along->capacity) {
        size_t capacity = along->capacity == 0 ? 16 : along->capacity * 2;
        struct catalog__target *grown =
            merkle_reallocate(planning->allocator, along->items, capacity, sizeof(*grown));
        if (grown == NULL) {
            return CATALOG_ENOMEM;
        }
        along->items = grown;
        along->capacity = capacity;
    }
    struct catalog__target target = {
        .key = catalog_entry_key(entry),
        .order = schema->order,
        .before = entry,
        .changed = true,
        .state = schema->state,
    };
    if (target.state != CATALOG_DROPPED) {
        struct catalog_version version = catalog_entry_in_force(entry);
        target.body = version.body;
        target.body_size_bytes = version.body_size_bytes;
    }
    along->items[along->count++] = target;
    return 0;
}

int catalog__along_own(struct catalog__planning *planning, struct catalog__along *along,
                       struct catalog__target *schema) {
    for (uint16_t kind = CATALOG_CONSTRAINT; kind <= CATALOG_INDEX; ++kind) {
        const struct catalog_key *after = NULL;
        struct catalog_key at;
        struct catalog_entry *entry = NULL;
        while ((entry = catalog__next(planning->catalog, CATALOG__PENDING, kind, schema->key.entity,
                                      after)) != NULL) {
            at = catalog_entry_key(entry);
            after = &at;
            if (entry->state == CATALOG_DROPPED ||
                catalog__view_target(&planning->view, &at) != NULL) {
                continue;
            }
            PROBE("catalog.drop_takes_along");
            int result = catalog__along_add(planning, along, entry, schema);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

/* By key, and of two for one key the farther way first: dropped before pending_drop before active. */
static int compare_targets(const void *a, const void *b) {
    static const int way[CATALOG_STATE_COUNT] = {
        [CATALOG_DROPPED] = 0, [CATALOG_PENDING_DROP] = 1, [CATALOG_ACTIVE] = 2};
    const struct catalog__target *target_a = a;
    const struct catalog__target *target_b = b;
    int order = catalog_key_compare(&target_a->key, &target_b->key);
    if (order == 0) {
        order = way[target_a->state] - way[target_b->state];
    }
    return order != 0 ? order
                      : (target_a->order > target_b->order) - (target_a->order < target_b->order);
}

int catalog__along_finish(struct catalog__planning *planning, struct catalog__along *along) {
    if (along->count == 0) {
        return 0;
    }
    qsort(along->items, along->count, sizeof(struct catalog__target), compare_targets);
    for (size_t i = 0; i < along->count; ++i) {
        if (i > 0 && catalog_key_equal(&along->items[i].key, &along->items[i - 1].key)) {
            continue; /* two drops may take the same foreign key along */
        }
        int result = catalog__plan_add(planning, &along->items[i]);
        if (result != 0) {
            return result;
        }
    }
    catalog__plan_sort(planning);
    return 0;
}
