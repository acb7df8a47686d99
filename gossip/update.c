/* update.c - what a step wants done: sends, connection actions, replies, notices, gathered into one update.
 *
 * The arrays grow in buffers that are kept from step to step. While they grow, texts and frames are remembered as
 * offsets; gossip__update_finish turns them into pointers. Where memory is short a frame or a notice is lost, as it might
 * be on a network; a reply is never lost: its room is made when the operation is taken (operation.c).
 */
#include "gossip/engine.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Offset + 1 of a text in `texts`, carried in the pointer until the end of the step; 0 is NULL. */
static const char *text_defer(struct gossip *engine, const char *text) {
    struct merkle_buffer *texts = &engine->out.texts;
    if (text == NULL) {
        return NULL;
    }
    size_t offset = texts->size_bytes;
    if (merkle_buffer_append(texts, text, strlen(text) + 1) != 0) {
        texts->failed = false;
        return NULL;
    }
    return (const char *)(uintptr_t)(offset + 1);
}

static const char *text_resolve(struct gossip *engine, const char *deferred) {
    if (deferred == NULL) {
        return NULL;
    }
    return (const char *)engine->out.texts.data + ((uintptr_t)deferred - 1);
}

void gossip__update_begin(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    merkle_buffer_clear(&out->frames);
    merkle_buffer_clear(&out->sends);
    merkle_buffer_clear(&out->connections);
    merkle_buffer_clear(&out->replies);
    merkle_buffer_clear(&out->notices);
    merkle_buffer_clear(&out->texts);
    merkle_buffer_clear(&out->member_rows);
    out->update = (struct gossip_update){0};
}

static void resolve_sends(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    struct gossip_send *sends = (struct gossip_send *)(void *)out->sends.data;
    size_t count = out->sends.size_bytes / sizeof(struct gossip_send);
    for (size_t i = 0; i < count; i++) {
        sends[i].frame = out->frames.data + (uintptr_t)sends[i].frame;
    }
    out->update.sends = sends;
    out->update.send_count = count;
}

static void resolve_connections(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    struct gossip_connection_update *actions =
        (struct gossip_connection_update *)(void *)out->connections.data;
    size_t count = out->connections.size_bytes / sizeof(struct gossip_connection_update);
    for (size_t i = 0; i < count; i++) {
        actions[i].address = text_resolve(engine, actions[i].address);
    }
    out->update.connections = actions;
    out->update.connection_count = count;
}

static void resolve_notices(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    struct gossip_notice *notices = (struct gossip_notice *)(void *)out->notices.data;
    size_t count = out->notices.size_bytes / sizeof(struct gossip_notice);
    for (size_t i = 0; i < count; i++) {
        notices[i].member = text_resolve(engine, notices[i].member);
        notices[i].text = text_resolve(engine, notices[i].text);
    }
    out->update.notices = notices;
    out->update.notice_count = count;
}

const struct gossip_update *gossip__update_finish(struct gossip *engine) {
    struct gossip__update_arrays *out = &engine->out;
    resolve_sends(engine);
    resolve_connections(engine);
    resolve_notices(engine);
    out->update.replies = (const struct gossip_reply *)(const void *)out->replies.data;
    out->update.reply_count = out->replies.size_bytes / sizeof(struct gossip_reply);
    return &out->update;
}

/* Notes that the frame that ends at the end of `frames` goes out on the session. */
static void frame_queue(struct gossip *engine, struct gossip__session *session, size_t offset,
                        enum gossip__message_type type) {
    struct gossip__update_arrays *out = &engine->out;
    size_t size_bytes = out->frames.size_bytes - offset;
    struct gossip_send send = {
        .connection = session->connection,
        .frame = (const uint8_t *)(uintptr_t)offset,
        .size_bytes = size_bytes,
    };
    if (merkle_buffer_append(&out->sends, &send, sizeof send) != 0) {
        out->sends.failed = false;
        return;
    }
    engine->counters.messages_sent++;
    engine->counters.exchange_bytes[1][gossip__message_phase(type)] += size_bytes;
    session->used_ms = engine->now_ms;
}

