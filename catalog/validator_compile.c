/* validator_compile.c - from the stored entries of one entity to the validator that checks its records.
 *
 * In force are entries that are active or pending_drop; of a pending_add its `previous`, if it has one (DESIGN 7.6). The
 * schema gives the rules, a not_null adds to them (also for a field that no schema names: a constraint that outlives its
 * schema stays in force); unique and foreign_key are listed for the host.
 */
#include "catalog/entry.h"
#include "catalog/validator.h"

#include <stdlib.h>

/* What is enforced of an entry: false if nothing. */
static bool enforced_body(const struct catalog_entry *entry, const uint8_t **body,
                          size_t *size_bytes) {
    struct catalog_version version = catalog_entry_in_force(entry);
    *body = version.body;
    *size_bytes = version.body_size_bytes;
    if (version.state == CATALOG_PENDING_ADD) {
        *body = version.previous;
        *size_bytes = version.previous_size_bytes;
        return version.previous != NULL;
    }
    return version.state == CATALOG_ACTIVE || version.state == CATALOG_PENDING_DROP;
}

static int compare_rules(const void *a, const void *b) {
    return catalog__text_compare(((const struct catalog__rule *)a)->field,
                                 ((const struct catalog__rule *)b)->field);
}

static void add_schema_rules(struct catalog__validator *validator,
                             const struct catalog__schema *schema) {
    for (size_t i = 0; i < schema->field_count; ++i) {
        const struct catalog__field *field = &schema->fields[i];
        validator->rules[validator->rule_count++] = (struct catalog__rule){
            .field = field->name,
            .type = field->type,
            .required = field->required,
            .has_default = field->default_value != NULL,
            .default_null =
                field->default_value != NULL && field->default_value[0] == 0xc0, /* nil */
        };
    }
}

/* Adds not_null to the rule of a field among the sorted first `sorted_count`, or a rule of its own behind them. */
static void add_not_null(struct catalog__validator *validator, size_t sorted_count,
                         struct catalog_text field) {
    struct catalog__rule wanted = {.field = field, .type = CATALOG__ANY, .not_null = true};
    struct catalog__rule *rule =
        sorted_count == 0
            ? NULL
            : bsearch(&wanted, validator->rules, sorted_count, sizeof(wanted), compare_rules);
    if (rule != NULL) {
        rule->not_null = true;
    } else {
        validator->rules[validator->rule_count++] = wanted;
    }
}

/* Two not_null constraints (after a merge) may name one field that no schema has. */
static void rules_finish(struct catalog__validator *validator) {
    qsort(validator->rules, validator->rule_count, sizeof(struct catalog__rule), compare_rules);
    size_t distinct = 0;
    for (size_t i = 0; i < validator->rule_count; ++i) {
        if (distinct == 0 ||
            compare_rules(&validator->rules[distinct - 1], &validator->rules[i]) != 0) {
            validator->rules[distinct++] = validator->rules[i];
        }
    }
    validator->rule_count = distinct;
}

static void add_constraint(struct catalog__validator *validator, struct catalog_text name,
                           size_t sorted_count, const struct catalog__constraint *constraint) {
    switch (constraint->type) {
    case CATALOG__NOT_NULL:
        add_not_null(validator, sorted_count, constraint->fields[0]);
        break;
    case CATALOG__UNIQUE:
        validator->uniques[validator->unique_count++] = (struct catalog_unique){
            .name = name, .fields = constraint->fields, .field_count = constraint->field_count};
        break;
    case CATALOG__FOREIGN_KEY:
        validator->foreign_keys[validator->foreign_key_count++] = (struct catalog_foreign_key){
            .name = name,
            .fields = constraint->fields,
            .field_count = constraint->field_count,
            .entity = constraint->referenced,
            .referenced_fields = constraint->referenced_fields,
            .on_delete = catalog__action_name(constraint->on_delete),
        };
        break;
    }
}

