/* pair.h - a few engines wired in memory, for transcripts: virtual time, a disk that stores at once, links that deliver in
 * order after PAIR_LATENCY_MS.
 *
 *   pair_start("a") --> gossip_step(START) --> update: batches go to the disk of "a" and come back as `stored`,
 *                                                      frames and connections go to whoever listens at the address
 *
 * Nothing is random but what the engines draw from their seeds, so a transcript is the same each time. It has a line for
 * each notice and each frame sent:
 *
 *       1003 a > b hello
 *       1004 b ! member a: joining, was unknown
 *
 * (Digests make long ones: clear the transcript before what a test is about.) What goes wrong in
 * the harness itself, memory included, ends the test by assert().
 */
#ifndef TEST_UNIT_SUPPORT_PAIR_H
#define TEST_UNIT_SUPPORT_PAIR_H

#include "gossip/engine.h"

enum { PAIR_NODES_MAX = 8, PAIR_LATENCY_MS = 1, PAIR_INTERVAL_MS = 1000 };

struct pair;

struct pair *pair_new(void);
void pair_free(struct pair *pair);

/* How a node is started. Its place is its letter: "a" has place 0 and the address a:1. */
struct pair_start {
    const char *name;    /* NULL: its letter */
    const char *cluster; /* NULL: "test" */
    const char *address; /* NULL: its letter and ":1"; what it says of itself */
    const char *listen;  /* NULL: the same; where it is reached */
    const char *join[4]; /* addresses; the first NULL ends them */
    const struct merkle_allocator *allocator; /* NULL: that of the C library */
};
void pair_start(struct pair *pair, char letter, struct pair_start start);
/* An engine that says GOSSIP_EFATAL stands still until the test kills it (pair_engine(...)->fatal). */
/* The process is gone, without a word. Its peers see their connections end if `noticed`, else nothing ever. */
void pair_kill(struct pair *pair, char letter, bool noticed);
/* As SIGTERM does: it says good-bye, stores what is in flight, ends. */
void pair_stop(struct pair *pair, char letter);
/* The disk of a node that is down: emptied (the next start draws a new id), or a copy of another's. */
void pair_disk_wipe(struct pair *pair, char letter);
void pair_disk_copy(struct pair *pair, char from, char to);
struct catalog_node_state *pair_disk_state(struct pair *pair, char letter);
/* Damage to the disk of a node that is down, which its next start finds: an old row stands there (again), or one is gone. */
void pair_disk_put(struct pair *pair, char letter, struct catalog_entry *entry);
void pair_disk_lose(struct pair *pair, char letter, const struct catalog_entry *entry);
/* How long this disk takes for a batch from here on; unless set, no time. */
void pair_disk_slow(struct pair *pair, char letter, gossip_duration_ms store_ms);
/* The id that the next start on an empty disk draws: 16 times this byte. Unless set: 0xa0 for "a", and so on. */
void pair_next_id(struct pair *pair, char letter, uint8_t byte);
/* Frames and dials between the two are lost in both directions, silently. */
void pair_cut(struct pair *pair, char a, char b, bool cut);
void pair_run(struct pair *pair, gossip_duration_ms span_ms);
/* The operator removes a member, asking this node. The reply stands in the transcript ("a = 0"). */
void pair_remove(struct pair *pair, char letter, const char *name);

/* A client sets a body (JSON; NULL: drops what is there), or asks for an exchange or a diff with a member. The reply stands
 * in the transcript ("a = 0"). */
void pair_write(struct pair *pair, char letter, uint16_t kind, const char *entity, const char *name,
                const char *json);
void pair_ask(struct pair *pair, char letter, enum gossip_operation_type type, const char *member);
/* How many differences the last reply to a GOSSIP_DIFF had, and how the first relates. */
size_t pair_differences(const struct pair *pair, enum catalog_relation *first);

/* The last reply to a token at a node, its texts copied; NULL if there was none since the start. */
struct pair_reply {
    char letter;
    uint64_t token;
    int code;
    size_t line_count; /* of an agreement; the first PAIR_NODES_MAX are kept */
    struct {
        char name[8];
        enum gossip_agreement_state state;
        gossip_duration_ms since_ms;
    } lines[PAIR_NODES_MAX];
    bool has_entry; /* of a staged change */
    enum catalog_state state;
    uint64_t number;
    size_t problem_count;
    size_t difference_count; /* of a diff */
    enum catalog_relation difference_first;
    gossip_time_ms replied_ms;
    char text[128];
};
const struct pair_reply *pair_reply(const struct pair *pair, char letter, uint64_t token);
/* "a agreed, b lagging", of the reply's agreement. */
const char *pair_agreement(const struct pair *pair, char letter, uint64_t token);
/* Waits for agreement on a schema ("": the whole catalog). */
void pair_agree(struct pair *pair, char letter, uint64_t token, const char *entity,
                gossip_duration_ms timeout_ms, bool skip_dead);
/* A staged change of a schema; JSON is for GOSSIP_STAGED_SET. */
void pair_stage(struct pair *pair, char letter, uint64_t token, enum gossip_staged staged,
                const char *entity, const char *json, gossip_duration_ms timeout_ms);

/* A schema, as a node has it stored; NULL. */
struct catalog_entry *pair_entry(struct pair *pair, char letter, const char *entity);
/* A client sets a schema, or drops it (NULL), and the disk has it. */
void pair_set(struct pair *pair, char letter, const char *entity, const char *json);
/* Two have the same root, and the same table. */
void pair_must_agree(struct pair *pair, char a, char b);

/* For pair.c. */
struct pair_replies {
    struct pair_reply ring[256];
    size_t count; /* ever */
};
const struct pair_replies *pair_replies(const struct pair *pair);
void pair_reply_note(struct pair_replies *replies, char letter, gossip_time_ms now_ms,
                     const struct gossip_reply *reply);

/* For pair_load.c. */
void pair_operate(struct pair *pair, char letter, const struct gossip_operation *operation);
const char *pair_frame_name(const uint8_t *frame, size_t size_bytes);
/* Lines of the transcript: a notice, and an entry that the driver is to write to a file ("a # kept posts"). */
void pair_notice_line(const struct pair *pair, char letter, const struct gossip_notice *notice,
                      char *line, size_t size_bytes);
void pair_kept_line(const struct pair *pair, char letter, const struct catalog_entry *entry,
                    char *line, size_t size_bytes);

struct gossip *pair_engine(struct pair *pair, char letter); /* NULL if it is down */
/* What a knows of the member of this name; removed ones only if there is no other. NULL if nothing. */
struct gossip__member *pair_member(struct pair *pair, char letter, const char *name);
gossip_time_ms pair_now(const struct pair *pair);
/* Whether both hold the same table. */
bool pair_tables_equal(struct pair *pair, char a, char b);

/* The transcript since it was last cleared; valid until the next call of pair_run and its like. */
const char *pair_transcript(struct pair *pair);
void pair_transcript_clear(struct pair *pair);
bool pair_saw(struct pair *pair, const char *line_part);
/* The frames of this type (0: any) sent from a to b since the transcript was last cleared. */
size_t pair_sent(struct pair *pair, char a, char b, const char *message);

#endif
