/* audit.c - what merges may have broken: the rules of a write, asked of what is stored (DESIGN 4.4).
 *
 * Two innocent writes on two sides of a partition can leave a foreign key to a schema that is dropped, an index over a
 * field that is gone, or one constraint under two names. Nothing is refused here, it is told. An entity that never had a
 * schema is in order; one whose schema is dropped, while constraints name it, is not.
 *
 * If memory runs short the audit says what it could find: it is asked again.
 */
#include "catalog/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct meaning {
    struct merkle_digest digest;
    struct catalog_key key;
};

struct audit {
    const struct catalog *catalog;
    struct catalog__rules *rules;
    struct catalog_problem *problems;
    size_t max;
    size_t count;
    struct meaning *meanings; /* of the constraints of one entity */
    size_t meaning_count;
    size_t meaning_capacity;
};

__attribute__((format(printf, 3, 4))) static void tell(struct audit *audit, int code,
                                                       const char *format, ...) {
    if (audit->count < audit->max) {
        struct catalog_problem *problem = &audit->problems[audit->count];
        *problem = (struct catalog_problem){.code = code};
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(problem->message, sizeof problem->message, format, arguments);
        va_end(arguments);
        catalog__message_trim(problem->message);
    }
    audit->count += 1;
}

static bool schema_dropped(const struct audit *audit, struct catalog_text entity) {
    const struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = entity};
    const struct catalog_entry *entry = catalog_find(audit->catalog, &key);
    return entry != NULL && entry->state == CATALOG_DROPPED;
}

static void audit_one(struct audit *audit, const struct catalog__in_force *constraint,
                      const struct catalog__constraint *parsed) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    catalog__key_shown(&constraint->key, shown);
    if (schema_dropped(audit, constraint->key.entity)) {
        tell(audit, CATALOG_EMISSINGFIELD, "%.300s outlives the schema, which is dropped", shown);
        return;
    }
    if (parsed->type == CATALOG__FOREIGN_KEY && schema_dropped(audit, parsed->referenced)) {
        tell(audit, CATALOG_EREFERENCE, "%.300s references entity '%.*s', whose schema is dropped",
             shown, (int)parsed->referenced.size_bytes, parsed->referenced.data);
        return;
    }
    struct catalog__finding finding;
    if (catalog__rules_check(audit->rules, constraint, &finding) == 0 && finding.code != 0) {
        tell(audit, finding.code, "%s", finding.message);
    }
}

/* --- meanings ----------------------------------------------------------------------------------------------------------- */

static int compare_meanings(const void *a, const void *b) {
    const struct meaning *meaning_a = a;
    const struct meaning *meaning_b = b;
    int order = merkle_digest_compare(&meaning_a->digest, &meaning_b->digest);
    return order != 0 ? order : catalog_key_compare(&meaning_a->key, &meaning_b->key);
}

static void end_entity(struct audit *audit) {
    if (audit->meaning_count > 1) {
        qsort(audit->meanings, audit->meaning_count, sizeof(struct meaning), compare_meanings);
    }
    const struct meaning *first = NULL;
    for (size_t i = 0; i < audit->meaning_count; ++i) {
        const struct meaning *meaning = &audit->meanings[i];
        if (first == NULL || !merkle_digest_equal(&first->digest, &meaning->digest)) {
            first = meaning;
            continue;
        }
        char shown[CATALOG__KEY_SHOWN_SIZE];
        tell(audit, CATALOG_ESAMEMEANING, "%.300s says the same as '%.*s'",
             catalog__key_shown(&meaning->key, shown), (int)first->key.name.size_bytes,
             first->key.name.data);
    }
    audit->meaning_count = 0;
}

static void add_meaning(struct audit *audit, const struct catalog_key *key,
                        const struct catalog__constraint *parsed) {
    if (audit->meaning_count > 0 &&
        !catalog__text_equal(audit->meanings[0].key.entity, key->entity)) {
        end_entity(audit);
    }
    if (audit->meaning_count == audit->meaning_capacity) {
        size_t capacity = audit->meaning_capacity == 0 ? 32 : audit->meaning_capacity * 2;
        struct meaning *grown =
            merkle_reallocate(audit->rules->allocator, audit->meanings, capacity, sizeof(*grown));
        if (grown == NULL) {
            return;
        }
        audit->meanings = grown;
        audit->meaning_capacity = capacity;
    }
    struct meaning *meaning = &audit->meanings[audit->meaning_count];
    meaning->key = *key;
    if (catalog__rules_meaning(audit->rules->allocator, parsed, &meaning->digest) == 0) {
        audit->meaning_count += 1;
    }
}

/* --- the walk ------------------------------------------------------------------------------------------------------------- */

static void audit_kind(struct audit *audit, uint16_t kind) {
    const struct catalog_text all = {0};
    const struct catalog_key *after = NULL;
    struct catalog_key at;
    struct catalog_entry *entry = NULL;
    while ((entry = catalog_next(audit->catalog, kind, all, after)) != NULL) {
        at = catalog_entry_key(entry);
        after = &at;
        struct catalog__in_force constraint;
        struct catalog__constraint *parsed = NULL;
        if (!catalog__view_find(audit->rules->view, &at, &constraint) ||
            catalog__rules_parse(audit->rules, &constraint, &parsed) != 0) {
            continue;
        }
        audit_one(audit, &constraint, parsed);
        if (kind == CATALOG_CONSTRAINT) {
            add_meaning(audit, &at, parsed);
        }
        merkle_release(audit->rules->allocator, parsed);
    }
    end_entity(audit);
}

size_t catalog_audit(const struct catalog *catalog, struct catalog_problem *problems, size_t max) {
    const struct catalog__view view = {.catalog = catalog, .layer = CATALOG__STORED};
    struct catalog__rules rules;
    catalog__rules_init(&rules, catalog->allocator, &view);
    struct audit audit = {.catalog = catalog, .rules = &rules, .problems = problems, .max = max};
    audit_kind(&audit, CATALOG_CONSTRAINT);
    audit_kind(&audit, CATALOG_INDEX);
    merkle_release(catalog->allocator, audit.meanings);
    catalog__rules_close(&rules);
    return audit.count;
}
