/* items.c - sorted arrays of items, and the digest of a set written down as its definition reads. */
#include "test/unit/support/items.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint64_t items_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t items_slot(enum items_shape shape, uint64_t *state) {
    uint64_t random = items_random(state);
    switch (shape) {
    case ITEMS_DENSE:
        return random % 6000;
    case ITEMS_PREFIX:
        return UINT64_C(0xabcdef0123400000) | (random & 0xfffff);
    case ITEMS_COLLIDING:
        return (random % 37) * UINT64_C(0x0700000000000001);
    case ITEMS_MIXED:
        return items_slot((enum items_shape)(random % ITEMS_MIXED), state);
    default:
        return random;
    }
}

struct merkle_item items_item(uint64_t slot, uint32_t number) {
    return (struct merkle_item){.slot = slot,
                                .digest =
                                    merkle_digest_of(&number, sizeof(number), MERKLE_SEED_ENTRY),
                                .handle = number};
}

static int item_compare(const struct merkle_item *a, const struct merkle_item *b) {
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return merkle_digest_compare(&a->digest, &b->digest);
}

static int item_compare_all(const void *left, const void *right) {
    const struct merkle_item *a = left, *b = right;
    const int result = item_compare(a, b);
    return result != 0 ? result : (a->handle > b->handle) - (a->handle < b->handle);
}

void items_init(struct items *items) {
    *items = (struct items){.rows = NULL};
}

void items_close(struct items *items) {
    free(items->rows);
    items_init(items);
}

void items_push(struct items *items, struct merkle_item item) {
    if (items->count == items->capacity) {
        items->capacity = items->capacity > 0 ? items->capacity * 2 : 64;
        items->rows = realloc(items->rows, items->capacity * sizeof(*items->rows));
        assert(items->rows != NULL);
    }
    items->rows[items->count++] = item;
}

void items_add(struct items *items, struct merkle_item item) {
    size_t low = 0, high = items->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (item_compare_all(&items->rows[middle], &item) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    items_push(items, item);
    memmove(items->rows + low + 1, items->rows + low,
            (items->count - 1 - low) * sizeof(*items->rows));
    items->rows[low] = item;
}

void items_delete(struct items *items, size_t index) {
    assert(index < items->count);
    items->count--;
    memmove(items->rows + index, items->rows + index + 1,
            (items->count - index) * sizeof(*items->rows));
}

void items_sort(struct items *items) {
    if (items->count > 0)
        qsort(items->rows, items->count, sizeof(*items->rows), item_compare_all);
}

bool items_equal(const struct items *a, const struct items *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; ++i)
        if (item_compare(&a->rows[i], &b->rows[i]) != 0)
            return false;
    return true;
}

void items_subtract(const struct items *a, const struct items *b, struct items *difference) {
    size_t j = 0;
    for (size_t i = 0; i < a->count; ++i) {
        while (j < b->count && item_compare(&b->rows[j], &a->rows[i]) < 0)
            ++j;
        if (j < b->count && item_compare(&b->rows[j], &a->rows[i]) == 0)
            ++j;
        else
            items_push(difference, a->rows[i]);
    }
}

static void bytes_append(uint8_t *bytes, size_t *size_bytes, const void *from, size_t count) {
    memcpy(bytes + *size_bytes, from, count);
    *size_bytes += count;
}

struct merkle_digest items_digest(const struct merkle_item *rows, size_t count, unsigned depth) {
    struct merkle_digest digest = {.bytes = {0}};
    size_t size_bytes = 0;
    if (count == 0)
        return digest;
    if (count <= 16 || depth == 16) {
        uint8_t *bytes = malloc(count * 24);
        assert(bytes != NULL);
        for (size_t i = 0; i < count; ++i) {
            for (unsigned shift = 64; shift > 0; shift -= 8)
                bytes[size_bytes++] = (uint8_t)(rows[i].slot >> (shift - 8));
            bytes_append(bytes, &size_bytes, rows[i].digest.bytes, 16);
        }
        digest = merkle_digest_of(bytes, size_bytes, MERKLE_SEED_LEAF);
        free(bytes);
        return digest;
    }
    uint8_t bytes[256];
    size_t first = 0;
    for (unsigned nibble = 0; nibble < 16; ++nibble) {
        size_t end = first;
        while (end < count && ((rows[end].slot >> (60 - 4 * depth)) & 15) == nibble)
            ++end;
        const struct merkle_digest child = items_digest(rows + first, end - first, depth + 1);
        bytes_append(bytes, &size_bytes, child.bytes, 16);
        first = end;
    }
    assert(first == count);
    return merkle_digest_of(bytes, size_bytes, MERKLE_SEED_INNER);
}

size_t items_under(const struct items *items, struct merkle_path path, size_t *first) {
    size_t begin = 0, end;
    while (begin < items->count && items->rows[begin].slot < merkle_path_slot_first(path))
        ++begin;
    for (end = begin; end < items->count && items->rows[end].slot <= merkle_path_slot_last(path);)
        ++end;
    *first = begin;
    return end - begin;
}

struct merkle_tree *items_tree(const struct merkle_allocator *allocator,
                               const struct items *items) {
    struct merkle_tree *tree = NULL;
    int result = merkle_tree_new(allocator, &tree);
    assert(result == 0);
    for (size_t i = 0; i < items->count; ++i) {
        result = merkle_tree_insert(tree, &items->rows[i]);
        assert(result == 0);
    }
    return tree;
}
