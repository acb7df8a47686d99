/* validator.c - the cache of compiled validators, by entity.
 *
 * A hit costs one read lock and one reference. A miss compiles under the catalog's read lock and puts the result into the
 * cache before it lets go: the loop thread, which drops a validator when it changes an entry, holds that lock for writing,
 * so nothing stale can get in. Entities of which nothing is known are not kept: their names are the caller's, and without
 * bound.
 */
#include "catalog/validator.h"

#include <string.h>

enum { BUCKETS_FIRST = 64 };

int catalog__validators_init(struct catalog__validators *validators) {
    return pthread_rwlock_init(&validators->lock, NULL) == 0 ? 0 : CATALOG_ENOMEM;
}

void catalog__validators_close(struct catalog *catalog) {
    struct catalog__validators *validators = &catalog->validators;
    for (size_t i = 0; i < validators->bucket_count; ++i) {
        struct catalog__validator *next = NULL;
        for (struct catalog__validator *each = validators->buckets[i]; each != NULL; each = next) {
            next = each->next;
            catalog__validator_release(each);
        }
    }
    merkle_release(catalog->allocator, validators->buckets);
    pthread_rwlock_destroy(&validators->lock);
}

/* What points to the validator of an entity, or to the NULL at the end of its bucket. */
static struct catalog__validator **find(const struct catalog__validators *validators, uint64_t hash,
                                        struct catalog_text entity) {
    struct catalog__validator **link = &validators->buckets[hash & (validators->bucket_count - 1)];
    while (*link != NULL) {
        struct catalog_text own = {.data = (*link)->entity,
                                   .size_bytes = (*link)->entity_size_bytes};
        if ((*link)->hash == hash && catalog__text_equal(own, entity)) {
            break;
        }
        link = &(*link)->next;
    }
    return link;
}

void catalog__validators_forget(struct catalog *catalog, struct catalog_text entity) {
    struct catalog__validators *validators = &catalog->validators;
    struct catalog__validator *forgotten = NULL;
    pthread_rwlock_wrlock(&validators->lock);
    if (validators->count > 0) {
        uint64_t hash = merkle_slot_of(entity.data, entity.size_bytes);
        struct catalog__validator **link = find(validators, hash, entity);
        forgotten = *link;
        if (forgotten != NULL) {
            *link = forgotten->next;
            validators->count -= 1;
        }
    }
    pthread_rwlock_unlock(&validators->lock);
    catalog__validator_release(forgotten);
}

static void grow(struct catalog *catalog) {
    struct catalog__validators *validators = &catalog->validators;
    size_t bucket_count =
        validators->bucket_count == 0 ? BUCKETS_FIRST : validators->bucket_count * 2;
    struct catalog__validator **buckets = merkle_allocate_zeroed(
        catalog->allocator, bucket_count, sizeof(struct catalog__validator *));
    if (buckets == NULL) {
        return; /* longer chains, or no cache yet */
    }
    for (size_t i = 0; i < validators->bucket_count; ++i) {
        struct catalog__validator *next = NULL;
        for (struct catalog__validator *each = validators->buckets[i]; each != NULL; each = next) {
            next = each->next;
            struct catalog__validator **bucket = &buckets[each->hash & (bucket_count - 1)];
            each->next = *bucket;
            *bucket = each;
        }
    }
    merkle_release(catalog->allocator, validators->buckets);
    validators->buckets = buckets;
    validators->bucket_count = bucket_count;
}

/* Keeps a validator, unless another thread was faster. */
static void keep(struct catalog *catalog, struct catalog__validator *validator) {
    struct catalog__validators *validators = &catalog->validators;
    struct catalog_text entity = {.data = validator->entity,
                                  .size_bytes = validator->entity_size_bytes};
    pthread_rwlock_wrlock(&validators->lock);
    if (validators->count >= validators->bucket_count) {
        grow(catalog);
    }
    struct catalog__validator **link =
        validators->bucket_count > 0 ? find(validators, validator->hash, entity) : NULL;
    if (link != NULL && *link == NULL) {
        atomic_fetch_add_explicit(&validator->references, 1, memory_order_relaxed);
        validator->next = NULL;
        *link = validator;
        validators->count += 1;
    }
    pthread_rwlock_unlock(&validators->lock);
}

int catalog__validator_get(struct catalog *catalog, struct catalog_text entity,
                           struct catalog__validator **validator) {
    struct catalog__validators *validators = &catalog->validators;
    uint64_t hash = merkle_slot_of(entity.data, entity.size_bytes);
    pthread_rwlock_rdlock(&validators->lock);
    *validator = validators->count > 0 ? *find(validators, hash, entity) : NULL;
    if (*validator != NULL) {
        atomic_fetch_add_explicit(&(*validator)->references, 1, memory_order_relaxed);
    }
    pthread_rwlock_unlock(&validators->lock);
    if (*validator != NULL) {
        return 0;
    }
    pthread_rwlock_rdlock(&catalog->lock);
    int result = catalog__validator_compile(catalog, entity, validator);
    if (result == 0) {
        (*validator)->hash = hash;
        if ((*validator)->entry_count > 0) {
            keep(catalog, *validator);
        }
    }
    pthread_rwlock_unlock(&catalog->lock);
    return result;
}

void catalog__validator_release(struct catalog__validator *validator) {
    if (validator == NULL ||
        atomic_fetch_sub_explicit(&validator->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < validator->entry_count; ++i) {
        catalog_entry_release(validator->entries[i]);
        merkle_release(validator->allocator, validator->constraints[i]);
    }
    merkle_release(validator->allocator, validator->entries);
    merkle_release(validator->allocator, validator->constraints);
    merkle_release(validator->allocator, validator->rules);
    merkle_release(validator->allocator, validator->uniques);
    merkle_release(validator->allocator, validator->foreign_keys);
    merkle_release(validator->allocator, validator);
}
