/* Setup and ownership: a device, its label, and phones that come and go. */
#include "check.h"
#include "pair.h"

void test_setup_codes(void);
void test_setup_of_a_device(void);
void test_ownership_changes(void);
void test_setup_misuse(void);

/* `b` is the device; `a` of the first is its first phone, `a` of the second another. */
static pair both;
static pair second;

static const uint8_t label[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* The key by which a phone signs as owner, and the same as a CCS. */
typedef struct signer {
  sealwire_key key;
  uint8_t credential[200];
  size_t length;
} signer;

static void make_signer(signer *made, party *who) {
  const uint8_t kid = 0x77;
  CHECK_OK(sealwire_key_generate(&made->key, SEALWIRE_KEY_ED25519, &who->port));
  CHECK_OK(sealwire_credential_make(&made->key, (const uint8_t *)"owner", 5, &kid, 1, made->credential, sizeof made->credential, &made->length));
}

static void thumbprint(const party *who, uint8_t *out) {
  sealwire_credential_info info;
  CHECK_OK(sealwire_credential_read(who->own.credential.data, who->own.credential.length, &info));
  memcpy(out, info.thumbprint, 16);
}

static void start_device(party *device) {
  uint32_t capacity = 0, sessions = 0;
  CHECK_OK(sealwire_endpoint_init(device->memory, sizeof device->memory, &device->config, &device->port, &device->endpoint));
  CHECK_OK(sealwire_endpoint_capacity(device->endpoint, &capacity));
  CHECK(capacity < PAIR_SLOTS);
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_enable(device->endpoint, capacity - 1, label));
  CHECK_OK(sealwire_setup_enable(device->endpoint, capacity, label));
  CHECK_OK(sealwire_restore(device->endpoint, 0, &sessions));
}

/* A device that knows nobody, and two phones that know its label. */
static void begin(void) {
  pair_prepare(&both, SEALWIRE_SUITE_X25519_CHACHA);
  pair_prepare(&second, SEALWIRE_SUITE_X25519_CHACHA);
  both.a.config.peer_count = both.b.config.peer_count = second.a.config.peer_count = 0;
  both.b.own.by_value = 1;
  second.a.random_state = 77;
  CHECK_OK(sealwire_key_generate(&second.a.key, SEALWIRE_KEY_X25519, &second.a.port));
  const uint8_t kid = 0x03;
  size_t length = 0;
  CHECK_OK(sealwire_credential_make(&second.a.key, (const uint8_t *)"carol", 5, &kid, 1, second.a.credential, sizeof second.a.credential, &length));
  second.a.own.credential.length = length;
  CHECK_OK(party_start(&both.a, 0));
  CHECK_OK(party_start(&second.a, 0));
  start_device(&both.b);
}

static void end(void) {
  CHECK_OK(sealwire_endpoint_close(both.a.endpoint));
  CHECK_OK(sealwire_endpoint_close(both.b.endpoint));
  CHECK_OK(sealwire_endpoint_close(second.a.endpoint));
}

/* A handshake of this phone with the device; gives what the device says to its message_3. */
static int32_t join(party *phone, const sealwire_claim *claim) {
  party *device = &both.b;
  uint8_t wanted[16];
  uint32_t handshake = 0;
  int32_t outcome = SEALWIRE_OK;
  thumbprint(device, wanted);
  CHECK_OK(sealwire_setup_claim(phone->endpoint, 0, NULL, wanted, claim, &handshake));
  for (int round = 0; round < 12; round++) {
    wire_frame frame;
    while (party_transmit(phone, 0, &frame) == SEALWIRE_OK && frame.length > 0) {
      int32_t status = party_receive(device, 0, &frame);
      if (frame.bytes[0] == 3) outcome = status;
    }
    while (party_transmit(device, 0, &frame) == SEALWIRE_OK && frame.length > 0) (void)party_receive(phone, 0, &frame);
  }
  party_events(phone);
  party_events(device);
  if (outcome != SEALWIRE_OK) CHECK_OK(sealwire_cancel(phone->endpoint, handshake));
  return outcome;
}

