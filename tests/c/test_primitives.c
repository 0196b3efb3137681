/* The handshake message by message and record by record, held against the vectors of the independent implementation. */
#include "check.h"
#include "sealwire_primitives.h"
#include "vectors.h"

void test_primitive_handshake(void);
void test_primitive_records(void);
void test_primitive_misuse(void);

#define INVALID(call) CHECK_STATUS(SEALWIRE_INVALID_ARGUMENT, call)

/* One party with the keys of a vector. Its random source gives the vector's ephemeral key. */
typedef struct side {
  sealwire_key key;
  sealwire_own_credential own;
  sealwire_bytes peer;
  sealwire_config config;
  sealwire_port port;
  sealwire_step step;
  sealwire_handshake handshake;
  sealwire_context context;
  const uint8_t *ephemeral;
  unsigned items;
} side;

static int32_t ephemeral(void *context, uint8_t *out, size_t length) {
  if (length != 32) return SEALWIRE_RANDOM_FAILED;
  memcpy(out, ((side *)context)->ephemeral, 32);
  return SEALWIRE_OK;
}

static void prepare_side(side *who, const handshake_vector *vector, sealwire_bytes key, sealwire_bytes own, sealwire_bytes peer,
                         sealwire_bytes ephemeral_key) {
  sealwire_config config = SEALWIRE_CONFIG_INIT;
  sealwire_port port = SEALWIRE_PORT_INIT;
  memset(who, 0, sizeof *who);
  CHECK_OK(sealwire_key_import(&who->key, vector->kind, key.data));
  who->own.credential = own;
  who->own.key = &who->key;
  who->peer = peer;
  config.own = &who->own;
  config.own_count = 1;
  config.peers = &who->peer;
  config.peer_count = 1;
  who->config = config;
  port.context = who;
  port.random = ephemeral;
  who->port = port;
  who->ephemeral = ephemeral_key.data;
  who->step.config = &who->config;
  who->step.port = &who->port;
}

static side i;
static side r;

static void prepare(const handshake_vector *vector) {
  prepare_side(&i, vector, vector->initiator_key, vector->initiator_cred, vector->responder_cred, vector->x);
  prepare_side(&r, vector, vector->responder_key, vector->responder_cred, vector->initiator_cred, vector->y);
}

static void expect(sealwire_bytes expected, const uint8_t *bytes, size_t length) {
  CHECK_NUMBER(expected.length, length);
  CHECK_BYTES(expected.data, bytes, expected.length);
}

/* The whole handshake; every message is compared with the vector. */
static void shake_hands(const handshake_vector *vector) {
  uint8_t out[300];
  size_t length = 0;
  sealwire_handshake_info info;
  prepare(vector);
  CHECK_OK(sealwire_message_1_compose(&i.handshake, &i.step, vector->suite, vector->c_i.data, vector->c_i.length, out, sizeof out,
                                      &length));
  expect(vector->message_1, out, length);
  r.step.message = vector->message_1;
  CHECK_OK(sealwire_message_1_process(&r.handshake, &r.step, vector->c_r.data, vector->c_r.length, out, sizeof out, &length));
  expect(vector->message_2, out, length);
  i.step.message = vector->message_2;
  CHECK_OK(sealwire_message_2_process(&i.handshake, &i.step, out, sizeof out, &length));
  expect(vector->message_3, out, length);
  r.step.message = vector->message_3;
  CHECK_OK(sealwire_message_3_process(&r.handshake, &r.step, out, sizeof out, &length));
  expect(vector->message_4, out, length);
  i.step.message = vector->message_4;
  CHECK_OK(sealwire_message_4_process(&i.handshake, &i.step));

  CHECK_OK(sealwire_handshake_result(&i.handshake, &info));
  CHECK_NUMBER(SEALWIRE_ROLE_INITIATOR, info.role);
  CHECK_NUMBER(vector->suite, info.suite);
  expect(vector->responder_thumbprint, info.peer, sizeof info.peer);
  expect(vector->initiator_thumbprint, info.own, sizeof info.own);
  expect(vector->sid, info.sid, sizeof info.sid);
  expect(vector->c_i, info.c_i, info.c_i_length);
  CHECK_OK(sealwire_handshake_result(&r.handshake, &info));
  CHECK_NUMBER(SEALWIRE_ROLE_RESPONDER, info.role);
  expect(vector->initiator_thumbprint, info.peer, sizeof info.peer);
  expect(vector->sid, info.sid, sizeof info.sid);
  expect(vector->c_r, info.c_r, info.c_r_length);
  CHECK_OK(sealwire_handshake_export(&i.handshake, 32768, NULL, 0, out, vector->exported.length));
  expect(vector->exported, out, vector->exported.length);
  CHECK_OK(sealwire_context_init(&i.context, &i.handshake));
  /* A second context would start at the same Partial IV under the same key. */
  sealwire_context again = {{0}};
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_context_init(&again, &i.handshake));
  CHECK_OK(sealwire_context_init(&r.context, &r.handshake));
}