/* Takes hold of the stored entries of the entity that enforce anything, and parses the constraints among them. */
static int collect(const struct catalog *catalog, struct catalog_text entity,
                   struct catalog__validator *validator, struct catalog__schema **schema) {
    const struct merkle_allocator *allocator = catalog->allocator;
    const struct catalog_key schema_key = {.kind = CATALOG_SCHEMA, .entity = entity};
    struct catalog_entry *entry = catalog_find(catalog, &schema_key);
    size_t capacity = 0;
    struct catalog_key key = {.kind = CATALOG_CONSTRAINT, .entity = entity};
    if (entry == NULL) {
        entry = catalog_next(catalog, CATALOG_CONSTRAINT, entity, NULL);
    }
    for (; entry != NULL; entry = catalog_next(catalog, CATALOG_CONSTRAINT, entity, &key)) {
        const uint8_t *body = NULL;
        size_t size_bytes = 0;
        key = catalog_entry_key(entry);
        if (!enforced_body(entry, &body, &size_bytes)) {
            continue;
        }
        if (validator->entry_count == capacity) {
            size_t grown = capacity == 0 ? 8 : capacity * 2;
            void *entries = merkle_reallocate(allocator, validator->entries, grown,
                                              sizeof(struct catalog_entry *));
            if (entries == NULL) {
                return CATALOG_ENOMEM;
            }
            validator->entries = entries;
            void *constraints = merkle_reallocate(allocator, validator->constraints, grown,
                                                  sizeof(struct catalog__constraint *));
            if (constraints == NULL) {
                return CATALOG_ENOMEM;
            }
            validator->constraints = constraints;
            capacity = grown;
        }
        struct catalog__constraint *constraint = NULL;
        int result =
            entry->kind == CATALOG_SCHEMA
                ? catalog__schema_parse(allocator, body, size_bytes, schema)
                : catalog__constraint_parse(allocator, entry->kind, body, size_bytes, &constraint);
        if (result == CATALOG_ENOMEM) {
            return result;
        }
        if (result != 0) {
            continue; /* no decoder lets such a body in */
        }
        if (entry->kind == CATALOG_SCHEMA) {
            validator->number = entry->number;
        }
        validator->entries[validator->entry_count] = catalog_entry_hold(entry);
        validator->constraints[validator->entry_count] = constraint;
        validator->entry_count += 1;
    }
    return 0;
}

int catalog__validator_compile(const struct catalog *catalog, struct catalog_text entity,
                               struct catalog__validator **validator) {
    const struct merkle_allocator *allocator = catalog->allocator;
    *validator = NULL;
    assert(entity.size_bytes <= CATALOG_NAME_SIZE_MAX);
    struct catalog__validator *made = merkle_allocate_zeroed(allocator, 1, sizeof(*made));
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    made->allocator = allocator;
    atomic_init(&made->references, 1);
    made->entity_size_bytes = (uint8_t)entity.size_bytes;
    for (size_t i = 0; i < entity.size_bytes; ++i) {
        made->entity[i] = entity.data[i];
    }
    struct catalog__schema *schema = NULL;
    int result = collect(catalog, entity, made, &schema);
    if (result != 0 || made->entry_count == 0) {
        goto finish;
    }
    size_t rules_max = (schema != NULL ? schema->field_count : 0) + made->entry_count;
    made->rules = merkle_allocate(allocator, rules_max, sizeof(struct catalog__rule));
    made->uniques = merkle_allocate(allocator, made->entry_count, sizeof(struct catalog_unique));
    made->foreign_keys =
        merkle_allocate(allocator, made->entry_count, sizeof(struct catalog_foreign_key));
    if (made->rules == NULL || made->uniques == NULL || made->foreign_keys == NULL) {
        result = CATALOG_ENOMEM;
        goto finish;
    }
    if (schema != NULL) {
        add_schema_rules(made, schema);
    }
    size_t sorted_count = made->rule_count;
    for (size_t i = 0; i < made->entry_count; ++i) {
        if (made->constraints[i] != NULL) {
            add_constraint(made, catalog_entry_key(made->entries[i]).name, sorted_count,
                           made->constraints[i]);
        }
    }
    rules_finish(made);
finish:
    merkle_release(allocator, schema);
    if (result != 0) {
        catalog__validator_release(made);
        return result;
    }
    *validator = made;
    return 0;
}