static sealwire_claim setup_claim(const signer *owner) {
  sealwire_claim claim;
  memset(&claim, 0, sizeof claim);
  claim.claim = SEALWIRE_CLAIM_SETUP;
  claim.secret = label;
  claim.anchor.data = owner->credential;
  claim.anchor.length = owner->length;
  return claim;
}

/* What this owner states about another phone, from what the device has told it. */
static sealwire_claim stated(party *owner, const signer *key, int32_t kind, const party *about, uint8_t *out) {
  sealwire_statement statement;
  sealwire_claim claim;
  memset(&claim, 0, sizeof claim);
  statement.statement = kind;
  statement.epoch = owner->newest[SEALWIRE_EVENT_OWNERSHIP].epoch;
  memcpy(statement.nonce, owner->newest[SEALWIRE_EVENT_OWNERSHIP].sid, 8);
  thumbprint(&both.b, statement.device);
  thumbprint(about, statement.about);
  CHECK_OK(sealwire_ownership_sign(&key->key, &statement, out));
  claim.claim = kind == SEALWIRE_STATEMENT_RELEASE ? SEALWIRE_CLAIM_RELEASE : SEALWIRE_CLAIM_DELEGATION;
  claim.statement.data = out;
  claim.statement.length = SEALWIRE_STATEMENT_SIZE;
  return claim;
}

void test_setup_codes(void) {
  /* The 32 bytes 00..0f f0..ff, as coreutils' base32 has them. */
  static const char text[] = "SW1:AAAQEAYEAUDAOCAJBIFQYDIOB7YPD4XT6T27N57Y7H5PX7H5737Q:SW-HR/1.0";
  sealwire_setup_code code;
  uint8_t out[SEALWIRE_SETUP_CODE_MAX];
  size_t length = 0;
  CHECK_OK(sealwire_setup_code_read((const uint8_t *)text, strlen(text), &code));
  CHECK_NUMBER(0x0f, code.device[15]);
  CHECK_NUMBER(0xf0, code.secret[0]);
  CHECK(strcmp((const char *)code.model, "SW-HR/1.0") == 0);
  CHECK_OK(sealwire_setup_code_write(&code, out, sizeof out, &length));
  CHECK_NUMBER(strlen(text), length);
  CHECK_BYTES(text, out, length);
  CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_setup_code_write(&code, out, length - 1, &length));
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_setup_code_read((const uint8_t *)text, 56, &code));
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_setup_code_read(NULL, 0, &code));
  memset(code.model, 'A', sizeof code.model);
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_code_write(&code, out, sizeof out, &length));
  memcpy(code.model, "a", 2);
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_code_write(&code, out, sizeof out, &length));
}

