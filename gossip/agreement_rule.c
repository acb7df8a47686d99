/* agreement_rule.c - who is required, who counts, and what may be said of an entry; see agreement_rule.h. */
#include "gossip/agreement_rule.h"

#include "gossip/bounds.h"

#include "merkle/instrument.h"

#include <assert.h>

bool gossip__agreement_covers(const struct catalog_entry *entry,
                              const struct gossip__agreement_pair *pairs, size_t pair_count,
                              catalog_clock horizon, bool healing) {
    if (entry == NULL && healing) {
        return false;
    }
    for (size_t i = 0; i < pair_count; i++) {
        catalog_clock seen = entry == NULL ? 0 : catalog_entry_seen(entry, &pairs[i].origin);
        if ((seen == 0 ? horizon : seen) < pairs[i].clock) {
            return false;
        }
    }
    return true;
}

bool gossip__agreement_exact(const struct catalog_entry *entry,
                             const struct gossip__agreement_pair *pairs, size_t pair_count) {
    struct catalog_version versions[GOSSIP__CONFIRM_PAIRS_MAX];
    if (entry == NULL || entry->version_count != pair_count ||
        pair_count > GOSSIP__CONFIRM_PAIRS_MAX) {
        return false;
    }
    /* In one order on both sides. */
    (void)catalog_entry_versions(entry, versions, GOSSIP__CONFIRM_PAIRS_MAX);
    bool same = true;
    for (size_t i = 0; i < pair_count; i++) {
        same = same && versions[i].clock == pairs[i].clock &&
               catalog_id_equal(&versions[i].origin, &pairs[i].origin);
    }
    return same;
}

enum gossip__confirmation_result gossip__agreement_confirm(
    const struct gossip__confirmer *confirmer, const struct catalog_entry *stored,
    const struct gossip__agreement_pair *pairs, size_t pair_count, bool exact) {
    if (!confirmer->ready) {
        return GOSSIP__CONFIRMATION_NOT_READY;
    }
    bool covered = exact && !PLANTED(ATTUNE_B40)
                       ? gossip__agreement_exact(stored, pairs, pair_count)
                       : gossip__agreement_covers(stored, pairs, pair_count, confirmer->horizon,
                                                  confirmer->healing);
    return covered ? GOSSIP__CONFIRMATION_HAS : GOSSIP__CONFIRMATION_LACKS;
}

void gossip__agreement_count(struct gossip__agreement_tally *tally,
                             const struct gossip__agreement_standing *standing,
                             const struct gossip__agreement_terms *terms) {
    if (standing->removed) {
        return;
    }
    tally->required++;
    if (standing->confirmed) {
        tally->confirmed++;
        return;
    }
    bool skippable = terms->skip_dead && standing->gone &&
                     (terms->patience_ms == 0 || standing->silent_ms > terms->patience_ms);
    if (skippable || (PLANTED(ATTUNE_B08) && standing->gone)) {
        PROBE("gossip.agreement_skips_dead");
        tally->skipped++;
    }
}

bool gossip__agreement_succeeds(const struct gossip__agreement_tally *tally) {
    assert(tally->confirmed + tally->skipped <= tally->required);
    if (tally->confirmed + tally->skipped < tally->required || tally->confirmed == 0) {
        return false;
    }
    bool majority = 2 * tally->confirmed > tally->required;
    if (!majority && tally->skipped > 0) {
        PROBE("gossip.agreement_lacks_majority");
    }
    return tally->skipped == 0 || majority || PLANTED(ATTUNE_B08);
}
