/* recv_forward.c - a member passes a staged change on to this node, to which it belongs (DESIGN 7.6).
 *
 * It runs here as a change of our own, with nobody to reply to but that member. A repeat joins it while it runs, and gets
 * the stored answer afterwards; so the member may repeat itself as it likes. Nothing is passed on twice: if the change
 * belongs to yet another member the answer says so.
 */
#include "gossip/staged.h"

#include <string.h>

/* --- records ----------------------------------------------------------------------------------- */

static struct gossip__forward_record *
record_find(struct gossip *engine, const struct gossip__session *session, uint64_t sequence) {
    for (size_t i = 0; i < GOSSIP__FORWARDS_MAX && engine->forwards != NULL; i++) {
        struct gossip__forward_record *record = &engine->forwards[i];
        if (record->sequence == sequence &&
            catalog_id_equal(&record->origin, &session->peer_origin) &&
            catalog_id_equal(&record->sender, &session->peer_id)) {
            return record;
        }
    }
    return NULL;
}

/* A free one, or the one that was answered longest ago. */
static struct gossip__forward_record *record_place(struct gossip *engine) {
    struct gossip__forward_record *place = NULL;
    if (engine->forwards == NULL) {
        engine->forwards = merkle_allocate_zeroed(engine->allocator, GOSSIP__FORWARDS_MAX,
                                                  sizeof *engine->forwards);
        for (size_t i = 0; i < GOSSIP__FORWARDS_MAX && engine->forwards != NULL; i++) {
            merkle_buffer_init(&engine->forwards[i].answer, engine->allocator);
        }
    }
    for (size_t i = 0; i < GOSSIP__FORWARDS_MAX && engine->forwards != NULL; i++) {
        struct gossip__forward_record *record = &engine->forwards[i];
        if (!record->running && (place == NULL || record->ended < place->ended)) {
            place = record;
        }
    }
    return place;
}

static void record_free(struct gossip__forward_record *record) {
    merkle_buffer_clear(&record->answer);
    record->sender = (struct catalog_id){{0}};
    record->origin = (struct catalog_id){{0}};
    record->sequence = 0;
    record->running = false;
    record->ended = 0;
}

/* --- answering --------------------------------------------------------------------------------- */

static struct catalog_text text_of(const char *text) {
    size_t size_bytes = text == NULL ? 0 : strlen(text);
    assert(size_bytes <= GOSSIP__FORWARD_TEXT_SIZE_MAX);
    return (struct catalog_text){text == NULL ? "" : text, size_bytes};
}

static void lines_fill(const struct gossip__agreement *agreement,
                       struct gossip__forward_line *lines) {
    for (size_t i = 0; i < agreement->line_count; i++) {
        const struct gossip_agreement_member *line = &agreement->lines[i];
        lines[i] = (struct gossip__forward_line){
            .name = {line->name, strlen(line->name)},
            .state = line->state,
            .since_ms = line->since_ms,
        };
    }
}

void gossip__forward_answer(struct gossip *engine, struct gossip__staged *staged, int code,
                            const char *text) {
    struct gossip__forward_record *record = staged->record;
    const struct gossip__agreement *agreement =
        staged->agreement != NULL ? staged->agreement : staged->last;
    struct gossip__forward_line *lines = NULL;
    struct gossip__message message = {
        .type = GOSSIP__FORWARD_ANSWER,
        .forward_answer = {.sequence = record->sequence, .code = code, .text = text_of(text)},
    };
    if (agreement != NULL) {
        lines = merkle_allocate(engine->allocator, agreement->line_count, sizeof *lines);
    }
    if (lines != NULL) {
        lines_fill(agreement, lines);
        message.forward_answer.lines = lines;
        message.forward_answer.line_count = agreement->line_count;
    }
    record->running = false;
    record->ended = ++engine->forwards_ended;
    struct gossip__member *sender = gossip__member_find(engine, &record->sender);
    if (gossip__message_encode(&message, &record->answer) != 0) {
        PROBE("gossip.forward_answer_without_memory");
        record_free(record); /* its repeat begins it anew, and finds what stands */
    } else if (sender != NULL && sender->session != NULL) {
        gossip__send_frame(engine, sender->session, record->answer.data, record->answer.size_bytes,
                           GOSSIP__FORWARD_ANSWER);
    }
    merkle_release(engine->allocator, lines);
}

static void refuse(struct gossip *engine, struct gossip__session *session, uint64_t sequence,
                   int code) {
    struct gossip__message message = {
        .type = GOSSIP__FORWARD_ANSWER,
        .forward_answer = {.sequence = sequence, .code = code, .text = text_of("")},
    };
    gossip__send(engine, session, &message);
}

/* --- taking ------------------------------------------------------------------------------------ */

static void forward_take(struct gossip *engine, struct gossip__session *session,
                         const struct gossip__forward *forward) {
    const struct gossip__staged_request request = {
        .change = forward->staged,
        .key = forward->key,
        .body = forward->body.data,
        .body_size_bytes = forward->body.size_bytes,
        .skip_dead = forward->skip_dead,
        .cascade = forward->cascade,
        .number_expected = forward->number_expected,
        .number = forward->number,
        .timeout_ms = forward->timeout_ms,
    };
    struct gossip__staged *staged;
    struct gossip__forward_record *record = record_place(engine);
    int code = record == NULL ? GOSSIP_EBUSY : gossip__staged_begin(engine, &request, &staged);
    if (code != 0) {
        PROBE("gossip.forward_refused");
        refuse(engine, session, forward->sequence, code);
        return;
    }
    PROBE("gossip.forward_taken");
    record_free(record);
    record->sender = session->peer_id;
    record->origin = session->peer_origin;
    record->sequence = forward->sequence;
    record->running = true;
    staged->record = record;
}

void gossip__recv_forward(struct gossip *engine, struct gossip__session *session,
                          const struct gossip__message *message) {
    const struct gossip__forward *forward = &message->forward;
    struct gossip__forward_record *record = record_find(engine, session, forward->sequence);
    if (record == NULL) {
        forward_take(engine, session, forward);
    } else if (record->running) {
        PROBE("gossip.forward_joins");
    } else {
        PROBE("gossip.forward_answered_again");
        gossip__send_frame(engine, session, record->answer.data, record->answer.size_bytes,
                           GOSSIP__FORWARD_ANSWER);
    }
}
