/* plan_drop.c - a schema that goes, or comes back, and what stands in its way.
 *
 * Its own constraints and indexes go with it, in the same batch (plan_along.c). Foreign keys of other entities that reference it
 * keep it, unless the drop cascades: then they go too. A staged drop is refused for the same reasons, at its beginning
 * rather than at its end: with it they become pending_drop, and with its abort active again. A foreign key references what its body
 * does, and, while it is pending_add over an active one, what `previous` does: that is enforced, and may come back.
 */
#include "catalog/plan.h"
#include "merkle/instrument.h"

static int refuse_referenced(struct catalog__planning *planning, struct catalog__target *schema,
                             const struct catalog_key *by) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    char shown_by[CATALOG__KEY_SHOWN_SIZE];
    return catalog__plan_refuse(
        planning, schema, CATALOG_EREFERENCED, "%.180s is referenced by %.270s",
        catalog__key_shown(&schema->key, shown), catalog__key_shown(by, shown_by));
}

/* The entity that a foreign key's body references, if it is another one than its own; else the empty text. `body` may be
 * NULL. */
static int referenced_by(const struct catalog__planning *planning, const struct catalog_key *key,
                         const uint8_t *body, size_t size_bytes, struct catalog_text *entity) {
    *entity = (struct catalog_text){0};
    struct catalog__constraint *parsed = NULL;
    if (body == NULL) {
        return 0;
    }
    int result =
        catalog__constraint_parse(planning->allocator, key->kind, body, size_bytes, &parsed);
    if (result != 0) {
        return result == CATALOG_ENOMEM ? result : 0;
    }
    if (parsed->type == CATALOG__FOREIGN_KEY &&
        !catalog__text_equal(parsed->referenced, key->entity)) {
        *entity = parsed->referenced;
    }
    merkle_release(planning->allocator, parsed);
    return 0;
}

/* Whether a foreign key of another entity, as it stands, references this one. */
static int references(const struct catalog__planning *planning, const struct catalog_entry *entry,
                      struct catalog_text entity, bool *yes) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_version version = catalog_entry_in_force(entry);
    struct catalog_text now, before;
    int result = referenced_by(planning, &key, version.body, version.body_size_bytes, &now);
    if (result == 0) {
        result =
            referenced_by(planning, &key, version.previous, version.previous_size_bytes, &before);
    }
    *yes = result == 0 && (catalog__text_equal(now, entity) || catalog__text_equal(before, entity));
    return result;
}

static bool stood(const struct catalog__target *schema) {
    return schema->before != NULL && schema->before->state != CATALOG_DROPPED;
}

/* A staged drop that an import puts back began before: what references the schema stood then, and stands now. */
static bool goes(const struct catalog__target *schema) {
    return schema != NULL && schema->changed &&
           (schema->state == CATALOG_DROPPED ||
            (schema->state == CATALOG_PENDING_DROP && stood(schema)));
}

/* Its staged drop is taken back. */
static bool comes_back(const struct catalog__target *schema) {
    return schema->changed && schema->state == CATALOG_ACTIVE && stood(schema) &&
           !schema->before->conflict && schema->before->state == CATALOG_PENDING_DROP;
}

static const struct catalog__target *own_schema(const struct catalog__planning *planning,
                                                struct catalog_text entity) {
    const struct catalog_key own = {.kind = CATALOG_SCHEMA, .entity = entity};
    return catalog__view_target(&planning->view, &own);
}

/* Whether the batch takes a foreign key away with its own schema, at least as far as the referenced one goes. */
static bool goes_with_own_schema(const struct catalog__planning *planning,
                                 const struct catalog_key *key,
                                 const struct catalog__target *referenced) {
    const struct catalog__target *schema = own_schema(planning, key->entity);
    return goes(schema) &&
           (schema->state == CATALOG_DROPPED || referenced->state != CATALOG_DROPPED);
}

/* A foreign key of another entity that is not of this batch, and references a schema that goes. */
static int look_at_reference(struct catalog__planning *planning, struct catalog__along *along,
                             struct catalog__target *schema, struct catalog_entry *entry) {
    if (!schema->write->cascade) {
        struct catalog_key key = catalog_entry_key(entry);
        PROBE("catalog.drop_referenced");
        return refuse_referenced(planning, schema, &key);
    }
    PROBE("catalog.drop_cascades");
    return catalog__along_add(planning, along, entry, schema);
}