void test_primitive_handshake(void) {
  sealwire_handshake_info info;
  for (int k = 0; k < 2; k++) {
    shake_hands(&handshake_vectors[k]);
    sealwire_handshake_erase(&i.handshake);
    CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_handshake_result(&i.handshake, &info));
  }
}

static void exchange_records(const handshake_vector *vector) {
  uint8_t out[100];
  uint8_t who = 0;
  size_t length = 0;
  sealwire_opened opened;
  CHECK_OK(sealwire_context_protect(&i.context, NULL, 0, vector->payload.data, vector->payload.length, out, sizeof out, &length));
  expect(vector->record, out, length);
  CHECK_OK(sealwire_record_recipient(out, length, 1, &who));
  CHECK_NUMBER(vector->c_r.data[0], who);
  /* A flipped bit, then the true one, then that once more. */
  out[length - 1] ^= 1;
  CHECK_STATUS(SEALWIRE_DECRYPT_FAILED, sealwire_context_unprotect(&r.context, NULL, 0, out, length, &opened));
  memcpy(out, vector->record.data, length);
  CHECK_OK(sealwire_context_unprotect(&r.context, NULL, 0, out, length, &opened));
  CHECK_NUMBER(SEALWIRE_RECORD_DATA, opened.kind);
  expect(vector->payload, opened.payload.data, opened.payload.length);
  memcpy(out, vector->record.data, length);
  CHECK_STATUS(SEALWIRE_DUPLICATE, sealwire_context_unprotect(&r.context, NULL, 0, out, length, &opened));
  CHECK_OK(sealwire_context_protect(&r.context, NULL, 0, vector->answer_payload.data, vector->answer_payload.length, out,
                                    sizeof out, &length));
  expect(vector->answer, out, length);
  /* Not addressed to its own sender. */
  CHECK_STATUS(SEALWIRE_UNKNOWN_CONTEXT, sealwire_context_unprotect(&r.context, NULL, 0, out, length, &opened));
  CHECK_OK(sealwire_context_unprotect(&i.context, NULL, 0, out, length, &opened));
  expect(vector->answer_payload, opened.payload.data, opened.payload.length);
  CHECK_NUMBER(0, opened.partial_iv);
}

void test_primitive_records(void) {
  shake_hands(&handshake_vectors[0]);
  exchange_records(&handshake_vectors[0]);
  /* Bound to a topic. */
  uint8_t frame[100];
  uint8_t copy[100];
  size_t length = 0;
  sealwire_opened opened;
  const uint8_t *topic = (const uint8_t *)"ecg";
  CHECK_OK(sealwire_context_protect(&i.context, topic, 3, (const uint8_t *)"beat", 4, frame, sizeof frame, &length));
  memcpy(copy, frame, sizeof frame);
  CHECK_STATUS(SEALWIRE_DECRYPT_FAILED, sealwire_context_unprotect(&r.context, NULL, 0, copy, length, &opened));
  memcpy(copy, frame, sizeof frame);
  CHECK_OK(sealwire_context_unprotect(&r.context, topic, 3, copy, length, &opened));
  CHECK_BYTES("beat", opened.payload.data, 4);
  sealwire_context_erase(&i.context);
  CHECK_STATUS(SEALWIRE_WRONG_STATE,
               sealwire_context_protect(&i.context, NULL, 0, NULL, 0, frame, sizeof frame, &length));
  shake_hands(&handshake_vectors[1]);
  exchange_records(&handshake_vectors[1]);
}

