/* message.h - the messages of the protocol as structures, and the border to their bytes (private to gossip/).
 *
 * A frame is a 4-byte big-endian length and one MessagePack array [type, field...]. Decoding checks the bytes first
 * (catalog_msgpack_check: canonical, depth, counts), then has msgpack-c unpack them, then fills these structures. Texts,
 * blobs and entries point into the frame's bytes; arrays lie in `memory`. Unknown trailing fields are ignored.
 *
 * Fields are encoded in the order in which they stand here, one array element each, unless said otherwise. Blobs are
 * `bin`. Absent ids are nil. docs/PROTOCOL.md shows each with an example.
 */
#ifndef GOSSIP_MESSAGE_H
#define GOSSIP_MESSAGE_H

#include "gossip/agreement_rule.h"

enum { GOSSIP__PROTOCOL_MIN = 1, GOSSIP__PROTOCOL_MAX = 1 };

enum gossip__message_type {
    GOSSIP__HELLO = 1,
    GOSSIP__REFUSE = 2,
    GOSSIP__DIGEST = 3,
    GOSSIP__DIGEST_ANSWER = 4,
    GOSSIP__WALK = 5,
    GOSSIP__WALK_ANSWER = 6,
    GOSSIP__PULL = 7,
    GOSSIP__PULL_RANGE = 8,
    GOSSIP__ENTRIES = 9,
    GOSSIP__PUSH = 10,
    GOSSIP__PUSH_ACK = 11,
    GOSSIP__PING = 12,
    GOSSIP__PONG = 13,
    GOSSIP__PROBE = 14,
    GOSSIP__PROBE_ANSWER = 15,
    GOSSIP__MEMBERS = 16,
    GOSSIP__ADMIT = 17,
    GOSSIP__CONFIRM = 18,
    GOSSIP__CONFIRMATION = 19,
    GOSSIP__FORWARD = 20,
    GOSSIP__FORWARD_ANSWER = 21,
    GOSSIP__MESSAGE_TYPE_COUNT = 22,
};

struct gossip__span {
    const uint8_t *data;
    size_t size_bytes;
};

/* What is told of a member: a row of the table with its present state. One array [id, name, address, incarnation, state,
 * ready]. */
struct gossip__member_update {
    struct catalog_id id;
    struct catalog_text name;
    struct catalog_text address;
    uint64_t incarnation;
    enum gossip_member_state state;
    bool ready;
};
struct gossip__member_updates {
    const struct gossip__member_update *rows;
    size_t count;
};

/* First in both directions. */
struct gossip__hello {
    uint64_t protocol_min, protocol_max;
    uint64_t format; /* CATALOG_FORMAT */
    struct catalog_text cluster_name;
    struct catalog_id cluster_id; /* nil: in no cluster yet */
    struct catalog_id node_id;
    struct catalog_id origin;
    struct catalog_text name;
    struct catalog_text address;
    uint64_t incarnation;
    bool ready;
    bool had_entry; /* of its cluster; from a newcomer: it has met a cluster, or somebody who has */
    bool removed;   /* (the sender knows that it was removed) */
    struct catalog_id
        replaces; /* of a newcomer: the id that it had before, and gave up; left out if none */
};

/* Why the connection is closed. */
struct gossip__refuse {
    enum gossip_close_reason reason; /* unknown numbers decode as GOSSIP_CLOSE_NONE */
    struct catalog_text text;
};

/* DIGEST and DIGEST_ANSWER. Encoded: exchange, root, count, clock, clock - seen, seen - horizon (both as signed 64-bit
 * numbers, modulo 2^64: 0 at rest), changes, table (5 bytes), flags (bit 0 ready, bit 1 healing, bit 2 settling, bit 3
 * whole), in DIGEST_ANSWER the age in ms plus 1 (0: not known), then in DIGEST_ANSWER walk, in DIGEST wall_s, then updates
 * (left out together with wall_s/walk if they are empty and 0). */
