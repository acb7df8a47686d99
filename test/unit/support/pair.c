/* pair.c - see pair.h. */
#include "test/unit/support/pair.h"

#include "test/unit/support/pair_disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 4096, EVENTS_MAX = 65536 };

/* Both ends of a connection: [0] dialled it. */
struct link {
    bool open[2]; /* the end knows of it */
    size_t node[2];
    uint32_t connection[2];
    unsigned life[2];
};

struct event {
    gossip_time_ms due_ms;
    enum gossip_event_type type;
    size_t node;
    unsigned life; /* of the node: an event for an earlier one is lost */
    uint32_t connection;
    uint64_t ticket;
    uint8_t *bytes;
    size_t size_bytes;
    bool is_dial; /* arrives where it goes: `bytes` is the address */
};

struct node {
    struct gossip *engine;
    unsigned life;
    char address[CATALOG_NAME_SIZE_MAX + 1];
    uint8_t id_byte;
    uint32_t accepted_last;
    bool stopped;
    struct pair_disk disk;
};

struct pair {
    gossip_time_ms now_ms;
    struct node nodes[PAIR_NODES_MAX];
    struct link links[LINKS_MAX];
    size_t link_count;
    struct event events[EVENTS_MAX]; /* in order of due_ms, then of arrival */
    size_t event_count;
    bool cut[PAIR_NODES_MAX][PAIR_NODES_MAX];
    char *transcript;
    size_t transcript_size;
    struct pair_replies replies;
};

static struct node *node_of(struct pair *pair, char letter) {
    assert(letter >= 'a' && letter < 'a' + PAIR_NODES_MAX);
    return &pair->nodes[letter - 'a'];
}

struct pair *pair_new(void) {
    struct pair *pair = calloc(1, sizeof *pair);
    assert(pair != NULL);
    pair->now_ms = 1000;
    for (size_t i = 0; i < PAIR_NODES_MAX; i++) {
        pair->nodes[i].id_byte = (uint8_t)(0xa0 + i * 0x08);
    }
    pair->transcript = calloc(1, 1);
    assert(pair->transcript != NULL);
    return pair;
}

void pair_free(struct pair *pair) {
    for (size_t i = 0; i < PAIR_NODES_MAX; i++) {
        gossip_free(pair->nodes[i].engine);
        pair_disk_close(&pair->nodes[i].disk);
    }
    for (size_t i = 0; i < pair->event_count; i++) {
        free(pair->events[i].bytes);
    }
    free(pair->transcript);
    free(pair);
}

/* --- the transcript ------------------------------------------------------------------------- */

static void say(struct pair *pair, const char *text) {
    size_t size = strlen(text);
    char *grown = realloc(pair->transcript, pair->transcript_size + size + 1);
    assert(grown != NULL);
    memcpy(grown + pair->transcript_size, text, size + 1);
    pair->transcript = grown;
    pair->transcript_size += size;
}

const char *pair_transcript(struct pair *pair) {
    return pair->transcript;
}

void pair_transcript_clear(struct pair *pair) {
    pair->transcript_size = 0;
    pair->transcript[0] = '\0';
}

bool pair_saw(struct pair *pair, const char *line_part) {
    return strstr(pair->transcript, line_part) != NULL;
}

