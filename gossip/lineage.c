/* lineage.c - one id, one history of a disk (DESIGN 4.7): when this node must start over, and what becomes of what it had.
 *
 *   a newcomer hears a horizon above its `seen`,      | starts again empty, under its id: nobody counts on it yet
 *   or its admitter is removed                        |
 *   a member hears a horizon above its `seen`         | its disk is older than what its id has confirmed: new id, empty
 *   an id that was removed comes back                 | new id, empty
 *
 * The new id and the empty catalog are one batch. Until it is on disk there are no connections: the peers know this process
 * under the old id. Its HELLO then names the id that it replaces, so that the others remove it; the table of members and
 * the cluster stay, so it goes on as a newcomer whose join was interrupted.
 *
 *   what it had above the horizon -> table `kept` -> ready -> what no member had of it -> a file (driver) -> forgotten
 *
 * What all had up to the old horizon nobody needs. Of the rest only what is new to the cluster is for the operator to look
 * at, and that is known when this node has the others' catalog. Of a conflict it is those versions that they lack. Drops are not
 * kept: a file for `import` cannot say them.
 *
 * A node that learns while it runs that it was removed stops serving, and takes its new id when it is started again: the
 * operator meant it to go. One that hears so first thing after its start has come back.
 */
#include "gossip/engine.h"

#include <string.h>

/* --- starting over ------------------------------------------------------------------------------------------------ */

/* Whatever was concluded of the members was so of another catalog. */
static void conclusions_forget(struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        member->admitted_ms = 0;
        member->joined_through = false;
        member->healed_through = false;
        member->met = false;
        member->counted = 0;
        member->agreed_known = false;
        member->root_known = false;
        if (member->exchange != NULL) {
            gossip__exchange_end(engine, member->exchange, GOSSIP_EXCHANGE_LOST);
        }
        gossip__push_drop_all(engine, member);
    }
    gossip__freshness_forget(engine);
    engine->agreement_dirty = true;
}

/* The state of a newcomer that nobody has admitted yet. */
static void state_empty(struct gossip *engine) {
    struct catalog_node_state *state = &engine->state;
    state->ready = false;
    state->healing = false;
    state->seen = 0;
    state->horizon = 0;
    state->admitter_id = (struct catalog_id){0};
    gossip__flight_state_dirty(engine);
    engine->quarantined_count = 0;
    engine->join_started_ms = engine->now_ms;
    engine->join_next_ms = engine->now_ms;
}

/* What is still kept from before, held, with room for `more`: a batch that begins anew has all that is to stay. NULL if memory
 * is short. */
static struct catalog_entry **kept_before(struct gossip *engine, size_t more, size_t *count) {
    struct catalog_entry **kept = merkle_allocate(engine->allocator, engine->kept_count + more + 1,
                                                  sizeof(struct catalog_entry *));
    *count = 0;
    for (; kept != NULL && *count < engine->kept_count; ++*count) {
        kept[*count] = catalog_entry_hold(engine->kept[*count]);
    }
    return kept;
}

/* It waits for its ADMIT, with nothing in its hands. */
static bool has_begun_nothing(const struct gossip *engine) {
    const struct catalog_text all = {.data = "", .size_bytes = 0};
    return catalog_id_is_none(&engine->state.admitter_id) &&
           catalog_pending_next(engine->catalog, 0, all, NULL) == NULL;
}

void gossip__lineage_start_again(struct gossip *engine, const char *member, const char *why) {
    assert(!engine->state.ready);
    if (has_begun_nothing(engine)) {
        return; /* whoever it has a session with may say so with each message until then */
    }
    size_t kept_count;
    struct catalog_entry **kept = kept_before(engine, 0, &kept_count);
    if (kept == NULL || gossip__flight_ticket(engine) == 0) {
        PROBE("gossip.newcomer_waits_for_store");
        gossip__entries_release(engine, kept, kept_count);
        return; /* it is told again; the removal of its admitter is looked for at each interval */
    }
    PROBE("gossip.newcomer_starts_again");
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_WARNING, member,
                   "%s: this newcomer starts again, empty", why);
    gossip__flight_reset(engine, kept, kept_count);
    state_empty(engine);
    conclusions_forget(engine);
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        session->admitted = false; /* its member has admitted what this node was before */
    }
}

