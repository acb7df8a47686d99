/* recv_pull.c - a member asks for entries by their fingerprints.
 *
 * The answer ends after the entry that reaches the soft size. How many of the fingerprints are not here any more is said;
 * what is neither in the answer nor missing is asked for again by the other side.
 *
 * To find a fingerprint all items of its path are looked at. The paths of a walk have a few dozen; but a peer may ask for
 * a whole frame of fingerprints under the root. So the looks of one answer have a bound, above which the rest counts as
 * missing: a walk that the tree outgrew meanwhile finds it the next time.
 */
#include "gossip/engine.h"

struct answering {
    struct gossip *engine;
    const struct gossip__member *member;
    struct merkle_buffer spans; /* struct gossip__span */
    size_t size_bytes;
    size_t looks; /* at items */
    uint64_t missing;
};

static bool full(const struct answering *answering) {
    return answering->size_bytes >= (PLANTED(ATTUNE_B15) ? 1024 : GOSSIP__ENTRIES_SIZE_SOFT);
}

static void answer_item(struct answering *answering, const struct merkle_item *item) {
    struct catalog_entry *entry = catalog_entry_of_handle(answering->engine->catalog, item->handle);
    assert(entry != NULL);
    if (gossip__healing_withholds(answering->engine, answering->member, entry)) {
        answering->missing++;
        return;
    }
    struct gossip__span span = {.data = entry->bytes, .size_bytes = entry->size_bytes};
    if (merkle_buffer_append(&answering->spans, &span, sizeof span) == 0) {
        answering->size_bytes += entry->size_bytes;
    }
}

static void answer_path(struct answering *answering, uint32_t salt,
                        const struct gossip__pull_path *path) {
    enum { PRINTS_AT_ONCE = 64 };
    struct merkle_item items[PRINTS_AT_ONCE];
    const struct merkle_tree *tree = catalog_tree(answering->engine->catalog);
    size_t path_count = merkle_tree_path_count(tree, path->path);
    for (size_t i = 0; i < path->fingerprint_count && !full(answering); i += PRINTS_AT_ONCE) {
        size_t count = path->fingerprint_count - i;
        count = count < PRINTS_AT_ONCE ? count : PRINTS_AT_ONCE;
        answering->looks += path_count;
        if (answering->looks > GOSSIP__PULL_LOOKS_MAX) {
            PROBE("gossip.pull_looks_limit");
            answering->missing += path->fingerprint_count - i;
            return;
        }
        size_t found = merkle_tree_find_fingerprints(tree, salt, path->path, &path->fingerprints[i],
                                                     count, items);
        answering->missing += count - found;
        for (size_t j = 0; j < found && !full(answering); j++) {
            answer_item(answering, &items[j]);
        }
    }
}

void gossip__recv_pull(struct gossip *engine, struct gossip__session *session,
                       const struct gossip__message *message) {
    const struct gossip__pull *pull = &message->pull;
    struct answering answering = {.engine = engine, .member = session->member};
    merkle_buffer_init(&answering.spans, engine->allocator);
    for (size_t i = 0; i < pull->path_count && !full(&answering); i++) {
        answer_path(&answering, pull->exchange, &pull->paths[i]);
    }
    struct gossip__message answer = {
        .type = GOSSIP__ENTRIES,
        .entries = {.exchange = pull->exchange,
                    .sequence = pull->sequence,
                    .horizon = engine->stored.horizon,
                    .missing = answering.missing,
                    .entries = (const struct gossip__span *)(const void *)answering.spans.data,
                    .entry_count = answering.spans.size_bytes / sizeof(struct gossip__span)},
    };
    if (answering.missing > 0) {
        PROBE("gossip.pull_missing");
    }
    if (full(&answering)) {
        PROBE("gossip.pull_answer_full");
    }
    engine->counters.entries_sent += answer.entries.entry_count;
    gossip__send(engine, session, &answer);
    merkle_buffer_close(&answering.spans);
}
