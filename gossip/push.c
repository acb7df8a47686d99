/* push.c - committed writes, given at once to the other members; and the haves of an exchange, by the same road.
 *
 *   stored --> queue of keys, a member each --> message in flight --acknowledged--> gone
 *              coalesced by key, bounded          | no answer: again, with doubling waits, GOSSIP__PUSH_TRIES times
 *                                                 +--> given up: left to the timer exchange, and counted
 *
 * The queue holds keys, not entries: what is sent is what is stored when it is sent, so a key that changes twice while it
 * waits goes once. A push is idempotent; the receiver acknowledges when it is on its disk.
 */
#include "gossip/engine.h"

#include <string.h>

/* The answer waits for a commit, and commits may wait for one another: hence the smallest wait. A process that was frozen
 * leaves an RTT of seconds behind: hence the largest (found by simulation). */
enum { PUSH_TIMEOUT_MS_MIN = 250, PUSH_TIMEOUT_MS_MAX = 8000 };

/* What was refused because our horizon was lower is sent again when the raise is stored; after this, if none comes. */
enum { PUSH_RAISE_MS = 50 };

static bool takes_pushes(const struct gossip__member *member) {
    return member->state == GOSSIP_MEMBER_ALIVE || member->state == GOSSIP_MEMBER_JOINING;
}

/* --- the queue ------------------------------------------------------------------------------------------------------ */

static bool is_queued(const struct gossip__push_queue *queue, uint32_t handle) {
    for (size_t i = 0; i < queue->count; i++) {
        if (queue->handles[(queue->first + i) % GOSSIP__PUSH_QUEUE_MAX] == handle) {
            return true;
        }
    }
    return false;
}

