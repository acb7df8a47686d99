/* check_agreement.c - S4: agreement is answered only if each member has it on its disk, at that instant, as god sees it.
 *
 * What was asked for is noted when it is asked: the entry as it stands there (or all of them). When it is answered:
 *
 *   success      each true member holds it: whoever is of the cluster and ready on its disk, known to the initiator or not;
 *                but for those that the operator is removing, that the initiator's table has as removed (replaced ids), and,
 *                with skip_dead, that the answer names as not agreed and the initiator takes for dead or left
 *   always       whom the answer names as agreed holds it; without skip_dead a success names nobody else, and with it those
 *                that agreed are more than half of all that it names
 *   later        who was no member then and becomes one (the join rule), holds it when it is ready
 *
 * A staged change is answered with how things stand, which may be later than what it came to: what was made meanwhile and may
 * be its end is noted, and one of these must be with all.
 *
 * Two things are nobody's mistake. A disk that a fault has emptied, put back, damaged or lied about since the question was
 * asked may have confirmed before; that is held against the initiator only if it has shaken hands with the process that runs
 * on the disk now. And a newcomer can be given what it lacks by none, if two disks were changed by faults since.
 */
#include "test/sim/check_agreement.h"

#include <stdlib.h>
#include <string.h>

enum { AGREED_MAX = 64 };

/* An agreement that was answered with success. */
struct agreed {
    struct sim_asked asked;
    uint64_t time_ms;
};
struct s4 {
    struct sim_asked *asked;
    size_t count, capacity;
    struct agreed agreed[AGREED_MAX]; /* a ring */
    size_t agreed_count;
};

/* --- what was asked --------------------------------------------------------------------------------------------------- */

static void asked_close(struct sim_asked *asked) {
    sim__entries_free(asked->entries, asked->entry_count);
    *asked = (struct sim_asked){.token = 0};
}

static void entry_note(struct sim *sim, struct sim_asked *asked,
                       const struct catalog_entry *entry) {
    asked->entries = sim_grow(asked->entries, asked->entry_count, &asked->entry_capacity,
                              sizeof(struct catalog_entry *));
    asked->entries[asked->entry_count++] = sim_entry_keep(sim, entry);
}

/* Whether a staged change may end with this version in force. */
static bool may_end_with(const struct sim_asked *asked, const struct catalog_entry *entry) {
    bool pending = entry->state == CATALOG_PENDING_ADD || entry->state == CATALOG_PENDING_DROP;
    return asked->what == GOSSIP_STAGED_DROP  ? entry->state == CATALOG_DROPPED
           : asked->what == GOSSIP_STAGED_SET ? entry->state == CATALOG_ACTIVE
                                              : !pending;
}

/* As the node's clients can know it: what is stored there, of a single entry also what is on its way. (Not what a commit that
 * failed has left on the disk.) */
static void subject_note(struct sim *sim, struct sim_node *node,
                         const struct gossip_operation *operation, struct sim_asked *asked) {
    struct catalog *catalog = gossip_catalog(node->engine);
    if (asked->staged) {
        const struct catalog_entry *stands = catalog_find(catalog, &operation->writes[0].key);
        asked->slot = catalog_key_slot(&operation->writes[0].key);
        asked->what = operation->staged;
        if (stands != NULL && may_end_with(asked, stands)) {
            entry_note(sim, asked, stands); /* it was done before */
        }
        return;
    }
    bool ahead = node->disk_broken || node->catching_up;
    if (operation->key.kind == 0) {
        const struct catalog_text all = {.data = "", .size_bytes = 0};
        for (size_t i = 0; i < node->disk.entry_count && !ahead; i++) {
            entry_note(sim, asked, node->disk.entries[i]);
        }
        for (struct catalog_entry *entry = catalog_next(catalog, 0, all, NULL);
             entry != NULL && ahead;) {
            struct catalog_key key = catalog_entry_key(entry);
            entry_note(sim, asked, entry);
            entry = catalog_next(catalog, 0, all, &key);
        }
        return;
    }
    const struct catalog_entry *entry = ahead ? catalog_find(catalog, &operation->key)
                                              : sim_disk_find(&node->disk, &operation->key);
    entry = entry != NULL ? entry : catalog_pending_find(catalog, &operation->key);
    if (entry != NULL) {
        entry_note(sim, asked, entry);
    }
}

