/* catalog.c - the catalog in memory: its stored layer, and what readers see of it. */
#include "catalog/internal.h"

static int lock_init(pthread_rwlock_t *lock) {
    /* Readers come all the time and hold it for microseconds: without preference the loop thread would starve. */
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0) {
        return CATALOG_ENOMEM;
    }
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int result = pthread_rwlock_init(lock, &attributes) == 0 ? 0 : CATALOG_ENOMEM;
    pthread_rwlockattr_destroy(&attributes);
    return result;
}

int catalog_new(const struct merkle_allocator *allocator, struct catalog **catalog) {
    *catalog = NULL;
    struct catalog *made = merkle_allocate_zeroed(allocator, 1, sizeof(*made));
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    made->allocator = allocator;
    int result = CATALOG_ENOMEM;
    if (merkle_tree_new(allocator, &made->tree) != 0) {
        goto release_catalog;
    }
    result = lock_init(&made->lock);
    if (result != 0) {
        goto free_tree;
    }
    result = catalog__validators_init(&made->validators);
    if (result != 0) {
        goto destroy_lock;
    }
    *catalog = made;
    return 0;
destroy_lock:
    pthread_rwlock_destroy(&made->lock);
free_tree:
    merkle_tree_free(made->tree);
release_catalog:
    merkle_release(allocator, made);
    return result;
}

void catalog_free(struct catalog *catalog) {
    if (catalog == NULL) {
        return;
    }
    catalog_pending_abandon(catalog, 0);
    for (uint32_t i = 0; i < catalog->handles.count; ++i) {
        struct catalog__node *node = catalog->handles.nodes[i];
        if (node != NULL) {
            catalog_entry_release(node->stored);
            catalog__reference_free(catalog, node->stored_reference);
            merkle_release(catalog->allocator, node);
        }
    }
    assert(catalog->references.count == 0);
    catalog__validators_close(catalog);
    pthread_rwlock_destroy(&catalog->lock);
    merkle_tree_free(catalog->tree);
    merkle_release(catalog->allocator, catalog->references.buckets);
    merkle_release(catalog->allocator, catalog->orders.items);
    merkle_release(catalog->allocator, catalog->handles.nodes);
    merkle_release(catalog->allocator, catalog->handles.free);
    merkle_release(catalog->allocator, catalog->prunables.items);
    merkle_release(catalog->allocator, catalog);
}

struct merkle_tree *catalog_tree(struct catalog *catalog) {
    return catalog->tree;
}

struct catalog_entry *catalog_entry_of_handle(const struct catalog *catalog, uint32_t handle) {
    const struct catalog__node *node =
        handle < catalog->handles.count ? catalog->handles.nodes[handle] : NULL;
    return node != NULL ? node->stored : NULL;
}

struct catalog_entry *catalog_find(const struct catalog *catalog, const struct catalog_key *key) {
    const struct catalog__node *node = catalog__index_find(catalog->root, key);
    return node != NULL ? node->stored : NULL;
}

struct catalog_entry *catalog_get(struct catalog *catalog, const struct catalog_key *key) {
    pthread_rwlock_rdlock(&catalog->lock);
    struct catalog_entry *entry = catalog_find(catalog, key);
    if (entry != NULL) {
        catalog_entry_hold(entry);
    }
    pthread_rwlock_unlock(&catalog->lock);
    return entry;
}

struct catalog_counts catalog_count(const struct catalog *catalog) {
    return catalog->counts;
}

struct catalog_entry *catalog_next(const struct catalog *catalog, uint16_t kind,
                                   struct catalog_text entity, const struct catalog_key *after) {
    return catalog__next(catalog, CATALOG__STORED, kind, entity, after);
}

/* Swaps what a node has stored (NULL: nothing) and tells readers, counts and sum; takes over both new pointers. */
static void node_store(struct catalog *catalog, struct catalog__node *node,
                       struct catalog_entry *entry, struct catalog__reference *reference) {
    struct catalog_entry *before = node->stored;
    pthread_rwlock_wrlock(&catalog->lock);
    node->stored = entry;
    catalog__validators_forget(catalog, catalog__node_key(node).entity);
    pthread_rwlock_unlock(&catalog->lock);
    catalog__reference_free(catalog, node->stored_reference);
    node->stored_reference = reference;
    if (before != NULL) {
        catalog__counts_remove(&catalog->counts, before);
    }
    if (entry != NULL) {
        catalog__counts_add(&catalog->counts, entry);
    }
    catalog->counts.changes += 1;
    if (node->order_count == 0 && before != NULL) {
        catalog_sum_remove(&catalog->sum, &before->digest);
    }
    if (node->order_count == 0 && entry != NULL) {
        catalog_sum_add(&catalog->sum, &entry->digest);
    }
    catalog__prunable_follow(catalog, node);
    catalog_entry_release(before);
}

int catalog_load(struct catalog *catalog, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog__node *node = catalog__node_take(catalog, &key);
    if (node == NULL) {
        return CATALOG_ENOMEM;
    }
    struct catalog__reference *reference = NULL;
    int result = catalog__reference_new(catalog, node, entry, &reference);
    if (result != 0) {
        goto drop_node;
    }
    if (node->in_tree) {
        result = merkle_tree_replace(catalog->tree, node->slot, node->handle, &entry->digest);
        assert(result == 0);
    } else {
        struct merkle_item item = {
            .slot = node->slot, .digest = entry->digest, .handle = node->handle};
        result = merkle_tree_insert(catalog->tree, &item) == 0 ? 0 : CATALOG_ENOMEM;
        if (result != 0) {
            goto free_reference;
        }
        node->in_tree = true;
    }
    node_store(catalog, node, catalog_entry_hold(entry), reference);
    return 0;
free_reference:
    catalog__reference_free(catalog, reference);
drop_node:
    catalog__node_drop_if_empty(catalog, node);
    return result;
}

int catalog_unload(struct catalog *catalog, const struct catalog_key *key) {
    struct catalog__node *node = catalog__index_find(catalog->root, key);
    if (node == NULL || node->stored == NULL) {
        return CATALOG_ENOTFOUND;
    }
    if (merkle_tree_remove(catalog->tree, node->slot, node->handle) != 0) {
        return CATALOG_ENOMEM;
    }
    node->in_tree = false;
    node_store(catalog, node, NULL, NULL);
    catalog__node_drop_if_empty(catalog, node);
    return 0;
}