void gossip__send(struct gossip *engine, struct gossip__session *session,
                  const struct gossip__message *message) {
    struct merkle_buffer *frames = &engine->out.frames;
    if (session->closing || session->state == GOSSIP__SESSION_DIALING) {
        return;
    }
    size_t offset = frames->size_bytes;
    if (gossip__message_encode(message, frames) != 0) {
        frames->size_bytes = offset;
        frames->failed = false;
        return;
    }
    frame_queue(engine, session, offset, message->type);
}

bool gossip__send_member(struct gossip *engine, struct gossip__member *member,
                         const struct gossip__message *message) {
    if (member->session == NULL) {
        return false;
    }
    gossip__send(engine, member->session, message);
    return true;
}

void gossip__send_frame(struct gossip *engine, struct gossip__session *session,
                        const uint8_t *frame, size_t size_bytes, enum gossip__message_type type) {
    struct merkle_buffer *frames = &engine->out.frames;
    if (session->closing || session->state == GOSSIP__SESSION_DIALING) {
        return;
    }
    size_t offset = frames->size_bytes;
    if (merkle_buffer_append(frames, frame, size_bytes) != 0) {
        frames->failed = false;
        return;
    }
    frame_queue(engine, session, offset, type);
}

static void connection_action(struct gossip *engine,
                              const struct gossip_connection_update *action) {
    struct merkle_buffer *connections = &engine->out.connections;
    if (merkle_buffer_append(connections, action, sizeof *action) != 0) {
        /* A close or a dial that the driver never hears of would leave the two at odds for good. */
        engine->fatal = true;
    }
}

void gossip__connection_dial(struct gossip *engine, uint32_t connection, const char *address) {
    struct gossip_connection_update action = {
        .action = GOSSIP_DIAL,
        .connection = connection,
        .address = text_defer(engine, address),
    };
    if (action.address == NULL) {
        engine->fatal = true;
        return;
    }
    connection_action(engine, &action);
}

void gossip__connection_established(struct gossip *engine, uint32_t connection) {
    connection_action(engine, &(struct gossip_connection_update){.action = GOSSIP_ESTABLISHED,
                                                                 .connection = connection});
}

void gossip__connection_close(struct gossip *engine, uint32_t connection,
                              enum gossip_close_reason reason) {
    assert(reason < GOSSIP_CLOSE_REASON_COUNT);
    engine->counters.closed[reason]++;
    connection_action(engine, &(struct gossip_connection_update){.action = GOSSIP_CLOSE,
                                                                 .connection = connection,
                                                                 .reason = reason});
}

void gossip__reply(struct gossip *engine, const struct gossip_reply *reply) {
    struct merkle_buffer *replies = &engine->out.replies;
    if (merkle_buffer_append(replies, reply, sizeof *reply) != 0) {
        engine->fatal = true; /* a caller would wait for ever */
    }
}

static void notice_append(struct gossip *engine, const struct gossip_notice *notice) {
    struct merkle_buffer *notices = &engine->out.notices;
    if (merkle_buffer_append(notices, notice, sizeof *notice) != 0) {
        notices->failed = false;
    }
}

void gossip__notice(struct gossip *engine, enum gossip_notice_type type,
                    enum gossip_severity severity, const char *member, const char *format, ...) {
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    notice_append(engine, &(struct gossip_notice){
                              .type = type,
                              .severity = severity,
                              .member = text_defer(engine, member),
                              .text = text_defer(engine, text),
                          });
}

void gossip__notice_refused(struct gossip *engine, enum gossip_close_reason reason,
                            const char *member, const char *text) {
    notice_append(engine, &(struct gossip_notice){
                              .type = GOSSIP_NOTICE_REFUSED,
                              .severity = GOSSIP_WARNING,
                              .member = text_defer(engine, member),
                              .text = text_defer(engine, text),
                              .reason = reason,
                          });
}

void gossip__notice_changed(struct gossip *engine, struct catalog_entry *entry) {
    notice_append(engine, &(struct gossip_notice){
                              .type = GOSSIP_NOTICE_CHANGED,
                              .severity = GOSSIP_DEBUG,
                              .entry = entry,
                          });
}
