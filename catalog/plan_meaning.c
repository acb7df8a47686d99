/* plan_meaning.c - no two constraints of one meaning under two names (DESIGN 4.4).
 *
 * For each entity to which the batch writes a constraint, the meanings of all its constraints are sorted; equal ones then
 * stand side by side. Refused are those that the batch brings, naming one that stands, or else the first of the batch. Two
 * that a merge has brought together stay until somebody drops one.
 */
#include "catalog/rules.h"

#include <stdlib.h>
#include <string.h>

struct meaning {
    struct merkle_digest digest;
    struct catalog_key key;
    struct catalog__target *brought; /* NULL: it stood, or only repeats its body */
};

struct meanings {
    struct meaning *items;
    size_t count;
    size_t capacity;
};

/* Equal digests together; among them those that stood first, then by order in the batch. */
static int compare(const void *a, const void *b) {
    const struct meaning *meaning_a = a;
    const struct meaning *meaning_b = b;
    int order = merkle_digest_compare(&meaning_a->digest, &meaning_b->digest);
    if (order != 0) {
        return order;
    }
    size_t order_a = meaning_a->brought == NULL ? 0 : meaning_a->brought->order + 1;
    size_t order_b = meaning_b->brought == NULL ? 0 : meaning_b->brought->order + 1;
    if (order_a != order_b) {
        return order_a < order_b ? -1 : 1;
    }
    return catalog_key_compare(&meaning_a->key, &meaning_b->key);
}

static bool brings(const struct catalog__target *target) {
    if (target == NULL || !target->changed) {
        return false;
    }
    if (target->before == NULL || target->before->state == CATALOG_DROPPED) {
        return true;
    }
    struct catalog_version version = catalog_entry_in_force(target->before);
    return version.body_size_bytes != target->body_size_bytes ||
           memcmp(version.body, target->body, target->body_size_bytes) != 0;
}

static int add(struct catalog__planning *planning, struct meanings *meanings,
               const struct catalog__in_force *constraint) {
    if (meanings->count == meanings->capacity) {
        size_t capacity = meanings->capacity == 0 ? 32 : meanings->capacity * 2;
        struct meaning *grown =
            merkle_reallocate(planning->allocator, meanings->items, capacity, sizeof(*grown));
        if (grown == NULL) {
            return CATALOG_ENOMEM;
        }
        meanings->items = grown;
        meanings->capacity = capacity;
    }
    struct catalog__constraint *parsed = NULL;
    int result = catalog__constraint_parse(planning->allocator, constraint->key.kind,
                                           constraint->body, constraint->body_size_bytes, &parsed);
    if (result != 0) {
        return result == CATALOG_ENOMEM ? result : 0;
    }
    struct meaning *meaning = &meanings->items[meanings->count];
    *meaning = (struct meaning){
        .key = constraint->key,
        .brought = brings(constraint->target)
                       ? catalog__view_target(&planning->view, &constraint->key)
                       : NULL,
    };
    result = catalog__rules_meaning(planning->allocator, parsed, &meaning->digest);
    meanings->count += result == 0;
    merkle_release(planning->allocator, parsed);
    return result;
}

static int refuse_equal(struct catalog__planning *planning, const struct meanings *meanings) {
    const struct meaning *first = NULL;
    for (size_t i = 0; i < meanings->count; ++i) {
        const struct meaning *meaning = &meanings->items[i];
        if (first == NULL || !merkle_digest_equal(&first->digest, &meaning->digest)) {
            first = meaning;
            continue;
        }
        if (meaning->brought == NULL) {
            continue;
        }
        char shown[CATALOG__KEY_SHOWN_SIZE];
        int result = catalog__plan_refuse(planning, meaning->brought, CATALOG_ESAMEMEANING,
                                          "%.290s says the same as '%.*s'",
                                          catalog__key_shown(&meaning->key, shown),
                                          (int)first->key.name.size_bytes, first->key.name.data);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int check_entity(struct catalog__planning *planning, struct catalog_text entity,
                        struct meanings *meanings) {
    meanings->count = 0;
    const struct catalog_key *after = NULL;
    struct catalog_key at;
    struct catalog__in_force found;
    while (catalog__view_next(&planning->view, CATALOG_CONSTRAINT, entity, after, &found)) {
        at = found.key;
        after = &at;
        int result = add(planning, meanings, &found);
        if (result != 0) {
            return result;
        }
    }
    if (meanings->count > 1) {
        qsort(meanings->items, meanings->count, sizeof(struct meaning), compare);
    }
    return refuse_equal(planning, meanings);
}

int catalog__plan_meanings(struct catalog__planning *planning) {
    struct meanings meanings = {0};
    struct catalog_text entity = {0};
    int result = 0;
    for (size_t i = 0; i < planning->view.target_count && result == 0; ++i) {
        const struct catalog__target *target = &planning->view.targets[i];
        bool written = target->key.kind == CATALOG_CONSTRAINT && target->changed &&
                       target->state != CATALOG_DROPPED;
        if (written && !catalog__text_equal(entity, target->key.entity)) {
            entity = target->key.entity;
            result = check_entity(planning, entity, &meanings);
        }
    }
    merkle_release(planning->allocator, meanings.items);
    return result;
}