const struct gossip__member *gossip__lineage_admitter_removed(struct gossip *engine) {
    const struct gossip__member *admitter = gossip__member_find(engine, &engine->state.admitter_id);
    bool lost =
        !engine->state.ready && admitter != NULL && admitter->state == GOSSIP_MEMBER_REMOVED;
    return lost ? admitter : NULL;
}

void gossip__lineage_follow(struct gossip *engine) {
    const struct gossip__member *admitter = gossip__lineage_admitter_removed(engine);
    if (admitter != NULL) {
        /* What it was admitted with, nobody else may have had. */
        gossip__lineage_start_again(engine, admitter->row.name,
                                    "the member that admitted it was removed");
    }
}

/* A newcomer has the horizon of the member that admitted it, which never falls under one id: that one's disk was put back to a
 * copy, and never comes to the newcomer's horizon, unless others raise it. So the newcomer is admitted anew. */
void gossip__lineage_behind(struct gossip *engine, const struct gossip__member *member) {
    if (!engine->state.ready && catalog_id_equal(&engine->state.admitter_id, &member->row.id)) {
        PROBE("gossip.admitter_is_older");
        gossip__lineage_start_again(engine, member->row.name,
                                    "the disk of the member that admitted it is older now");
    }
}

/* --- a new id ------------------------------------------------------------------------------------------------------- */

static struct catalog_id id_draw(struct gossip *engine) {
    struct catalog_id id;
    uint64_t halves[2] = {gossip__random(engine) | 1, gossip__random(engine)};
    static_assert(sizeof id.bytes == sizeof halves, "an id is two random numbers");
    memcpy(id.bytes, halves, sizeof halves);
    return id;
}

/* Every entry that stands and is above the horizon, written to `kept` (NULL: only counted). Also what is on its way to the disk:
 * it gets there before the catalog is emptied, and may be acknowledged then. */
static size_t kept_list(struct gossip *engine, struct catalog_entry **kept) {
    const struct catalog_text all = {.data = "", .size_bytes = 0};
    struct catalog_key key;
    size_t count = 0;
    for (struct catalog_entry *entry = catalog_pending_next(engine->catalog, 0, all, NULL);
         entry != NULL; entry = catalog_pending_next(engine->catalog, 0, all, &key)) {
        key = catalog_entry_key(entry);
        if (entry->clock_highest <= engine->stored.horizon || entry->tombstone) {
            continue;
        }
        if (kept != NULL) {
            kept[count] = catalog_entry_hold(entry);
        }
        count++;
    }
    return count;
}

/* Those, and what is still kept from before. */
static struct catalog_entry **kept_collect(struct gossip *engine, size_t *count) {
    struct catalog_entry **kept = kept_before(engine, kept_list(engine, NULL), count);
    if (kept != NULL) {
        *count += kept_list(engine, kept + *count);
    }
    return kept;
}

static void sessions_close(struct gossip *engine) {
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (!session->closing) {
            gossip__session_close(engine, session, GOSSIP_CLOSE_REMOVED, false);
        }
    }
}

