/* test_http_doctor.c - what the doctor finds in what an engine might say, and what it leaves alone. */
#include "bin/attuned/http_doctor.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

static const uint64_t wall_ms = 100000000;
static struct http_audit audit; /* large: not on the stack */
static struct catalog_kit kit;
static struct gossip_status status;
static struct gossip_member_status members[4];
static size_t member_count;
static const char *complaint, *kept;
static json_t *findings; /* of the last look */

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    audit = (struct http_audit){0};
    status = (struct gossip_status){
        .node_name = "n1",
        .ready = true,
        .agreed = GOSSIP_YES,
        .agreed_last_wall_ms = wall_ms,
        .agreement_age_ms = 100,
    };
    member_count = 1;
    members[0] = (struct gossip_member_status){
        .name = "n1", .address = "a:1", .self = true, .state = GOSSIP_MEMBER_ALIVE};
    complaint = kept = "";
    findings = NULL;
}

static void tear_down(void) {
    json_decref(findings);
    catalog_kit_close(&kit);
}

static size_t look(void) {
    struct merkle_buffer json;
    json_error_t error;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    doctor_print(&(struct doctor){
        .json = &json,
        .status = &status,
        .members = members,
        .member_count = member_count,
        .audit = &audit,
        .catalog = kit.catalog,
        .freshness_limit_ms = 5000,
        .wall_ms = wall_ms,
        .store_complaint = complaint,
        .store_complaint_wall_ms = 1500,
        .kept = kept,
    });
    ck_assert(!json.failed);
    json_decref(findings);
    json_t *root = json_loadb((char *)json.data, json.size_bytes, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    findings = json_incref(json_object_get(root, "findings"));
    json_decref(root);
    merkle_buffer_close(&json);
    return json_array_size(findings);
}

static const char *text_of(const json_t *finding, const char *key) {
    const char *text = json_string_value(json_object_get(finding, key));
    return text == NULL ? "null" : text;
}

/* The finding of this code; NULL: there is none. */
static const json_t *found(const char *code) {
    size_t i;
    const json_t *finding;
    json_array_foreach(findings, i, finding) {
        ck_assert_uint_eq(json_object_size(finding), 5);
        ck_assert_uint_gt(strlen(text_of(finding, "advice")), 20);
        if (strcmp(text_of(finding, "code"), code) == 0)
            return finding;
    }
    return NULL;
}

static void expect(const char *code, const char *severity, const char *subject) {
    look();
    const json_t *finding = found(code);
    ck_assert_msg(finding != NULL, "%s", code);
    ck_assert_str_eq(text_of(finding, "severity"), severity);
    ck_assert_str_eq(text_of(finding, "subject"), subject);
}

/* Where all is well nothing is found; just at a limit all is still well. */
START_TEST(calm) {
    ck_assert_uint_eq(look(), 0);
    status.agreement_age_ms = 5000;
    status.horizon_age_ms = DOCTOR_HORIZON_MS;
    status.horizon_holder = "n2";
    members[member_count++] = (struct gossip_member_status){.name = "n2",
                                                            .address = "b:1",
                                                            .state = GOSSIP_MEMBER_ALIVE,
                                                            .agrees = GOSSIP_YES,
                                                            .skew_ms = -60000};
    members[member_count++] = (struct gossip_member_status){
        .name = "n3", .state = GOSSIP_MEMBER_REMOVED, .skew_ms = 1 << 30};
    ck_assert_uint_eq(look(), 0);
}
END_TEST

/* Each state of this node that an operator has to mend is an error, what mends itself is not. */
START_TEST(node) {
    status.duplicate_id = true;
    expect("duplicate_id", "error", "n1");
    status.store_error = CATALOG_EFULL;
    expect("disk_full", "error", "store");
    ck_assert_ptr_null(found("store"));
    status.store_error = CATALOG_EIO;
    expect("store", "error", "store");
    status.clock_ahead = true;
    expect("clock", "error", "n1");
    status.healing = true;
    expect("healing", "warning", "store");
    status.quarantined_count = 3;
    expect("quarantined", "warning", "store");
    complaint = "this node starts empty: \"x\"";
    expect("store_damage", "warning", "store");
    ck_assert_str_eq(text_of(found("store_damage"), "message"),
                     "at 1970-01-01T00:00:01.500Z: this node starts empty: \"x\"");
    kept = "3 entries that this node alone had are in /d/kept-x.jsonl";
    expect("kept", "warning", "store");
    ck_assert_str_eq(text_of(found("kept"), "message"), kept);
    status.ready = false;
    expect("joining", "warning", "n1");
    status.removed = true;
    expect("removed", "error", "n1");
    ck_assert_ptr_null(found("joining"));
}
END_TEST

/* Cut off is an error, not knowing a warning; disagreement is an error once it lasts. */
START_TEST(freshness_and_agreement) {
    status.agreement_age_ms = 5001;
    expect("not_fresh", "error", "n1");
    status.agreement_age_ms = -1;
    expect("not_fresh", "warning", "n1");
    status.agreed = GOSSIP_UNKNOWN;
    expect("agreement_unknown", "info", "n1");
    status.agreed = GOSSIP_NO;
    status.disagreeing_count = 2;
    expect("not_agreed", "warning", "n1");
    status.agreed_last_wall_ms = wall_ms - DOCTOR_LONG_MS - 1;
    expect("not_agreed", "error", "n1");
    ck_assert_str_eq(text_of(found("not_agreed"), "message"), "2 members have another catalog");
    status.agreed_last_wall_ms = 0;
    expect("not_agreed", "error", "n1");
}
END_TEST

/* Who holds the horizon back is named with since when, this node too. */
START_TEST(horizon) {
    status.horizon_holder = "n7";
    status.horizon_age_ms = 3 * 3600 * 1000;
    status.counts.tombstones = 12;
    expect("horizon", "warning", "n7");
    ck_assert_str_eq(text_of(found("horizon"), "message"),
                     "holds the horizon back for 3 h; 12 dropped entries are kept for it");
    status.horizon_held_self = true;
    expect("horizon", "warning", "n1");
}
END_TEST

/* Members that died, hang, stopped or join are told apart; so is a clock that is off. */
START_TEST(other_members) {
    member_count = 2;
    members[1] = (struct gossip_member_status){.name = "n\"2",
                                               .address = "b:1",
                                               .state = GOSSIP_MEMBER_DEAD,
                                               .heard_age_ms = 130000,
                                               .agrees = GOSSIP_UNKNOWN};
    expect("unreachable", "error", "n\"2");
    ck_assert_str_eq(text_of(found("unreachable"), "message"), "is dead: not heard for 2 min");
    members[1].heard_age_ms = GOSSIP_NEVER;
    expect("unreachable", "error", "n\"2");
    ck_assert_str_eq(text_of(found("unreachable"), "message"),
                     "is dead: not heard since this node started");
    members[1].state = GOSSIP_MEMBER_SUSPECT;
    expect("unreachable", "warning", "n\"2");
    members[1].state = GOSSIP_MEMBER_LEFT;
    expect("left", "info", "n\"2");
    ck_assert_ptr_null(found("unreachable"));
    members[1].state = GOSSIP_MEMBER_JOINING;
    expect("member_joining", "info", "n\"2");
    members[1].skew_ms = 60001;
    expect("clock_skew", "warning", "n\"2");
    members[1].skew_ms = -60001;
    expect("clock_skew", "warning", "n\"2");
    members[1].agrees = GOSSIP_NO;
    members[1].agreed_age_ms = 10;
    expect("member_disagrees", "warning", "n\"2");
    members[1].agreed_age_ms = GOSSIP_NEVER;
    expect("member_disagrees", "error", "n\"2");
}
END_TEST

/* Each conflict is an error by itself, with the commands that end it; the first errors stand before all warnings. */
START_TEST(conflicts) {
    struct catalog_kit other;
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "posts", "");
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "posts", "", "{\"fields\":{}}"),
                     0);
    ck_assert_int_eq(catalog_kit_apply_set(&other, CATALOG_SCHEMA, "posts", "",
                                           "{\"fields\":{\"a\":{\"type\":\"any\"}}}"),
                     0);
    catalog_kit_pull(&kit, &other, &key);
    status.quarantined_count = 1;
    expect("conflict", "error", "schema posts");
    ck_assert_ptr_nonnull(
        strstr(text_of(found("conflict"), "advice"), "attunectl resolve schema posts --take NODE"));
    ck_assert_str_eq(text_of(json_array_get(findings, 0), "code"), "conflict");
    ck_assert_str_eq(text_of(json_array_get(findings, 1), "severity"), "warning");
    catalog_kit_close(&other);
}
END_TEST

