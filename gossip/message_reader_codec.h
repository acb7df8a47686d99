/* message_reader_codec.h - reads the fields of an unpacked message in order (private to message_*_codec.c).
 *
 * The first field that does not fit marks the reader, and all that follow read as nothing (zero, no bytes), so that a
 * series of reads is looked at once at its end.
 */
#ifndef GOSSIP_MESSAGE_READER_CODEC_H
#define GOSSIP_MESSAGE_READER_CODEC_H

#include "gossip/message.h"

#include <msgpack.h>

struct gossip__reader {
    const msgpack_object *next;
    size_t left;
    bool failed; /* a field is missing or not what it must be */
    bool out_of_memory;
    struct gossip__message *message; /* whose arrays are made */
};

/* Marks the reader unless the condition holds. */
void gossip__reader_require(struct gossip__reader *reader, bool condition);

uint64_t gossip__reader_number(struct gossip__reader *reader);
uint32_t gossip__reader_exchange(struct gossip__reader *reader);
bool gossip__reader_boolean(struct gossip__reader *reader);
/* A clock past the year 2200 is not well formed, wherever it stands: it would lift ours. */
catalog_clock gossip__reader_clock(struct gossip__reader *reader);
/* The clock that is below `clock` by the signed difference that comes next. */
catalog_clock gossip__reader_clock_below(struct gossip__reader *reader, catalog_clock clock);
struct gossip__span gossip__reader_span(struct gossip__reader *reader);
/* A blob of just this size. */
void gossip__reader_bytes(struct gossip__reader *reader, void *bytes, size_t size_bytes);
struct catalog_id gossip__reader_id(struct gossip__reader *reader);
struct catalog_id gossip__reader_id_or_nil(struct gossip__reader *reader);
struct catalog_text gossip__reader_text(struct gossip__reader *reader);
struct catalog_text gossip__reader_name(struct gossip__reader *reader);
struct catalog_text gossip__reader_address(struct gossip__reader *reader);
/* The elements of the array that comes next, as a reader of their own. */
struct gossip__reader gossip__reader_array(struct gossip__reader *reader);
/* Room for the array of this message; NULL if there are no elements, or no memory (then the reader is marked). */
void *gossip__reader_make_array(struct gossip__reader *reader,
                                const struct gossip__reader *elements, size_t size_bytes);

/* Whole messages (message_read_agreement_codec.c). */
void gossip__reader_confirm(struct gossip__reader *reader, struct gossip__confirm *confirm);
void gossip__reader_confirmation(struct gossip__reader *reader,
                                 struct gossip__confirmation *confirmation);
void gossip__reader_forward(struct gossip__reader *reader, struct gossip__forward *forward);
void gossip__reader_forward_answer(struct gossip__reader *reader,
                                   struct gossip__forward_answer *answer);

#endif
