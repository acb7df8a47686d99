/* names.c - what operators, logs and metrics call the numbers of this folder, and the bounds of its histograms.
 *
 * The words are labels of metrics and fields of JSON answers: once published they stay. Each table is sized by the _COUNT
 * of its enum, so that a number without a name does not go unnoticed: a test walks them all.
 */
#include "gossip/message.h"

#include <assert.h>

/* NULL for a number that is not in the table, so that a peer's number can be asked for as it came. */
#define NAME_OF(table, number)                                                                     \
    ((size_t)(number) < sizeof(table) / sizeof *(table) ? (table)[(size_t)(number)] : NULL)

const char *gossip_close_reason_name(enum gossip_close_reason reason) {
    static const char *const names[GOSSIP_CLOSE_REASON_COUNT] = {
        [GOSSIP_CLOSE_NONE] = "none",
        [GOSSIP_CLOSE_IDLE] = "idle",
        [GOSSIP_CLOSE_DUPLICATE] = "duplicate",
        [GOSSIP_CLOSE_SELF] = "self",
        [GOSSIP_CLOSE_MALFORMED] = "malformed",
        [GOSSIP_CLOSE_HELLO_TIMEOUT] = "hello_timeout",
        [GOSSIP_CLOSE_PROTOCOL] = "protocol",
        [GOSSIP_CLOSE_CLUSTER_NAME] = "cluster_name",
        [GOSSIP_CLOSE_CLUSTER_ID] = "cluster_id",
        [GOSSIP_CLOSE_DUPLICATE_ID] = "duplicate_id",
        [GOSSIP_CLOSE_DUPLICATE_NAME] = "duplicate_name",
        [GOSSIP_CLOSE_REMOVED] = "removed",
        [GOSSIP_CLOSE_STOPPING] = "stopping",
        [GOSSIP_CLOSE_UNEXPECTED] = "unexpected",
        [GOSSIP_CLOSE_LIMIT] = "limit",
        [GOSSIP_CLOSE_DEADLINE] = "deadline",
        [GOSSIP_CLOSE_TOO_BIG] = "too_big",
    };
    return NAME_OF(names, reason);
}

const char *gossip_agreement_state_name(enum gossip_agreement_state state) {
    static const char *const names[] = {
        [GOSSIP_AGREED] = "agreed",
        [GOSSIP_LAGGING] = "lagging",
        [GOSSIP_UNREACHABLE] = "unreachable",
        [GOSSIP_NOT_ASKED] = "unknown",
    };
    return NAME_OF(names, state);
}

const char *gossip_phase_name(enum gossip_phase phase) {
    static const char *const names[GOSSIP_PHASE_COUNT] = {
        [GOSSIP_PHASE_HELLO] = "hello",         [GOSSIP_PHASE_DIGEST] = "digest",
        [GOSSIP_PHASE_WALK] = "walk",           [GOSSIP_PHASE_ENTRIES] = "entries",
        [GOSSIP_PHASE_PUSH] = "push",           [GOSSIP_PHASE_MEMBERS] = "members",
        [GOSSIP_PHASE_AGREEMENT] = "agreement",
    };
    return NAME_OF(names, phase);
}

const char *gossip_member_state_name(enum gossip_member_state state) {
    static const char *const names[GOSSIP_MEMBER_STATE_COUNT] = {
        [GOSSIP_MEMBER_JOINING] = "joining", [GOSSIP_MEMBER_ALIVE] = "alive",
        [GOSSIP_MEMBER_SUSPECT] = "suspect", [GOSSIP_MEMBER_DEAD] = "dead",
        [GOSSIP_MEMBER_LEFT] = "left",       [GOSSIP_MEMBER_REMOVED] = "removed",
    };
    return NAME_OF(names, state);
}

const char *gossip_exchange_result_name(enum gossip_exchange_result result) {
    static const char *const names[GOSSIP_EXCHANGE_RESULT_COUNT] = {
        [GOSSIP_EXCHANGE_EQUAL] = "equal",     [GOSSIP_EXCHANGE_REPAIRED] = "repaired",
        [GOSSIP_EXCHANGE_TIMEOUT] = "timeout", [GOSSIP_EXCHANGE_LOST] = "lost",
        [GOSSIP_EXCHANGE_FUTILE] = "futile",   [GOSSIP_EXCHANGE_UNFINISHED] = "unfinished",
    };
    return NAME_OF(names, result);
}

const char *gossip_push_result_name(enum gossip_push_result result) {
    static const char *const names[GOSSIP_PUSH_RESULT_COUNT] = {
        [GOSSIP_PUSH_ACKNOWLEDGED] = "acknowledged",
        [GOSSIP_PUSH_RETRIED] = "retried",
        [GOSSIP_PUSH_DROPPED] = "dropped",
    };
    return NAME_OF(names, result);
}

