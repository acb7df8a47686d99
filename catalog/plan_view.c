/* plan_view.c - looking at a layer of the catalog with the targets of a batch above it. */
#include "catalog/plan.h"

#include <stdio.h>
#include <string.h>

/* The first target that is not below the key. */
static size_t lower_bound(const struct catalog__view *view, const struct catalog_key *key) {
    size_t low = 0;
    size_t high = view->target_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog_key_compare(&view->targets[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct catalog__target *catalog__view_target(const struct catalog__view *view,
                                             const struct catalog_key *key) {
    size_t index = lower_bound(view, key);
    bool found = index < view->target_count && catalog_key_equal(&view->targets[index].key, key);
    return found ? &view->targets[index] : NULL;
}

static bool from_target(const struct catalog__target *target, struct catalog__in_force *found) {
    if (target->state == CATALOG_DROPPED) {
        return false;
    }
    *found = (struct catalog__in_force){
        .key = target->key,
        .state = target->state,
        .body = target->body,
        .body_size_bytes = target->body_size_bytes,
        .previous = target->previous,
        .previous_size_bytes = target->previous_size_bytes,
        .target = target,
    };
    return true;
}

static bool from_entry(const struct catalog_entry *entry, struct catalog__in_force *found) {
    if (entry == NULL || entry->state == CATALOG_DROPPED) {
        return false;
    }
    struct catalog_version version = catalog_entry_in_force(entry);
    *found = (struct catalog__in_force){
        .key = catalog_entry_key(entry),
        .state = version.state,
        .body = version.body,
        .body_size_bytes = version.body_size_bytes,
        .previous = version.previous,
        .previous_size_bytes = version.previous_size_bytes,
    };
    return true;
}

bool catalog__view_find(const struct catalog__view *view, const struct catalog_key *key,
                        struct catalog__in_force *found) {
    const struct catalog__target *target = catalog__view_target(view, key);
    if (target != NULL) {
        return from_target(target, found);
    }
    const struct catalog__node *node = catalog__index_find(view->catalog->root, key);
    return node != NULL && from_entry(catalog__node_entry(node, view->layer), found);
}

static bool is_within(const struct catalog__target *target, uint16_t kind,
                      struct catalog_text entity) {
    return target->key.kind == kind && catalog__text_equal(target->key.entity, entity);
}

bool catalog__view_next(const struct catalog__view *view, uint16_t kind, struct catalog_text entity,
                        const struct catalog_key *after, struct catalog__in_force *found) {
    assert(kind != 0);
    assert(entity.size_bytes > 0);
    const struct catalog_key begin = {.kind = kind, .entity = entity};
    size_t index = lower_bound(view, after != NULL ? after : &begin);
    if (after != NULL && index < view->target_count &&
        catalog_key_equal(&view->targets[index].key, after)) {
        index += 1;
    }
    struct catalog_key at;
    const struct catalog_entry *entry =
        catalog__next(view->catalog, view->layer, kind, entity, after);
    for (;;) {
        const struct catalog__target *target =
            index < view->target_count ? &view->targets[index] : NULL;
        if (target != NULL && !is_within(target, kind, entity)) {
            target = NULL;
        }
        if (entry == NULL && target == NULL) {
            return false;
        }
        int order =
            entry == NULL ? 1 : -1; /* which comes first; a target hides the entry of its key */
        if (entry != NULL) {
            at = catalog_entry_key(entry);
            order = target != NULL ? catalog_key_compare(&at, &target->key) : -1;
        }
        bool standing = order < 0 ? from_entry(entry, found) : from_target(target, found);
        if (standing) {
            return true;
        }
        if (order >= 0) {
            index += 1;
        }
        if (order <= 0) {
            entry = catalog__next(view->catalog, view->layer, kind, entity, &at);
        }
    }
}

const char *catalog__key_shown(const struct catalog_key *key, char text[CATALOG__KEY_SHOWN_SIZE]) {
    const char *kind = catalog_kind_name(key->kind);
    int entity_size = (int)key->entity.size_bytes;
    if (kind == NULL) {
        snprintf(text, CATALOG__KEY_SHOWN_SIZE, "entry of kind %u '%.*s' of entity '%.*s'",
                 (unsigned)key->kind, (int)key->name.size_bytes, key->name.data, entity_size,
                 key->entity.data);
    } else if (key->name.size_bytes == 0) {
        snprintf(text, CATALOG__KEY_SHOWN_SIZE, "%s of entity '%.*s'", kind, entity_size,
                 key->entity.data);
    } else {
        snprintf(text, CATALOG__KEY_SHOWN_SIZE, "%s '%.*s' of entity '%.*s'", kind,
                 (int)key->name.size_bytes, key->name.data, entity_size, key->entity.data);
    }
    return text;
}

void catalog__message_trim(char *message) {
    size_t size_bytes = strlen(message);
    size_t valid = 0;
    while (valid < size_bytes) {
        size_t length = catalog__utf8_sequence(message + valid, size_bytes - valid);
        if (length == 0) {
            break;
        }
        valid += length;
    }
    message[valid] = '\0';
}
