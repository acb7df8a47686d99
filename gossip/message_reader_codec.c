/* message_reader_codec.c - the fields of a message, one after the other; see message_reader_codec.h. */
#include "gossip/message_reader_codec.h"
#include "merkle/instrument.h"

#include "gossip/address.h"

#include <assert.h>
#include <string.h>

/* --- fields ------------------------------------------------------------------------------------------------------ */

static const msgpack_object *take(struct gossip__reader *reader, msgpack_object_type type) {
    if (reader->failed || reader->left == 0 || reader->next->type != type) {
        reader->failed = true;
        return NULL;
    }
    reader->left--;
    return reader->next++;
}

void gossip__reader_require(struct gossip__reader *reader, bool condition) {
    if (!condition) {
        reader->failed = true;
    }
}

uint64_t gossip__reader_number(struct gossip__reader *reader) {
    const msgpack_object *object = take(reader, MSGPACK_OBJECT_POSITIVE_INTEGER);
    return object != NULL ? object->via.u64 : 0;
}

uint32_t gossip__reader_exchange(struct gossip__reader *reader) {
    uint64_t number = gossip__reader_number(reader);
    gossip__reader_require(reader, number <= UINT32_MAX);
    return (uint32_t)number;
}

/* A clock past the year 2200 is not well formed, wherever it stands: it would lift ours. */
catalog_clock gossip__reader_clock(struct gossip__reader *reader) {
    catalog_clock clock = gossip__reader_number(reader);
    gossip__reader_require(reader, clock <= CATALOG_CLOCK_MAX || PLANTED(ATTUNE_B13));
    return clock;
}

/* The clock that is below `clock` by the signed difference that comes next. */
catalog_clock gossip__reader_clock_below(struct gossip__reader *reader, catalog_clock clock) {
    if (!reader->failed && reader->left > 0 &&
        reader->next->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        clock -= (uint64_t)take(reader, MSGPACK_OBJECT_NEGATIVE_INTEGER)->via.i64;
    } else {
        uint64_t difference = gossip__reader_number(reader);
        gossip__reader_require(reader, difference <= INT64_MAX);
        clock -= difference;
    }
    gossip__reader_require(reader, clock <= CATALOG_CLOCK_MAX);
    return clock;
}

bool gossip__reader_boolean(struct gossip__reader *reader) {
    const msgpack_object *object = take(reader, MSGPACK_OBJECT_BOOLEAN);
    return object != NULL && object->via.boolean;
}

struct gossip__span gossip__reader_span(struct gossip__reader *reader) {
    const msgpack_object *object = take(reader, MSGPACK_OBJECT_BIN);
    if (object == NULL) {
        return (struct gossip__span){0};
    }
    return (struct gossip__span){(const uint8_t *)object->via.bin.ptr, object->via.bin.size};
}

void gossip__reader_bytes(struct gossip__reader *reader, void *bytes, size_t size_bytes) {
    struct gossip__span span = gossip__reader_span(reader);
    gossip__reader_require(reader, span.size_bytes == size_bytes);
    if (!reader->failed) {
        memcpy(bytes, span.data, size_bytes);
    }
}

/* Zeros would be a second way to say nil. */
struct catalog_id gossip__reader_id(struct gossip__reader *reader) {
    struct catalog_id id = {{0}};
    gossip__reader_bytes(reader, id.bytes, sizeof id.bytes);
    gossip__reader_require(reader, !catalog_id_is_none(&id));
    return id;
}

struct catalog_id gossip__reader_id_or_nil(struct gossip__reader *reader) {
    if (!reader->failed && reader->left > 0 && reader->next->type == MSGPACK_OBJECT_NIL) {
        (void)take(reader, MSGPACK_OBJECT_NIL);
        return (struct catalog_id){{0}};
    }
    return gossip__reader_id(reader);
}

struct catalog_text gossip__reader_text(struct gossip__reader *reader) {
    const msgpack_object *object = take(reader, MSGPACK_OBJECT_STR);
    if (object == NULL) {
        return (struct catalog_text){0};
    }
    return (struct catalog_text){object->via.str.ptr, object->via.str.size};
}

struct catalog_text gossip__reader_name(struct gossip__reader *reader) {
    struct catalog_text name = gossip__reader_text(reader);
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = name};
    gossip__reader_require(reader, !reader->failed && catalog_key_check(&key) == 0);
    return name;
}

struct catalog_text gossip__reader_address(struct gossip__reader *reader) {
    struct catalog_text address = gossip__reader_text(reader);
    gossip__reader_require(reader, !reader->failed && gossip__address_dialable(address));
    return address;
}

/* --- arrays ------------------------------------------------------------------------------------------------------ */

/* The elements of the array that comes next, as a reader of their own. */
struct gossip__reader gossip__reader_array(struct gossip__reader *reader) {
    const msgpack_object *object = take(reader, MSGPACK_OBJECT_ARRAY);
    if (object == NULL) {
        return (struct gossip__reader){.failed = true};
    }
    return (struct gossip__reader){
        .next = object->via.array.ptr, .left = object->via.array.size, .message = reader->message};
}

/* Room for the array of this message; NULL if there are no elements, or no memory. */
void *gossip__reader_make_array(struct gossip__reader *reader,
                                const struct gossip__reader *elements, size_t size_bytes) {
    struct gossip__message *message = reader->message;
    if (reader->failed || elements->left == 0) {
        return NULL;
    }
    assert(message->memory == NULL);
    message->memory = merkle_allocate_zeroed(message->allocator, elements->left, size_bytes);
    if (message->memory == NULL) {
        reader->failed = true;
        reader->out_of_memory = true;
    }
    return message->memory;
}
