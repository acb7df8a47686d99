/* message_read_agreement_codec.c - the messages of agreement and of staged changes, read from frames.
 *
 * What stands in them goes further than in others: a key into lookups, a body into a plan, names and a sentence to a client.
 * So keys and names are checked here, and lists and texts have their bounds; a body is judged by the plan that it is for.
 */
#include "gossip/bounds.h"
#include "gossip/message_reader_codec.h"

static struct catalog_key take_key(struct gossip__reader *reader) {
    uint64_t kind = gossip__reader_number(reader);
    struct catalog_key key = {.kind = (uint16_t)kind, .entity = gossip__reader_text(reader)};
    key.name = gossip__reader_text(reader);
    gossip__reader_require(reader, kind <= UINT16_MAX);
    gossip__reader_require(reader, !reader->failed && catalog_key_check(&key) == 0);
    return key;
}

static void take_pair(struct gossip__reader *pairs, struct gossip__agreement_pair *pair) {
    struct gossip__reader fields = gossip__reader_array(pairs);
    pair->origin = gossip__reader_id(&fields);
    pair->clock = gossip__reader_clock(&fields);
    gossip__reader_require(pairs, !fields.failed);
}

void gossip__reader_confirm(struct gossip__reader *reader, struct gossip__confirm *confirm) {
    *confirm = (struct gossip__confirm){.sequence = gossip__reader_number(reader)};
    confirm->salt = gossip__reader_exchange(reader);
    uint64_t flags = gossip__reader_number(reader);
    gossip__reader_require(reader, flags <= 1);
    confirm->exact = flags == 1;
    confirm->key = take_key(reader);
    struct gossip__reader elements = gossip__reader_array(reader);
    size_t count = elements.left;
    gossip__reader_require(reader, count > 0 && count <= GOSSIP__CONFIRM_PAIRS_MAX);
    struct gossip__agreement_pair *pairs =
        gossip__reader_make_array(reader, &elements, sizeof *pairs);
    for (size_t i = 0; pairs != NULL && i < count; i++) {
        take_pair(&elements, &pairs[i]);
    }
    gossip__reader_require(reader, !elements.failed);
    confirm->pairs = pairs;
    confirm->pair_count = count;
}

void gossip__reader_confirmation(struct gossip__reader *reader,
                                 struct gossip__confirmation *confirmation) {
    *confirmation = (struct gossip__confirmation){.sequence = gossip__reader_number(reader)};
    confirmation->salt = gossip__reader_exchange(reader);
    uint64_t result = gossip__reader_number(reader);
    gossip__reader_require(reader, result >= GOSSIP__CONFIRMATION_HAS &&
                                       result <= GOSSIP__CONFIRMATION_NOT_READY);
    confirmation->result = (enum gossip__confirmation_result)result;
    gossip__reader_bytes(reader, confirmation->table.bytes, sizeof confirmation->table.bytes);
    confirmation->horizon = gossip__reader_clock(reader);
}

void gossip__reader_forward(struct gossip__reader *reader, struct gossip__forward *forward) {
    *forward = (struct gossip__forward){.sequence = gossip__reader_number(reader)};
    uint64_t staged = gossip__reader_number(reader);
    gossip__reader_require(reader, staged >= GOSSIP_STAGED_SET && staged <= GOSSIP_STAGED_ABORT);
    forward->staged = (enum gossip_staged)staged;
    uint64_t flags = gossip__reader_number(reader);
    gossip__reader_require(reader, flags < 8);
    forward->skip_dead = (flags & 1) != 0;
    forward->cascade = (flags & 2) != 0;
    forward->number_expected = (flags & 4) != 0;
    forward->number = gossip__reader_number(reader);
    forward->timeout_ms = gossip__reader_number(reader);
    forward->key = take_key(reader);
    forward->body = gossip__reader_span(reader);
    gossip__reader_require(reader, forward->body.size_bytes <= CATALOG_BODY_SIZE_MAX);
}

static void take_line(struct gossip__reader *lines, struct gossip__forward_line *line) {
    struct gossip__reader fields = gossip__reader_array(lines);
    line->name = gossip__reader_name(&fields);
    uint64_t state = gossip__reader_number(&fields);
    gossip__reader_require(&fields, state >= GOSSIP_AGREED && state <= GOSSIP_NOT_ASKED);
    line->state = (enum gossip_agreement_state)state;
    line->since_ms = gossip__reader_number(&fields);
    gossip__reader_require(lines, !fields.failed);
}

void gossip__reader_forward_answer(struct gossip__reader *reader,
                                   struct gossip__forward_answer *answer) {
    *answer = (struct gossip__forward_answer){.sequence = gossip__reader_number(reader)};
    uint64_t code = gossip__reader_number(reader);
    gossip__reader_require(reader, code <= GOSSIP__FORWARD_CODE_MAX);
    answer->code = reader->failed ? 0 : -(int)code;
    answer->text = gossip__reader_text(reader);
    gossip__reader_require(reader, answer->text.size_bytes <= GOSSIP__FORWARD_TEXT_SIZE_MAX);
    struct gossip__reader elements = gossip__reader_array(reader);
    size_t count = elements.left;
    gossip__reader_require(reader, count <= GOSSIP__MEMBERS_MAX + 1);
    struct gossip__forward_line *lines =
        gossip__reader_make_array(reader, &elements, sizeof *lines);
    for (size_t i = 0; lines != NULL && i < count; i++) {
        take_line(&elements, &lines[i]);
    }
    gossip__reader_require(reader, !elements.failed);
    answer->lines = lines;
    answer->line_count = count;
}