static void note(struct sim *sim, struct sim_node *node, const struct gossip_operation *operation) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    s4->asked = sim_grow(s4->asked, s4->count, &s4->capacity, sizeof *s4->asked);
    struct sim_asked *asked = &s4->asked[s4->count++];
    *asked = (struct sim_asked){.token = operation->token,
                                .node = node->index,
                                .asked_ms = sim->now_ms,
                                .timeout_ms = operation->timeout_ms,
                                .staged = operation->type == GOSSIP_STAGED,
                                .skip_dead = operation->skip_dead};
    subject_note(sim, node, operation, asked);
}

struct sim_asked *sim__asked_find(struct sim *sim, uint64_t token) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    for (size_t i = 0; i < s4->count; i++) {
        if (s4->asked[i].token == token) {
            return &s4->asked[i];
        }
    }
    return NULL;
}

struct sim_asked *sim__asked_next(struct sim *sim, size_t *at) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    return *at < s4->count ? &s4->asked[(*at)++] : NULL;
}

static void forget(struct s4 *s4, struct sim_asked *asked) {
    asked_close(asked);
    *asked = s4->asked[--s4->count];
}

/* --- who must have it ------------------------------------------------------------------------------------------------- */

/* Of a staged change `entries` is cut to the one that is looked at. */
static bool holds_all(const struct sim *sim, const struct sim_node *node,
                      const struct sim_asked *asked) {
    for (size_t i = 0; i < asked->entry_count; i++) {
        if (!sim_disk_holds(sim, &node->disk, asked->entries[i])) {
            return false;
        }
    }
    return true;
}

/* A clone has the same id: nobody can tell which of the two has confirmed. */
static bool was_cloned(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = sim->scenario->node_count; i < sim->node_count; i++) {
        if (sim->nodes[i].clone_of == node->index) {
            return true;
        }
    }
    return node->clone_of != SIZE_MAX;
}

const struct gossip__member *sim__member_of(const struct sim_node *by, const struct sim_node *of) {
    for (size_t i = 0; i < by->engine->member_count; i++) {
        const struct gossip__member *member = by->engine->members[i];
        if (catalog_id_equal(&member->row.id, &of->disk.state.node_id)) {
            return member;
        }
    }
    return NULL;
}

bool sim__is_true_member(const struct sim *sim, const struct sim_node *by,
                         const struct sim_node *node) {
    const struct gossip__member *member = sim__member_of(by, node);
    bool counted_out = node->removed || node->removals_asked > (node->returned ? 1U : 0U) ||
                       (member != NULL && member->state == GOSSIP_MEMBER_REMOVED);
    return node->disk.exists && node->disk.state.ready && node->cluster == by->cluster &&
           !counted_out && !was_cloned(sim, node);
}

/* Whether it confirmed, if it did, as the process that it is now. */
bool sim__is_met(const struct sim_node *by, const struct sim_node *node) {
    if (node->started_ms < node->replaced_ms) {
        return false; /* nothing runs on this disk yet; a session of the life before may still be open */
    }
    for (const struct gossip__session *session = by->engine->sessions; session != NULL;
         session = session->next) {
        if (session->state == GOSSIP__SESSION_ESTABLISHED &&
            catalog_id_equal(&session->peer_id, &node->disk.state.node_id) &&
            catalog_id_equal(&session->peer_origin, &node->origin)) {
            return true;
        }
    }
    return by == node;
}

static bool is_excused(const struct sim *sim, const struct sim_asked *asked,
                       const struct sim_node *by, const struct sim_node *node) {
    /* A deadline of 0 asks for what was heard before. */
    bool changed =
        node->replaced_ms != 0 && (node->replaced_ms >= asked->asked_ms || asked->timeout_ms == 0);
    (void)sim;
    return node->disk_lies || (changed && !sim__is_met(by, node));
}

static const struct gossip_agreement_member *line_of(const struct gossip_reply *reply,
                                                     const struct sim_node *node) {
    for (size_t i = 0; i < reply->agreement_count; i++) {
        if (strcmp(reply->agreement[i].name, node->name) == 0) {
            return &reply->agreement[i];
        }
    }
    return NULL;
}

