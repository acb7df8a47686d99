/* test_real_frames.c - what the fault proxy reads of frames, and what it draws. */
#include "bin/chaos/real_proxy.h"
#include "bin/chaos/real_random.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ID                                                                                         \
    "\xc4\x10"                                                                                     \
    "0123456789abcdef"
static const char hello[] = "\x9e\x01\x01\x01\x01\xa6"
                            "attune" ID "\xc0" ID "\xa2n1\xd9\x0d"
                            "10.0.0.1:7740\xcd\x01\x00\xc3\xc2\xc2";
enum { HELLO_SIZE = sizeof hello - 1, ADDRESS_END = HELLO_SIZE - 6 };

/* The address of a hello is found, also where ids are nil; no beginning of one is read beyond its end. */
START_TEST(reads_hello) {
    char address[REAL_ADDRESS_SIZE_MAX] = "";
    ck_assert(real_frame_hello_address((const uint8_t *)hello, HELLO_SIZE, address));
    ck_assert_str_eq(address, "10.0.0.1:7740");
    for (size_t cut = 0; cut < ADDRESS_END; cut++) {
        uint8_t *part = malloc(cut + 1);
        ck_assert_ptr_nonnull(part);
        memcpy(part, hello, cut);
        ck_assert(!real_frame_hello_address(part, cut, address));
        free(part);
    }
}
END_TEST

/* Other messages, other arrays and addresses that are too long are no hello. */
START_TEST(refuses_others) {
    char address[REAL_ADDRESS_SIZE_MAX];
    uint8_t other[HELLO_SIZE + 200];
    memcpy(other, hello, HELLO_SIZE);
    other[1] = 2;
    ck_assert(!real_frame_hello_address(other, HELLO_SIZE, address));
    memcpy(other, hello, HELLO_SIZE);
    other[0] = 0x93;
    ck_assert(!real_frame_hello_address(other, HELLO_SIZE, address));
    memcpy(other, hello, HELLO_SIZE);
    memset(other + HELLO_SIZE, 'x', 200);
    other[ADDRESS_END - 14] = REAL_ADDRESS_SIZE_MAX;
    ck_assert(!real_frame_hello_address(other, sizeof other, address));
    other[ADDRESS_END - 14] = 0;
    ck_assert(!real_frame_hello_address(other, sizeof other, address));
}
END_TEST

/* A frame's size is known from its first four bytes on. */
START_TEST(knows_sizes) {
    const uint8_t bytes[] = {0, 1, 0, 2};
    ck_assert_uint_eq(real_frame_size(bytes, 3), 0);
    ck_assert_uint_eq(real_frame_size(bytes, 4), 4 + 65538);
    const uint8_t largest[] = {0xff, 0xff, 0xff, 0xff};
    ck_assert_uint_eq(real_frame_size(largest, 4), UINT64_C(0x100000003));
}
END_TEST

/* Addresses are numeric; what is none is refused. */
START_TEST(parses_addresses) {
    struct sockaddr_in address;
    ck_assert(real_address_parse("127.1.2.3:7740", &address));
    ck_assert_uint_eq(ntohs(address.sin_port), 7740);
    ck_assert_uint_eq(ntohl(address.sin_addr.s_addr), 0x7f010203);
    static const char *const wrong[] = {
        "",           "127.0.0.1",      "127.0.0.1:", ":7740", "127.0.0.1:70000", "localhost:7740",
        "1.2.3:7740", "127.0.0.1:7740x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(!real_address_parse(wrong[i], &address), "%s", wrong[i]);
    }
}
END_TEST

/* Delays have about the mean that was asked for, and none is more than 16 times as long. */
START_TEST(draws_delays) {
    struct real_random random = {.state = 3};
    double sum = 0;
    double longest = 0;
    for (size_t i = 0; i < 100000; i++) {
        double delay = real_random_delay(&random, 10);
        ck_assert(delay >= 0);
        sum += delay;
        longest = delay > longest ? delay : longest;
    }
    ck_assert(sum > 9.0 * 100000 && sum < 11.0 * 100000);
    ck_assert(longest > 60 && longest <= 160);
}
END_TEST

Suite *real_frames_suite(void);
Suite *real_frames_suite(void) {
    Suite *suite = suite_create("real_frames");
    TCase *frames = tcase_create("real_frame_hello_address");
    tcase_add_test(frames, reads_hello);
    tcase_add_test(frames, refuses_others);
    tcase_add_test(frames, knows_sizes);
    suite_add_tcase(suite, frames);
    TCase *rest = tcase_create("real_address_parse");
    tcase_add_test(rest, parses_addresses);
    suite_add_tcase(suite, rest);
    TCase *random = tcase_create("real_random_delay");
    tcase_add_test(random, draws_delays);
    suite_add_tcase(suite, random);
    return suite;
}
