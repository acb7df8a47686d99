/* check_staged.c - STAGED: a staged change goes step by step (DESIGN 7.6).
 *
 *   one state apart   when a step lands on the disk of its maker, every true member holds what the step replaces: so no two of
 *                     them are more than one state apart then; and later neither, as no disk goes back (S3). Looked at for
 *                     entries that staged changes were asked for, of versions that no plain write at that node can have made.
 *                     Outside are members that the maker counts out (removed, replaced), and, once somebody has asked for a
 *                     change of this entry with skip_dead, those that the maker takes for dead or left and has not heard
 *                     for longer than the freshness limit, and newcomers that these alone have admitted, if a majority holds
 *                     it (check_staged_apart.c)
 *                     An abort needs nobody: it goes back to where those are who lack what it replaces
 *   who may           what is pending and stands alone is left by the member alone that made it so: by its name, as long as a
 *                     member of that name is not removed for the maker of the step
 *   enforced          pending_add lets through what the schema before it lets through (any record, if there was none), all
 *                     other states what their body does: records are checked against each node in turn, and against a
 *                     catalog that holds nothing but that body
 *
 * A disk that a fault changed a moment ago may have confirmed before that; see check_agreement.c.
 */
#include "test/sim/check_staged.h"

#include <stdlib.h>
#include <string.h>

/* A plain write that a node was asked for and has not answered, of this entry. */
struct plain {
    uint64_t token, slot;
    size_t node;
    bool drops; /* with what hangs on it */
};
struct staged {
    struct sim_staged_entry *entries;
    size_t count, capacity;
    struct plain *plain;
    size_t plain_count, plain_capacity;
    uint64_t turn;
    struct sim_staged_apart apart;
};

/* --- what was asked --------------------------------------------------------------------------------------------------- */

static struct sim_staged_entry *entry_find(struct staged *staged, uint64_t slot) {
    for (size_t i = 0; i < staged->count; i++) {
        if (staged->entries[i].slot == slot) {
            return &staged->entries[i];
        }
    }
    return NULL;
}

static void staged_note(const struct sim *sim, struct staged *staged,
                        const struct gossip_operation *operation) {
    const struct catalog_key *key = &operation->writes[0].key;
    uint64_t slot = catalog_key_slot(key);
    struct sim_staged_entry *entry = entry_find(staged, slot);
    if (entry == NULL) {
        staged->entries =
            sim_grow(staged->entries, staged->count, &staged->capacity, sizeof *staged->entries);
        entry = &staged->entries[staged->count++];
        *entry = (struct sim_staged_entry){.slot = slot, .asked_ms = sim->now_ms};
        if (key->kind == CATALOG_SCHEMA && key->entity.size_bytes < SIM_STAGED_NAME_SIZE_MAX) {
            memcpy(entry->entity, key->entity.data, key->entity.size_bytes);
        }
    }
    entry->skips_dead = entry->skips_dead || operation->skip_dead;
}

static void plain_note(struct staged *staged, const struct sim_node *node,
                       const struct gossip_operation *operation) {
    for (size_t i = 0; i < operation->write_count; i++) {
        staged->plain = sim_grow(staged->plain, staged->plain_count, &staged->plain_capacity,
                                 sizeof *staged->plain);
        staged->plain[staged->plain_count++] =
            (struct plain){.token = operation->token,
                           .slot = catalog_key_slot(&operation->writes[i].key),
                           .node = node->index,
                           .drops = operation->writes[i].operation == CATALOG_DROP};
    }
}

/* After a failed commit it may still land. */
static void plain_forget(struct staged *staged, const struct gossip_reply *reply) {
    for (size_t i = staged->plain_count; i > 0; i--) {
        if (staged->plain[i - 1].token == reply->token && reply->code != CATALOG_EIO &&
            reply->code != CATALOG_EFULL && reply->code != GOSSIP_ESTOREDOWN) {
            staged->plain[i - 1] = staged->plain[--staged->plain_count];
        }
    }
}

static bool may_be_plain(const struct staged *staged, const struct sim_node *node, uint64_t slot,
                         bool dropped) {
    for (size_t i = 0; i < staged->plain_count; i++) {
        const struct plain *plain = &staged->plain[i];
        if (plain->node == node->index && (plain->slot == slot || (dropped && plain->drops))) {
            return true;
        }
    }
    return false;
}

