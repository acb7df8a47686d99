/* walk.c - the initiator of a walk: its frontier, its requests, and the three lists that come out. */
#include "merkle/walk.h"

#include <limits.h>

/* --- lists */

int merkle__list_append(const struct merkle_allocator *allocator, struct merkle__list *list,
                        const void *element) {
    size_t size_bytes = list->element_size_bytes;
    if (list->first + list->count == list->capacity) {
        if (list->first > list->capacity / 2) {
            memmove(list->data, list->data + list->first * size_bytes, list->count * size_bytes);
            list->first = 0;
        } else {
            size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
            uint8_t *data = merkle_reallocate(allocator, list->data, capacity, size_bytes);
            if (data == NULL) {
                return MERKLE_ENOMEM;
            }
            list->data = data;
            list->capacity = capacity;
        }
    }
    memcpy(list->data + (list->first + list->count) * size_bytes, element, size_bytes);
    list->count++;
    return 0;
}

static size_t list_take(struct merkle__list *list, void *out, size_t max) {
    size_t count = list->count < max ? list->count : max;
    if (count > 0) {
        memcpy(out, list->data + list->first * list->element_size_bytes,
               count * list->element_size_bytes);
        list->first += count;
        list->count -= count;
    }
    if (list->count == 0) {
        list->first = 0;
    }
    return count;
}

size_t merkle_walk_take_wants(struct merkle_walk *walk, struct merkle_walk_want *out, size_t max) {
    return list_take(&walk->wants, out, max);
}

size_t merkle_walk_take_ranges(struct merkle_walk *walk, struct merkle_path *out, size_t max) {
    return list_take(&walk->ranges, out, max);
}

size_t merkle_walk_take_haves(struct merkle_walk *walk, struct merkle_walk_have *out, size_t max) {
    return list_take(&walk->haves, out, max);
}

size_t merkle_walk_wants_count(const struct merkle_walk *walk) {
    return walk->wants.count;
}

size_t merkle_walk_ranges_count(const struct merkle_walk *walk) {
    return walk->ranges.count;
}

size_t merkle_walk_haves_count(const struct merkle_walk *walk) {
    return walk->haves.count;
}

/* --- the walk itself */

int merkle_walk_new(const struct merkle_allocator *allocator, struct merkle_tree *tree,
                    uint64_t salt, struct merkle_walk **walk) {
    assert(allocator != NULL && tree != NULL);
    struct merkle_walk *made = merkle_allocate(allocator, 1, sizeof(*made));
    if (made == NULL) {
        return MERKLE_ENOMEM;
    }
    *made = (struct merkle_walk){
        .allocator = allocator,
        .tree = tree,
        .salt = salt,
        .wants = {.element_size_bytes = sizeof(struct merkle_walk_want)},
        .ranges = {.element_size_bytes = sizeof(struct merkle_path)},
        .haves = {.element_size_bytes = sizeof(struct merkle_walk_have)},
    };
    for (unsigned depth = 0; depth <= MERKLE_DEPTH_MAX; depth++) {
        made->frontier[depth].element_size_bytes = sizeof(uint64_t);
    }
    *walk = made;
    return 0;
}

void merkle_walk_free(struct merkle_walk *walk) {
    if (walk == NULL) {
        return;
    }
    for (unsigned depth = 0; depth <= MERKLE_DEPTH_MAX; depth++) {
        merkle_release(walk->allocator, walk->frontier[depth].data);
    }
    merkle_release(walk->allocator, walk->wants.data);
    merkle_release(walk->allocator, walk->ranges.data);
    merkle_release(walk->allocator, walk->haves.data);
    merkle_release(walk->allocator, walk);
}

size_t merkle_walk_frontier_count(const struct merkle_walk *walk) {
    size_t count = 0;
    for (unsigned depth = 0; depth <= MERKLE_DEPTH_MAX; depth++) {
        count += walk->frontier[depth].count;
    }
    return count;
}

static void request_node_write(struct merkle_walk *walk, struct merkle_path path,
                               struct merkle_buffer *request) {
    if (merkle__travels_as_leaf(path, merkle_tree_path_count(walk->tree, path),
                                MERKLE_LEAF_ITEMS_MAX)) {
        merkle__node_write(request, MERKLE__NODE_EXPAND, path);
    } else {
        merkle__node_write_inner(request, walk->tree, walk->salt, path);
    }
}

int merkle_walk_request(struct merkle_walk *walk, size_t nodes_max, struct merkle_buffer *request) {
    assert(nodes_max > 0 && nodes_max <= INT_MAX);
    size_t start = request->size_bytes, taken = 0;
    size_t taken_at[MERKLE_DEPTH_MAX + 1] = {0};
    for (int depth = MERKLE_DEPTH_MAX; depth >= 0 && taken < nodes_max; depth--) {
        const struct merkle__list *list = &walk->frontier[depth];
        while (taken < nodes_max && taken_at[depth] < list->count) {
            struct merkle_path path = {.depth = (uint8_t)depth};
            size_t index = list->first + list->count - 1 - taken_at[depth];
            memcpy(&path.prefix, list->data + index * sizeof(path.prefix), sizeof(path.prefix));
            request_node_write(walk, path, request);
            taken_at[depth]++;
            taken++;
        }
    }
    if (request->failed && taken > 0) {
        request->size_bytes = start;
        return MERKLE_ENOMEM;
    }
    for (unsigned depth = 0; depth <= MERKLE_DEPTH_MAX; depth++) {
        walk->frontier[depth].count -= taken_at[depth];
    }
    return (int)taken;
}
