/* member_table.c - the member table: its rows in order of ids, their digest, how they are stored and told.
 *
 * The digest of the table covers what MEMBERS messages transfer and member.c merges to one result on all nodes: for each
 * id whether it is removed, and else its name, its address, and whether it is ready and has left. Not whether it is
 * suspect or dead: each node judges that for itself, so it need not ever become equal. Not the incarnation: it orders what
 * is said, and a refutation that is still spreading would keep two tables apart that say the same.
 *
 * It is the sum of the rows' digests, so it takes no memory and no order; it is kept until the table changes.
 */
#include "gossip/engine.h"

#include <string.h>

#define SEED_TABLE UINT64_C(0x6174747565000010)

/* --- finding -------------------------------------------------------------------------------- */

/* Where the id stands, or would stand. */
static size_t table_position(const struct gossip *engine, const struct catalog_id *id) {
    size_t first = 0;
    size_t last = engine->member_count;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (catalog_id_compare(&engine->members[middle]->row.id, id) < 0) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

struct gossip__member *gossip__member_find(struct gossip *engine, const struct catalog_id *id) {
    size_t position = table_position(engine, id);
    if (position == engine->member_count ||
        !catalog_id_equal(&engine->members[position]->row.id, id)) {
        return NULL;
    }
    return engine->members[position];
}

struct gossip__member *gossip__member_by_name(struct gossip *engine, struct catalog_text name) {
    struct gossip__member *removed = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        if (!catalog_text_is(name, member->row.name)) {
            continue;
        }
        if (member->state != GOSSIP_MEMBER_REMOVED) {
            return member;
        }
        removed = removed == NULL ? member : removed;
    }
    return removed;
}

size_t gossip__member_required_count(const struct gossip *engine) {
    size_t count = engine->removed ? 0 : 1;
    for (size_t i = 0; i < engine->member_count; i++) {
        count += engine->members[i]->state != GOSSIP_MEMBER_REMOVED;
    }
    return count;
}

/* --- adding and forgetting ------------------------------------------------------------------ */

void gossip__member_table_changed(struct gossip *engine) {
    engine->members_changes++;
    engine->agreement_dirty = true;
}

enum gossip_member_state gossip__member_reached_state(const struct gossip__member *member) {
    return member->row.ready ? GOSSIP_MEMBER_ALIVE : GOSSIP_MEMBER_JOINING;
}

bool gossip__member_is_ready(const struct gossip__member *member) {
    return member->row.ready && (member->session == NULL || member->session->peer_ready);
}

static bool table_reserve(struct gossip *engine) {
    if (engine->member_count < engine->member_capacity) {
        return true;
    }
    size_t capacity = engine->member_capacity == 0 ? 8 : engine->member_capacity * 2;
    struct gossip__member **members =
        merkle_reallocate(engine->allocator, engine->members, capacity, sizeof *members);
    if (members == NULL) {
        return false;
    }
    engine->members = members;
    engine->member_capacity = capacity;
    return true;
}

struct gossip__member *gossip__member_add(struct gossip *engine,
                                          const struct catalog_member_row *row,
                                          enum gossip_member_state state) {
    size_t position = table_position(engine, &row->id);
    assert(position == engine->member_count ||
           !catalog_id_equal(&engine->members[position]->row.id, &row->id));
    if (engine->member_count >= GOSSIP__MEMBERS_MAX) {
        engine->counters.closed[GOSSIP_CLOSE_LIMIT]++;
        return NULL;
    }
    struct gossip__member *member = merkle_allocate(engine->allocator, 1, sizeof *member);
    if (member == NULL || !table_reserve(engine)) {
        merkle_release(engine->allocator, member);
        return NULL;
    }
    *member = (struct gossip__member){.row = *row, .state = state};
    memmove(&engine->members[position + 1], &engine->members[position],
            (engine->member_count - position) * sizeof(struct gossip__member *));
    engine->members[position] = member;
    engine->member_count++;
    gossip__swim_member_added(engine, position);
    gossip__member_table_changed(engine);
    gossip__seen_reset(engine);
    return member;
}

/* Everything that points to the member, but for the table. */
static void member_release(struct gossip *engine, struct gossip__member *member) {
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (session->member == member && !session->closing) {
            gossip__session_close(engine, session, GOSSIP_CLOSE_CLUSTER_ID, false);
        }
    }
    if (member->exchange != NULL) {
        gossip__exchange_end(engine, member->exchange, GOSSIP_EXCHANGE_LOST);
    }
    if (engine->probe_target == member) {
        engine->probe_target = NULL;
    }
    gossip__push_close(engine, member);
    merkle_release(engine->allocator, member);
}

void gossip__member_forget(struct gossip *engine, struct gossip__member *member) {
    size_t position = table_position(engine, &member->row.id);
    assert(position < engine->member_count && engine->members[position] == member);
    member_release(engine, member);
    engine->member_count--;
    memmove(&engine->members[position], &engine->members[position + 1],
            (engine->member_count - position) * sizeof(struct gossip__member *));
    gossip__swim_members_forgotten(engine);
    gossip__member_table_changed(engine);
}

