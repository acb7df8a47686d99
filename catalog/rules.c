/* rules.c - facts about entities, read from a view and kept for a while. */
#include "catalog/rules.h"

#include <stdlib.h>

void catalog__rules_init(struct catalog__rules *rules, const struct merkle_allocator *allocator,
                         const struct catalog__view *view) {
    *rules = (struct catalog__rules){.allocator = allocator, .view = view};
}

static void facts_close(const struct catalog__rules *rules, struct catalog__facts *facts) {
    for (size_t i = 0; i < facts->schema_count; ++i) {
        merkle_release(rules->allocator, facts->schemas[i]);
    }
    merkle_release(rules->allocator, facts->not_nulls);
    *facts = (struct catalog__facts){0};
}

void catalog__rules_close(struct catalog__rules *rules) {
    for (size_t i = 0; i < rules->facts_count; ++i) {
        facts_close(rules, &rules->facts[i]);
    }
}

static int add_schema(const struct catalog__rules *rules, struct catalog__facts *facts,
                      const uint8_t *body, size_t size_bytes) {
    if (body == NULL) {
        return 0;
    }
    struct catalog__schema *schema = NULL;
    int result = catalog__schema_parse(rules->allocator, body, size_bytes, &schema);
    if (result != 0) {
        return result == CATALOG_ENOMEM ? result : 0; /* no decoder lets another body in */
    }
    assert(facts->schema_count < CATALOG__BODIES_MAX);
    facts->schemas[facts->schema_count++] = schema;
    return 0;
}

static int facts_read(const struct catalog__rules *rules, struct catalog_text entity,
                      struct catalog__facts *facts) {
    *facts = (struct catalog__facts){.entity = entity};
    const struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = entity};
    struct catalog__in_force schema;
    if (!catalog__view_find(rules->view, &key, &schema)) {
        return 0;
    }
    facts->schema_state = schema.state;
    facts->schema_target = schema.target;
    int result = add_schema(rules, facts, schema.body, schema.body_size_bytes);
    if (result == 0) {
        result = add_schema(rules, facts, schema.previous, schema.previous_size_bytes);
    }
    if (result != 0) {
        facts_close(rules, facts);
    }
    return result;
}

int catalog__rules_facts(struct catalog__rules *rules, struct catalog_text entity,
                         const struct catalog__facts *pinned, struct catalog__facts **facts) {
    for (size_t i = 0; i < rules->facts_count; ++i) {
        if (catalog__text_equal(rules->facts[i].entity, entity)) {
            *facts = &rules->facts[i];
            return 0;
        }
    }
    struct catalog__facts read;
    int result = facts_read(rules, entity, &read);
    if (result != 0) {
        return result;
    }
    if (rules->facts_count < CATALOG__FACTS_KEPT) {
        *facts = &rules->facts[rules->facts_count++];
    } else {
        if (&rules->facts[rules->facts_next] == pinned) {
            rules->facts_next = (rules->facts_next + 1) % CATALOG__FACTS_KEPT;
        }
        *facts = &rules->facts[rules->facts_next];
        rules->facts_next = (rules->facts_next + 1) % CATALOG__FACTS_KEPT;
        facts_close(rules, *facts);
    }
    **facts = read;
    return 0;
}

int catalog__rules_parse(const struct catalog__rules *rules,
                         const struct catalog__in_force *constraint,
                         struct catalog__constraint **parsed) {
    *parsed = NULL;
    return catalog__constraint_parse(rules->allocator, constraint->key.kind, constraint->body,
                                     constraint->body_size_bytes, parsed);
}

/* --- meaning -------------------------------------------------------------------------------------------------------- */

struct field_pair {
    struct catalog_text field;
    struct catalog_text referenced;
};

static int compare_pairs(const void *a, const void *b) {
    const struct field_pair *pair_a = a;
    const struct field_pair *pair_b = b;
    int order = catalog__text_compare(pair_a->field, pair_b->field);
    return order != 0 ? order : catalog__text_compare(pair_a->referenced, pair_b->referenced);
}

static void append_text(struct merkle_buffer *buffer, struct catalog_text text) {
    uint8_t size = (uint8_t)text.size_bytes; /* names are at most 128 bytes */
    merkle_buffer_append(buffer, &size, 1);
    if (text.size_bytes > 0) {
        merkle_buffer_append(buffer, text.data, text.size_bytes);
    }
}

int catalog__rules_meaning(const struct merkle_allocator *allocator,
                           const struct catalog__constraint *constraint,
                           struct merkle_digest *meaning) {
    assert(constraint->field_count > 0);
    size_t count = constraint->field_count;
    struct field_pair *pairs = merkle_allocate(allocator, count, sizeof(*pairs));
    if (pairs == NULL) {
        return CATALOG_ENOMEM;
    }
    for (size_t i = 0; i < count; ++i) {
        bool references = i < constraint->referenced_count;
        pairs[i] = (struct field_pair){
            .field = constraint->fields[i],
            .referenced =
                references ? constraint->referenced_fields[i] : (struct catalog_text){.data = ""},
        };
    }
    qsort(pairs, count, sizeof(*pairs), compare_pairs);
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, allocator);
    const uint8_t head[2] = {(uint8_t)constraint->type, (uint8_t)constraint->on_delete};
    merkle_buffer_append(&buffer, head, sizeof head);
    append_text(&buffer, constraint->referenced);
    for (size_t i = 0; i < count; ++i) {
        append_text(&buffer, pairs[i].field);
        append_text(&buffer, pairs[i].referenced);
    }
    int result = buffer.failed ? CATALOG_ENOMEM : 0;
    if (result == 0) {
        *meaning = merkle_digest_of(buffer.data, buffer.size_bytes, MERKLE_SEED_ENTRY);
    }
    merkle_buffer_close(&buffer);
    merkle_release(allocator, pairs);
    return result;
}