void gossip__lineage_replace(struct gossip *engine, const char *member, const char *why) {
    if (engine->lineage_replacing || engine->store_error != 0) {
        return; /* it is told again when the store works */
    }
    struct gossip__waiter waiter = {
        .ticket = gossip__flight_ticket(engine),
        .type = GOSSIP__WAIT_LINEAGE,
    };
    size_t kept_count;
    struct catalog_entry **kept = kept_collect(engine, &kept_count);
    if (kept == NULL || waiter.ticket == 0 || !gossip__flight_wait(engine, &waiter)) {
        gossip__entries_release(engine, kept, kept_count);
        return; /* the same */
    }
    PROBE("gossip.new_id_taken");
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_ERROR, member,
                   "%s: this node takes a new id and joins empty; what it alone had will be in a "
                   "file for import",
                   why);
    engine->lineage_replacing = true;
    gossip__flight_reset(engine, kept, kept_count);
    state_empty(engine);
    engine->state.replaced_id = engine->state.node_id;
    engine->state.node_id = id_draw(engine);
    engine->state.removed = false;
    sessions_close(engine);
    conclusions_forget(engine);
}

/* The former id stands in the table as removed, as in that of the others soon. */
static void former_id_remove(struct gossip *engine) {
    struct catalog_member_row row = {
        .id = engine->state.replaced_id,
        .state = GOSSIP_MEMBER_REMOVED,
        .ready = true,
    };
    if (catalog_id_is_none(&row.id) || gossip__member_find(engine, &row.id) != NULL) {
        return;
    }
    memcpy(row.name, engine->node_name, sizeof row.name);
    memcpy(row.address, engine->address, sizeof row.address);
    struct gossip__member *former = gossip__member_add(engine, &row, GOSSIP_MEMBER_REMOVED);
    if (former != NULL) {
        (void)gossip__member_store(engine, former);
    }
}

void gossip__lineage_stored(struct gossip *engine, int result) {
    engine->lineage_replacing = false;
    gossip__member_table_changed(engine); /* by this node's own row, to the new id or back */
    if (result != 0) {
        PROBE("gossip.new_id_not_stored");
        engine->removed = engine->state.removed;
        return; /* the state is what the disk has: whoever sent it away sends it away again */
    }
    engine->removed = false;
    engine->duplicate_id = false;
    engine->told_ready = false;
    engine->ready_announced = false;
    engine->walked_since_start = false;
    former_id_remove(engine);
    for (size_t i = 0; i < engine->member_count; i++) {
        engine->members[i]->dial_after_ms = 0;
    }
}

void gossip__lineage_removed(struct gossip *engine, const char *member) {
    if (!engine->walked_since_start && engine->started) {
        PROBE("gossip.removed_comes_back");
        gossip__lineage_replace(engine, member, "this node was removed from the cluster");
    }
    if (engine->lineage_replacing) {
        return;
    }
    PROBE("gossip.told_removed");
    engine->removed = true;
    engine->state.removed = true;
    gossip__flight_state_dirty(engine);
    gossip__member_table_changed(engine);
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_ERROR, NULL,
                   "this node was removed from the cluster");
}

/* --- what was kept --------------------------------------------------------------------------------------------------- */

void gossip__lineage_free_all(struct gossip *engine) {
    gossip__entries_release(engine, engine->kept, engine->kept_count);
    engine->kept = NULL;
    engine->kept_count = 0;
    engine->kept_ready = false;
    engine->kept_written = false;
}

int gossip__lineage_load(struct gossip *engine, const struct catalog_load *load) {
    engine->horizon_unsettled = true; /* the disk may be from the middle of a raise */
    engine->kept_lost_count = load->kept_lost_count;
    if (load->kept_count == 0) {
        return 0;
    }
    engine->kept = merkle_allocate(engine->allocator, load->kept_count, sizeof *engine->kept);
    if (engine->kept == NULL) {
        return GOSSIP_ENOMEM;
    }
    for (; engine->kept_count < load->kept_count; engine->kept_count++) {
        engine->kept[engine->kept_count] = catalog_entry_hold(load->kept[engine->kept_count]);
    }
    return 0;
}