static void staged_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                           const struct gossip_update *update) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    if (event->type == GOSSIP_OPERATION && event->operation->type == GOSSIP_STAGED) {
        staged_note(sim, staged, event->operation);
    } else if (event->type == GOSSIP_OPERATION && event->operation->type == GOSSIP_WRITE) {
        plain_note(staged, node, event->operation);
    }
    for (size_t i = 0; i < update->reply_count; i++) {
        plain_forget(staged, &update->replies[i]);
    }
    for (size_t i = 0; i < update->batch_count && sim->node_count <= SIM_SQUARE_CHECKS_MAX; i++) {
        for (size_t j = 0; j < update->batches[i].entry_count; j++) {
            const struct sim_staged_entry *entry =
                entry_find(staged, update->batches[i].entries[j]->slot);
            if (entry != NULL && entry->skips_dead) {
                sim__staged_apart_decided(sim, &staged->apart, node, entry);
            }
        }
    }
}

static void staged_ended(struct sim *sim, struct sim_node *node) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    for (size_t i = staged->plain_count; i > 0; i--) {
        if (staged->plain[i - 1].node == node->index) {
            staged->plain[i - 1] = staged->plain[--staged->plain_count];
        }
    }
}

/* --- who may ---------------------------------------------------------------------------------------------------------- */

static void owner_look(struct sim *sim, struct sim_node *maker, struct catalog_entry *before) {
    struct catalog_version from = catalog_entry_in_force(before);
    bool pending = from.state == CATALOG_PENDING_ADD || from.state == CATALOG_PENDING_DROP;
    if (!pending || before->version_count != 1 ||
        catalog_text_is(from.node, maker->engine->node_name)) {
        return;
    }
    sim_checker_looked(sim, &sim_check_staged);
    for (size_t i = 0; i < maker->engine->member_count; i++) {
        const struct gossip__member *member = maker->engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED &&
            catalog_text_is(from.node, member->row.name)) {
            sim_violated(sim, &sim_check_staged, maker,
                         "takes a step of a staged change that belongs to %s, a member",
                         member->row.name);
            return;
        }
    }
}

/* Made in this start, and new on this disk. */
static bool is_made_here(const struct sim_node *node, const struct catalog_entry *before,
                         const struct catalog_entry *after) {
    struct catalog_version version = catalog_entry_in_force(after);
    return after->version_count == 1 && node->engine != NULL &&
           catalog_id_equal(&version.origin, &node->origin) &&
           (before == NULL || before->clock_highest < version.clock);
}

static bool aborts(const struct catalog_version *from, const struct catalog_version *to) {
    if (from->state == CATALOG_PENDING_DROP) {
        return to->state == CATALOG_ACTIVE;
    }
    if (from->state != CATALOG_PENDING_ADD || from->previous == NULL) {
        return from->state == CATALOG_PENDING_ADD && to->state == CATALOG_DROPPED;
    }
    return to->state == CATALOG_ACTIVE && to->body_size_bytes == from->previous_size_bytes &&
           memcmp(to->body, from->previous, to->body_size_bytes) == 0;
}

/* Back to what was before: those who never heard of the change stand there already. So they do if two were begun at once. */
static bool is_abort(const struct catalog_entry *before, const struct catalog_entry *after) {
    enum { VERSIONS_MAX = 64 };
    struct catalog_version from[VERSIONS_MAX];
    struct catalog_version to = catalog_entry_in_force(after);
    size_t count = catalog_entry_versions(before, from, VERSIONS_MAX);
    bool all = count <= VERSIONS_MAX;
    for (size_t i = 0; i < count && all; i++) {
        all = aborts(&from[i], &to);
    }
    return all;
}

static void staged_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                       struct catalog_entry *after) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    if (!is_made_here(node, before, after) || sim->node_count > SIM_SQUARE_CHECKS_MAX) {
        return;
    }
    if (before != NULL) {
        owner_look(sim, node, before);
    }
    const struct sim_staged_entry *entry = entry_find(staged, after->slot);
    bool dropped = after->state == CATALOG_DROPPED;
    bool abort = before != NULL && is_abort(before, after);
    if (entry != NULL && !abort && !sim->failed &&
        !may_be_plain(staged, node, after->slot, dropped)) {
        sim__staged_apart_look(sim, &staged->apart, node, entry, before);
    }
}

/* --- what the disks know of members ------------------------------------------------------------------------------------ */

static void staged_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                          const struct catalog_node_state *before) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    (void)before;
    sim__staged_apart_landed(sim, &staged->apart, node, batch);
}

static void staged_replaced(struct sim *sim, struct sim_node *node) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    sim__staged_apart_replaced(sim, &staged->apart, node);
}