void gossip__member_clear(struct gossip *engine) {
    while (engine->member_count > 0) {
        gossip__member_forget(engine, engine->members[engine->member_count - 1]);
    }
    gossip__flight_members_cleared(engine);
}

void gossip__member_free_all(struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        assert(engine->members[i]->exchange == NULL);
        gossip__push_close(engine, engine->members[i]);
        merkle_release(engine->allocator, engine->members[i]);
    }
    merkle_release(engine->allocator, engine->members);
    engine->members = NULL;
    engine->member_count = 0;
    engine->member_capacity = 0;
}

/* --- storing -------------------------------------------------------------------------------- */

uint64_t gossip__member_store(struct gossip *engine, struct gossip__member *member) {
    bool lasting = member->state == GOSSIP_MEMBER_LEFT || member->state == GOSSIP_MEMBER_REMOVED;
    member->row.state = (uint8_t)(lasting ? member->state : gossip__member_reached_state(member));
    member->row_stored = false;
    if (catalog_id_is_none(&engine->state.cluster_id)) {
        member->row_ticket = 0; /* whom a newcomer has met is not in its cluster: it has none */
        return 0;
    }
    member->row_ticket = gossip__flight_member(engine, &member->row);
    return member->row_ticket;
}

int gossip__member_load(struct gossip *engine, const struct catalog_load *load) {
    for (size_t i = 0; i < load->member_count; i++) {
        const struct catalog_member_row *row = &load->members[i];
        bool known = row->state > 0 && row->state < GOSSIP_MEMBER_STATE_COUNT;
        if (gossip__member_find(engine, &row->id) != NULL ||
            catalog_id_equal(&row->id, &engine->state.node_id)) {
            continue;
        }
        enum gossip_member_state state =
            known ? (enum gossip_member_state)row->state : GOSSIP_MEMBER_JOINING;
        struct gossip__member *member = gossip__member_add(engine, row, state);
        if (member == NULL) {
            return GOSSIP_ENOMEM;
        }
        if (state != GOSSIP_MEMBER_LEFT && state != GOSSIP_MEMBER_REMOVED) {
            member->state = gossip__member_reached_state(member);
        }
        member->row_stored = true;
    }
    return 0;
}

/* --- the digest ----------------------------------------------------------------------------- */

static size_t append_text(uint8_t *bytes, struct catalog_text text) {
    assert(text.size_bytes <= CATALOG_NAME_SIZE_MAX);
    bytes[0] = (uint8_t)text.size_bytes;
    memcpy(bytes + 1, text.data, text.size_bytes);
    return 1 + text.size_bytes;
}

static struct merkle_digest row_digest(const struct gossip__member_update *row) {
    uint8_t bytes[sizeof row->id.bytes + 1 + 2 * (1 + CATALOG_NAME_SIZE_MAX)];
    size_t size_bytes = sizeof row->id.bytes;
    memcpy(bytes, row->id.bytes, size_bytes);
    if (row->state == GOSSIP_MEMBER_REMOVED) {
        bytes[size_bytes++] = 4; /* an id that is removed has no other properties */
        return merkle_digest_of(bytes, size_bytes, SEED_TABLE);
    }
    bytes[size_bytes++] =
        (uint8_t)((row->ready ? 1 : 0) | (row->state == GOSSIP_MEMBER_LEFT ? 2 : 0));
    size_bytes += append_text(bytes + size_bytes, row->name);
    size_bytes += append_text(bytes + size_bytes, row->address);
    return merkle_digest_of(bytes, size_bytes, SEED_TABLE);
}

static void table_digest(struct gossip *engine) {
    struct catalog_sum sum = {0};
    struct gossip__member_update row = gossip__member_own_update(engine);
    struct merkle_digest digest = row_digest(&row);
    catalog_sum_add(&sum, &digest);
    for (size_t i = 0; i < engine->member_count; i++) {
        row = gossip__member_row_update(engine->members[i]);
        digest = row_digest(&row);
        catalog_sum_add(&sum, &digest);
    }
    engine->table_digest = sum.digest_sum;
    engine->table_digest_changes = engine->members_changes;
    engine->table_digest_known = true;
}

struct merkle_fingerprint gossip__member_table_fingerprint(struct gossip *engine, uint64_t salt) {
    if (!engine->table_digest_known || engine->table_digest_changes != engine->members_changes) {
        table_digest(engine);
    }
    return merkle_fingerprint_of_digest(&engine->table_digest, salt);
}

/* --- telling -------------------------------------------------------------------------------- */

struct gossip__member_update gossip__member_row_update(const struct gossip__member *member) {
    return (struct gossip__member_update){
        .id = member->row.id,
        .name = {member->row.name, strlen(member->row.name)},
        .address = {member->row.address, strlen(member->row.address)},
        .incarnation = member->row.incarnation,
        .state = member->state,
        .ready = member->row.ready,
    };
}