int gossip__lineage_reopened(struct gossip *engine, const struct catalog_load *load) {
    if (engine->kept_count == 0 && load->kept_count > 0) {
        /* Of a new id that was not taken after all, or in a file already. */
        PROBE("gossip.reopen_kept_too_long");
        return gossip__flight_kept_cleared(engine) ? 0 : GOSSIP_EBUSY;
    }
    if (engine->kept_count > 0 && load->kept_count == 0) {
        PROBE("gossip.reopen_kept_lost");
        return gossip__flight_keep(engine, engine->kept, engine->kept_count);
    }
    return 0;
}

/* What is asked of the versions of one kept entry. */
struct kept_entry {
    const struct gossip *engine;
    const struct catalog_entry *stored; /* of the cluster; NULL: absent */
};

/* Whether the cluster lacks it. At or below the horizon nobody remembers what was superseded or dropped: what is not there may
 * have been forgotten by all, or never have been seen. Then it counts only if it was written here, for that may never have
 * reached anybody. A drop cannot be said in a file for import. */
static bool is_lacked(void *context, const struct catalog_version *version) {
    const struct kept_entry *kept = context;
    bool remembered = kept->stored != NULL &&
                      catalog_entry_seen(kept->stored, &version->origin) >= version->clock;
    return version->state != CATALOG_DROPPED && !remembered &&
           (version->clock > kept->engine->stored.horizon ||
            catalog_text_is(version->node, kept->engine->node_name));
}

void gossip__lineage_ready(struct gossip *engine) {
    size_t kept = 0;
    if (engine->kept_count == 0) {
        return;
    }
    for (size_t i = 0; i < engine->kept_count; i++) {
        struct catalog_entry *entry = engine->kept[i];
        struct catalog_key key = catalog_entry_key(entry);
        struct kept_entry asked = {engine, catalog_find(engine->catalog, &key)};
        struct catalog_entry *lacked;
        if (catalog_select(engine->allocator, entry, is_lacked, &asked, &lacked) != 0) {
            lacked = catalog_entry_hold(entry); /* rather too much */
        }
        if (lacked != NULL && lacked != entry) {
            PROBE("gossip.one_side_of_a_conflict_was_alone");
        }
        catalog_entry_release(entry);
        if (lacked != NULL) {
            engine->kept[kept++] = lacked;
        }
    }
    engine->kept_count = kept;
    engine->kept_ready = true;
    engine->kept_told_ms = 0;
    if (kept == 0) {
        PROBE("gossip.nothing_was_alone");
        gossip__lineage_kept_written(engine);
    }
}

void gossip__lineage_tell(struct gossip *engine) {
    bool due = engine->kept_told_ms == 0 ||
               engine->now_ms - engine->kept_told_ms >= gossip__swim_interval(engine);
    if (engine->kept_written) {
        gossip__lineage_kept_written(engine); /* the store may take it by now */
        return;
    }
    if (!engine->kept_ready || !due) {
        return;
    }
    PROBE("gossip.kept_is_told");
    engine->kept_told_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
    engine->out.update.kept = engine->kept;
    engine->out.update.kept_count = engine->kept_count;
}

void gossip__lineage_kept_written(struct gossip *engine) {
    engine->kept_written = engine->kept_ready;
    if (engine->kept_ready && gossip__flight_kept_cleared(engine)) {
        gossip__lineage_free_all(engine);
    }
}

void gossip__lineage_start(struct gossip *engine) {
    if (engine->kept_lost_count > 0) {
        PROBE("gossip.kept_rows_lost");
        gossip__notice(engine, GOSSIP_NOTICE_STORE, GOSSIP_ERROR, NULL,
                       "%llu rows of what this node kept when it took a new id are damaged or gone",
                       (unsigned long long)engine->kept_lost_count);
    }
    former_id_remove(engine);
    if (engine->state.removed) {
        gossip__lineage_replace(engine, NULL, "this node was removed from the cluster");
    } else if (engine->state.ready) {
        gossip__lineage_ready(engine);
    }
    engine->removed = engine->state.removed; /* it could not yet */
}