static void queue_append(struct gossip *engine, struct gossip__push_queue *queue, uint32_t handle) {
    if (is_queued(queue, handle)) {
        PROBE("gossip.push_coalesced");
        return;
    }
    if (queue->handles == NULL) {
        queue->handles =
            merkle_allocate(engine->allocator, GOSSIP__PUSH_QUEUE_MAX, sizeof *queue->handles);
    }
    if (queue->handles == NULL || queue->count == GOSSIP__PUSH_QUEUE_MAX) {
        PROBE("gossip.push_queue_full");
        engine->counters.pushes[GOSSIP_PUSH_DROPPED]++;
        return;
    }
    if (queue->count == 0) {
        queue->since_ms = engine->now_ms;
    }
    queue->handles[(queue->first + queue->count) % GOSSIP__PUSH_QUEUE_MAX] = handle;
    queue->count++;
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

/* The last place is kept for what exchanges give: fresh pushes that nobody answers must not hold up the healing. */
static struct gossip__push_message *message_place(struct gossip__push_queue *queue, bool fresh) {
    size_t places = fresh ? GOSSIP__PUSHES_IN_FLIGHT - 1 : GOSSIP__PUSHES_IN_FLIGHT;
    for (size_t i = 0; i < places; i++) {
        if (queue->in_flight[i].sequence == 0) {
            return &queue->in_flight[i];
        }
    }
    return NULL;
}

static void message_free(struct gossip *engine, struct gossip__push_message *message) {
    merkle_release(engine->allocator, message->handles);
    *message = (struct gossip__push_message){0};
}

static gossip_duration_ms transmit_wait(const struct gossip__member *member, unsigned tries) {
    if (PLANTED(ATTUNE_B20)) {
        return PUSH_TIMEOUT_MS_MIN;
    }
    gossip_duration_ms wait_ms = 4 * member->rtt_ms;
    wait_ms = (wait_ms > PUSH_TIMEOUT_MS_MIN ? wait_ms : PUSH_TIMEOUT_MS_MIN) << (tries - 1);
    return wait_ms < PUSH_TIMEOUT_MS_MAX ? wait_ms : PUSH_TIMEOUT_MS_MAX;
}

static void message_transmit(struct gossip *engine, struct gossip__member *member,
                             struct gossip__push_message *push) {
    struct gossip__span spans[GOSSIP__PUSH_ENTRIES_MAX];
    size_t count = 0;
    size_t size_bytes = 0;
    size_t taken = 0;
    /* What is sent again is sent as it stands now, and may have grown: what no longer fits waits its turn anew. */
    for (; taken < push->handle_count && size_bytes < GOSSIP__ENTRIES_SIZE_SOFT; taken++) {
        struct catalog_entry *entry =
            catalog_entry_of_handle(engine->catalog, push->handles[taken]);
        if (entry != NULL && !gossip__healing_withholds(engine, member, entry)) {
            spans[count++] =
                (struct gossip__span){.data = entry->bytes, .size_bytes = entry->size_bytes};
            size_bytes += entry->size_bytes;
        }
    }
    for (size_t i = taken; i < push->handle_count; i++) {
        PROBE("gossip.push_has_grown");
        queue_append(engine, &member->push, push->handles[i]);
    }
    push->handle_count = taken;
    push->horizon = engine->stored.horizon;
    push->refused = false;
    push->tries++;
    push->sent_ms = engine->now_ms;
    push->due_ms = engine->now_ms + transmit_wait(member, push->tries);
    if (engine->config.pushes_lost && push->exchange == 0) {
        return;
    }
    struct gossip__message message = {
        .type = GOSSIP__PUSH,
        .push = {.sequence = push->sequence,
                 .exchange = push->exchange,
                 .horizon = engine->stored.horizon,
                 .entries = spans,
                 .entry_count = count},
    };
    engine->counters.entries_sent += count;
    if (PLANTED(ATTUNE_B20) && push->tries > 1) {
        (void)merkle_allocate(engine->allocator, 64 + size_bytes, 1);
    }
    (void)gossip__send_member(engine, member, &message);
}

/* Takes keys off the queue for one message, up to the soft size. */
static void message_fill(struct gossip *engine, struct gossip__push_queue *queue,
                         struct gossip__push_message *push) {
    size_t size_bytes = 0;
    while (queue->count > 0 && push->handle_count < GOSSIP__PUSH_ENTRIES_MAX &&
           size_bytes < GOSSIP__ENTRIES_SIZE_SOFT) {
        uint32_t handle = queue->handles[queue->first];
        struct catalog_entry *entry = catalog_entry_of_handle(engine->catalog, handle);
        queue->first = (queue->first + 1) % GOSSIP__PUSH_QUEUE_MAX;
        queue->count--;
        if (entry != NULL) {
            push->handles[push->handle_count++] = handle;
            size_bytes += entry->size_bytes;
        }
    }
}

/* Sends what waits, as far as messages may be in flight. */
static void pump(struct gossip *engine, struct gossip__member *member) {
    struct gossip__push_queue *queue = &member->push;
    while (queue->count > 0 && member->session != NULL && member->session->admitted) {
        struct gossip__push_message *push = message_place(queue, true);
        if (push == NULL) {
            PROBE("gossip.push_waits_for_place");
            return;
        }
        size_t most =
            queue->count < GOSSIP__PUSH_ENTRIES_MAX ? queue->count : GOSSIP__PUSH_ENTRIES_MAX;
        uint32_t *handles = merkle_allocate(engine->allocator, most, sizeof *handles);
        if (handles == NULL) {
            return;
        }
        *push =
            (struct gossip__push_message){.sequence = ++queue->sequence_last, .handles = handles};
        message_fill(engine, queue, push);
        queue->since_ms = engine->now_ms;
        message_transmit(engine, member, push);
    }
}

bool gossip__push_have(struct gossip *engine, struct gossip__member *member, uint32_t exchange,
                       const uint32_t *handles, size_t handle_count) {
    assert(exchange != 0 && handle_count <= GOSSIP__PUSH_ENTRIES_MAX);
    struct gossip__push_message *push = message_place(&member->push, false);
    if (push == NULL || member->session == NULL) {
        return false;
    }
    uint32_t *copy = merkle_allocate(engine->allocator, handle_count, sizeof *copy);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, handles, handle_count * sizeof *copy);
    *push = (struct gossip__push_message){
        .sequence = ++member->push.sequence_last,
        .handles = copy,
        .handle_count = handle_count,
        .exchange = exchange,
    };
    message_transmit(engine, member, push);
    return true;
}

