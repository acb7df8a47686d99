/* staged_step.c - the steps of a staged change: what stands is looked at, the rule is asked, and what it says is done. */
#include "gossip/staged.h"

#include <string.h>

/* --- what stands ------------------------------------------------------------------------------- */

/* The step belongs to the member of this name; to whoever is asked, if it is none any more. */
static bool is_owned(struct gossip *engine, struct catalog_text node) {
    const struct gossip__member *member = gossip__member_by_name(engine, node);
    return catalog_text_is(node, engine->node_name) || member == NULL ||
           member->state == GOSSIP_MEMBER_REMOVED;
}

/* Whether just these versions stand. */
static bool is_agreed(struct gossip *engine, const struct gossip__staged *staged,
                      const struct catalog_entry *entry) {
    if (staged->others_wanted || staged->agreed_count != entry->version_count) {
        return false;
    }
    struct catalog_version *versions =
        merkle_allocate(engine->allocator, entry->version_count, sizeof *versions);
    if (versions == NULL) {
        return false; /* then it is asked for once more */
    }
    size_t count = catalog_entry_versions(entry, versions, entry->version_count);
    bool same = true;
    for (size_t i = 0; i < count; i++) {
        same = same && versions[i].clock == staged->agreed[i].clock &&
               catalog_id_equal(&versions[i].origin, &staged->agreed[i].origin);
    }
    merkle_release(engine->allocator, versions);
    return same;
}

static struct gossip__staged_view view_of(struct gossip *engine,
                                          const struct gossip__staged *staged,
                                          const struct catalog_entry *entry) {
    if (entry == NULL) {
        return (struct gossip__staged_view){.present = false};
    }
    struct catalog_version version = catalog_entry_in_force(entry);
    bool pending = version.state == CATALOG_PENDING_ADD || version.state == CATALOG_PENDING_DROP;
    return (struct gossip__staged_view){
        .present = true,
        .conflict = entry->conflict,
        .state = version.state,
        .same_body = staged->body_size_bytes == version.body_size_bytes &&
                     memcmp(staged->body, version.body, version.body_size_bytes) == 0,
        .has_previous = version.previous != NULL,
        .owned = !pending || is_owned(engine, version.node),
        .own = catalog_text_is(version.node, engine->node_name),
        .agreed = is_agreed(engine, staged, entry),
    };
}

static bool number_fits(const struct gossip__staged *staged, const struct catalog_entry *entry) {
    if (!staged->number_expected) {
        return true;
    }
    bool stands = entry != NULL && entry->state != CATALOG_DROPPED;
    return stands ? entry->number == staged->number && !entry->conflict : staged->number == 0;
}

/* --- doing ------------------------------------------------------------------------------------- */

static struct catalog_write write_of(const struct gossip__staged *staged,
                                     const struct gossip__staged_step *step,
                                     const struct catalog_entry *entry) {
    bool stands = entry != NULL && entry->state != CATALOG_DROPPED;
    struct catalog_write write = {
        .operation = step->state == CATALOG_DROPPED ? CATALOG_DROP : CATALOG_SET,
        .key = staged->key,
        .body = staged->body,
        .body_size_bytes = staged->body_size_bytes,
        .state = step->state,
        .step = true,
        .cascade = staged->cascade,
        .number_expected = true,
        .number = stands ? entry->number : 0,
    };
    if (step->state == CATALOG_DROPPED) {
        write.body = NULL;
        write.body_size_bytes = 0;
    } else if (step->body != GOSSIP__STAGED_BODY_WANTED) {
        assert(stands);
        struct catalog_version version = catalog_entry_in_force(entry);
        bool previous = step->body == GOSSIP__STAGED_BODY_PREVIOUS;
        write.body = previous ? version.previous : version.body;
        write.body_size_bytes = previous ? version.previous_size_bytes : version.body_size_bytes;
    }
    if (write.operation == CATALOG_SET && write.body_size_bytes == 0) {
        write.body = NULL;
    }
    return write;
}

/* Writes one step. True if the change goes on in this step; false if it ended, or waits for the next. */
static bool step_write(struct gossip *engine, struct gossip__staged *staged,
                       const struct gossip__staged_step *step, struct catalog_entry *entry) {
    struct catalog_plan *plan = NULL;
    const struct catalog_write write = write_of(staged, step, entry);
    if (engine->batch_open) {
        PROBE("gossip.staged_write_waits_for_batch");
        staged->write_waits = true; /* it could not be taken back from a batch of others */
        return false;
    }
    int code = gossip__write_plan(engine, &write, 1, &plan);
    if (code == 0 && plan->problem_count > 0) {
        PROBE("gossip.staged_breaks_rule");
        engine->counters.writes_refused++;
        staged->plan = plan;
        gossip__staged_end(engine, staged, plan->problems[0].code, plan->problems[0].message);
        return false;
    }
    code = code != 0 ? code : gossip__write_put(engine, plan);
    catalog_plan_free(plan);
    if (code != 0) {
        gossip__staged_end(engine, staged, code, NULL);
        return false;
    }
    PROBE("gossip.staged_step_written");
    engine->counters.writes++; /* taken; if the store fails the change ends, and says so */
    staged->begun = true;
    staged->number_expected = false;
    return true;
}

