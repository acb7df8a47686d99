/* body.h - the bodies of schemas, constraints and indexes as structures (private to catalog/).
 *
 * A body is the canonical MessagePack of the JSON body, with every default spelled out, so that one meaning has one
 * encoding:
 *   schema       {"fields": {NAME: {"default"?: VALUE, "required": BOOL, "type": TYPE}}}
 *   unique       {"fields": [NAME...], "type": "unique"}
 *   foreign_key  {"fields": [NAME...], "on_delete": ACTION, "references": {"entity": E, "fields": [NAME...]}, "type": "foreign_key"}
 *   not_null     {"fields": [NAME], "type": "not_null"}
 *   index        {"fields": [NAME...]}
 * Field names follow the rules of entity names. Fields of constraints and indexes keep their order and are distinct.
 *
 * Parsed structures are arrays in one block of the given allocator, freed with one merkle_release(); texts and values
 * point into the body's bytes, which must outlive them.
 */
#ifndef CATALOG_BODY_H
#define CATALOG_BODY_H

#include "catalog/catalog.h"

enum catalog__type {
    CATALOG__STRING = 1,
    CATALOG__NUMBER = 2,
    CATALOG__INTEGER = 3,
    CATALOG__BOOLEAN = 4,
    CATALOG__ARRAY = 5,
    CATALOG__OBJECT = 6,
    CATALOG__NULL = 7,
    CATALOG__ANY = 8,
    CATALOG__TYPE_COUNT = 9,
};
const char *catalog__type_name(enum catalog__type type);
/* 0 if unknown. */
enum catalog__type catalog__type_parse(struct catalog_text text);

struct catalog__field {
    struct catalog_text name;
    enum catalog__type type;
    bool required;
    const uint8_t *default_value; /* MessagePack; NULL if none */
    size_t default_size_bytes;
};
struct catalog__schema {
    size_t field_count;
    struct catalog__field fields[]; /* sorted bytewise by name */
};

enum catalog__constraint_type {
    CATALOG__UNIQUE = 1,
    CATALOG__FOREIGN_KEY = 2,
    CATALOG__NOT_NULL = 3
};
enum catalog__action { CATALOG__RESTRICT = 1, CATALOG__CASCADE = 2, CATALOG__SET_NULL = 3 };

/* A constraint or an index (type 0). */
struct catalog__constraint {
    enum catalog__constraint_type type;
    enum catalog__action on_delete; /* foreign_key */
    struct catalog_text referenced; /* foreign_key: entity */
    size_t field_count;
    size_t referenced_count;
    struct catalog_text *fields;            /* within the same block */
    struct catalog_text *referenced_fields; /* within the same block */
};

/* CATALOG_EMALFORMED if the body is not of the shape above; CATALOG_ENOMEM. */
int catalog__schema_parse(const struct merkle_allocator *allocator, const uint8_t *body,
                          size_t size_bytes, struct catalog__schema **schema);
int catalog__constraint_parse(const struct merkle_allocator *allocator, uint16_t kind,
                              const uint8_t *body, size_t size_bytes,
                              struct catalog__constraint **constraint);
/* The field of this name, NULL if none (binary search). */
const struct catalog__field *catalog__schema_find(const struct catalog__schema *schema,
                                                  struct catalog_text name);

/* Appends a MessagePack value as JSON, and reads one JSON text into canonical MessagePack (depth <= depth_max). */
int catalog__json_print_value(const uint8_t *value, size_t size_bytes, struct merkle_buffer *json);

/* What makes a new version and an entry of versions: the encoder used by plans (entry_codec.c). */
struct catalog__stamp {
    catalog_clock clock;
    struct catalog_id origin;
    struct catalog_text node;
    uint64_t number;
    enum catalog_state state;
    const uint8_t *body; /* NULL: nil */
    size_t body_size_bytes;
    const uint8_t *previous; /* NULL: none */
    size_t previous_size_bytes;
};
/* The entry that results when a writer who has seen `before` (NULL: nothing) writes one version over all of it: context =
 * before's, with origin -> clock; versions = the new one alone. CATALOG_ENOMEM, CATALOG_ETOOBIG. */
int catalog__entry_write(const struct merkle_allocator *allocator, const struct catalog_key *key,
                         struct catalog_entry *before, const struct catalog__stamp *stamp,
                         struct catalog_entry **entry);

#endif