struct gossip__digest {
    uint32_t exchange; /* drawn at random; also the salt of the walk */
    struct merkle_digest root;
    uint64_t count;      /* items of the tree */
    catalog_clock clock; /* the high-water mark stored with that root */
    catalog_clock seen;
    catalog_clock horizon;
    uint64_t changes;                /* the sender's change counter */
    struct merkle_fingerprint table; /* of the member table, salted by the exchange */
    bool ready;
    bool healing;
    bool settling;  /* its horizon is rising: the root says nothing yet */
    bool whole;     /* it has had all from every member since its start (seen.c) */
    bool age_known; /* DIGEST_ANSWER only: how old its copy is (DESIGN 7.7) */
    gossip_duration_ms age_ms;
    uint64_t wall_s;          /* DIGEST only: seconds since 1970; 0: not given */
    struct gossip__span walk; /* DIGEST_ANSWER only: merkle_walk_answer_root, if the roots differ */
    struct gossip__member_updates updates;
};

/* WALK: sequence counts the requests of the exchange, of whatever type, from 1; an answer repeats it. */
struct gossip__walk {
    uint32_t exchange;
    uint64_t sequence;
    struct gossip__span request;
};
struct gossip__walk_answer {
    uint32_t exchange;
    uint64_t sequence;
    struct gossip__span answer;
};

/* PULL: one array [prefix, depth, fingerprints (bin, 5 bytes each)] for each path. */
struct gossip__pull_path {
    struct merkle_path path;
    const struct merkle_fingerprint *fingerprints;
    size_t fingerprint_count;
};
struct gossip__pull {
    uint32_t exchange;
    uint64_t sequence;
    const struct gossip__pull_path *paths;
    size_t path_count;
};

/* PULL_RANGE: all with slot_first <= slot <= slot_last, but the first `skip` of slot_first, up to size_max bytes. */
struct gossip__pull_range {
    uint32_t exchange;
    uint64_t sequence;
    uint64_t slot_first, slot_last;
    uint64_t skip;
    uint64_t size_max;
};

/* ENTRIES answers both. Entries are whole, as `bin`. */
struct gossip__entries {
    uint32_t exchange;
    uint64_t sequence;
    catalog_clock horizon;
    uint64_t missing; /* withheld; of a PULL, fingerprints that are not there any more, too */
    bool more;        /* of a PULL_RANGE: resume at (next_slot, next_skip) */
    uint64_t next_slot, next_skip;
    const struct gossip__span *entries;
    size_t entry_count;
};

/* PUSH: sequence counts the pushes of this sender (of this start) to this member. exchange is 0 for a fresh write, else
 * the exchange that found that the receiver lacks them. */
struct gossip__push {
    uint64_t sequence;
    uint32_t exchange;
    catalog_clock horizon;
    const struct gossip__span *entries;
    size_t entry_count;
};
/* Sent when all of the push is on disk here (refused ones excepted). */
struct gossip__push_ack {
    uint64_t sequence;
    struct merkle_digest root; /* of the sender, after it */
    catalog_clock horizon;
    uint64_t refused; /* entries that were not taken */
};

struct gossip__ping { /* PING, PONG */
    uint64_t sequence;
};
struct gossip__probe { /* PROBE: try that one for me. PROBE_ANSWER: it answered. */
    uint64_t sequence;
    struct catalog_id target;
};

/* The whole member table (or, as good-bye, the sender's row as left). */
struct gossip__members {
    bool answer_wanted;
    struct gossip__member_updates updates;
};

/* To a newcomer, once it is stored here: what it stores before its first request. */
struct gossip__admit {
    struct catalog_id cluster_id;
    catalog_clock horizon;
    catalog_clock clock;
    bool had_entry;
    struct gossip__member_updates updates; /* the whole table */
};

/* CONFIRM: is this entry, in these versions or in what superseded them, on your disk? (DESIGN 7.5.) Or, exact: in these and no
 * others? Encoded: sequence, salt, flags (1 exact), kind, entity, name, [[origin, clock]...]. */
