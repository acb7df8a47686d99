/* engine.c - the step: one event goes to the file that knows it, what that file wanted done leaves as one update.
 *
 * Nothing else happens here. Each step begins with an empty update and ends with the batch closed, dead sessions freed
 * and agreement followed; a step never calls out, and never calls another.
 */
#include "gossip/engine.h"

#include <string.h>

/* --- making and freeing ---------------------------------------------------------------------------------------------- */

static bool text_copy(char *to, const char *from) {
    size_t size_bytes = strlen(from);
    if (size_bytes == 0 || size_bytes > CATALOG_NAME_SIZE_MAX) {
        return false;
    }
    memcpy(to, from, size_bytes + 1);
    return true;
}

static int config_copy(struct gossip *engine, const struct gossip_config *config) {
    if (!text_copy(engine->cluster_name, config->cluster_name) ||
        !text_copy(engine->node_name, config->node_name) ||
        !text_copy(engine->address, config->address) || config->seed_count > GOSSIP_SEEDS_MAX) {
        return GOSSIP_EADDRESS;
    }
    engine->seeds =
        merkle_allocate_zeroed(engine->allocator, config->seed_count + 1, sizeof *engine->seeds);
    if (engine->seeds == NULL) {
        return GOSSIP_ENOMEM;
    }
    for (size_t i = 0; i < config->seed_count; i++) {
        if (!text_copy(engine->seeds[i], config->seeds[i])) {
            return GOSSIP_EADDRESS;
        }
    }
    engine->seed_count = config->seed_count;
    return 0;
}

/* For a planted bug: the same at every start. */
static struct catalog_id id_of_name(const char *name) {
    struct merkle_digest digest = merkle_digest_of(name, strlen(name), 0);
    struct catalog_id id;
    memcpy(id.bytes, digest.bytes, sizeof id.bytes);
    return id;
}

/* What is on disk, or a new identity for a fresh one. Every start is a new incarnation. */
static void state_load(struct gossip *engine, const struct catalog_load *load) {
    struct catalog_node_state *state = &engine->state;
    *state = load->state;
    if (load->fresh) {
        state->node_id = engine->config.fresh_node_id;
    }
    memcpy(state->cluster_name, engine->cluster_name, sizeof state->cluster_name);
    memcpy(state->node_name, engine->node_name, sizeof state->node_name);
    if (PLANTED(ATTUNE_B11)) {
        engine->config.origin = id_of_name(engine->node_name);
    }
    if (PLANTED(ATTUNE_B12)) {
        state->high_water = 0;
    }
    state->incarnation = ((state->incarnation >> 16) + 1) << 16;
    state->healing = state->healing || load->rows_missing;
    state->had_entry = state->had_entry || load->entry_count > 0;
    engine->incarnation_started = state->incarnation;
    engine->stored = *state; /* not yet, as to the identity; but who falls back to it keeps that */
    engine->quarantined_count = load->quarantined_count;
    memcpy(engine->store_damage, load->damage, sizeof engine->store_damage);
}

/* Of a file whose last writes were lost in part the state may be older than the rows. */
static int entries_load(struct gossip *engine, const struct catalog_load *load) {
    catalog_clock *high_water = &engine->state.high_water;
    for (size_t i = 0; i < load->entry_count; i++) {
        if (catalog_load(engine->catalog, load->entries[i]) != 0) {
            return GOSSIP_ENOMEM;
        }
        if (load->entries[i]->clock_highest > *high_water && !PLANTED(ATTUNE_B12)) {
            PROBE("gossip.rows_are_ahead_of_the_state");
            *high_water = load->entries[i]->clock_highest;
        }
    }
    return 0;
}

static void buffers_init(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    struct merkle_buffer *buffers[] = {&out->frames,
                                       &out->sends,
                                       &out->connections,
                                       &out->replies,
                                       &out->notices,
                                       &out->texts,
                                       &out->member_rows,
                                       &engine->plans_answered,
                                       &engine->freshness_moments};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        merkle_buffer_init(buffers[i], engine->allocator);
    }
}

int gossip_new(const struct gossip_config *config, const struct catalog_load *load,
               struct gossip **engine) {
    struct gossip *made = merkle_allocate_zeroed(config->allocator, 1, sizeof *made);
    if (made == NULL) {
        return GOSSIP_ENOMEM;
    }
    made->allocator = config->allocator;
    made->config = *config;
    made->config.seeds = NULL;
    buffers_init(made);
    gossip__random_seed(made, config->random_seed);
    int result = config_copy(made, config);
    if (result == 0) {
        made->config.cluster_name = made->cluster_name;
        made->config.node_name = made->node_name;
        made->config.address = made->address;
        state_load(made, load);
        result = catalog_new(config->allocator, &made->catalog) != 0 ? GOSSIP_ENOMEM
                                                                     : entries_load(made, load);
    }
    if (result == 0) {
        result = gossip__member_load(made, load);
    }
    if (result == 0) {
        result = gossip__lineage_load(made, load);
    }
    if (result != 0) {
        gossip_free(made);
        return result;
    }
    *engine = made;
    return 0;
}

