/* recv_digest.c - a member asks whether our catalogs are the same: say what ours is, and, if they differ, where to begin.
 *
 * Nothing is kept for the exchange: every request that follows says all that its answer needs.
 */
#include "gossip/engine.h"

void gossip__recv_digest(struct gossip *engine, struct gossip__session *session,
                         const struct gossip__message *message) {
    const struct gossip__digest *digest = &message->digest;
    bool tables_equal;
    bool equal = gossip__digest_note(engine, session->member, digest, &tables_equal);
    struct merkle_buffer rows;
    struct merkle_buffer walk;
    merkle_buffer_init(&rows, engine->allocator);
    merkle_buffer_init(&walk, engine->allocator);
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    gossip__digest_fill(engine, digest->exchange, &answer.digest, &rows);
    if (!equal &&
        merkle_walk_answer_root(catalog_tree(engine->catalog), digest->exchange, &walk) == 0) {
        answer.digest.walk =
            (struct gossip__span){.data = walk.data, .size_bytes = walk.size_bytes};
    }
    gossip__send(engine, session, &answer);
    merkle_buffer_close(&walk);
    merkle_buffer_close(&rows);
}