struct gossip__confirm {
    uint64_t sequence; /* of the agreement, by whoever asks */
    uint32_t salt;     /* of the answer's table; drawn for each question */
    bool exact;
    struct catalog_key key;
    const struct gossip__agreement_pair *pairs; /* 1 to GOSSIP__CONFIRM_PAIRS_MAX */
    size_t pair_count;
};
/* The answer. Who has it in flight answers once it is stored. Encoded: sequence, salt, result, table, horizon. */
struct gossip__confirmation {
    uint64_t sequence;
    uint32_t salt; /* as asked */
    enum gossip__confirmation_result result;
    struct merkle_fingerprint
        table;             /* of the sender's member table at this instant, under that salt */
    catalog_clock horizon; /* of the sender: up to it absent counts as superseded */
};

/* FORWARD: a staged change that belongs to the receiver (DESIGN 7.6). Encoded: sequence, staged, flags (1 skip_dead, 2
 * cascade, 4 number_expected), number, timeout_ms, kind, entity, name, body (may be empty). */
struct gossip__forward {
    uint64_t sequence; /* drawn; a repeat bears the same */
    enum gossip_staged staged;
    bool skip_dead;
    bool cascade;
    bool number_expected; /* If-Match, of the beginning */
    uint64_t number;
    gossip_duration_ms timeout_ms; /* what is left of it */
    struct catalog_key key;
    struct gossip__span body;
};
/* One line of an agreement. One array [name, state, since_ms]. */
struct gossip__forward_line {
    struct catalog_text name;
    enum gossip_agreement_state state;
    gossip_duration_ms since_ms;
};
/* How it ended there. The code goes as its negative: a number above 0, or 0. */
struct gossip__forward_answer {
    uint64_t sequence;
    int code;
    struct catalog_text text;
    const struct gossip__forward_line *lines;
    size_t line_count;
};

struct gossip__message {
    enum gossip__message_type type;
    union {
        struct gossip__hello hello;
        struct gossip__refuse refuse;
        struct gossip__digest digest; /* both */
        struct gossip__walk walk;
        struct gossip__walk_answer walk_answer;
        struct gossip__pull pull;
        struct gossip__pull_range pull_range;
        struct gossip__entries entries;
        struct gossip__push push;
        struct gossip__push_ack push_ack;
        struct gossip__ping ping;   /* both */
        struct gossip__probe probe; /* both */
        struct gossip__members members;
        struct gossip__admit admit;
        struct gossip__confirm confirm;
        struct gossip__confirmation confirmation;
        struct gossip__forward forward;
        struct gossip__forward_answer forward_answer;
    };
    void *memory; /* of the arrays; released by gossip__message_close */
    const struct merkle_allocator *allocator;
};

/* Reads one frame's bytes (without the length). GOSSIP_EMALFORMED (`*rejection` says how: FRAME or MESSAGE), GOSSIP_ENOMEM,
 * or GOSSIP_EMALFORMED with GOSSIP_REJECT_UNKNOWN_TYPE for a canonical message of a type that we do not know (ignore it).
 * Checked here: field types, sizes of ids and digests, names and addresses (1..128 bytes, names as catalog_key_check
 * demands, addresses printable ASCII with a port), states, path depths. On success close it after use. */
int gossip__message_decode(const struct merkle_allocator *allocator, const uint8_t *bytes,
                           size_t size_bytes, struct gossip__message *message,
                           enum gossip_rejection *rejection);
void gossip__message_close(struct gossip__message *message);

/* Appends a whole frame with its length. GOSSIP_ENOMEM, GOSSIP_ETOOBIG (nothing appended). */
int gossip__message_encode(const struct gossip__message *message, struct merkle_buffer *frame);

enum gossip_phase gossip__message_phase(enum gossip__message_type type);
const char *gossip__message_name(enum gossip__message_type type); /* "digest_answer" */

#endif
