/* pending.c - the pending layer: entries handed to the store and not come back yet, and removals of entries.
 *
 * Orders stand in a queue by ticket. A node's `pending` is the entry of its newest order, NULL if that is a removal; one node
 * may have several under way. All memory is taken when an order is put, but for what the digest tree needs when it becomes
 * stored (a removal, too: the leaf that takes what is left).
 */
#include "catalog/internal.h"
#include "merkle/instrument.h"

#include <string.h>

enum {
    ORDERS_FIRST = 64,
    SWAPS_MAX =
        1000, /* orders that become stored within one hold of the lock: readers wait for that long */
};

/* Makes room for one more order, at the end of the array. */
static int orders_reserve(struct catalog *catalog) {
    struct catalog__orders *orders = &catalog->orders;
    if (orders->first + orders->count < orders->capacity) {
        return 0;
    }
    if (orders->first > orders->capacity / 2) {
        memmove(orders->items, orders->items + orders->first,
                orders->count * sizeof(struct catalog__order));
        orders->first = 0;
        return 0;
    }
    if (orders->capacity > SIZE_MAX / 2) {
        return CATALOG_ENOMEM;
    }
    size_t capacity = orders->capacity == 0 ? ORDERS_FIRST : orders->capacity * 2;
    struct catalog__order *items = merkle_reallocate(catalog->allocator, orders->items, capacity,
                                                     sizeof(struct catalog__order));
    if (items == NULL) {
        return CATALOG_ENOMEM;
    }
    orders->items = items;
    orders->capacity = capacity;
    return 0;
}

static struct catalog__order *oldest(struct catalog__orders *orders) {
    return &orders->items[orders->first];
}

static struct catalog__order *newest(struct catalog__orders *orders) {
    return &orders->items[orders->first + orders->count - 1];
}

/* The sum counts the newest entry of each node. */
static void sum_change(struct catalog *catalog, const struct catalog_entry *before,
                       const struct catalog_entry *after) {
    if (before != NULL) {
        catalog_sum_remove(&catalog->sum, &before->digest);
    }
    if (after != NULL) {
        catalog_sum_add(&catalog->sum, &after->digest);
    }
}

struct catalog_entry *catalog_pending_find(const struct catalog *catalog,
                                           const struct catalog_key *key) {
    const struct catalog__node *node = catalog__index_find(catalog->root, key);
    return node != NULL ? catalog__node_newest(node) : NULL;
}

struct catalog_entry *catalog_pending_next(const struct catalog *catalog, uint16_t kind,
                                           struct catalog_text entity,
                                           const struct catalog_key *after) {
    return catalog__next(catalog, CATALOG__PENDING, kind, entity, after);
}

/* The order for which room was made. */
static void order_add(struct catalog *catalog, struct catalog__node *node,
                      struct catalog_entry *entry, uint64_t ticket,
                      struct catalog__reference *reference) {
    struct catalog__orders *orders = &catalog->orders;
    if (node->order_count > 0) {
        PROBE("catalog.pending_on_pending");
    }
    sum_change(catalog, catalog__node_newest(node), entry);
    orders->items[orders->first + orders->count++] = (struct catalog__order){
        .ticket = ticket,
        .node = node,
        .entry = entry != NULL ? catalog_entry_hold(entry) : NULL,
        .before = node->pending,
        .reference = reference,
    };
    node->pending = entry;
    node->order_count += 1;
    catalog__prunable_follow(catalog, node);
}

int catalog_pending_put(struct catalog *catalog, struct catalog_entry *entry, uint64_t ticket) {
    assert(catalog->orders.count == 0 || newest(&catalog->orders)->ticket <= ticket);
    if (orders_reserve(catalog) != 0) {
        return CATALOG_ENOMEM;
    }
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog__node *node = catalog__node_take(catalog, &key);
    if (node == NULL) {
        return CATALOG_ENOMEM;
    }
    struct catalog__reference *reference = NULL;
    int result = catalog__reference_new(catalog, node, entry, &reference);
    if (result != 0) {
        catalog__node_drop_if_empty(catalog, node);
        return result;
    }
    order_add(catalog, node, entry, ticket, reference);
    if (PLANTED(ATTUNE_B04) && node->in_tree) {
        (void)merkle_tree_replace(catalog->tree, node->slot, node->handle, &entry->digest);
    }
    return 0;
}

int catalog_pending_remove(struct catalog *catalog, const struct catalog_key *key,
                           uint64_t ticket) {
    assert(catalog->orders.count == 0 || newest(&catalog->orders)->ticket <= ticket);
    struct catalog__node *node = catalog__index_find(catalog->root, key);
    if (node == NULL || catalog__node_newest(node) == NULL) {
        return CATALOG_ENOTFOUND;
    }
    if (orders_reserve(catalog) != 0) {
        return CATALOG_ENOMEM;
    }
    order_add(catalog, node, NULL, ticket, NULL);
    return 0;
}