struct gossip__member_update gossip__member_own_update(const struct gossip *engine) {
    bool ready = engine->state.ready && engine->stored.ready;
    enum gossip_member_state state = ready ? GOSSIP_MEMBER_ALIVE : GOSSIP_MEMBER_JOINING;
    state = engine->stopping ? GOSSIP_MEMBER_LEFT : state;
    return (struct gossip__member_update){
        .id = engine->state.node_id,
        .name = {engine->node_name, strlen(engine->node_name)},
        .address = {engine->address, strlen(engine->address)},
        .incarnation = engine->state.incarnation,
        .state = engine->removed ? GOSSIP_MEMBER_REMOVED : state,
        .ready = ready || engine->told_ready, /* once true, always true: so it stands elsewhere */
    };
}

static void rows_append(struct merkle_buffer *rows, const struct gossip__member_update *row) {
    (void)merkle_buffer_append(rows, row, sizeof *row); /* the buffer remembers that it failed */
}

static struct gossip__member_updates rows_of(const struct merkle_buffer *rows) {
    return (struct gossip__member_updates){
        .rows = (const struct gossip__member_update *)(const void *)rows->data,
        .count = rows->failed ? 0 : rows->size_bytes / sizeof(struct gossip__member_update),
    };
}

/* Whom a node in no cluster has met may be of different ones: it tells nobody of them. */
static bool may_tell(const struct gossip *engine) {
    return !catalog_id_is_none(&engine->state.cluster_id);
}

struct gossip__member_updates gossip__member_table(struct gossip *engine,
                                                   struct merkle_buffer *rows) {
    if (!may_tell(engine)) {
        return rows_of(rows);
    }
    struct gossip__member_update row = gossip__member_own_update(engine);
    rows_append(rows, &row);
    for (size_t i = 0; i < engine->member_count; i++) {
        row = gossip__member_row_update(engine->members[i]);
        rows_append(rows, &row);
    }
    return rows_of(rows);
}

/* What has been told least often goes first, so that news is not kept back by what nearly everybody knows. */
static struct gossip__member *
rider_next(struct gossip *engine, struct gossip__member *const *chosen, size_t chosen_count) {
    struct gossip__member *next = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        bool taken = member->updates_left == 0;
        for (size_t j = 0; j < chosen_count; j++) {
            taken = taken || chosen[j] == member;
        }
        if (!taken && (next == NULL || member->updates_left > next->updates_left)) {
            next = member;
        }
    }
    return next;
}

struct gossip__member_updates gossip__member_riders(struct gossip *engine,
                                                    struct merkle_buffer *rows) {
    struct gossip__member *chosen[GOSSIP__UPDATES_PER_MESSAGE];
    size_t chosen_count = 0;
    size_t room = may_tell(engine) ? GOSSIP__UPDATES_PER_MESSAGE : 0;
    if (engine->own_updates_left > 0 && room > 0) {
        engine->own_updates_left--;
        struct gossip__member_update own = gossip__member_own_update(engine);
        rows_append(rows, &own);
        room--;
    }
    while (chosen_count < room) {
        struct gossip__member *member = rider_next(engine, chosen, chosen_count);
        if (member == NULL) {
            break;
        }
        chosen[chosen_count++] = member;
        member->updates_left--;
        struct gossip__member_update row = gossip__member_row_update(member);
        rows_append(rows, &row);
    }
    return rows_of(rows);
}

void gossip__member_send_table(struct gossip *engine, struct gossip__member *member,
                               bool answer_wanted) {
    struct merkle_buffer rows;
    merkle_buffer_init(&rows, engine->allocator);
    struct gossip__message message = {.type = GOSSIP__MEMBERS};
    message.members.answer_wanted = answer_wanted;
    message.members.updates = gossip__member_table(engine, &rows);
    if (message.members.updates.count > 0) {
        (void)gossip__send_member(engine, member, &message);
    }
    merkle_buffer_close(&rows);
}

void gossip__member_tell_accused(struct gossip *engine, struct gossip__member *member) {
    struct gossip__member_update row = gossip__member_row_update(member);
    struct gossip__message message = {
        .type = GOSSIP__MEMBERS,
        .members = {.updates = {.rows = &row, .count = 1}},
    };
    if (may_tell(engine)) {
        (void)gossip__send_member(engine, member, &message);
    }
}

void gossip__member_tell_all(struct gossip *engine, const struct gossip__member_update *update) {
    struct gossip__message message = {
        .type = GOSSIP__MEMBERS,
        .members = {.updates = {.rows = update, .count = 1}},
    };
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (session->state == GOSSIP__SESSION_ESTABLISHED) {
            gossip__send(engine, session, &message);
        }
    }
}

void gossip__member_goodbye(struct gossip *engine) {
    struct gossip__member_update own = gossip__member_own_update(engine);
    own.state = GOSSIP_MEMBER_LEFT;
    gossip__member_table_changed(engine);
    gossip__member_tell_all(engine, &own);
}
