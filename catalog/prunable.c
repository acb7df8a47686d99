/* prunable.c - which entries the next horizon changes: an index over the nodes by their newest entry's prune_clock.
 *
 * A horizon rises every few intervals, and passes a handful of entries among a hundred thousand, or thousands of tombstones at
 * once. So nodes whose newest entry some horizon changes stand in a binary heap by (clock, handle), each knows its place, and a
 * change of the entry moves it: O(log n), and nothing stale is ever left behind. Most entries, which are of one version
 * that superseded none, are not in it at all. Its memory is taken along with the handles (node.c), so a put, an
 * abandoned order or a removal cannot fail here.
 *
 *          (3, n8)                 the lowest first; an item's children are at 2i + 1 and 2i + 2
 *         /       \
 *     (5, n2)   (3, n9)
 *
 * An item's clock can be too low: a horizon that has passed both sides of a conflict no longer makes the drop yield
 * (prune.c). Such an item gets its next clock, or leaves, when it is met.
 */
#include "catalog/entry.h"
#include "catalog/internal.h"
#include "merkle/instrument.h"

static bool before(const struct catalog__prunable *a, const struct catalog__prunable *b) {
    return a->clock != b->clock ? a->clock < b->clock : a->node->handle < b->node->handle;
}

static void place(struct catalog__prunables *heap, uint32_t index, struct catalog__prunable item) {
    heap->items[index] = item;
    item.node->prunable_index = index;
}

static void rise(struct catalog__prunables *heap, uint32_t index) {
    struct catalog__prunable item = heap->items[index];
    while (index > 0 && before(&item, &heap->items[(index - 1) / 2])) {
        place(heap, index, heap->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(heap, index, item);
}

static void sink(struct catalog__prunables *heap, uint32_t index) {
    struct catalog__prunable item = heap->items[index];
    for (;;) {
        size_t child = 2 * (size_t)index + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child])) {
            child += 1;
        }
        if (!before(&heap->items[child], &item)) {
            break;
        }
        place(heap, index, heap->items[child]);
        index = (uint32_t)child;
    }
    place(heap, index, item);
}

static void add(struct catalog *catalog, struct catalog__prunable item) {
    struct catalog__prunables *heap = &catalog->prunables;
    assert(heap->count < catalog->handles.capacity);
    place(heap, heap->count, item);
    heap->count += 1;
    rise(heap, heap->count - 1);
}

static void take_out(struct catalog__prunables *heap, uint32_t index) {
    assert(index < heap->count);
    heap->items[index].node->prunable_index = CATALOG__NOT_PRUNABLE;
    heap->count -= 1;
    if (index < heap->count) {
        struct catalog__node *moved = heap->items[heap->count].node;
        place(heap, index, heap->items[heap->count]);
        sink(heap, index);
        rise(heap, moved->prunable_index);
    }
}

/* Puts a node where it belongs by this clock. */
static void put_at(struct catalog *catalog, struct catalog__node *node, catalog_clock clock) {
    if (node->prunable_index != CATALOG__NOT_PRUNABLE) {
        take_out(&catalog->prunables, node->prunable_index);
    }
    if (clock != UINT64_MAX) {
        add(catalog, (struct catalog__prunable){.clock = clock, .node = node});
    }
}

void catalog__prunable_follow(struct catalog *catalog, struct catalog__node *node) {
    const struct catalog_entry *newest = catalog__node_newest(node);
    put_at(catalog, node, newest != NULL ? newest->prune_clock : UINT64_MAX);
}

size_t catalog_prunable(struct catalog *catalog, catalog_clock horizon,
                        struct catalog_entry **entries, size_t max) {
    struct catalog__prunables *heap = &catalog->prunables;
    const uint32_t all = heap->count;
    uint32_t told = all; /* what is told waits at the end of the array, from here on */
    size_t found = 0;
    while (found < max && heap->count > 0 && heap->items[0].clock <= horizon) {
        struct catalog__node *node = heap->items[0].node;
        struct catalog_entry *newest = catalog__node_newest(node);
        catalog_clock clock = catalog__entry_prune_clock(newest, horizon);
        if (clock > horizon) {
            PROBE("catalog.prunable_passed");
            put_at(catalog, node, clock);
            continue;
        }
        struct catalog__prunable item = heap->items[0];
        take_out(heap, 0);
        assert(heap->count < told);
        heap->items[--told] = item;
        entries[found++] = newest;
    }
    for (; told < all; ++told) {
        add(catalog, heap->items[told]);
    }
    return found;
}