/* The tree first: it may lack memory, and no reader looks at it. */
static int tree_change(struct catalog *catalog, const struct catalog__order *order) {
    struct catalog__node *node = order->node;
    if (order->entry == NULL) {
        if (node->in_tree && merkle_tree_remove(catalog->tree, node->slot, node->handle) != 0) {
            return CATALOG_ENOMEM;
        }
        node->in_tree = false;
        return 0;
    }
    if (PLANTED(ATTUNE_B03) && node->in_tree) {
        return 0;
    }
    if (node->in_tree) {
        int result =
            merkle_tree_replace(catalog->tree, node->slot, node->handle, &order->entry->digest);
        assert(result == 0);
        return 0;
    }
    struct merkle_item item = {
        .slot = node->slot, .digest = order->entry->digest, .handle = node->handle};
    int result = merkle_tree_insert(catalog->tree, &item);
    if (result != 0) {
        assert(result == MERKLE_ENOMEM);
        return CATALOG_ENOMEM;
    }
    node->in_tree = true;
    return 0;
}

/* Moves an order's entry, or that there is none, into the stored layer; the entry that it replaces stays in the order, to be
 * released. So does the node if nothing is left of it: no order behind this one is of it. */
static void swap(struct catalog *catalog, struct catalog__order *order) {
    struct catalog__node *node = order->node;
    struct catalog_entry *replaced = node->stored;
    struct catalog__reference *reference = node->stored_reference;
    node->stored = order->entry;
    node->stored_reference = order->reference;
    assert(node->order_count > 0);
    node->order_count -= 1;
    if (node->order_count == 0) {
        assert(node->pending == node->stored);
        node->pending = NULL;
    }
    if (node->kind <= CATALOG_CONSTRAINT) {
        catalog__validators_forget(catalog, catalog__node_key(node).entity);
    }
    if (replaced != NULL) {
        catalog__counts_remove(&catalog->counts, replaced);
    }
    if (node->stored != NULL) {
        catalog__counts_add(&catalog->counts, node->stored);
    }
    catalog->counts.changes += 1;
    order->entry = replaced;
    order->reference = reference;
    if (node->stored != NULL || node->order_count > 0) {
        order->node = NULL;
    }
}

/* Lets the `count` oldest orders become stored. */
static int store(struct catalog *catalog, size_t count) {
    struct catalog__order *orders = oldest(&catalog->orders);
    for (size_t i = 0; i < count; ++i) {
        int result = tree_change(catalog, &orders[i]);
        if (result != 0) {
            return result;
        }
    }
    pthread_rwlock_wrlock(&catalog->lock);
    for (size_t i = 0; i < count; ++i) {
        swap(catalog, &orders[i]);
    }
    pthread_rwlock_unlock(&catalog->lock);
    for (size_t i = 0; i < count; ++i) {
        catalog_entry_release(orders[i].entry);
        catalog__reference_free(catalog, orders[i].reference);
        if (orders[i].node != NULL) {
            PROBE("catalog.pending_removed");
            catalog__node_drop_if_empty(catalog, orders[i].node);
        }
    }
    catalog->orders.first += count;
    catalog->orders.count -= count;
    return 0;
}

int catalog_pending_stored(struct catalog *catalog, uint64_t ticket) {
    struct catalog__orders *orders = &catalog->orders;
    for (;;) {
        size_t count = 0;
        while (count < orders->count && count < SWAPS_MAX &&
               orders->items[orders->first + count].ticket <= ticket) {
            count += 1;
        }
        if (count == 0) {
            break;
        }
        int result = store(catalog, count);
        if (result != 0) {
            return result;
        }
    }
    if (orders->count == 0) {
        orders->first = 0;
    }
    return 0;
}

void catalog_pending_abandon(struct catalog *catalog, uint64_t ticket) {
    struct catalog__orders *orders = &catalog->orders;
    while (orders->count > 0 && newest(orders)->ticket >= ticket) {
        struct catalog__order order = *newest(orders);
        orders->count -= 1;
        struct catalog__node *node = order.node;
        assert(node->pending == order.entry);
        assert(node->order_count > 0);
        node->order_count -= 1;
        if (node->order_count > 0) {
            PROBE("catalog.pending_falls_back");
        }
        node->pending = node->order_count > 0 ? order.before : NULL;
        sum_change(catalog, order.entry, catalog__node_newest(node));
        catalog__prunable_follow(catalog, node);
        catalog__reference_free(catalog, order.reference);
        catalog__node_drop_if_empty(catalog, node);
        catalog_entry_release(order.entry);
    }
}

struct catalog_sum catalog_pending_sum(const struct catalog *catalog) {
    return catalog->sum;
}