/* A staged change that was passed on is answered with what its owner saw. */
static const struct sim_node *seen_by(const struct sim *sim, const struct sim_node *by,
                                      const struct gossip_reply *reply) {
    if (reply->staged_entry == NULL) {
        return by;
    }
    struct catalog_text owner = catalog_entry_in_force(reply->staged_entry).node;
    for (size_t i = 0; i < sim->scenario->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node->engine != NULL && catalog_text_is(owner, node->name)) {
            return node;
        }
    }
    return by;
}

static void member_look(struct sim *sim, struct sim_node *by, const struct sim_asked *asked,
                        const struct gossip_reply *reply, const struct sim_node *node) {
    const struct gossip_agreement_member *line = line_of(reply, node);
    bool named = line != NULL && line->state == GOSSIP_AGREED;
    if (!sim__is_true_member(sim, by, node) || holds_all(sim, node, asked) ||
        is_excused(sim, asked, by, node)) {
        return;
    }
    if (named) {
        sim_violated(sim, &sim_check_s4, by, "says that %s has what was asked for, and it has not",
                     node->name);
    } else if (reply->code == 0 && !asked->skip_dead) {
        sim_violated(sim, &sim_check_s4, by,
                     "agreement is answered, and %s, which is a member, lacks it", node->name);
    } else if (reply->code == 0) {
        /* Whom it has never heard of can only have been admitted by those that it skips. */
        const struct sim_node *owner = seen_by(sim, by, reply);
        const struct gossip__member *member = sim__member_of(owner, node);
        bool gone = member == NULL ? !sim__is_met(owner, node)
                                   : member->state == GOSSIP_MEMBER_DEAD ||
                                         member->state == GOSSIP_MEMBER_LEFT;
        if (!gone) {
            sim_violated(sim, &sim_check_s4, by, "skips %s, which it does not take for dead",
                         node->name);
        }
    }
}

static void lines_look(struct sim *sim, struct sim_node *by, const struct sim_asked *asked,
                       const struct gossip_reply *reply) {
    size_t named = 0;
    for (size_t i = 0; i < reply->agreement_count; i++) {
        named += reply->agreement[i].state == GOSSIP_AGREED;
    }
    if (reply->code == 0 && reply->agreement_count == 0) {
        sim_violated(sim, &sim_check_s4, by, "agreement is answered, and nobody is named");
    } else if (reply->code == 0 && named < reply->agreement_count && !asked->skip_dead) {
        sim_violated(sim, &sim_check_s4, by, "agreement is answered, and names who has not agreed");
    } else if (reply->code == 0 && 2 * named <= reply->agreement_count) {
        sim_violated(sim, &sim_check_s4, by, "agreement is answered, and no majority has agreed");
    } else if (reply->code == GOSSIP_ENOTAGREED && named == reply->agreement_count &&
               !asked->staged &&
               by->memory.failed == 0) { /* where memory was short lines are missing */
        sim_violated(sim, &sim_check_s4, by, "says that not all agree, and names nobody");
    }
}

/* What a staged change came to is what all have, with skip_dead all that are named, of what it may have come to: an owner that
 * was removed meanwhile may have gone another way. The last, if none is. */
static void staged_choose(struct sim *sim, struct sim_node *by, struct sim_asked *asked,
                          const struct gossip_reply *reply) {
    for (size_t i = 0; i < asked->entry_count; i++) {
        struct sim_asked one = *asked;
        bool all = true;
        one.entries = &asked->entries[i];
        one.entry_count = 1;
        for (size_t j = 0; j < sim->node_count && all; j++) {
            const struct sim_node *node = &sim->nodes[j];
            const struct gossip_agreement_member *line = line_of(reply, node);
            bool named = line != NULL && line->state == GOSSIP_AGREED;
            all = !sim__is_true_member(sim, by, node) || holds_all(sim, node, &one) ||
                  is_excused(sim, asked, by, node) || (asked->skip_dead && !named);
        }
        if (all || i + 1 == asked->entry_count) {
            struct catalog_entry *chosen = catalog_entry_hold(asked->entries[i]);
            for (size_t j = 0; j < asked->entry_count; j++) {
                catalog_entry_release(asked->entries[j]);
            }
            asked->entries[0] = chosen;
            asked->entry_count = 1;
        }
    }
}

static void agreed_keep(struct sim *sim, struct s4 *s4, struct sim_asked *asked) {
    struct agreed *place = &s4->agreed[s4->agreed_count++ % AGREED_MAX];
    if (!asked->skip_dead) {
        asked_close(&place->asked);
        *place = (struct agreed){.asked = *asked, .time_ms = sim->now_ms};
        *asked = (struct sim_asked){.token = 0}; /* its entries are there now */
    }
}