void gossip_free(struct gossip *engine) {
    if (engine == NULL) {
        return;
    }
    gossip__operation_free_all(engine);
    gossip__lineage_free_all(engine);
    gossip__exchange_free_all(engine);
    gossip__flight_free_all(engine);
    gossip__session_free_all(engine);
    gossip__member_free_all(engine);
    catalog_free(engine->catalog);
    struct gossip__update_arrays *out = &engine->out;
    struct merkle_buffer *buffers[] = {&out->frames,  &out->sends, &out->connections, &out->replies,
                                       &out->notices, &out->texts, &out->member_rows};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        merkle_buffer_close(buffers[i]);
    }
    merkle_buffer_close(&engine->freshness_moments);
    merkle_release(engine->allocator, engine->permutation);
    merkle_release(engine->allocator, engine->seeds);
    merkle_release(engine->allocator, engine);
}

struct catalog *gossip_catalog(struct gossip *engine) {
    return engine->catalog;
}

/* --- messages --------------------------------------------------------------------------------------------------------- */

/* Which messages may come when. NEEDS_ADMITTED: the sender's row is on disk here (DESIGN 7.4); before that its requests
 * stay unanswered, and it repeats them. */
enum allowed { BEFORE_HELLO = 1, AFTER_HELLO = 2, NEEDS_ADMITTED = 4 };

static const struct {
    void (*receive)(struct gossip *engine, struct gossip__session *session,
                    const struct gossip__message *message);
    unsigned allowed;
} table[GOSSIP__MESSAGE_TYPE_COUNT] = {
    [GOSSIP__HELLO] = {gossip__recv_hello, BEFORE_HELLO},
    [GOSSIP__REFUSE] = {gossip__recv_refuse, BEFORE_HELLO | AFTER_HELLO},
    [GOSSIP__DIGEST] = {gossip__recv_digest, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__DIGEST_ANSWER] = {gossip__recv_digest_answer, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__WALK] = {gossip__recv_walk, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__WALK_ANSWER] = {gossip__recv_walk_answer, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__PULL] = {gossip__recv_pull, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__PULL_RANGE] = {gossip__recv_pull_range, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__ENTRIES] = {gossip__recv_entries, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__PUSH] = {gossip__recv_push, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__PUSH_ACK] = {gossip__recv_push_ack, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__PING] = {gossip__recv_ping, AFTER_HELLO},
    [GOSSIP__PONG] = {gossip__recv_pong, AFTER_HELLO},
    [GOSSIP__PROBE] = {gossip__recv_probe, AFTER_HELLO},
    [GOSSIP__PROBE_ANSWER] = {gossip__recv_probe_answer, AFTER_HELLO},
    [GOSSIP__MEMBERS] = {gossip__recv_members, AFTER_HELLO},
    [GOSSIP__ADMIT] = {gossip__recv_admit, AFTER_HELLO},
    [GOSSIP__CONFIRM] = {gossip__recv_confirm, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__CONFIRMATION] = {gossip__recv_confirmation, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__FORWARD] = {gossip__recv_forward, AFTER_HELLO | NEEDS_ADMITTED},
    [GOSSIP__FORWARD_ANSWER] = {gossip__recv_forward_answer, AFTER_HELLO | NEEDS_ADMITTED},
};

static void dispatch(struct gossip *engine, struct gossip__session *session,
                     const struct gossip__message *message) {
    bool established = session->state == GOSSIP__SESSION_ESTABLISHED;
    unsigned allowed = table[message->type].allowed;
    if ((allowed & (established ? AFTER_HELLO : BEFORE_HELLO)) == 0) {
        PROBE("gossip.message_unexpected");
        gossip__session_close(engine, session, GOSSIP_CLOSE_UNEXPECTED, true);
        return;
    }
    if (established && session->member->state == GOSSIP_MEMBER_REMOVED) {
        PROBE("gossip.message_from_removed");
        return; /* nothing more is taken from that id, at any delay */
    }
    if (established) {
        gossip__member_heard(engine, session->member);
    }
    if ((allowed & NEEDS_ADMITTED) != 0 && !session->admitted) {
        PROBE("gossip.request_before_admission");
        return;
    }
    table[message->type].receive(engine, session, message);
}