static int32_t knows_40000(void *context, const sealwire_ead *item) {
  side *who = (side *)context;
  who->items++;
  if (item->label == 40000 || item->label == -40000) {
    CHECK_NUMBER(3, item->value.length);
    return SEALWIRE_OK;
  }
  return item->label == 40001 ? SEALWIRE_DENIED : SEALWIRE_UNKNOWN_CRITICAL_EAD;
}

void test_primitive_misuse(void) {
  uint8_t out[300];
  size_t length = 4711;
  sealwire_handshake_info info;
  sealwire_opened opened;
  sealwire_handshake handshake;
  sealwire_context context;
  const handshake_vector *const vector = &handshake_vectors[0];
  prepare(vector);

  /* Out of order. */
  memset(&handshake, 0, sizeof handshake);
  memset(&context, 0, sizeof context);
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_2_process(&handshake, &i.step, out, sizeof out, &length));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_3_process(&handshake, &i.step, out, sizeof out, &length));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_4_process(&handshake, &i.step));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_handshake_result(&handshake, &info));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_handshake_export(&handshake, 33000, NULL, 0, out, 16));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_context_init(&context, &handshake));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_context_protect(&context, NULL, 0, out, 4, out + 10, 100, &length));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_context_unprotect(&context, NULL, 0, out, 4, &opened));
  CHECK_OK(sealwire_message_1_compose(&i.handshake, &i.step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_3_process(&i.handshake, &i.step, out, sizeof out, &length));
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_4_process(&i.handshake, &i.step));
  /* Moved. */
  memcpy(&handshake, &i.handshake, sizeof handshake);
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_2_process(&handshake, &i.step, out, sizeof out, &length));

  /* A failing message leaves the state as it was, so the true one still counts. */
  uint8_t altered[sizeof vector_4_message_2];
  for (size_t k = 0; k < sizeof altered; k++) {
    memcpy(altered, vector_4_message_2, sizeof altered);
    altered[k] ^= 1;
    i.step.message.data = altered;
    i.step.message.length = sizeof altered;
    CHECK(sealwire_message_2_process(&i.handshake, &i.step, out, sizeof out, &length) < 0);
    i.step.message.data = vector_4_message_2;
    i.step.message.length = k;
    CHECK(sealwire_message_2_process(&i.handshake, &i.step, out, sizeof out, &length) < 0);
  }
  i.step.message = vector->message_2;
  length = 4711;
  for (size_t capacity = 0; capacity < sizeof vector_4_message_3; capacity++) {
    CHECK_STATUS(SEALWIRE_BUFFER_TOO_SMALL, sealwire_message_2_process(&i.handshake, &i.step, out, capacity, &length));
  }
  CHECK_NUMBER(4711, length);
  CHECK_OK(sealwire_message_2_process(&i.handshake, &i.step, out, sizeof out, &length));
  expect(vector->message_3, out, length);
  CHECK_STATUS(SEALWIRE_WRONG_STATE, sealwire_message_2_process(&i.handshake, &i.step, out, sizeof out, &length));

  /* NULL and numbers that cannot be. */
  INVALID(sealwire_message_1_compose(NULL, &i.step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  INVALID(sealwire_message_1_compose(&handshake, NULL, 4, vector_4_c_i, 1, out, sizeof out, &length));
  INVALID(sealwire_message_1_compose(&handshake, &i.step, 4, NULL, 1, out, sizeof out, &length));
  INVALID(sealwire_message_1_compose(&handshake, &i.step, 4, vector_4_c_i, 0, out, sizeof out, &length));
  INVALID(sealwire_message_1_compose(&handshake, &i.step, 4, vector_4_message_1, 5, out, sizeof out, &length));
  INVALID(sealwire_message_1_compose(&handshake, &i.step, 4, vector_4_c_i, 1, NULL, 100, &length));
  INVALID(sealwire_message_1_compose(&handshake, &i.step, 4, vector_4_c_i, 1, out, sizeof out, NULL));
  CHECK_STATUS(SEALWIRE_UNSUPPORTED_SUITE, sealwire_message_1_compose(&handshake, &i.step, 9, vector_4_c_i, 1, out, sizeof out, &length));
  INVALID(sealwire_message_1_process(NULL, &r.step, vector_4_c_r, 1, out, sizeof out, &length));
  INVALID(sealwire_message_2_process(NULL, &r.step, out, sizeof out, &length));
  INVALID(sealwire_message_3_process(NULL, &r.step, out, sizeof out, &length));
  INVALID(sealwire_message_4_process(NULL, &r.step));
  INVALID(sealwire_message_4_process(&i.handshake, NULL));
  INVALID(sealwire_handshake_result(NULL, &info));
  INVALID(sealwire_handshake_export(NULL, 33000, NULL, 0, out, 16));
  INVALID(sealwire_context_init(NULL, &i.handshake));
  INVALID(sealwire_context_init(&context, NULL));
  INVALID(sealwire_context_protect(NULL, NULL, 0, NULL, 0, out, sizeof out, &length));
  INVALID(sealwire_context_unprotect(NULL, NULL, 0, out, sizeof out, &opened));
  INVALID(sealwire_record_recipient(out, 10, 0, out));
  INVALID(sealwire_record_recipient(out, 10, 5, out));
  INVALID(sealwire_record_recipient(NULL, 10, 1, out));
  CHECK_STATUS(SEALWIRE_MALFORMED, sealwire_record_recipient(NULL, 0, 1, out));
  sealwire_step step = i.step;
  step.config = NULL;
  INVALID(sealwire_message_1_compose(&handshake, &step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  step = i.step;
  step.ead_count = 9;
  INVALID(sealwire_message_1_compose(&handshake, &step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  i.config.abi_version++;
  CHECK_STATUS(SEALWIRE_VERSION_MISMATCH,
               sealwire_message_1_compose(&handshake, &i.step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  i.config.abi_version--;
  sealwire_handshake_erase(NULL);
  sealwire_context_erase(NULL);

  /* Items: a critical one that is not known, one that is, one that makes the recipient abort. */
  sealwire_ead item;
  memset(&item, 0, sizeof item);
  item.label = -40000;
  item.value.data = (const uint8_t *)"abc";
  item.value.length = 3;
  item.has_value = 1;
  i.step.ead = &item;
  i.step.ead_count = 1;
  CHECK_OK(sealwire_message_1_compose(&i.handshake, &i.step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  uint8_t answer[300];
  size_t answer_length = 0;
  r.step.message.data = out;
  r.step.message.length = length;
  CHECK_STATUS(SEALWIRE_UNKNOWN_CRITICAL_EAD,
               sealwire_message_1_process(&r.handshake, &r.step, vector_4_c_r, 1, answer, sizeof answer, &answer_length));
  r.step.on_ead = knows_40000;
  CHECK_OK(sealwire_message_1_process(&r.handshake, &r.step, vector_4_c_r, 1, answer, sizeof answer, &answer_length));
  CHECK_NUMBER(1, r.items);
  CHECK_STATUS(SEALWIRE_SAME_IDENTIFIER,
               sealwire_message_1_process(&r.handshake, &r.step, vector_4_c_i, 1, answer, sizeof answer, &answer_length));
  item.label = 40001;
  CHECK_OK(sealwire_message_1_compose(&i.handshake, &i.step, 4, vector_4_c_i, 1, out, sizeof out, &length));
  r.step.message.data = out;
  r.step.message.length = length;
  CHECK_STATUS(SEALWIRE_DENIED,
               sealwire_message_1_process(&r.handshake, &r.step, vector_4_c_r, 1, answer, sizeof answer, &answer_length));
}