void test_setup_of_a_device(void) {
  signer owner;
  uint8_t wrong[16] = {0}, phone[16];
  sealwire_ownership state;
  begin();
  make_signer(&owner, &both.a);
  sealwire_claim claim = setup_claim(&owner);

  /* Nobody has pressed the button; somebody does not know the secret, and keeps the others waiting; the right one. */
  CHECK_STATUS(SEALWIRE_SETUP_CLOSED, join(&both.a, &claim));
  CHECK_OK(sealwire_setup_open(both.b.endpoint, 0, 60000));
  CHECK_OK(sealwire_setup_close(both.b.endpoint));
  CHECK_STATUS(SEALWIRE_SETUP_CLOSED, join(&both.a, &claim));
  CHECK_OK(sealwire_setup_open(both.b.endpoint, 0, 60000));
  claim.secret = wrong;
  CHECK_STATUS(SEALWIRE_WRONG_SETUP_SECRET, join(&second.a, &claim));
  claim.secret = label;
  CHECK_STATUS(SEALWIRE_SETUP_DELAYED, join(&both.a, &claim));
  CHECK_OK(sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_NUMBER(0, state.owned);
  end();

  begin();
  make_signer(&owner, &both.a);
  claim = setup_claim(&owner);
  CHECK_OK(sealwire_setup_open(both.b.endpoint, 0, 60000));
  CHECK_OK(join(&both.a, &claim));
  thumbprint(&both.a, phone);
  CHECK_OK(sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_NUMBER(1, state.owned);
  CHECK_NUMBER(0, state.epoch);
  CHECK_NUMBER(0, state.delegate_count);
  CHECK_BYTES(phone, state.owner, 16);
  CHECK_NUMBER(1, both.a.seen[SEALWIRE_EVENT_OWNERSHIP]);
  CHECK_NUMBER(1, both.b.seen[SEALWIRE_EVENT_OWNERSHIP_CHANGED]);
  CHECK_BYTES(phone, both.b.newest[SEALWIRE_EVENT_OWNERSHIP_CHANGED].peer, 16);
  CHECK_STATUS(SEALWIRE_OTHER_OWNER, sealwire_setup_open(both.b.endpoint, 0, 60000));
  CHECK_STATUS(SEALWIRE_OTHER_OWNER, join(&second.a, &claim));
  CHECK_STATUS(SEALWIRE_UNTRUSTED_CREDENTIAL, join(&second.a, NULL));

  /* After a restart it is still the owner's; a record that is damaged is nobody's, until a reset. */
  CHECK_OK(sealwire_endpoint_close(both.b.endpoint));
  start_device(&both.b);
  CHECK_OK(sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_BYTES(phone, state.owner, 16);
  CHECK_OK(join(&both.a, NULL));
  CHECK_OK(sealwire_endpoint_close(both.b.endpoint));
  uint32_t slot = 0;
  for (uint32_t at = 0; at < PAIR_SLOTS; at++)
    if (both.b.store.length[at] > 0 && both.b.store.length[at] < 300) slot = at;
  CHECK(slot > 0);
  both.b.store.data[slot][20] ^= 1;
  CHECK_OK(sealwire_endpoint_init(both.b.memory, sizeof both.b.memory, &both.b.config, &both.b.port, &both.b.endpoint));
  CHECK_STATUS(SEALWIRE_CORRUPT_STATE, sealwire_setup_enable(both.b.endpoint, slot, label));
  uint32_t sessions = 0;
  CHECK_STATUS(SEALWIRE_CORRUPT_STATE, sealwire_restore(both.b.endpoint, 0, &sessions));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_OK(sealwire_ownership_reset(both.b.endpoint));
  CHECK_OK(sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_NUMBER(0, state.owned);
  end();
}

void test_ownership_changes(void) {
  signer first, next;
  uint8_t statement[SEALWIRE_STATEMENT_SIZE], carol[16];
  sealwire_ownership state;
  sealwire_claim claim;
  int32_t standing = -1;
  begin();
  make_signer(&first, &both.a);
  make_signer(&next, &second.a);
  thumbprint(&second.a, carol);
  claim = setup_claim(&first);
  CHECK_OK(sealwire_setup_open(both.b.endpoint, 0, 60000));
  CHECK_OK(join(&both.a, &claim));

  /* A second phone is let in, and out again. */
  claim = stated(&both.a, &first, SEALWIRE_STATEMENT_DELEGATION, &second.a, statement);
  CHECK_OK(join(&second.a, &claim));
  CHECK_OK(sealwire_ownership_standing(both.b.endpoint, carol, &standing));
  CHECK_NUMBER(SEALWIRE_STANDING_DELEGATE, standing);
  CHECK_OK(join(&second.a, NULL));
  CHECK_NUMBER(0, second.a.seen[SEALWIRE_EVENT_OWNERSHIP]);
  CHECK_OK(sealwire_ownership_revoke(both.b.endpoint, carol));
  CHECK_STATUS(SEALWIRE_UNKNOWN_CREDENTIAL, sealwire_ownership_revoke(both.b.endpoint, carol));
  CHECK_OK(sealwire_ownership_standing(both.b.endpoint, carol, &standing));
  CHECK_NUMBER(SEALWIRE_STANDING_NONE, standing);
  CHECK_STATUS(SEALWIRE_WRONG_STATEMENT, join(&second.a, &claim));

  /* Sold: the first phone is out, with the session that it had. */
  CHECK_OK(join(&both.a, NULL));
  claim = stated(&both.a, &first, SEALWIRE_STATEMENT_RELEASE, &second.a, statement);
  claim.anchor.data = next.credential;
  claim.anchor.length = next.length;
  claim.claim = SEALWIRE_CLAIM_DELEGATION;
  CHECK_STATUS(SEALWIRE_WRONG_STATEMENT, join(&second.a, &claim));
  claim.claim = SEALWIRE_CLAIM_RELEASE;
  CHECK_OK(join(&second.a, &claim));
  CHECK_OK(sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_NUMBER(1, state.epoch);
  CHECK_BYTES(carol, state.owner, 16);
  CHECK(both.b.seen[SEALWIRE_EVENT_CLOSED] > 0);
  CHECK_STATUS(SEALWIRE_OTHER_OWNER, both.b.newest[SEALWIRE_EVENT_CLOSED].reason);
  wire_frame frame;
  CHECK_OK(party_send(&both.a, 0, "still here", &frame));
  CHECK(party_receive(&both.b, 0, &frame) < 0);
  CHECK_STATUS(SEALWIRE_UNTRUSTED_CREDENTIAL, join(&both.a, NULL));
  claim = setup_claim(&first);
  CHECK_STATUS(SEALWIRE_OTHER_OWNER, join(&both.a, &claim));

  /* A reset, and a store that fails first. */
  both.b.store.fails = 1;
  CHECK_STATUS(SEALWIRE_STORAGE_FAILED, sealwire_ownership_reset(both.b.endpoint));
  both.b.store.fails = 0;
  CHECK_OK(sealwire_ownership_reset(both.b.endpoint));
  CHECK_OK(sealwire_ownership_get(both.b.endpoint, &state));
  CHECK_NUMBER(2, state.epoch);
  CHECK_NUMBER(0, state.owned);
  CHECK_STATUS(SEALWIRE_UNTRUSTED_CREDENTIAL, join(&second.a, NULL));
  end();
}

void test_setup_misuse(void) {
  sealwire_claim claim;
  sealwire_statement statement;
  sealwire_ownership state;
  uint8_t bytes[SEALWIRE_STATEMENT_SIZE] = {0};
  uint32_t handshake = 0;
  int32_t standing = 0;
  memset(&claim, 0, sizeof claim);
  memset(&statement, 0, sizeof statement);
  begin();
  sealwire_endpoint *phone = both.a.endpoint;
  claim.claim = 9;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_claim(phone, 0, NULL, bytes, &claim, &handshake));
  claim.claim = SEALWIRE_CLAIM_SETUP;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_claim(phone, 0, NULL, bytes, &claim, &handshake));
  claim.claim = SEALWIRE_CLAIM_RELEASE;
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_claim(phone, 0, NULL, bytes, &claim, &handshake));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_claim(phone, 0, NULL, NULL, NULL, &handshake));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_claim(NULL, 0, NULL, bytes, NULL, &handshake));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_claim(phone, 0, NULL, bytes, NULL, NULL));
  claim.claim = SEALWIRE_CLAIM_SETUP;
  claim.secret = label;
  claim.anchor = both.a.own.credential; /* X25519 does not sign. */
  CHECK_STATUS(SEALWIRE_INVALID_KEY, sealwire_setup_claim(phone, 0, NULL, bytes, &claim, &handshake));
  claim.anchor.data = label;
  claim.anchor.length = 3;
  CHECK(sealwire_setup_claim(phone, 0, NULL, bytes, &claim, &handshake) < 0);
  /* A phone is no device. */
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_setup_open(phone, 0, 1));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_ownership_reset(phone));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_ownership_revoke(phone, bytes));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_ownership_get(phone, &state));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_ownership_standing(phone, bytes, &standing));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_setup_enable(both.b.endpoint, 7, label));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_enable(phone, 7, NULL));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_ownership_get(both.b.endpoint, NULL));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_ownership_standing(both.b.endpoint, NULL, &standing));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_ownership_standing(both.b.endpoint, bytes, NULL));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_ownership_revoke(both.b.endpoint, NULL));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_setup_code_read(NULL, 0, NULL));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_ownership_sign(&both.a.key, &statement, bytes));
  statement.statement = SEALWIRE_STATEMENT_RELEASE;
  CHECK_STATUS(SEALWIRE_UNKNOWN_KEY, sealwire_ownership_sign(&both.a.key, &statement, bytes));
  CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, sealwire_ownership_sign(NULL, &statement, bytes));
  end();
}