/* The same for a schema that comes back: the foreign key does as well, if its own schema does not go on to leave. */
static int bring_back(struct catalog__planning *planning, struct catalog__along *along,
                      struct catalog__target *schema, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_key own = {.kind = CATALOG_SCHEMA, .entity = key.entity};
    struct catalog__in_force found;
    bool leaves =
        catalog__view_find(&planning->view, &own, &found) && found.state == CATALOG_PENDING_DROP;
    PROBE("catalog.drop_taken_back");
    return leaves ? 0 : catalog__along_add(planning, along, entry, schema);
}

static int look_at_references(struct catalog__planning *planning, struct catalog__along *along,
                              struct catalog__target *schema) {
    struct catalog__node **nodes = NULL;
    size_t count = 0;
    int result = catalog__reference_list(planning->catalog, schema->key.entity, &nodes, &count);
    for (size_t i = 0; i < count && result == 0 && !schema->refused; ++i) {
        struct catalog_entry *entry = catalog__node_newest(nodes[i]);
        struct catalog_key key = catalog__node_key(nodes[i]);
        if (entry == NULL || entry->state == CATALOG_DROPPED ||
            catalog__view_target(&planning->view, &key) != NULL ||
            (goes(schema) && goes_with_own_schema(planning, &key, schema))) {
            continue;
        }
        bool yes = false;
        result = references(planning, entry, schema->key.entity, &yes);
        if (result == 0 && yes) {
            result = goes(schema) ? look_at_reference(planning, along, schema, entry)
                                  : bring_back(planning, along, schema, entry);
        }
    }
    merkle_release(planning->allocator, nodes);
    return result;
}

/* What the batch writes hangs on no schema that the batch drops, cascade or not: it asks for both. */
static int look_at_own_schema(struct catalog__planning *planning,
                              struct catalog__target *constraint) {
    const struct catalog__target *schema = own_schema(planning, constraint->key.entity);
    char shown[CATALOG__KEY_SHOWN_SIZE];
    if (!goes(schema) || schema->state != CATALOG_DROPPED) {
        return 0;
    }
    PROBE("catalog.write_on_own_drop");
    return catalog__plan_refuse(planning, constraint, CATALOG_ESTATE,
                                "%.290s: the same batch drops the schema",
                                catalog__key_shown(&constraint->key, shown));
}

static int look_at_own_reference(struct catalog__planning *planning,
                                 const struct catalog__target *constraint, const uint8_t *body,
                                 size_t size_bytes) {
    struct catalog_text entity;
    int result = referenced_by(planning, &constraint->key, body, size_bytes, &entity);
    if (result != 0 || entity.size_bytes == 0) {
        return result;
    }
    const struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = entity};
    struct catalog__target *schema = catalog__view_target(&planning->view, &key);
    if (!goes(schema)) {
        return 0;
    }
    PROBE("catalog.drop_against_own_batch");
    return refuse_referenced(planning, schema, &constraint->key);
}

/* A constraint or index of this batch. */
static int look_at_constraint(struct catalog__planning *planning,
                              struct catalog__target *constraint) {
    int result = look_at_own_schema(planning, constraint);
    if (result == 0 && constraint->key.kind == CATALOG_CONSTRAINT) {
        result = look_at_own_reference(planning, constraint, constraint->body,
                                       constraint->body_size_bytes);
    }
    if (result == 0 && constraint->key.kind == CATALOG_CONSTRAINT) {
        result = look_at_own_reference(planning, constraint, constraint->previous,
                                       constraint->previous_size_bytes);
    }
    return result;
}

int catalog__plan_drops(struct catalog__planning *planning) {
    struct catalog__along along = {0};
    int result = 0;
    for (size_t i = 0; i < planning->view.target_count && result == 0; ++i) {
        struct catalog__target *target = &planning->view.targets[i];
        uint16_t kind = target->key.kind;
        if (kind == CATALOG_SCHEMA && (goes(target) || comes_back(target))) {
            result = look_at_references(planning, &along, target);
            if (result == 0) {
                result = catalog__along_own(planning, &along, target);
            }
        } else if ((kind == CATALOG_CONSTRAINT || kind == CATALOG_INDEX) &&
                   target->state != CATALOG_DROPPED) {
            result = look_at_constraint(planning, target);
        }
    }
    if (result == 0) {
        result = catalog__along_finish(planning, &along);
    }
    merkle_release(planning->allocator, along.items);
    return result;
}