/* --- what is pushed to whom ------------------------------------------------------------------------------------------ */

/* The handle of a stored entry: the catalog's tree is its index by slot. */
static bool handle_of(struct gossip *engine, const struct catalog_entry *entry, uint32_t *handle) {
    struct catalog_key key = catalog_entry_key(entry);
    struct merkle_item item;
    for (size_t skip = 0; merkle_tree_range(catalog_tree(engine->catalog), entry->slot, entry->slot,
                                            skip, &item, 1) == 1;
         skip++) {
        struct catalog_key found =
            catalog_entry_key(catalog_entry_of_handle(engine->catalog, item.handle));
        if (catalog_key_equal(&found, &key)) {
            *handle = item.handle;
            return true;
        }
    }
    return false;
}

static void queue_to(struct gossip *engine, struct gossip__member *member,
                     const struct gossip__arrival *arrival, uint32_t handle) {
    if (takes_pushes(member) &&
        (arrival->local || !catalog_id_equal(&arrival->from, &member->row.id))) {
        queue_append(engine, &member->push, handle);
    }
}

/* ceil(log2 n) + 2 of n. */
static size_t fan_out(size_t n) {
    size_t bits = 0;
    while (((size_t)1 << bits) < n) {
        bits++;
    }
    return bits + 2;
}

static void entry_queue(struct gossip *engine, const struct gossip__arrival *arrival,
                        uint32_t handle) {
    size_t required = gossip__member_required_count(engine);
    if (required <= GOSSIP__PUSH_ALL_MEMBERS_MAX) {
        for (size_t i = 0; i < engine->member_count && arrival->local; i++) {
            queue_to(engine, engine->members[i], arrival, handle);
        }
        return;
    }
    PROBE("gossip.push_to_some");
    /* Many members: a few at random, which pass on what was new to them. */
    for (size_t i = fan_out(required); i > 0; i--) {
        size_t index = (size_t)gossip__random_below(engine, engine->member_count);
        queue_to(engine, engine->members[index], arrival, handle);
    }
}

void gossip__push_stored(struct gossip *engine, const struct gossip__flight *flight) {
    if (engine->member_count == 0 || flight->entry_count == 0) {
        return;
    }
    for (size_t i = 0; i < flight->entry_count; i++) {
        uint32_t handle;
        if (!flight->arrivals[i].pruned && handle_of(engine, flight->entries[i], &handle)) {
            entry_queue(engine, &flight->arrivals[i], handle);
        }
    }
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        if (member->push.count > 0 && member->session == NULL && takes_pushes(member)) {
            PROBE("gossip.push_dials");
            gossip__session_dial_member(engine, member);
        }
        pump(engine, member);
    }
}

static bool is_in_flight(const struct gossip__push_queue *queue, uint32_t handle) {
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        const struct gossip__push_message *push = &queue->in_flight[i];
        for (size_t j = 0; push->sequence != 0 && j < push->handle_count; j++) {
            if (push->handles[j] == handle) {
                return true;
            }
        }
    }
    return false;
}

void gossip__push_entry(struct gossip *engine, struct gossip__member *member,
                        const struct catalog_entry *entry) {
    uint32_t handle;
    if (takes_pushes(member) && handle_of(engine, entry, &handle) &&
        !is_in_flight(&member->push, handle)) {
        PROBE("gossip.push_of_what_was_lacked");
        queue_append(engine, &member->push, handle);
        pump(engine, member);
    }
}

void gossip__push_session_up(struct gossip *engine, struct gossip__member *member) {
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        if (member->push.in_flight[i].sequence != 0) {
            PROBE("gossip.push_on_new_session");
            member->push.in_flight[i].due_ms =
                engine->now_ms; /* what was sent on the old one may be lost */
        }
    }
    pump(engine, member);
}

