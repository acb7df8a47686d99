/* staged.c - changes that go through a pending state, with an agreement before each step (DESIGN 7.6): their life.
 *
 * What is next is decided from what stands (staged_rule.c), by the pending layer: our own writes are on it at once, and the
 * agreement that follows is not reached before they are on our disk. A caller that goes away changes nothing: the change
 * goes on until its deadline, and what is pending then stays pending.
 */
#include "gossip/staged.h"

#include <string.h>

/* --- making and freeing ------------------------------------------------------------------------ */

void gossip__staged_free(struct gossip *engine, struct gossip__staged *staged) {
    if (staged == NULL) {
        return;
    }
    gossip__agreement_free(engine, staged->agreement);
    gossip__agreement_free(engine, staged->last);
    catalog_plan_free(staged->plan);
    catalog_entry_release(staged->entry);
    merkle_release(engine->allocator, staged->agreed);
    merkle_release(engine->allocator, staged->told);
    merkle_release(engine->allocator, staged);
}

static void list_free(struct gossip *engine, struct gossip__staged *list) {
    while (list != NULL) {
        struct gossip__staged *next = list->next;
        gossip__staged_free(engine, list);
        list = next;
    }
}

void gossip__staged_step_begin(struct gossip *engine) {
    list_free(engine, engine->staged_answered);
    engine->staged_answered = NULL;
}

void gossip__staged_free_all(struct gossip *engine) {
    gossip__staged_step_begin(engine);
    for (struct gossip__staged *staged = engine->staged; staged != NULL; staged = staged->next) {
        staged->agreement = NULL; /* still on the list of those that wait, which frees it */
    }
    list_free(engine, engine->staged);
    engine->staged = NULL;
    for (size_t i = 0; i < GOSSIP__FORWARDS_MAX && engine->forwards != NULL; i++) {
        merkle_buffer_close(&engine->forwards[i].answer);
    }
    merkle_release(engine->allocator, engine->forwards);
    engine->forwards = NULL;
}

static bool same_body(const struct gossip__staged *staged, const uint8_t *body, size_t size_bytes) {
    return staged->body_size_bytes == size_bytes &&
           (size_bytes == 0 || memcmp(staged->body, body, size_bytes) == 0);
}

/* Another change of the same entry runs here. Its abort, and the same change once more, go on beside it. */
static bool is_under_way(const struct gossip *engine,
                         const struct gossip__staged_request *request) {
    for (const struct gossip__staged *other = engine->staged; other != NULL; other = other->next) {
        bool same = other->change == request->change &&
                    same_body(other, request->body, request->body_size_bytes);
        if (!same && !other->asking && request->change != GOSSIP_STAGED_ABORT &&
            other->change != GOSSIP_STAGED_ABORT && catalog_key_equal(&other->key, &request->key)) {
            return true;
        }
    }
    return false;
}

static struct gossip__staged *staged_new(struct gossip *engine,
                                         const struct gossip__staged_request *request) {
    size_t texts = request->key.entity.size_bytes + request->key.name.size_bytes;
    struct gossip__staged *made = merkle_allocate_zeroed(
        engine->allocator, 1, sizeof *made + texts + request->body_size_bytes);
    if (made == NULL) {
        return NULL;
    }
    made->change = request->change;
    made->skip_dead = request->skip_dead;
    made->cascade = request->cascade;
    made->number_expected = request->number_expected;
    made->number = request->number;
    made->from_known = request->timeout_ms == 0;
    made->reply_by_ms = gossip__agreement_reply_by(engine, request->timeout_ms);
    char *text = (char *)made->bytes;
    memcpy(text, request->key.entity.data, request->key.entity.size_bytes);
    made->key = request->key;
    made->key.entity.data = text;
    text += request->key.entity.size_bytes;
    if (request->key.name.size_bytes > 0) {
        memcpy(text, request->key.name.data, request->key.name.size_bytes);
    }
    made->key.name.data = text;
    made->body = made->bytes + texts;
    made->body_size_bytes = request->body_size_bytes;
    if (request->body_size_bytes > 0) {
        memcpy(made->bytes + texts, request->body, request->body_size_bytes);
    }
    return made;
}

int gossip__staged_begin(struct gossip *engine, const struct gossip__staged_request *request,
                         struct gossip__staged **staged) {
    size_t count = 0;
    for (const struct gossip__staged *other = engine->staged; other != NULL; other = other->next) {
        count++;
    }
    int refusal = gossip__agreement_refusal(engine);
    if (refusal != 0) {
        return refusal;
    }
    if (catalog_key_check(&request->key) != 0 || request->body_size_bytes > CATALOG_BODY_SIZE_MAX) {
        return CATALOG_EMALFORMED;
    }
    if (count >= GOSSIP__STAGED_MAX) {
        PROBE("gossip.staged_limit");
        return GOSSIP_EBUSY;
    }
    if (is_under_way(engine, request)) {
        PROBE("gossip.staged_second_refused");
        return CATALOG_ESTATE;
    }
    struct gossip__staged *made = staged_new(engine, request);
    if (made == NULL) {
        return GOSSIP_ENOMEM;
    }
    made->next = engine->staged;
    engine->staged = made;
    *staged = made;
    return 0;
}

