/* staged_rule.c - which step of a staged change is next, or why there is none; see staged_rule.h. */
#include "gossip/staged_rule.h"

#include "merkle/instrument.h"

#include <assert.h>

static struct gossip__staged_step refuse(int code, const char *text) {
    return (struct gossip__staged_step){.move = GOSSIP__STAGED_REFUSE, .code = code, .text = text};
}

static struct gossip__staged_step changed_meanwhile(void) {
    PROBE("gossip.staged_changed_meanwhile");
    return refuse(CATALOG_ESTATE, "it was aborted or changed by another meanwhile");
}

static struct gossip__staged_step once_agreed(bool agreed, enum gossip__staged_move move) {
    return (struct gossip__staged_step){.move = agreed ? move : GOSSIP__STAGED_AGREE};
}

static struct gossip__staged_step write_once_agreed(bool agreed, enum catalog_state state,
                                                    enum gossip__staged_body body) {
    return agreed ? (struct gossip__staged_step){.move = GOSSIP__STAGED_WRITE,
                                                 .state = state,
                                                 .body = body}
                  : (struct gossip__staged_step){.move = GOSSIP__STAGED_AGREE, .exact = true};
}

/* What leaves a pending state belongs to whoever made it pending. */
static struct gossip__staged_step leave(const struct gossip__staged_view *view, bool agreed,
                                        enum catalog_state state, enum gossip__staged_body body) {
    if (!view->owned && !PLANTED(ATTUNE_B37)) {
        PROBE("gossip.staged_step_of_another");
        return (struct gossip__staged_step){.move = GOSSIP__STAGED_FORWARD};
    }
    return write_once_agreed(agreed, state, body);
}

static struct gossip__staged_step next_set(bool begun, const struct gossip__staged_view *view) {
    bool stands = view->present && view->state != CATALOG_DROPPED;
    if (!stands || (view->state == CATALOG_ACTIVE && !view->same_body)) {
        return begun ? changed_meanwhile()
                     : write_once_agreed(view->agreed || !view->present, CATALOG_PENDING_ADD,
                                         GOSSIP__STAGED_BODY_WANTED);
    }
    if (view->state == CATALOG_ACTIVE) {
        return once_agreed(view->agreed, GOSSIP__STAGED_DONE);
    }
    if (view->state == CATALOG_PENDING_DROP) {
        return refuse(CATALOG_ESTATE,
                      "a staged drop of it is pending: finish it or abort it (--abort) first");
    }
    if (!view->same_body) {
        PROBE("gossip.staged_other_change_pending");
        return refuse(CATALOG_ESTATE,
                      "another staged change of it is pending: finish that or abort it (--abort)");
    }
    return leave(view, view->agreed || PLANTED(ATTUNE_B36), CATALOG_ACTIVE,
                 GOSSIP__STAGED_BODY_WANTED);
}

static struct gossip__staged_step next_drop(bool begun, const struct gossip__staged_view *view) {
    if (!view->present) {
        /* Begun and gone: dropped, and the horizon has passed it, so that all had it. */
        return begun ? once_agreed(true, GOSSIP__STAGED_DONE)
                     : refuse(CATALOG_ENOTFOUND, "it does not exist");
    }
    switch (view->state) {
    case CATALOG_DROPPED: /* also one that was asked for again after its deadline */
        return once_agreed(view->agreed, GOSSIP__STAGED_DONE);
    case CATALOG_ACTIVE:
        return begun ? changed_meanwhile()
                     : write_once_agreed(view->agreed, CATALOG_PENDING_DROP,
                                         GOSSIP__STAGED_BODY_IN_FORCE);
    case CATALOG_PENDING_DROP:
        return leave(view, view->agreed || PLANTED(ATTUNE_B36), CATALOG_DROPPED,
                     GOSSIP__STAGED_BODY_IN_FORCE);
    default:
        return refuse(CATALOG_ESTATE,
                      "a staged change of it is pending: finish it or abort it (--abort) first");
    }
}

static struct gossip__staged_step next_abort(bool begun, const struct gossip__staged_view *view) {
    if (begun) {
        return once_agreed(view->agreed || !view->present, GOSSIP__STAGED_DONE);
    }
    bool agreed = view->own || view->agreed;
    if (view->present && view->state == CATALOG_PENDING_ADD) {
        return view->has_previous
                   ? leave(view, agreed, CATALOG_ACTIVE, GOSSIP__STAGED_BODY_PREVIOUS)
                   : leave(view, agreed, CATALOG_DROPPED, GOSSIP__STAGED_BODY_IN_FORCE);
    }
    if (view->present && view->state == CATALOG_PENDING_DROP) {
        return leave(view, agreed, CATALOG_ACTIVE, GOSSIP__STAGED_BODY_IN_FORCE);
    }
    PROBE("gossip.staged_abort_of_nothing");
    return refuse(CATALOG_ESTATE, "no staged change of it is pending");
}

struct gossip__staged_step gossip__staged_next(enum gossip_staged change, bool begun,
                                               const struct gossip__staged_view *view) {
    if (view->present && view->conflict) {
        PROBE("gossip.staged_meets_conflict");
        return refuse(CATALOG_ESTATE, "it is in conflict: resolve that first");
    }
    switch (change) {
    case GOSSIP_STAGED_SET:
        return next_set(begun, view);
    case GOSSIP_STAGED_DROP:
        return next_drop(begun, view);
    case GOSSIP_STAGED_ABORT:
        return next_abort(begun, view);
    }
    assert(change == GOSSIP_STAGED_SET);
    return refuse(CATALOG_EMALFORMED, "no such change");
}
