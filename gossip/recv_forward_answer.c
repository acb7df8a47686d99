/* recv_forward_answer.c - the owner of a staged change tells how it ended there: its caller here is told the same.
 *
 * What the owner says of itself only (that it stops, say) is no answer to the change: for the caller it is unreachable.
 */
#include "gossip/staged.h"

#include <string.h>

/* The owner's lines, with this node first. The names lie behind them, in the same block. */
static void lines_take(struct gossip *engine, struct gossip__staged *staged,
                       const struct gossip__forward_answer *answer) {
    enum { NAME_SIZE = CATALOG_NAME_SIZE_MAX + 1 };
    if (answer->line_count == 0) {
        return;
    }
    struct gossip_agreement_member *lines =
        merkle_allocate_zeroed(engine->allocator, answer->line_count, sizeof *lines + NAME_SIZE);
    if (lines == NULL) {
        return; /* the code says the most important */
    }
    char *name = (char *)(lines + answer->line_count);
    size_t own = 0;
    for (size_t i = 0; i < answer->line_count; i++, name += NAME_SIZE) {
        const struct gossip__forward_line *line = &answer->lines[i];
        memcpy(name, line->name.data, line->name.size_bytes);
        lines[i] = (struct gossip_agreement_member){
            .name = name, .state = line->state, .since_ms = line->since_ms};
        own = strcmp(name, engine->node_name) == 0 ? i : own;
    }
    struct gossip_agreement_member first = lines[own];
    lines[own] = lines[0];
    lines[0] = first;
    gossip__agreement_lines_sort(lines, answer->line_count);
    staged->told = lines;
    staged->told_count = answer->line_count;
}

static bool ends_there(int code) {
    return code == GOSSIP_ESTOPPING || code == GOSSIP_EREMOVED || code == GOSSIP_EJOINING;
}

void gossip__recv_forward_answer(struct gossip *engine, struct gossip__session *session,
                                 const struct gossip__message *message) {
    const struct gossip__forward_answer *answer = &message->forward_answer;
    struct gossip__staged *staged = engine->staged;
    while (staged != NULL && !(staged->asking && staged->sequence == answer->sequence &&
                               catalog_id_equal(&staged->owner, &session->member->row.id))) {
        staged = staged->next;
    }
    if (staged == NULL) {
        PROBE("gossip.forward_answer_late");
        return;
    }
    lines_take(engine, staged, answer);
    if (answer->code != 0 &&
        (ends_there(answer->code) || gossip_error_message(answer->code) == NULL)) {
        gossip__forward_unreachable(engine, staged, session->member->row.name);
        return;
    }
    memcpy(staged->text, answer->text.data, answer->text.size_bytes);
    PROBE("gossip.forward_answered");
    gossip__staged_end(engine, staged, answer->code,
                       answer->text.size_bytes == 0 ? NULL : staged->text);
}
