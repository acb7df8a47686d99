/* validator.h - what an entity demands of its records, compiled (private to catalog/).
 *
 * Immutable once made, counted by references: a check holds it, so that a change of the schema meanwhile frees nothing
 * under its feet. All texts point into the entries, which it holds.
 */
#ifndef CATALOG_VALIDATOR_H
#define CATALOG_VALIDATOR_H

#include "catalog/internal.h"

struct catalog__rule {
    struct catalog_text field;
    enum catalog__type type; /* CATALOG__ANY for a field that only a not_null names */
    bool required;
    bool not_null;
    bool has_default;
    bool default_null;
};

struct catalog__validator {
    const struct merkle_allocator *allocator;
    atomic_uint references;
    struct catalog__validator *next; /* within the cache's bucket */
    uint64_t hash;
    struct catalog__rule *rules; /* sorted by field */
    size_t rule_count;
    struct catalog_unique *uniques; /* sorted by name */
    size_t unique_count;
    struct catalog_foreign_key *foreign_keys; /* sorted by name */
    size_t foreign_key_count;
    struct catalog_entry **entries;           /* held */
    struct catalog__constraint **constraints; /* parsed; their texts are those of the lists above */
    size_t entry_count;                       /* of both arrays */
    uint64_t number;                          /* of the schema in force; 0 if there is none */
    uint8_t entity_size_bytes;
    char entity[CATALOG_NAME_SIZE_MAX];
};

/* Compiles what is stored for an entity. The caller holds catalog->lock for reading. CATALOG_ENOMEM. */
int catalog__validator_compile(const struct catalog *catalog, struct catalog_text entity,
                               struct catalog__validator **validator);
/* The validator of an entity, from the cache or made now, with a reference. [any thread] CATALOG_ENOMEM. */
int catalog__validator_get(struct catalog *catalog, struct catalog_text entity,
                           struct catalog__validator **validator);
void catalog__validator_release(struct catalog__validator *validator); /* NULL is allowed */

#endif
