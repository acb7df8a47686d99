/* node.c - nodes of the catalog: made, given a handle, walked in order, freed. */
#include "catalog/internal.h"

#include <string.h>

enum { HANDLES_FIRST = 64 };

/* Makes sure that a handle can be given out. */
static int handles_reserve(struct catalog *catalog) {
    struct catalog__handles *handles = &catalog->handles;
    if (handles->free_count > 0 || handles->count < handles->capacity) {
        return 0;
    }
    if (handles->capacity > UINT32_MAX / 2) {
        return CATALOG_ENOMEM;
    }
    uint32_t capacity = handles->capacity == 0 ? HANDLES_FIRST : handles->capacity * 2;
    struct catalog__node **nodes = merkle_reallocate(catalog->allocator, handles->nodes, capacity,
                                                     sizeof(struct catalog__node *));
    if (nodes == NULL) {
        return CATALOG_ENOMEM;
    }
    handles->nodes = nodes;
    uint32_t *free =
        merkle_reallocate(catalog->allocator, handles->free, capacity, sizeof(uint32_t));
    if (free == NULL) {
        return CATALOG_ENOMEM;
    }
    handles->free = free;
    struct catalog__prunable *items = merkle_reallocate(
        catalog->allocator, catalog->prunables.items, capacity, sizeof(struct catalog__prunable));
    if (items == NULL) {
        return CATALOG_ENOMEM;
    }
    catalog->prunables.items = items;
    handles->capacity = capacity;
    return 0;
}

struct catalog__node *catalog__node_take(struct catalog *catalog, const struct catalog_key *key) {
    struct catalog__node *node = catalog__index_find(catalog->root, key);
    if (node != NULL) {
        return node;
    }
    assert(key->entity.size_bytes <= CATALOG_NAME_SIZE_MAX);
    assert(key->name.size_bytes <= CATALOG_NAME_SIZE_MAX);
    if (handles_reserve(catalog) != 0) {
        return NULL;
    }
    size_t text_size_bytes = key->entity.size_bytes + key->name.size_bytes;
    node = merkle_allocate(catalog->allocator, 1, sizeof(*node) + text_size_bytes);
    if (node == NULL) {
        return NULL;
    }
    struct catalog__handles *handles = &catalog->handles;
    *node = (struct catalog__node){
        .slot = catalog_key_slot(key),
        .handle = handles->free_count > 0 ? handles->free[--handles->free_count] : handles->count++,
        .prunable_index = CATALOG__NOT_PRUNABLE,
        .kind = key->kind,
        .entity_size_bytes = (uint8_t)key->entity.size_bytes,
        .name_size_bytes = (uint8_t)key->name.size_bytes,
    };
    memcpy(node->text, key->entity.data, key->entity.size_bytes);
    if (key->name.size_bytes > 0) {
        memcpy(node->text + key->entity.size_bytes, key->name.data, key->name.size_bytes);
    }
    handles->nodes[node->handle] = node;
    pthread_rwlock_wrlock(&catalog->lock);
    catalog__index_insert(&catalog->root, node);
    pthread_rwlock_unlock(&catalog->lock);
    return node;
}

void catalog__node_drop_if_empty(struct catalog *catalog, struct catalog__node *node) {
    if (node->stored != NULL || node->order_count > 0) {
        return;
    }
    assert(node->pending == NULL);
    assert(node->prunable_index == CATALOG__NOT_PRUNABLE);
    if (node->in_tree) {
        return; /* memory was short within catalog_pending_stored(): only catalog_free() comes after that */
    }
    pthread_rwlock_wrlock(&catalog->lock);
    catalog__index_remove(&catalog->root, node);
    pthread_rwlock_unlock(&catalog->lock);
    struct catalog__handles *handles = &catalog->handles;
    assert(handles->free_count < handles->capacity);
    handles->nodes[node->handle] = NULL;
    handles->free[handles->free_count++] = node->handle;
    merkle_release(catalog->allocator, node);
}

struct catalog_entry *catalog__node_newest(const struct catalog__node *node) {
    return node->order_count > 0 ? node->pending : node->stored;
}

struct catalog_entry *catalog__node_entry(const struct catalog__node *node,
                                          enum catalog__layer layer) {
    return layer == CATALOG__STORED ? node->stored : catalog__node_newest(node);
}

struct catalog_entry *catalog__next(const struct catalog *catalog, enum catalog__layer layer,
                                    uint16_t kind, struct catalog_text entity,
                                    const struct catalog_key *after) {
    /* Each round looks at the first node from `from` on; what is out of bounds lifts `from`, at most once a kind. */
    struct catalog_key from = {.kind = kind, .entity = entity};
    bool or_equal = true;
    if (after != NULL && catalog_key_compare(after, &from) >= 0) {
        from = *after;
        or_equal = false;
    }
    for (;;) {
        struct catalog__node *node = catalog__index_after(catalog->root, &from, or_equal);
        if (node == NULL || (kind != 0 && node->kind != kind)) {
            return NULL;
        }
        struct catalog_key key = catalog__node_key(node);
        int order = entity.size_bytes == 0 ? 0 : catalog__text_compare(key.entity, entity);
        if (order == 0 && catalog__node_entry(node, layer) != NULL) {
            return catalog__node_entry(node, layer);
        }
        if (order == 0) {
            from = key; /* nothing of this layer here: on to the next */
            or_equal = false;
        } else if (order < 0) {
            from = (struct catalog_key){.kind = node->kind, .entity = entity};
            or_equal = true;
        } else if (kind != 0 || node->kind == UINT16_MAX) {
            return NULL;
        } else {
            from = (struct catalog_key){.kind = (uint16_t)(node->kind + 1), .entity = entity};
            or_equal = true;
        }
    }
}
