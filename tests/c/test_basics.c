/* Versions, statuses, keys, credentials. */
#include "check.h"
#include "pair.h"

void test_versions(void);
void test_statuses(void);
void test_keys(void);
void test_credentials(void);

void test_versions(void) {
  CHECK_NUMBER(SEALWIRE_ABI_VERSION, sealwire_abi_version());
  CHECK_NUMBER(SEALWIRE_WIRE_VERSION, sealwire_wire_version());
  CHECK(strchr(sealwire_version(), '.') != NULL);
}

void test_statuses(void) {
  CHECK(strcmp(sealwire_status_name(SEALWIRE_OK), "ok") == 0);
  CHECK(strcmp(sealwire_status_name(SEALWIRE_REPLAY), "replay") == 0);
  CHECK(strcmp(sealwire_status_name(SEALWIRE_INTERNAL), "internal") == 0);
  CHECK(strcmp(sealwire_status_name(7), "unknown-status") == 0);
  CHECK(strcmp(sealwire_status_name(INT32_MIN), "unknown-status") == 0);
  CHECK(strlen(sealwire_status_hint(SEALWIRE_STALE)) > 10);
  /* Nothing that failed looks like success. */
  for (int32_t status = -999; status < 0; status++) CHECK(strcmp(sealwire_status_name(status), "ok") != 0);
}

void test_keys(void) {
  /* RFC 7748, 6.1: Alice's and Bob's keys and their shared secret. */
  static const uint8_t alice[32] = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
                                    0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
  static const uint8_t alice_public[32] = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
                                           0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
                                           0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
  static const uint8_t bob_public[32] = {0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61,
                                         0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78,
                                         0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f};
  static const uint8_t shared[32] = {0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25,
                                     0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};
  sealwire_key key;
  uint8_t out[32];
  CHECK_OK(sealwire_key_import(&key, SEALWIRE_KEY_X25519, alice));
  CHECK_OK(sealwire_key_public(&key, out));
  CHECK_BYTES(alice_public, out, 32);
  CHECK_OK(sealwire_key_agree(&key, SEALWIRE_CURVE_X25519, bob_public, out));
  CHECK_BYTES(shared, out, 32);
  CHECK_OK(sealwire_key_export(&key, out));
  CHECK_BYTES(alice, out, 32);

  /* Wrong curve, a point of order 1, a number that is no key. */
  static const uint8_t zero[32] = {0};
  uint8_t ones[32];
  memset(ones, 0xff, sizeof ones);
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_agree(&key, SEALWIRE_CURVE_P256, bob_public, out));
  CHECK_STATUS(SEALWIRE_INVALID_KEY, sealwire_key_agree(&key, SEALWIRE_CURVE_X25519, zero, out));
  CHECK_STATUS(SEALWIRE_INVALID_KEY, sealwire_key_import(&key, SEALWIRE_KEY_P256, zero));
  CHECK_STATUS(SEALWIRE_INVALID_KEY, sealwire_key_import(&key, SEALWIRE_KEY_P256, ones));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_key_import(&key, 5, alice));
  /* The failures above left the key as it was. */
  CHECK_OK(sealwire_key_public(&key, out));
  CHECK_BYTES(alice_public, out, 32);

  sealwire_key_erase(&key);
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_public(&key, out));
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_export(&key, out));
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_agree(&key, SEALWIRE_CURVE_X25519, bob_public, out));
  CHECK(memchr(key.secret, 0x77, sizeof key.secret) == NULL);
}