static void message_received(struct gossip *engine, uint32_t connection, const uint8_t *bytes,
                             size_t size_bytes) {
    struct gossip__session *session = gossip__session_find(engine, connection);
    if (session == NULL || session->closing || session->state == GOSSIP__SESSION_DIALING) {
        return; /* it came after we had said CLOSE */
    }
    struct gossip__message message;
    enum gossip_rejection rejection;
    session->used_ms = engine->now_ms;
    engine->counters.messages_received++;
    int result = gossip__message_decode(engine->allocator, bytes, size_bytes, &message, &rejection);
    if (result == GOSSIP_ENOMEM) {
        return;
    }
    if (result != 0) {
        engine->counters.rejected[rejection]++;
        if (rejection != GOSSIP_REJECT_UNKNOWN_TYPE) {
            PROBE("gossip.message_malformed");
            if (PLANTED(ATTUNE_B19) && session->member != NULL) {
                session->member->exchange = NULL;
            }
            gossip__session_close(engine, session, GOSSIP_CLOSE_MALFORMED, true);
        }
        return;
    }
    engine->counters.exchange_bytes[0][gossip__message_phase(message.type)] += size_bytes + 4;
    dispatch(engine, session, &message);
    gossip__message_close(&message);
}

/* --- time ------------------------------------------------------------------------------------------------------------- */

static void tick(struct gossip *engine) {
    gossip__session_tick(engine);
    gossip__exchange_tick(engine);
    gossip__push_tick(engine);
    gossip__operation_tick(engine);
    gossip__join_tick(engine);
    gossip__swim_tick(engine);
    gossip__agreement_recheck(engine);
    gossip__freshness_tick(engine);
}

gossip_time_ms gossip_deadline(const struct gossip *engine) {
    if (!engine->started || engine->fatal) {
        return GOSSIP_NEVER;
    }
    const gossip_time_ms deadlines[] = {
        gossip__session_deadline(engine), gossip__exchange_deadline(engine),
        gossip__push_deadline(engine),    gossip__operation_deadline(engine),
        gossip__join_deadline(engine),    gossip__agreement_deadline(engine),
        gossip__swim_deadline(engine),    gossip__agreements_deadline(engine),
        gossip__staged_deadline(engine),  gossip__freshness_deadline(engine),
    };
    gossip_time_ms soonest_ms = GOSSIP_NEVER;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
        soonest_ms = deadlines[i] < soonest_ms ? deadlines[i] : soonest_ms;
    }
    return soonest_ms;
}

/* --- the step --------------------------------------------------------------------------------------------------------- */

static void start(struct gossip *engine) {
    assert(!engine->started);
    engine->started = true;
    engine->started_ms = engine->now_ms;
    engine->horizon_rose_ms = engine->now_ms; /* not known: what was before this process */
    if (engine->store_damage[0] != '\0') {
        gossip__notice(engine, GOSSIP_NOTICE_STORE, GOSSIP_ERROR, NULL,
                       "this node starts empty: %s", engine->store_damage);
    }
    gossip__flight_state_dirty(
        engine); /* the new incarnation is stored before a write can bear its origin */
    gossip__lineage_start(engine);
    gossip__swim_start(engine);
    gossip__join_start(engine);
}

static void event_handle(struct gossip *engine, const struct gossip_event *event) {
    switch (event->type) {
    case GOSSIP_START:
        start(engine);
        break;
    case GOSSIP_TICK:
        tick(engine);
        break;
    case GOSSIP_CONNECTED:
        gossip__session_connected(engine, event->connection);
        break;
    case GOSSIP_DISCONNECTED:
        gossip__session_disconnected(engine, event->connection);
        break;
    case GOSSIP_MESSAGE:
        message_received(engine, event->message.connection, event->message.bytes,
                         event->message.size_bytes);
        break;
    case GOSSIP_STORED:
        gossip__flight_stored(engine, event->stored.ticket, event->stored.result);
        break;
    case GOSSIP_REOPENED:
        gossip__reopened(engine, event->reopened);
        break;
    case GOSSIP_OPERATION:
        gossip__operation(engine, event->operation);
        break;
    case GOSSIP_STOP:
        if (!engine->stopping) {
            PROBE("gossip.stop");
            gossip__member_goodbye(engine);
            engine->stopping = true;
        }
        break;
    case GOSSIP_KEPT:
        gossip__lineage_kept_written(engine);
        break;
    }
}

int gossip_step(struct gossip *engine, const struct gossip_event *event,
                const struct gossip_update **update) {
    assert(engine->started || event->type == GOSSIP_START);
    assert(event->now_ms >= engine->now_ms);
    if (engine->fatal) {
        return GOSSIP_EFATAL;
    }
    engine->now_ms = event->now_ms;
    engine->wall_ms = event->wall_ms;
    gossip__operation_step_begin(engine);
    gossip__update_begin(engine);
    gossip__skew_follow(engine);
    event_handle(engine, event);
    gossip__horizon_prune(engine);
    gossip__lineage_tell(engine);
    gossip__agreements_settle(engine);
    gossip__agreement_follow(engine);
    gossip__freshness_follow(engine);
    gossip__flight_close_batch(engine);
    gossip__session_sweep(engine);
    *update = gossip__update_finish(engine);
    engine->out.update.stopped = engine->stopping && engine->flight_count == 0;
    return engine->fatal ? GOSSIP_EFATAL : 0;
}