/* --- what is enforced ------------------------------------------------------------------------------------------------- */

static const char *const records[] = {"{\"a\":\"x\",\"b\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}"};
enum { RECORDS = sizeof records / sizeof *records };

/* The answers of a catalog for the records, a bit for each; -1: it has none. */
static int answers_of(struct catalog *catalog, struct catalog_text entity) {
    int answers = 0;
    for (unsigned i = 0; i < RECORDS; i++) {
        struct catalog_check *check = NULL;
        if (catalog_check(catalog, entity, records[i], strlen(records[i]), &check, NULL) != 0) {
            return -1;
        }
        answers |= check->valid ? 1 << i : 0;
        catalog_check_free(check);
    }
    return answers;
}

/* The same of a catalog that has this schema, active, and nothing else. */
static int answers_by_body(const struct catalog_key *key, const uint8_t *body,
                           size_t body_size_bytes) {
    struct catalog *catalog = NULL;
    struct catalog_plan *plan = NULL;
    int answers = -1;
    const struct catalog_write write = {
        .operation = CATALOG_SET, .key = *key, .body = body, .body_size_bytes = body_size_bytes};
    const struct catalog_writer writer = {
        .origin = {.bytes = {1}}, .node = {.data = "n", .size_bytes = 1}, .wall_ms = 1};
    if (catalog_new(&merkle_allocator_libc, &catalog) == 0 &&
        (body == NULL ||
         (catalog_plan_new(catalog, &write, 1, &writer, &plan) == 0 && plan->problem_count == 0 &&
          plan->entry_count == 1 && catalog_load(catalog, plan->entries[0]) == 0))) {
        answers = answers_of(catalog, key->entity);
    }
    if (plan != NULL) {
        catalog_plan_free(plan);
    }
    catalog_free(catalog);
    return answers;
}

static bool has_constraints(const struct sim_node *node, struct catalog_text entity) {
    return catalog_next(gossip_catalog(node->engine), CATALOG_CONSTRAINT, entity, NULL) != NULL;
}

static void enforced_look(struct sim *sim, struct sim_node *node, const char *entity) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA,
                              .entity = {.data = entity, .size_bytes = strlen(entity)},
                              .name = {.data = ""}};
    const struct catalog_entry *entry = catalog_find(gossip_catalog(node->engine), &key);
    struct catalog_version version = {.state = CATALOG_DROPPED};
    if (entry != NULL) {
        version = catalog_entry_in_force(entry);
    }
    bool added = version.state == CATALOG_PENDING_ADD;
    bool none = version.state == CATALOG_DROPPED;
    const uint8_t *body = none ? NULL : added ? version.previous : version.body;
    size_t size_bytes = added ? version.previous_size_bytes : version.body_size_bytes;
    int expected = has_constraints(node, key.entity) ? -1 : answers_by_body(&key, body, size_bytes);
    int found = answers_of(gossip_catalog(node->engine), key.entity);
    if (expected < 0 || found < 0) {
        return;
    }
    sim_checker_looked(sim, &sim_check_staged);
    if (added) {
        PROBE("sim.pending_add_is_checked");
    }
    if (found != expected) {
        sim_violated(sim, &sim_check_staged, node,
                     "checks records of %s (%s) by something else than what is enforced", entity,
                     catalog_state_name(version.state));
    }
}

static void staged_interval(struct sim *sim) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    if (staged->count == 0) {
        return;
    }
    struct sim_node *node = &sim->nodes[staged->turn % sim->node_count];
    const struct sim_staged_entry *entry =
        &staged->entries[staged->turn / sim->node_count % staged->count];
    staged->turn++;
    if (node->engine != NULL && node->memory.fail_count == 0 && entry->entity[0] != '\0') {
        enforced_look(sim, node, entry->entity);
    }
}

static void staged_close(struct sim *sim) {
    struct staged *staged = sim_checker_state(sim, &sim_check_staged);
    free(staged->entries);
    free(staged->plain);
    sim__staged_apart_close(sim, &staged->apart);
}

const struct sim_checker sim_check_staged = {
    .id = "STAGED",
    .statement = "a staged change goes step by step: all have one before its owner takes the next",
    .state_size_bytes = sizeof(struct staged),
    .stepped = staged_stepped,
    .ended = staged_ended,
    .put = staged_put,
    .landed = staged_landed,
    .disk_replaced = staged_replaced,
    .interval = staged_interval,
    .close = staged_close,
};