/* RFC 8032 section 7.1, test 2; RFC 6979 appendix A.2.5, SHA-256, message "sample". The message is handed over in two parts. */
void test_signatures(void) {
  static const struct {
    int32_t kind;
    int32_t algorithm;
    uint8_t secret[32];
    const char *message;
    uint8_t signature[64];
  } known[] = {
      {SEALWIRE_KEY_ED25519, SEALWIRE_ALGORITHM_EDDSA,
       {0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f,
        0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb},
       "r",
       {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40,
        0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda,
        0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c,
        0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00}},
      {SEALWIRE_KEY_ES256, SEALWIRE_ALGORITHM_ES256,
       {0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93,
        0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21},
       "sample",
       {0xef, 0xd4, 0x8b, 0x2a, 0xac, 0xb6, 0xa8, 0xfd, 0x11, 0x40, 0xdd, 0x9c, 0xd4, 0x5e, 0x81, 0xd6,
        0x9d, 0x2c, 0x87, 0x7b, 0x56, 0xaa, 0xf9, 0x91, 0xc3, 0x4d, 0x0e, 0xa8, 0x4e, 0xaf, 0x37, 0x16,
        0xf7, 0xcb, 0x1c, 0x94, 0x2d, 0x65, 0x7c, 0x41, 0xd4, 0x36, 0xc7, 0xa1, 0xb6, 0xe2, 0x9f, 0x65,
        0xf3, 0xe9, 0x00, 0xdb, 0xb9, 0xaf, 0xf4, 0x06, 0x4d, 0xc4, 0xab, 0x2f, 0x84, 0x3a, 0xcd, 0xa8}},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    sealwire_key key;
    uint8_t made[64] = {0};
    const size_t length = strlen(known[i].message);
    const sealwire_bytes parts[2] = {{(const uint8_t *)known[i].message, length / 2},
                                     {(const uint8_t *)known[i].message + length / 2, length - length / 2}};
    const int32_t other = known[i].algorithm == SEALWIRE_ALGORITHM_EDDSA ? SEALWIRE_ALGORITHM_ES256 : SEALWIRE_ALGORITHM_EDDSA;
    CHECK_OK(sealwire_key_import(&key, known[i].kind, known[i].secret));
    CHECK_OK(sealwire_key_sign(&key, known[i].algorithm, parts, 2, made));
    CHECK_BYTES(known[i].signature, made, 64);
    /* A key does what it was made for, and nothing else. */
    memset(made, 0, sizeof made);
    CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_sign(&key, other, parts, 2, made));
    CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_key_sign(&key, 5, parts, 2, made));
    CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_agree(&key, SEALWIRE_CURVE_X25519, known[i].secret, made));
    CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_agree(&key, SEALWIRE_CURVE_P256, known[i].secret, made));
    CHECK(made[0] == 0 && made[63] == 0);
    sealwire_key_erase(&key);
    CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_key_sign(&key, known[i].algorithm, parts, 2, made));
  }
}

void test_credentials(void) {
  static party who;
  memset(&who, 0, sizeof who);
  who.random_state = 99;
  sealwire_port port = SEALWIRE_PORT_INIT;
  port.context = &who;
  port.random = pair_random;
  const uint8_t kid = 0x11;
  static const int32_t kinds[4][2] = {{SEALWIRE_KEY_X25519, SEALWIRE_CURVE_X25519},
                                      {SEALWIRE_KEY_P256, SEALWIRE_CURVE_P256},
                                      {SEALWIRE_KEY_ED25519, SEALWIRE_CURVE_ED25519},
                                      {SEALWIRE_KEY_ES256, SEALWIRE_CURVE_P256}};
  for (int i = 0; i < 4; i++) {
    uint8_t credential[160];
    size_t length = 0;
    sealwire_credential_info info;
    CHECK_OK(sealwire_key_generate(&who.key, kinds[i][0], &port));
    CHECK_OK(sealwire_credential_make(&who.key, (const uint8_t *)"sixteen-bytes-ok", 16, &kid, 1, credential, sizeof credential, &length));
    CHECK_OK(sealwire_credential_read(credential, length, &info));
    CHECK_NUMBER(SEALWIRE_CREDENTIAL_CCS, info.kind);
    CHECK_NUMBER(kinds[i][1], info.curve);
    CHECK_NUMBER(16, info.subject.length);
    CHECK_BYTES("sixteen-bytes-ok", info.subject.data, 16);
    CHECK_NUMBER(1, info.kid.length);
    CHECK_NUMBER(0x11, info.kid.data[0]);
    CHECK_NUMBER(0, info.expires_s);
    /* Every shorter piece is refused. */
    for (size_t cut = 0; cut < length; cut++) CHECK(sealwire_credential_read(credential, cut, &info) < 0);
    /* So is every smaller buffer, and the length stays as it was. */
    size_t untouched = 4711;
    for (size_t capacity = 0; capacity < length; capacity++) {
      uint8_t small[160];
      CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL,
                   sealwire_credential_make(&who.key, (const uint8_t *)"sixteen-bytes-ok", 16, &kid, 1, small, capacity, &untouched));
    }
    CHECK_NUMBER(4711, untouched);
  }
}
