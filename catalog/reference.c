/* reference.c - who references an entity: a hash table from the entity to the nodes of foreign keys.
 *
 * Dropping or altering a schema must find the foreign keys of other entities that name it, among a hundred thousand
 * entries, for each write. The table grows with the references; if there is no memory for more buckets it goes on with
 * longer chains.
 */
#include "catalog/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 64 };

static struct catalog__reference **bucket_of(const struct catalog__references *references,
                                             uint64_t hash) {
    return &references->buckets[hash & (references->bucket_count - 1)];
}

static void link_into(struct catalog__reference **bucket, struct catalog__reference *reference) {
    reference->next = *bucket;
    reference->link = bucket;
    if (reference->next != NULL) {
        reference->next->link = &reference->next;
    }
    *bucket = reference;
}

static int reserve(struct catalog *catalog) {
    struct catalog__references *references = &catalog->references;
    if (references->count < references->bucket_count) {
        return 0;
    }
    struct catalog__references grown = {
        .bucket_count =
            references->bucket_count == 0 ? BUCKETS_FIRST : references->bucket_count * 2,
        .count = references->count,
    };
    grown.buckets = merkle_allocate_zeroed(catalog->allocator, grown.bucket_count,
                                           sizeof(struct catalog__reference *));
    if (grown.buckets == NULL) {
        return references->bucket_count == 0 ? CATALOG_ENOMEM : 0;
    }
    for (size_t i = 0; i < references->bucket_count; ++i) {
        struct catalog__reference *next = NULL;
        for (struct catalog__reference *each = references->buckets[i]; each != NULL; each = next) {
            next = each->next;
            link_into(bucket_of(&grown, each->hash), each);
        }
    }
    merkle_release(catalog->allocator, references->buckets);
    *references = grown;
    return 0;
}

/* The reference of one body, linked; NULL if that is no foreign key. */
static int reference_of_body(struct catalog *catalog, struct catalog__node *node,
                             const uint8_t *body, size_t size_bytes,
                             struct catalog__reference **reference) {
    *reference = NULL;
    struct catalog__constraint *constraint = NULL;
    int result = catalog__constraint_parse(catalog->allocator, CATALOG_CONSTRAINT, body, size_bytes,
                                           &constraint);
    if (result != 0) {
        return result == CATALOG_ENOMEM ? result : 0;
    }
    struct catalog_text entity = constraint->referenced;
    struct catalog__reference *made = NULL;
    if (constraint->type != CATALOG__FOREIGN_KEY) {
        goto release_constraint;
    }
    assert(entity.size_bytes <= CATALOG_NAME_SIZE_MAX);
    result = reserve(catalog);
    if (result != 0) {
        goto release_constraint;
    }
    made = merkle_allocate(catalog->allocator, 1, sizeof(*made) + entity.size_bytes);
    if (made == NULL) {
        result = CATALOG_ENOMEM;
        goto release_constraint;
    }
    *made = (struct catalog__reference){
        .node = node,
        .hash = merkle_slot_of(entity.data, entity.size_bytes),
        .entity_size_bytes = (uint8_t)entity.size_bytes,
    };
    memcpy(made->entity, entity.data, entity.size_bytes);
    link_into(bucket_of(&catalog->references, made->hash), made);
    catalog->references.count += 1;
    *reference = made;
release_constraint:
    merkle_release(catalog->allocator, constraint);
    return result;
}

int catalog__reference_new(struct catalog *catalog, struct catalog__node *node,
                           const struct catalog_entry *entry,
                           struct catalog__reference **reference) {
    *reference = NULL;
    if (entry->kind != CATALOG_CONSTRAINT || entry->state == CATALOG_DROPPED) {
        return 0;
    }
    struct catalog_version version = catalog_entry_in_force(entry);
    struct catalog__reference *previous = NULL;
    int result = 0;
    if (version.previous != NULL) {
        result = reference_of_body(catalog, node, version.previous, version.previous_size_bytes,
                                   &previous);
    }
    if (result == 0) {
        result = reference_of_body(catalog, node, version.body, version.body_size_bytes, reference);
    }
    if (result != 0) {
        catalog__reference_free(catalog, previous);
    } else if (*reference == NULL) {
        *reference = previous;
    } else {
        (*reference)->previous = previous;
    }
    return result;
}

static void unlink_and_free(struct catalog *catalog, struct catalog__reference *reference) {
    assert(catalog->references.count > 0);
    *reference->link = reference->next;
    if (reference->next != NULL) {
        reference->next->link = reference->link;
    }
    catalog->references.count -= 1;
    merkle_release(catalog->allocator, reference);
}

void catalog__reference_free(struct catalog *catalog, struct catalog__reference *reference) {
    if (reference == NULL) {
        return;
    }
    if (reference->previous != NULL) {
        unlink_and_free(catalog, reference->previous);
    }
    unlink_and_free(catalog, reference);
}

static int compare_nodes(const void *a, const void *b) {
    struct catalog_key key_a = catalog__node_key(*(struct catalog__node *const *)a);
    struct catalog_key key_b = catalog__node_key(*(struct catalog__node *const *)b);
    return catalog_key_compare(&key_a, &key_b);
}

static bool names(const struct catalog__reference *reference, uint64_t hash,
                  struct catalog_text entity) {
    struct catalog_text own = {.data = reference->entity,
                               .size_bytes = reference->entity_size_bytes};
    return reference->hash == hash && catalog__text_equal(own, entity);
}

int catalog__reference_list(const struct catalog *catalog, struct catalog_text entity,
                            struct catalog__node ***nodes, size_t *count) {
    *nodes = NULL;
    *count = 0;
    if (catalog->references.bucket_count == 0) {
        return 0;
    }
    uint64_t hash = merkle_slot_of(entity.data, entity.size_bytes);
    struct catalog__reference *first = *bucket_of(&catalog->references, hash);
    size_t found = 0;
    for (const struct catalog__reference *each = first; each != NULL; each = each->next) {
        found += names(each, hash, entity);
    }
    if (found == 0) {
        return 0;
    }
    struct catalog__node **list =
        merkle_allocate(catalog->allocator, found, sizeof(struct catalog__node *));
    if (list == NULL) {
        return CATALOG_ENOMEM;
    }
    found = 0;
    for (const struct catalog__reference *each = first; each != NULL; each = each->next) {
        if (names(each, hash, entity)) {
            list[found++] = each->node;
        }
    }
    qsort(list, found, sizeof(struct catalog__node *), compare_nodes);
    size_t distinct = 0;
    for (size_t i = 0; i < found; ++i) {
        if (distinct == 0 || list[distinct - 1] != list[i]) {
            list[distinct++] = list[i];
        }
    }
    *nodes = list;
    *count = distinct;
    return 0;
}