int gossip__staged_add(struct gossip *engine, const struct gossip_operation *operation) {
    struct gossip__staged *staged;
    if (operation->write_count != 1 || operation->staged < GOSSIP_STAGED_SET ||
        operation->staged > GOSSIP_STAGED_ABORT) {
        return CATALOG_EMALFORMED;
    }
    const struct catalog_write *write = &operation->writes[0];
    bool has_body = operation->staged == GOSSIP_STAGED_SET && write->body != NULL;
    const struct gossip__staged_request request = {
        .change = operation->staged,
        .key = write->key,
        .body = has_body ? write->body : NULL,
        .body_size_bytes = has_body ? write->body_size_bytes : 0,
        .skip_dead = operation->skip_dead,
        .cascade = write->cascade,
        .number_expected = write->number_expected,
        .number = write->number,
        .timeout_ms = operation->timeout_ms,
    };
    int code = gossip__staged_begin(engine, &request, &staged);
    if (code == 0) {
        PROBE("gossip.staged_begins");
        staged->token = operation->token;
    }
    return code;
}

/* --- ending ------------------------------------------------------------------------------------ */

static void staged_unlink(struct gossip *engine, struct gossip__staged *staged) {
    struct gossip__staged **place = &engine->staged;
    while (*place != staged) {
        place = &(*place)->next;
    }
    *place = staged->next;
}

void gossip__staged_end(struct gossip *engine, struct gossip__staged *staged, int code,
                        const char *text) {
    staged_unlink(engine, staged);
    if (staged->agreement != NULL) {
        gossip__agreement_detach(engine, staged->agreement);
    }
    struct gossip__agreement *agreement =
        staged->agreement != NULL ? staged->agreement : staged->last;
    if (staged->told != NULL) {
        agreement = NULL; /* the owner's word, not what was agreed here before it was passed on */
    }
    if (agreement != NULL) {
        gossip__agreement_tell(engine, agreement); /* names are those of this step */
    }
    if (staged->record != NULL) {
        gossip__forward_answer(engine, staged, code, text);
        gossip__staged_free(engine, staged);
        return;
    }
    struct catalog_entry *entry = catalog_find(engine->catalog, &staged->key);
    staged->entry = entry == NULL ? NULL : catalog_entry_hold(entry);
    staged->next = engine->staged_answered;
    engine->staged_answered = staged;
    gossip__operation_reply(
        engine,
        &(struct gossip_reply){.token = staged->token,
                               .code = code,
                               .plan = staged->plan,
                               .agreement = agreement != NULL ? agreement->lines : staged->told,
                               .agreement_count =
                                   agreement != NULL ? agreement->line_count : staged->told_count,
                               .staged_entry = staged->entry,
                               .text = text});
}

/* --- at the end of a step ---------------------------------------------------------------------- */

/* What it waits for before a step no longer stands here: nobody would confirm just that. */
static bool has_moved(struct gossip *engine, const struct gossip__staged *staged) {
    const struct gossip__agreement *agreement = staged->agreement;
    return agreement->exact && !agreement->whole &&
           !gossip__agreement_exact(catalog_pending_find(engine->catalog, &staged->key),
                                    agreement->pairs, agreement->pair_count);
}

static void settle(struct gossip *engine, struct gossip__staged *staged) {
    int refusal = gossip__agreement_refusal(engine);
    if (refusal != 0) {
        PROBE("gossip.staged_ends_with_node");
        gossip__staged_end(engine, staged, refusal, NULL);
    } else if (staged->asking) {
        if (gossip__forward_settle(engine, staged)) {
            gossip__staged_decide(engine, staged);
        }
    } else if (engine->store_error != 0) {
        PROBE("gossip.staged_store_failed");
        gossip__staged_end(engine, staged, engine->store_error, NULL);
    } else if (staged->agreement == NULL || staged->agreement->done) {
        gossip__staged_decide(engine, staged);
    } else if (has_moved(engine, staged)) {
        PROBE("gossip.staged_moved_while_it_waits");
        gossip__agreement_detach(engine, staged->agreement);
        gossip__agreement_free(engine, staged->agreement);
        staged->agreement = NULL;
        gossip__staged_decide(engine, staged);
    }
}

void gossip__staged_settle(struct gossip *engine) {
    struct gossip__staged *next;
    for (struct gossip__staged *staged = engine->staged; staged != NULL; staged = next) {
        next = staged->next;
        settle(engine, staged);
    }
}

gossip_time_ms gossip__staged_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms = GOSSIP_NEVER;
    for (const struct gossip__staged *staged = engine->staged; staged != NULL;
         staged = staged->next) {
        gossip_time_ms due_ms = staged->write_waits ? engine->now_ms : GOSSIP_NEVER;
        if (staged->asking) {
            due_ms = staged->due_ms < staged->ask_until_ms ? staged->due_ms : staged->ask_until_ms;
        }
        deadline_ms = due_ms < deadline_ms ? due_ms : deadline_ms;
    }
    return deadline_ms;
}

void gossip__staged_removed(struct gossip *engine) {
    for (struct gossip__staged *staged = engine->staged; staged != NULL; staged = staged->next) {
        staged->agreed_count = 0;
    }
}

void gossip__staged_session_up(struct gossip *engine, const struct gossip__member *member) {
    for (struct gossip__staged *staged = engine->staged; staged != NULL; staged = staged->next) {
        if (staged->asking && catalog_id_equal(&staged->owner, &member->row.id)) {
            staged->due_ms = engine->now_ms;
        }
    }
}