static void reply_look(struct sim *sim, struct sim_node *by, const struct gossip_reply *reply) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    struct sim_asked *asked = sim__asked_find(sim, reply->token);
    if (asked == NULL) {
        return;
    }
    if (reply->code == 0 || reply->code == GOSSIP_ENOTAGREED) {
        if (asked->staged && reply->code == 0) {
            staged_choose(sim, by, asked, reply);
        } else if (asked->staged) {
            sim__entries_free(asked->entries, asked->entry_count); /* on what, is not said */
            asked->entries = NULL;
            asked->entry_count = asked->entry_capacity = 0;
        }
        sim_checker_looked(sim, &sim_check_s4);
        lines_look(sim, by, asked, reply);
        for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
            member_look(sim, by, asked, reply, &sim->nodes[i]);
        }
    }
    if (reply->code == 0) {
        PROBE("sim.agreement_success");
        agreed_keep(sim, s4, asked);
    }
    forget(s4, asked);
}

/* --- who becomes a member later --------------------------------------------------------------------------------------- */

static size_t changed_since(const struct sim *sim, uint64_t time_ms) {
    size_t count = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        count += sim->nodes[i].replaced_ms >= time_ms && sim->nodes[i].replaced_ms != 0;
    }
    return count;
}

static void s4_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                      const struct catalog_node_state *before) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    bool was = before != NULL && before->ready &&
               catalog_id_equal(&before->node_id, &batch->state.node_id);
    if (!batch->state.ready || was || was_cloned(sim, node)) {
        return;
    }
    for (size_t i = 0; i < AGREED_MAX && i < s4->agreed_count && !sim->failed; i++) {
        const struct agreed *agreed = &s4->agreed[i];
        bool same = agreed->asked.entry_count > 0 &&
                    sim->nodes[agreed->asked.node].cluster == node->cluster;
        if (!same || changed_since(sim, agreed->time_ms) > 1) {
            continue;
        }
        sim_checker_looked(sim, &sim_check_s4);
        if (!holds_all(sim, node, &agreed->asked)) {
            sim_violated(sim, &sim_check_s4, node,
                         "becomes a member without what all members had agreed on at %llu ms",
                         (unsigned long long)agreed->time_ms);
        }
    }
}

/* --- hooks ------------------------------------------------------------------------------------------------------------ */

static void s4_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                       const struct gossip_update *update) {
    bool asks = event->type == GOSSIP_OPERATION && (event->operation->type == GOSSIP_AGREEMENT ||
                                                    event->operation->type == GOSSIP_STAGED);
    if (asks) {
        note(sim, node, event->operation);
    }
    for (size_t i = 0; i < update->reply_count && !sim->failed; i++) {
        reply_look(sim, node, &update->replies[i]);
    }
}

/* What a staged change may come to, whoever takes the step. */
static void s4_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                   struct catalog_entry *after) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    (void)before;
    for (size_t i = 0; i < s4->count; i++) {
        struct sim_asked *asked = &s4->asked[i];
        if (asked->staged && asked->slot == after->slot && !node->landing_known &&
            after->version_count == 1 && may_end_with(asked, after)) {
            entry_note(sim, asked, after);
        }
    }
}

static void s4_ended(struct sim *sim, struct sim_node *node) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    for (size_t i = s4->count; i > 0; i--) {
        if (s4->asked[i - 1].node == node->index) {
            forget(s4, &s4->asked[i - 1]);
        }
    }
}

static void s4_close(struct sim *sim) {
    struct s4 *s4 = sim_checker_state(sim, &sim_check_s4);
    while (s4->count > 0) {
        forget(s4, &s4->asked[s4->count - 1]);
    }
    for (size_t i = 0; i < AGREED_MAX; i++) {
        asked_close(&s4->agreed[i].asked);
    }
    free(s4->asked);
}

const struct sim_checker sim_check_s4 = {
    .id = "S4",
    .statement = "agreement is answered only if each member has it on its disk",
    .state_size_bytes = sizeof(struct s4),
    .stepped = s4_stepped,
    .put = s4_put,
    .landed = s4_landed,
    .ended = s4_ended,
    .close = s4_close,
};
