/* plan_drop.c - what hangs on a schema that is dropped.
 *
 * Its own constraints and indexes go with it, in the same batch. Foreign keys of other entities that reference it keep it,
 * unless the drop cascades: then they go too. A staged drop is refused for the same reason, at its beginning rather than
 * at its end, but takes nothing along yet: what exists stays enforced until the drop itself.
 */
#include "catalog/plan.h"
#include "merkle/instrument.h"

#include <stdlib.h>

struct additions {
    struct catalog__target *items;
    size_t count;
    size_t capacity;
};

static int add(const struct catalog__planning *planning, struct additions *additions,
               struct catalog_entry *entry, const struct catalog__target *cause) {
    if (additions->count == additions->capacity) {
        size_t capacity = additions->capacity == 0 ? 16 : additions->capacity * 2;
        struct catalog__target *grown =
            merkle_reallocate(planning->allocator, additions->items, capacity, sizeof(*grown));
        if (grown == NULL) {
            return CATALOG_ENOMEM;
        }
        additions->items = grown;
        additions->capacity = capacity;
    }
    additions->items[additions->count++] = (struct catalog__target){
        .key = catalog_entry_key(entry),
        .order = cause->order,
        .before = entry,
        .changed = true,
        .state = CATALOG_DROPPED,
    };
    return 0;
}

static int take_own_along(const struct catalog__planning *planning, struct additions *additions,
                          const struct catalog__target *schema) {
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
            int result = add(planning, additions, entry, schema);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

static int refuse_referenced(struct catalog__planning *planning, struct catalog__target *schema,
                             const struct catalog_key *by) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    char shown_by[CATALOG__KEY_SHOWN_SIZE];
    return catalog__plan_refuse(
        planning, schema, CATALOG_EREFERENCED, "%.180s is referenced by %.270s",
        catalog__key_shown(&schema->key, shown), catalog__key_shown(by, shown_by));
}

/* Whether a body is that of a foreign key of one entity that references another one, and which. */
static int references_other(const struct catalog__planning *planning, const struct catalog_key *key,
                            const uint8_t *body, size_t size_bytes, struct catalog_text *entity) {
    *entity = (struct catalog_text){0};
    struct catalog__constraint *parsed = NULL;
    int result =
        catalog__constraint_parse(planning->allocator, key->kind, body, size_bytes, &parsed);
    if (result != 0) {
        return result == CATALOG_ENOMEM ? result : 0;
    }
    if (parsed->type == CATALOG__FOREIGN_KEY &&
        !catalog__text_equal(parsed->referenced, key->entity)) {
        *entity = parsed->referenced;
    }
    merkle_release(planning->allocator, parsed);
    return 0;
}

/* Whether the batch drops the schema of a foreign key's own entity, and so the key itself. */
static bool goes_with_own_schema(const struct catalog__planning *planning,
                                 const struct catalog_key *key) {
    const struct catalog_key own = {.kind = CATALOG_SCHEMA, .entity = key->entity};
    const struct catalog__target *schema = catalog__view_target(&planning->view, &own);
    return schema != NULL && schema->changed && schema->state == CATALOG_DROPPED;
}

/* Foreign keys of other entities that are not of this batch. */
static int look_at_references(struct catalog__planning *planning, struct additions *additions,
                              struct catalog__target *schema) {
    bool cascade = schema->write->cascade;
    struct catalog__node **nodes = NULL;
    size_t count = 0;
    int result = catalog__reference_list(planning->catalog, schema->key.entity, &nodes, &count);
    for (size_t i = 0; i < count && result == 0 && !schema->refused; ++i) {
        struct catalog_entry *entry = catalog__node_newest(nodes[i]);
        struct catalog_key key = catalog__node_key(nodes[i]);
        if (entry->state == CATALOG_DROPPED ||
            catalog__view_target(&planning->view, &key) != NULL ||
            goes_with_own_schema(planning, &key)) {
            continue;
        }
        struct catalog_version version = catalog_entry_in_force(entry);
        struct catalog_text entity;
        result = references_other(planning, &key, version.body, version.body_size_bytes, &entity);
        if (result != 0 || !catalog__text_equal(entity, schema->key.entity)) {
            continue;
        }
        if (!cascade) {
            PROBE("catalog.drop_referenced");
            result = refuse_referenced(planning, schema, &key);
        } else if (schema->state == CATALOG_DROPPED) {
            PROBE("catalog.drop_cascades");
            result = add(planning, additions, entry, schema);
        }
    }
    merkle_release(planning->allocator, nodes);
    return result;
}

/* A staged drop that an import puts back began before: what references the schema stood then, and stands now. */
static bool goes(const struct catalog__target *schema) {
    if (schema == NULL || !schema->changed) {
        return false;
    }
    bool stood = schema->before != NULL && schema->before->state != CATALOG_DROPPED;
    return schema->state == CATALOG_DROPPED || (schema->state == CATALOG_PENDING_DROP && stood);
}

/* A foreign key of this batch keeps what it references, cascade or not: the batch asks for both. */
static int look_at_own_reference(struct catalog__planning *planning,
                                 const struct catalog__target *constraint) {
    struct catalog_text entity;
    int result = references_other(planning, &constraint->key, constraint->body,
                                  constraint->body_size_bytes, &entity);
    if (result != 0 || entity.size_bytes == 0) {
        return result;
    }
    const struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = entity};
    struct catalog__target *schema = catalog__view_target(&planning->view, &key);
    if (goes(schema)) {
        PROBE("catalog.drop_against_own_batch");
    }
    return goes(schema) ? refuse_referenced(planning, schema, &constraint->key) : 0;
}

static int compare_targets(const void *a, const void *b) {
    const struct catalog__target *target_a = a;
    const struct catalog__target *target_b = b;
    int order = catalog_key_compare(&target_a->key, &target_b->key);
    return order != 0 ? order
                      : (target_a->order > target_b->order) - (target_a->order < target_b->order);
}

/* Two drops may take the same foreign key along. */
static int add_distinct(struct catalog__planning *planning, struct additions *additions) {
    if (additions->count == 0) {
        return 0;
    }
    qsort(additions->items, additions->count, sizeof(struct catalog__target), compare_targets);
    for (size_t i = 0; i < additions->count; ++i) {
        if (i > 0 && catalog_key_equal(&additions->items[i].key, &additions->items[i - 1].key)) {
            continue;
        }
        int result = catalog__plan_add(planning, &additions->items[i]);
        if (result != 0) {
            return result;
        }
    }
    catalog__plan_sort(planning);
    return 0;
}

int catalog__plan_drops(struct catalog__planning *planning) {
    struct additions additions = {0};
    int result = 0;
    for (size_t i = 0; i < planning->view.target_count && result == 0; ++i) {
        struct catalog__target *target = &planning->view.targets[i];
        if (target->key.kind == CATALOG_SCHEMA && goes(target)) {
            result = look_at_references(planning, &additions, target);
            if (result == 0 && target->state == CATALOG_DROPPED) {
                result = take_own_along(planning, &additions, target);
            }
        } else if (target->key.kind == CATALOG_CONSTRAINT && target->state != CATALOG_DROPPED) {
            result = look_at_own_reference(planning, target);
        }
    }
    if (result == 0) {
        result = add_distinct(planning, &additions);
    }
    merkle_release(planning->allocator, additions.items);
    return result;
}