void gossip__push_acknowledged(struct gossip *engine, struct gossip__member *member,
                               uint64_t sequence, uint64_t refused) {
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        struct gossip__push_message *push = &member->push.in_flight[i];
        if (push->sequence != sequence || sequence == 0) {
            continue;
        }
        uint32_t exchange = push->exchange;
        if (refused > 0 && member->horizon > push->horizon && push->tries < GOSSIP__PUSH_TRIES) {
            PROBE("gossip.push_again_after_raise");
            push->refused = true;
            push->due_ms = engine->now_ms + PUSH_RAISE_MS;
            return;
        }
        message_free(engine, push);
        engine->counters.pushes[GOSSIP_PUSH_ACKNOWLEDGED]++;
        if (exchange != 0) {
            gossip__exchange_pushed(engine, member, exchange, true, refused);
        } else if (member->exchange != NULL && member->exchange->state == GOSSIP__EXCHANGE_PUSH) {
            PROBE("gossip.have_gets_place");
            gossip__exchange_push(engine, member->exchange); /* it may have waited for the place */
        }
        pump(engine, member);
        return;
    }
}

void gossip__push_raised(struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        for (size_t j = 0; j < GOSSIP__PUSHES_IN_FLIGHT; j++) {
            struct gossip__push_message *push = &member->push.in_flight[j];
            if (push->sequence != 0 && push->refused && member->horizon <= engine->stored.horizon) {
                PROBE("gossip.push_goes_with_the_raise");
                push->due_ms = engine->now_ms;
            }
        }
    }
}

void gossip__push_satisfied(struct gossip *engine, struct gossip__member *member) {
    member->push.count = 0;
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        struct gossip__push_message *push = &member->push.in_flight[i];
        if (push->sequence != 0 && push->exchange == 0) {
            PROBE("gossip.push_satisfied_by_root");
            message_free(engine, push);
            engine->counters.pushes[GOSSIP_PUSH_ACKNOWLEDGED]++;
        }
    }
}

static void message_give_up(struct gossip *engine, struct gossip__member *member,
                            struct gossip__push_message *push) {
    PROBE("gossip.push_given_up");
    uint32_t exchange = push->exchange;
    engine->counters.pushes[GOSSIP_PUSH_DROPPED]++;
    message_free(engine, push);
    if (exchange != 0) {
        gossip__exchange_pushed(engine, member, exchange, false, 0);
    }
}

void gossip__push_drop_all(struct gossip *engine, struct gossip__member *member) {
    engine->counters.pushes[GOSSIP_PUSH_DROPPED] += member->push.count;
    member->push.count = 0;
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        if (member->push.in_flight[i].sequence != 0) {
            message_give_up(engine, member, &member->push.in_flight[i]);
        }
    }
}

static void member_tick(struct gossip *engine, struct gossip__member *member) {
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        struct gossip__push_message *push = &member->push.in_flight[i];
        if (push->sequence == 0 || push->due_ms > engine->now_ms) {
            continue;
        }
        if (push->tries >= GOSSIP__PUSH_TRIES && !PLANTED(ATTUNE_B20)) {
            message_give_up(engine, member, push);
        } else {
            PROBE("gossip.push_repeated");
            engine->counters.pushes[GOSSIP_PUSH_RETRIED]++;
            message_transmit(engine, member, push);
        }
    }
    if (member->push.count > 0 &&
        engine->now_ms - member->push.since_ms >= GOSSIP__PUSH_WAIT_MS_MAX) {
        PROBE("gossip.push_queue_expires");
        engine->counters.pushes[GOSSIP_PUSH_DROPPED] += member->push.count;
        member->push.count = 0;
    }
    pump(engine, member);
}

void gossip__push_tick(struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        member_tick(engine, engine->members[i]);
    }
}

gossip_time_ms gossip__push_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms = GOSSIP_NEVER;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__push_queue *queue = &engine->members[i]->push;
        for (size_t j = 0; j < GOSSIP__PUSHES_IN_FLIGHT; j++) {
            if (queue->in_flight[j].sequence != 0 && queue->in_flight[j].due_ms < deadline_ms) {
                deadline_ms = queue->in_flight[j].due_ms;
            }
        }
    }
    return deadline_ms;
}

void gossip__push_close(struct gossip *engine, struct gossip__member *member) {
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        message_free(engine, &member->push.in_flight[i]);
    }
    merkle_release(engine->allocator, member->push.handles);
    member->push = (struct gossip__push_queue){0};
}