/* A pending change is worth knowing, and a warning once it is old: whose it is, and how that one is. */
START_TEST(pending) {
    audit.pending_count = HTTP_PENDING_MAX + 2;
    for (size_t i = 0; i < HTTP_PENDING_MAX; i++)
        audit.pending[i] = (struct http_pending){
            .kind = CATALOG_CONSTRAINT,
            .entity = "posts",
            .name = "key",
            .node = "n2",
            .state = CATALOG_PENDING_DROP,
            .since_wall_ms = wall_ms - HTTP_PENDING_WARNED_MS,
        };
    ck_assert_uint_eq(look(), HTTP_PENDING_MAX + 1);
    expect("pending", "info", "constraint posts key");
    ck_assert_str_eq(text_of(found("pending"), "message"),
                     "is pending_drop for 60 s; the change belongs to n2 (no member any more)");
    ck_assert_ptr_nonnull(strstr(text_of(found("pending"), "advice"),
                                 "attunectl constraint remove posts key --abort"));
    ck_assert_ptr_nonnull(found("more"));
    audit.pending_count = 1;
    audit.pending[0].since_wall_ms--;
    members[member_count++] =
        (struct gossip_member_status){.name = "n2", .address = "b:1", .state = GOSSIP_MEMBER_LEFT};
    expect("pending", "warning", "constraint posts key");
    ck_assert_ptr_nonnull(strstr(text_of(found("pending"), "message"), "n2 (left)"));
}
END_TEST