static void step_agree(struct gossip *engine, struct gossip__staged *staged, bool exact,
                       struct catalog_entry *entry) {
    assert(entry != NULL && staged->agreement == NULL);
    const struct gossip__agreement_request request = {
        .entry = staged->others_wanted ? NULL : entry,
        .terms = {.skip_dead = staged->skip_dead, .patience_ms = engine->config.freshness_limit_ms},
        .reply_by_ms = staged->from_known ? GOSSIP_NEVER : staged->reply_by_ms,
        .from_known = staged->from_known,
        .internal = true,
        .exact = exact,
    };
    int code = gossip__agreement_begin(engine, &request, &staged->agreement);
    if (code != 0) {
        gossip__staged_end(engine, staged, code, NULL);
    }
}

static void step_forward(struct gossip *engine, struct gossip__staged *staged,
                         const struct catalog_entry *entry) {
    struct catalog_version version = catalog_entry_in_force(entry);
    if (staged->record != NULL) {
        PROBE("gossip.forwarded_to_the_wrong_one");
        gossip__staged_end(engine, staged, CATALOG_ESTATE,
                           "its staged change belongs to another member by now: ask again");
        return;
    }
    gossip__forward_begin(engine, staged, version.node);
}

/* Decides until the change waits for something, or has ended. */
static void decide(struct gossip *engine, struct gossip__staged *staged) {
    for (;;) {
        struct catalog_entry *entry = catalog_pending_find(engine->catalog, &staged->key);
        if (!number_fits(staged, entry)) {
            PROBE("gossip.staged_number_refused");
            gossip__staged_end(engine, staged, CATALOG_EPRECONDITION, NULL);
            return;
        }
        struct gossip__staged_view view = view_of(engine, staged, entry);
        struct gossip__staged_step step = gossip__staged_next(staged->change, staged->begun, &view);
        switch (step.move) {
        case GOSSIP__STAGED_WRITE:
            if (!step_write(engine, staged, &step, entry)) {
                return;
            }
            break;
        case GOSSIP__STAGED_AGREE:
            staged->begun =
                staged->begun ||
                (view.owned && staged->change != GOSSIP_STAGED_ABORT &&
                 (view.state == CATALOG_PENDING_ADD || view.state == CATALOG_PENDING_DROP));
            staged->number_expected = staged->number_expected && !staged->begun;
            step_agree(engine, staged, step.exact, entry);
            return;
        case GOSSIP__STAGED_FORWARD:
            step_forward(engine, staged, entry);
            return;
        case GOSSIP__STAGED_DONE:
            PROBE("gossip.staged_done");
            gossip__staged_end(engine, staged, 0, NULL);
            return;
        case GOSSIP__STAGED_REFUSE:
            gossip__staged_end(engine, staged, step.code, step.text);
            return;
        }
    }
}

/* A step of a schema's drop, and its abort, take its constraints and indexes along in one batch, which arrives elsewhere in
 * pieces. Once the schema itself is on all disks, ours among them, an agreement on all that stands here covers the others. */
static bool takes_along(const struct gossip__staged *staged) {
    return staged->key.kind == CATALOG_SCHEMA && staged->change != GOSSIP_STAGED_SET;
}

/* The agreement that it waited for is reached: what was agreed is remembered. False if the change has ended. */
static bool agreement_take(struct gossip *engine, struct gossip__staged *staged) {
    struct gossip__agreement *agreement = staged->agreement;
    if (agreement->code != 0) {
        PROBE("gossip.staged_not_agreed");
        gossip__staged_end(engine, staged, agreement->code, NULL);
        return false;
    }
    gossip__agreement_detach(engine, agreement);
    gossip__agreement_free(engine, staged->last);
    staged->last = agreement;
    staged->agreement = NULL;
    if (agreement->whole) {
        staged->others_wanted = false;
        return true;
    }
    staged->others_wanted = takes_along(staged);
    merkle_release(engine->allocator, staged->agreed);
    staged->agreed = agreement->pairs;
    staged->agreed_count = agreement->pair_count;
    agreement->pairs = NULL;
    agreement->pair_count = 0;
    return true;
}

void gossip__staged_decide(struct gossip *engine, struct gossip__staged *staged) {
    staged->write_waits = false;
    if (staged->agreement == NULL || agreement_take(engine, staged)) {
        decide(engine, staged);
    }
}