const char *gossip_cause_name(enum gossip_cause cause) {
    static const char *const names[GOSSIP_CAUSE_COUNT] = {
        [GOSSIP_CAUSE_MISSED_PUSH] = "missed_push", [GOSSIP_CAUSE_LATE_JOIN] = "late_join",
        [GOSSIP_CAUSE_RESTART] = "restart",         [GOSSIP_CAUSE_CORRUPTION] = "corruption",
        [GOSSIP_CAUSE_CONFLICT] = "conflict",
    };
    return NAME_OF(names, cause);
}

const char *gossip_rejection_name(enum gossip_rejection rejection) {
    static const char *const names[GOSSIP_REJECT_COUNT] = {
        [GOSSIP_REJECT_FRAME] = "frame",     [GOSSIP_REJECT_MESSAGE] = "message",
        [GOSSIP_REJECT_ENTRY] = "entry",     [GOSSIP_REJECT_CLOCK] = "clock",
        [GOSSIP_REJECT_WALK] = "walk",       [GOSSIP_REJECT_UNKNOWN_TYPE] = "unknown_type",
        [GOSSIP_REJECT_HORIZON] = "horizon", [GOSSIP_REJECT_FORKED] = "forked",
        [GOSSIP_REJECT_MERGE] = "merge",
    };
    return NAME_OF(names, rejection);
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum gossip_phase phase;
} messages[GOSSIP__MESSAGE_TYPE_COUNT] = {
    [GOSSIP__HELLO] = {"hello", GOSSIP_PHASE_HELLO},
    [GOSSIP__REFUSE] = {"refuse", GOSSIP_PHASE_HELLO},
    [GOSSIP__DIGEST] = {"digest", GOSSIP_PHASE_DIGEST},
    [GOSSIP__DIGEST_ANSWER] = {"digest_answer", GOSSIP_PHASE_DIGEST},
    [GOSSIP__WALK] = {"walk", GOSSIP_PHASE_WALK},
    [GOSSIP__WALK_ANSWER] = {"walk_answer", GOSSIP_PHASE_WALK},
    [GOSSIP__PULL] = {"pull", GOSSIP_PHASE_ENTRIES},
    [GOSSIP__PULL_RANGE] = {"pull_range", GOSSIP_PHASE_ENTRIES},
    [GOSSIP__ENTRIES] = {"entries", GOSSIP_PHASE_ENTRIES},
    [GOSSIP__PUSH] = {"push", GOSSIP_PHASE_PUSH},
    [GOSSIP__PUSH_ACK] = {"push_ack", GOSSIP_PHASE_PUSH},
    [GOSSIP__PING] = {"ping", GOSSIP_PHASE_MEMBERS},
    [GOSSIP__PONG] = {"pong", GOSSIP_PHASE_MEMBERS},
    [GOSSIP__PROBE] = {"probe", GOSSIP_PHASE_MEMBERS},
    [GOSSIP__PROBE_ANSWER] = {"probe_answer", GOSSIP_PHASE_MEMBERS},
    [GOSSIP__MEMBERS] = {"members", GOSSIP_PHASE_MEMBERS},
    [GOSSIP__ADMIT] = {"admit", GOSSIP_PHASE_MEMBERS},
    [GOSSIP__CONFIRM] = {"confirm", GOSSIP_PHASE_AGREEMENT},
    [GOSSIP__CONFIRMATION] = {"confirmation", GOSSIP_PHASE_AGREEMENT},
    [GOSSIP__FORWARD] = {"forward", GOSSIP_PHASE_AGREEMENT},
    [GOSSIP__FORWARD_ANSWER] = {"forward_answer", GOSSIP_PHASE_AGREEMENT},
};

enum gossip_phase gossip__message_phase(enum gossip__message_type type) {
    assert(type >= GOSSIP__HELLO);
    assert(type < GOSSIP__MESSAGE_TYPE_COUNT);
    return messages[type].phase;
}

const char *gossip__message_name(enum gossip__message_type type) {
    return (size_t)type < GOSSIP__MESSAGE_TYPE_COUNT ? messages[type].name : NULL;
}

/* --- bounds of histograms ---------------------------------------------------------------------------------------- */

/* From a push within one rack to a change that waited for a timer exchange, or a partition. */
const uint32_t gossip_propagation_bounds_ms[GOSSIP_PROPAGATION_BUCKETS] = {
    1, 2, 5, 10, 25, 50, 100, 250, 1000, 2500, 10000, 60000,
};

/* One settles equal roots; a walk takes two levels a round trip, so that six or seven reach any leaf. */
const uint32_t gossip_round_trip_bounds[GOSSIP_ROUND_TRIP_BUCKETS] = {1, 2, 3, 4, 6, 8, 16, 64};