/* Broken rules have the catalog's own code and an advice for it; more than are kept are counted. */
START_TEST(broken_rules) {
    static const int codes[] = {CATALOG_EREFERENCE, CATALOG_EMISSINGFIELD, CATALOG_ESETNULL,
                                CATALOG_ESAMEMEANING};
    audit.problem_count = 4;
    for (size_t i = 0; i < 4; i++)
        audit.problems[i] = (struct catalog_problem){.code = codes[i], .message = "broken"};
    ck_assert_uint_eq(look(), 4);
    for (size_t i = 0; i < 4; i++)
        expect(gossip_error_name(codes[i]), "warning", "catalog");
    ck_assert_str_ne(text_of(found("bad_reference"), "advice"),
                     text_of(found("same_meaning"), "advice"));
    audit.problem_count = HTTP_PROBLEMS_MAX + 1;
    for (size_t i = 0; i < HTTP_PROBLEMS_MAX; i++)
        audit.problems[i] = (struct catalog_problem){.code = CATALOG_EREFERENCE, .message = "b"};
    ck_assert_uint_eq(look(), HTTP_PROBLEMS_MAX + 1);
    ck_assert_ptr_nonnull(found("more"));
}
END_TEST

/* The audit finds what is pending, to whom it belongs and since when. */
START_TEST(audit_finds_pending) {
    struct catalog_write write =
        catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "", "{\"fields\":{}}");
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "calm", "", "{\"fields\":{}}"), 0);
    http_audit_catalog(&audit, kit.catalog);
    ck_assert_uint_eq(audit.pending_count, 0);
    write.state = CATALOG_PENDING_ADD;
    write.step = true;
    ck_assert_int_eq(catalog_kit_apply(&kit, &write, 1), 0);
    http_audit_catalog(&audit, kit.catalog);
    ck_assert_uint_eq(audit.pending_count, 1);
    ck_assert_str_eq(audit.pending[0].entity, "posts");
    ck_assert_str_eq(audit.pending[0].name, "");
    ck_assert_int_eq(audit.pending[0].state, CATALOG_PENDING_ADD);
    ck_assert_uint_eq(strlen(audit.pending[0].node), kit.writer.node.size_bytes);
    ck_assert_uint_ge(audit.pending[0].since_wall_ms, kit.writer.wall_ms);
}
END_TEST

Suite *http_doctor_suite(void);
Suite *http_doctor_suite(void) {
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {
        {"doctor_print", calm},
        {"doctor_node", node},
        {"doctor_freshness", freshness_and_agreement},
        {"doctor_horizon", horizon},
        {"doctor_members", other_members},
        {"doctor_conflicts", conflicts},
        {"doctor_pending", pending},
        {"doctor_rules", broken_rules},
        {"http_audit_catalog", audit_finds_pending},
    };
    Suite *suite = suite_create("http_doctor");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, cases[i].test);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