size_t pair_sent(struct pair *pair, char a, char b, const char *message) {
    char part[64];
    (void)snprintf(part, sizeof part, " %c > %c %s\n", a, b, message);
    size_t count = 0;
    for (const char *at = strstr(pair->transcript, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

/* --- events --------------------------------------------------------------------------------- */

static void event_add(struct pair *pair, struct event event) {
    assert(pair->event_count < EVENTS_MAX);
    size_t place = pair->event_count++;
    for (; place > 0 && pair->events[place - 1].due_ms > event.due_ms; place--) {
        pair->events[place] = pair->events[place - 1];
    }
    pair->events[place] = event;
}

static void connection_event(struct pair *pair, enum gossip_event_type type, size_t node,
                             uint32_t connection, gossip_duration_ms delay_ms) {
    event_add(pair, (struct event){.due_ms = pair->now_ms + delay_ms,
                                   .type = type,
                                   .node = node,
                                   .life = pair->nodes[node].life,
                                   .connection = connection});
}

static struct link *link_find(struct pair *pair, size_t node, uint32_t connection, unsigned *end) {
    for (size_t i = pair->link_count; i > 0; i--) {
        struct link *link = &pair->links[i - 1];
        for (*end = 0; *end < 2; (*end)++) {
            if (link->open[*end] && link->node[*end] == node &&
                link->connection[*end] == connection &&
                link->life[*end] == pair->nodes[node].life) {
                return link;
            }
        }
    }
    return NULL;
}

static bool is_cut(const struct pair *pair, const struct link *link) {
    return pair->cut[link->node[0]][link->node[1]];
}

static void dial(struct pair *pair, size_t node, const struct gossip_connection_update *action) {
    uint8_t *address = (uint8_t *)strdup(action->address);
    assert(address != NULL);
    event_add(pair, (struct event){.due_ms = pair->now_ms + PAIR_LATENCY_MS,
                                   .node = node,
                                   .life = pair->nodes[node].life,
                                   .connection = action->connection,
                                   .bytes = address,
                                   .is_dial = true});
}

static void dial_arrive(struct pair *pair, const struct event *event) {
    for (size_t other = 0; other < PAIR_NODES_MAX; other++) {
        struct node *listener = &pair->nodes[other];
        if (listener->engine == NULL ||
            strcmp(listener->address, (const char *)event->bytes) != 0) {
            continue;
        }
        if (pair->cut[event->node][other]) {
            return; /* the engine's deadline ends it */
        }
        assert(pair->link_count < LINKS_MAX);
        struct link *link = &pair->links[pair->link_count++];
        *link = (struct link){
            .open = {true, true},
            .node = {event->node, other},
            .connection = {event->connection, ++listener->accepted_last},
            .life = {event->life, listener->life},
        };
        connection_event(pair, GOSSIP_CONNECTED, event->node, link->connection[0], 0);
        connection_event(pair, GOSSIP_CONNECTED, other, link->connection[1], 0);
        return;
    }
    connection_event(pair, GOSSIP_DISCONNECTED, event->node, event->connection, 0);
}

/* One end is gone; the other sees it after what was sent before. */
static void link_end(struct pair *pair, struct link *link, unsigned end, bool noticed) {
    unsigned other = 1 - end;
    link->open[end] = false;
    if (link->open[other] && noticed && !is_cut(pair, link)) {
        connection_event(pair, GOSSIP_DISCONNECTED, link->node[other], link->connection[other],
                         PAIR_LATENCY_MS);
    }
}

static void send_frame(struct pair *pair, size_t node, const struct gossip_send *send) {
    unsigned end;
    struct link *link = link_find(pair, node, send->connection, &end);
    if (link == NULL) {
        return;
    }
    char line[96];
    (void)snprintf(line, sizeof line, "%6llu %c > %c %s\n", (unsigned long long)pair->now_ms,
                   (char)('a' + node), (char)('a' + link->node[1 - end]),
                   pair_frame_name(send->frame, send->size_bytes));
    say(pair, line);
    if (!link->open[1 - end] || is_cut(pair, link)) {
        return;
    }
    uint8_t *bytes = malloc(send->size_bytes);
    assert(bytes != NULL);
    memcpy(bytes, send->frame + 4, send->size_bytes - 4);
    event_add(pair, (struct event){.due_ms = pair->now_ms + PAIR_LATENCY_MS,
                                   .type = GOSSIP_MESSAGE,
                                   .node = link->node[1 - end],
                                   .life = link->life[1 - end],
                                   .connection = link->connection[1 - end],
                                   .bytes = bytes,
                                   .size_bytes = send->size_bytes - 4});
}

/* --- the disk ------------------------------------------------------------------------------- */

struct pair_disk *pair_disk_of(struct pair *pair, char letter) {
    return &node_of(pair, letter)->disk;
}

void pair_disk_wipe(struct pair *pair, char letter) {
    struct node *node = node_of(pair, letter);
    assert(node->engine == NULL);
    pair_disk_close(&node->disk);
    node->id_byte++;
}

void pair_disk_copy(struct pair *pair, char from, char to) {
    pair_disk_duplicate(&node_of(pair, from)->disk, &node_of(pair, to)->disk);
}

void pair_next_id(struct pair *pair, char letter, uint8_t byte) {
    node_of(pair, letter)->id_byte = byte;
}

/* --- steps ---------------------------------------------------------------------------------- */

static void connections_perform(struct pair *pair, size_t node, const struct gossip_update *update,
                                bool closes) {
    for (size_t i = 0; i < update->connection_count; i++) {
        const struct gossip_connection_update *action = &update->connections[i];
        unsigned end;
        if ((action->action == GOSSIP_CLOSE) != closes) {
            continue;
        }
        if (action->action == GOSSIP_DIAL) {
            dial(pair, node, action);
        } else if (action->action == GOSSIP_CLOSE) {
            struct link *link = link_find(pair, node, action->connection, &end);
            if (link != NULL) {
                link_end(pair, link, end, true);
            }
        }
    }
}

static void notices_say(struct pair *pair, size_t node, const struct gossip_update *update) {
    char line[512];
    for (size_t i = 0; i < update->notice_count; i++) {
        pair_notice_line(pair, (char)('a' + node), &update->notices[i], line, sizeof line);
        say(pair, line);
    }
    for (size_t i = 0; i < update->kept_count; i++) {
        pair_kept_line(pair, (char)('a' + node), update->kept[i], line, sizeof line);
        say(pair, line);
    }
}

static void step(struct pair *pair, size_t index, struct gossip_event event) {
    struct node *node = &pair->nodes[index];
    const struct gossip_update *update;
    event.now_ms = pair->now_ms;
    event.wall_ms = UINT64_C(1700000000000) + pair->now_ms;
    int result = gossip_step(node->engine, &event, &update);
    if (result != 0) {
        assert(result == GOSSIP_EFATAL && node->engine->fatal);
        return; /* the test starts it again */
    }
    gossip_verify(node->engine);
    notices_say(pair, index, update);
    for (size_t i = 0; i < update->batch_count; i++) {
        pair_disk_store(&node->disk, &update->batches[i]);
        event_add(pair, (struct event){.due_ms = pair->now_ms + node->disk.store_ms,
                                       .type = GOSSIP_STORED,
                                       .node = index,
                                       .life = node->life,
                                       .ticket = update->batches[i].ticket});
    }
    for (size_t i = 0; i < update->reply_count; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "%6llu %c = %d\n", (unsigned long long)pair->now_ms,
                       (char)('a' + index), update->replies[i].code);
        say(pair, line);
        pair_reply_note(&pair->replies, (char)('a' + index), pair->now_ms, &update->replies[i]);
    }
    if (update->kept_count > 0) {
        event_add(pair, (struct event){.due_ms = pair->now_ms,
                                       .type = GOSSIP_KEPT,
                                       .node = index,
                                       .life = node->life});
    }
    connections_perform(pair, index, update, false);
    for (size_t i = 0; i < update->send_count; i++) {
        send_frame(pair, index, &update->sends[i]);
    }
    connections_perform(pair, index, update, true);
    node->stopped = update->stopped;
}

static void event_deliver(struct pair *pair, const struct event *event) {
    struct node *node = &pair->nodes[event->node];
    unsigned end;
    if (node->engine == NULL || node->life != event->life) {
        return;
    }
    if (event->is_dial) {
        dial_arrive(pair, event);
        return;
    }
    struct gossip_event given = {.type = event->type};
    if (event->type == GOSSIP_STORED) {
        given.stored.ticket = event->ticket;
    } else if (event->type == GOSSIP_MESSAGE) {
        if (link_find(pair, event->node, event->connection, &end) == NULL) {
            return;
        }
        given.message.connection = event->connection;
        given.message.bytes = event->bytes;
        given.message.size_bytes = event->size_bytes;
    } else if (event->type != GOSSIP_KEPT) {
        struct link *link = link_find(pair, event->node, event->connection, &end);
        if (link == NULL && (event->connection & GOSSIP_CONNECTION_DIALED) == 0) {
            return; /* the engine closed it */
        }
        if (link != NULL && event->type == GOSSIP_DISCONNECTED) {
            link->open[end] = false;
        }
        given.connection = event->connection;
    }
    step(pair, event->node, given);
}

static struct node *node_due(struct pair *pair, gossip_time_ms *due_ms) {
    struct node *due = NULL;
    *due_ms = GOSSIP_NEVER;
    for (size_t i = 0; i < PAIR_NODES_MAX; i++) {
        struct node *node = &pair->nodes[i];
        gossip_time_ms deadline_ms =
            node->engine == NULL ? GOSSIP_NEVER : gossip_deadline(node->engine);
        if (deadline_ms < *due_ms) {
            *due_ms = deadline_ms;
            due = node;
        }
    }
    return due;
}

void pair_run(struct pair *pair, gossip_duration_ms span_ms) {
    gossip_time_ms end_ms = pair->now_ms + span_ms;
    unsigned steps_at_once = 0;
    for (;;) {
        gossip_time_ms due_ms;
        struct node *node = node_due(pair, &due_ms);
        bool event_first = pair->event_count > 0 && pair->events[0].due_ms <= due_ms;
        gossip_time_ms next_ms = event_first ? pair->events[0].due_ms : due_ms;
        if (next_ms > end_ms) {
            break;
        }
        steps_at_once = next_ms > pair->now_ms ? 0 : steps_at_once + 1;
        assert(steps_at_once < 10000); /* a deadline that a tick does not move */
        pair->now_ms = next_ms > pair->now_ms ? next_ms : pair->now_ms;
        if (event_first) {
            struct event event = pair->events[0];
            pair->event_count--;
            memmove(pair->events, pair->events + 1, pair->event_count * sizeof event);
            event_deliver(pair, &event);
            free(event.bytes);
        } else {
            step(pair, (size_t)(node - pair->nodes), (struct gossip_event){.type = GOSSIP_TICK});
        }
    }
    pair->now_ms = end_ms;
}

/* --- nodes ---------------------------------------------------------------------------------- */

void pair_start(struct pair *pair, char letter, struct pair_start start) {
    struct node *node = node_of(pair, letter);
    assert(node->engine == NULL);
    char name[2] = {letter, '\0'};
    const char *listen = start.listen != NULL ? start.listen : start.address;
    if (listen != NULL) {
        (void)snprintf(node->address, sizeof node->address, "%s", listen);
    } else {
        (void)snprintf(node->address, sizeof node->address, "%c:1", letter);
    }
    node->life++;
    struct gossip_config config = {
        .allocator = start.allocator != NULL ? start.allocator : &merkle_allocator_libc,
        .cluster_name = start.cluster == NULL ? "test" : start.cluster,
        .node_name = start.name == NULL ? name : start.name,
        .address = start.listen != NULL ? start.address : node->address,
        .seeds = start.join,
        .interval_ms = PAIR_INTERVAL_MS,
        .freshness_limit_ms = 5000,
        .random_seed = (uint64_t)letter * 1000 + node->life,
    };
    while (config.seed_count < 4 && start.join[config.seed_count] != NULL) {
        config.seed_count++;
    }
    memset(&config.origin, letter, sizeof config.origin);
    config.origin.bytes[0] = (uint8_t)node->life;
    memset(&config.fresh_node_id, node->id_byte, sizeof config.fresh_node_id);
    memset(&config.fresh_cluster_id, node->id_byte + 1, sizeof config.fresh_cluster_id);
    struct catalog_load load = {
        .fresh = !node->disk.made,
        .state = node->disk.state,
        .entries = node->disk.entries,
        .entry_count = node->disk.entry_count,
        .members = node->disk.members,
        .member_count = node->disk.member_count,
        .kept = node->disk.kept,
        .kept_count = node->disk.kept_count,
        .rows_missing = node->disk.rows_missing,
    };
    node->disk.rows_missing = false;
    int result = gossip_new(&config, &load, &node->engine);
    if (result == GOSSIP_ENOMEM) { /* a process that ends for want of memory is started again */
        result = gossip_new(&config, &load, &node->engine);
    }
    assert(result == 0);
    step(pair, (size_t)(node - pair->nodes), (struct gossip_event){.type = GOSSIP_START});
}

void pair_kill(struct pair *pair, char letter, bool noticed) {
    struct node *node = node_of(pair, letter);
    size_t index = (size_t)(node - pair->nodes);
    assert(node->engine != NULL);
    for (size_t i = 0; i < pair->link_count; i++) {
        struct link *link = &pair->links[i];
        for (unsigned end = 0; end < 2; end++) {
            if (link->open[end] && link->node[end] == index && link->life[end] == node->life) {
                link_end(pair, link, end, noticed);
            }
        }
    }
    gossip_free(node->engine);
    node->engine = NULL;
}

void pair_stop(struct pair *pair, char letter) {
    struct node *node = node_of(pair, letter);
    step(pair, (size_t)(node - pair->nodes), (struct gossip_event){.type = GOSSIP_STOP});
    pair_run(pair, 10);
    assert(node->stopped);
    pair_kill(pair, letter, true);
}

void pair_operate(struct pair *pair, char letter, const struct gossip_operation *operation) {
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = operation};
    step(pair, (size_t)(node_of(pair, letter) - pair->nodes), event);
}

void pair_cut(struct pair *pair, char a, char b, bool cut) {
    size_t first = (size_t)(node_of(pair, a) - pair->nodes);
    size_t second = (size_t)(node_of(pair, b) - pair->nodes);
    pair->cut[first][second] = cut;
    pair->cut[second][first] = cut;
}

/* --- looking -------------------------------------------------------------------------------- */

struct gossip *pair_engine(struct pair *pair, char letter) {
    return node_of(pair, letter)->engine;
}

const struct pair_replies *pair_replies(const struct pair *pair) {
    return &pair->replies;
}

gossip_time_ms pair_now(const struct pair *pair) {
    return pair->now_ms;
}
