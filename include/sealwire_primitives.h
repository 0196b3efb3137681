/* sealwire_primitives.h - the pieces of which the endpoint of sealwire.h is made, for code that owns its loop.
 *
 * Generated from ffi-c/src by scripts/c-header.sh; do not edit. SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * The conventions of sealwire.h hold. What the endpoint does and these pieces do not: retransmission, the choice between
 * sessions, storing before use, the resume after a restart, acknowledgements, the freshness of commands, key updates.
 * Structs with an `opaque` member are the library's inside, and must not be moved while in use.
 * A callback that hands in the struct of the call that called it gets BUSY, and an erase does nothing then.
 */


#ifndef SEALWIRE_PRIMITIVES_H
#define SEALWIRE_PRIMITIVES_H

#include "sealwire.h"

/**
 * Application data; the same as `SEALWIRE_KIND_DATA`.
 */
#define SEALWIRE_RECORD_DATA 0

/**
 * A command; its freshness was not judged.
 */
#define SEALWIRE_RECORD_COMMAND 1

/**
 * The peer's endpoint speaks with ours; nothing for the application.
 */
#define SEALWIRE_RECORD_CONTROL 2

/**
 * Room for a stored session: 312 bytes in this version, the rest is for later ones.
 */
#define SEALWIRE_SNAPSHOT_MAX 512

/**
 * A handshake under way. The members are the library's. Start from {{0}}. Close it with sealwire_handshake_erase(); it must not be moved.
 */
typedef struct sealwire_handshake {
  /**
   * Private.
   */
  uint64_t opaque[18];
} sealwire_handshake;

/**
 * An item of external authorization data.
 */
typedef struct sealwire_ead {
  /**
   * The label as on the wire; a negative one is critical.
   */
  int64_t label;
  /**
   * The value.
   */
  sealwire_bytes value;
  /**
   * 0: there is no value, not even an empty one.
   */
  uint8_t has_value;
} sealwire_ead;

/**
 * What one step of a handshake works with. Start from {0}; `config` and `port` are needed in every step. A PLAINTEXT of more than 768 bytes
 * (a chain of certificates) is BUFFER_TOO_SMALL here; an endpoint with a larger `handshake_buffer` takes it.
 */
typedef struct sealwire_step {
  /**
   * Only `own`, `peers`, `anchors`, the suites and the methods count.
   */
  const sealwire_config *config;
  /**
   * `random`, the keys, `find_credential`, `authorize` and `now_s` count.
   */
  const sealwire_port *port;
  /**
   * The message that came.
   */
  sealwire_bytes message;
  /**
   * Items for the message to be composed, at most 8.
   */
  const struct sealwire_ead *ead;
  /**
   * Number of items.
   */
  size_t ead_count;
  /**
   * Sees each item of the message that came, before that is verified. Answers OK if it knows the label, UNKNOWN_CRITICAL_EAD if
   * not, anything else to abort. `context` is the port's. NULL: no label is known.
   */
  int32_t (*on_ead)(void *context, const struct sealwire_ead *item);
  /**
   * For message_3: the inbox name that the Initiator claimed in EAD_1.
   */
  sealwire_bytes inbox;
  /**
   * For message_2: 1 sends the own credential itself even if it is configured to go by its identifier.
   */
  uint8_t by_value;
} sealwire_step;

/**
 * What a handshake yields.
 */
typedef struct sealwire_handshake_info {
  /**
   * `SEALWIRE_ROLE_...`: what this end was.
   */
  int32_t role;
  /**
   * The EDHOC method, 0 to 3.
   */
  int32_t method;
  /**
   * The cipher suite.
   */
  int32_t suite;
  /**
   * The Initiator's connection identifier.
   */
  uint8_t c_i[4];
  /**
   * Its length.
   */
  uint8_t c_i_length;
  /**
   * The Responder's connection identifier.
   */
  uint8_t c_r[4];
  /**
   * Its length.
   */
  uint8_t c_r_length;
  /**
   * This end's identity.
   */
  uint8_t own[16];
  /**
   * The peer's identity, authenticated.
   */
  uint8_t peer[16];
  /**
   * Name of the session on both ends.
   */
  uint8_t sid[8];
} sealwire_handshake_info;

/**
 * The security contexts of one session, for both directions. The members are the library's. Close it with sealwire_context_erase(); it
 * must not be moved, copied or stored: its records start anew with every handshake.
 */
typedef struct sealwire_context {
  /**
   * Private.
   */
  uint64_t opaque[64];
} sealwire_context;

/**
 * A record that was opened. Its bytes lie in the frame that was handed in.
 */
typedef struct sealwire_opened {
  /**
   * `SEALWIRE_RECORD_...`
   */
  int32_t kind;
  /**
   * The key epoch.
   */
  uint32_t epoch;
  /**
   * Its Partial IV.
   */
  uint64_t partial_iv;
  /**
   * Records missing right before it.
   */
  uint64_t missing;
  /**
   * 1: it fills an earlier gap.
   */
  uint8_t late;
  /**
   * 1: it has a `number`. The peer waits for an acknowledgement, which only endpoints send.
   */
  uint8_t confirmable;
  /**
   * The message number, if confirmable.
   */
  uint64_t number;
  /**
   * The encrypted topic name; empty if none.
   */
  sealwire_bytes topic;
  /**
   * The plaintext.
   */
  sealwire_bytes payload;
} sealwire_opened;

/**
 * A decoder for serial lines. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_uart {
  /**
   * Private.
   */
  uint64_t opaque[8];
} sealwire_uart;

/**
 * A decoder for streams that lose nothing, such as TCP. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_stream {
  /**
   * Private.
   */
  uint64_t opaque[8];
} sealwire_stream;

/**
 * What a decoder has seen. Counters stop at their highest value.
 */
typedef struct sealwire_link_counters {
  /**
   * Frames handed out.
   */
  uint32_t frames;
  /**
   * Blocks dropped because they do not decode or check.
   */
  uint32_t malformed;
  /**
   * Blocks dropped because they do not fit the buffer.
   */
  uint32_t overlong;
  /**
   * Frames dropped because a piece of them is missing or came out of order.
   */
  uint32_t lost;
  /**
   * Frames dropped because their sender, or the other end of an exchange, did not go on in time.
   */
  uint32_t expired;
  /**
   * Pieces dropped because no slot was free for their sender, or the other end had no space.
   */
  uint32_t refused;
} sealwire_link_counters;

/**
 * Both directions between two CAN identifiers, by ISO 15765-2. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_isotp {
  /**
   * Private.
   */
  uint64_t opaque[24];
} sealwire_isotp;

/**
 * How to talk over CAN; all zero is a good start for CAN 2.0. Both ends may differ in all of it.
 */
typedef struct sealwire_isotp_config {
  /**
   * Most data bytes of a CAN frame that is sent: 8 for CAN 2.0, and the meaning of 0; 12, 16, 20, 24, 32, 48 or 64 for CAN FD.
   */
  uint8_t size;
  /**
   * 1: every CAN frame is filled by `padding` to 8 bytes at least. 0: it is as short as CAN allows.
   */
  uint8_t pads;
  /**
   * The byte for that.
   */
  uint8_t padding;
  /**
   * Pieces that the peer may send before it waits for flow control again, BS: as many as the CAN controller can hold. 0: all of them.
   */
  uint8_t block_size;
  /**
   * Shortest time between the peer's pieces, STmin as on the wire: 0 to 127 ms; 0xf1 to 0xf9 for 100 to 900 us.
   */
  uint8_t separation;
  /**
   * Wait frames in a row that are sent (N_WFTmax) and borne. 0: 10.
   */
  uint8_t max_waits;
  /**
   * How long to wait for flow control (N_Bs) and for the next piece (N_Cr). 0: 1000.
   */
  uint16_t timeout_ms;
} sealwire_isotp_config;

/**
 * What became of the frames that were sent over CAN. Counters stop at their highest value.
 */
typedef struct sealwire_isotp_sent {
  /**
   * Frames whose last piece has left.
   */
  uint32_t frames;
  /**
   * Frames given up because no flow control came in time.
   */
  uint32_t expired;
  /**
   * Frames given up because the receiver has no room for them, or asked to wait too often.
   */
  uint32_t refused;
} sealwire_isotp_sent;

/**
 * A store on raw flash. The members are the library's. Start from {{0}}. It needs no closing, and must not be moved.
 */
typedef struct sealwire_two_slot {
  /**
   * Private.
   */
  uint64_t opaque[12];
} sealwire_two_slot;

/**
 * Raw flash. Start from {0} and fill in everything. Addresses and lengths in bytes; callbacks answer OK or a negative status.
 */
typedef struct sealwire_flash {
  /**
   * Handed to every callback; may be NULL.
   */
  void *context;
  /**
   * Reads.
   */
  int32_t (*read)(void *context, uint32_t address, uint8_t *out, size_t length);
  /**
   * Erases whole blocks.
   */
  int32_t (*erase)(void *context, uint32_t address, uint32_t length);
  /**
   * Programs erased bytes, whole units; durable when it returns.
   */
  int32_t (*write)(void *context, uint32_t address, const uint8_t *data, size_t length);
  /**
   * First byte of the store; start of an erase block.
   */
  uint32_t base;
  /**
   * Bytes of a slot: whole erase blocks, at least 32 more than the longest data (`SEALWIRE_SNAPSHOT_MAX` for sessions). The store
   * takes 2 * `slot` * `slots` bytes.
   */
  uint32_t slot;
  /**
   * Number of slots: for an endpoint, its sessions.
   */
  uint32_t slots;
  /**
   * Bytes programmed at once: 1, 2, 4, 8, 16 or 32.
   */
  uint32_t unit;
  /**
   * What an erased byte reads as; 0xff on nearly all flash.
   */
  uint8_t erased;
} sealwire_flash;

/**
 * Random bytes from a seed. The members are the library's. Start from {{0}}; it must not be moved. Erase it with sealwire_entropy_erase().
 */
typedef struct sealwire_entropy {
  /**
   * Private.
   */
  uint64_t opaque[10];
} sealwire_entropy;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * As Initiator: composes message_1 for one of the configured suites, and starts `handshake`. `c_i`: 1 to 4 bytes by which the peer's
 * records will be known here.
 *
 * Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; BUFFER_TOO_SMALL (100 bytes and the EAD items are enough); RANDOM_FAILED;
 * UNSUPPORTED_SUITE; those of sealwire_endpoint_init() for the credentials.
 */
SEALWIRE_MUST_USE
int32_t sealwire_message_1_compose(struct sealwire_handshake *handshake,
                                   const struct sealwire_step *step,
                                   uint8_t suite,
                                   const uint8_t *c_i,
                                   size_t c_i_length,
                                   uint8_t *message_1,
                                   size_t capacity,
                                   size_t *length);

/**
 * As Responder: processes message_1, composes message_2, and starts `handshake`. `c_r` must differ from C_I. After PENDING `handshake` holds
 * a key pair: repeat the call with the same struct and arguments, or erase it.
 *
 * Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; PENDING; BUFFER_TOO_SMALL; RANDOM_FAILED; MALFORMED; NOT_DETERMINISTIC; UNSUPPORTED_METHOD;
 * UNSUPPORTED_SUITE; SAME_IDENTIFIER; UNKNOWN_CRITICAL_EAD; INVALID_KEY; UNKNOWN_CREDENTIAL (no own one); UNKNOWN_KEY; those of
 * sealwire_endpoint_init() for the credentials.
 */
SEALWIRE_MUST_USE
int32_t sealwire_message_1_process(struct sealwire_handshake *handshake,
                                   const struct sealwire_step *step,
                                   const uint8_t *c_r,
                                   size_t c_r_length,
                                   uint8_t *message_2,
                                   size_t capacity,
                                   size_t *length);

/**
 * As Initiator: verifies message_2 and composes message_3. A failure leaves the handshake waiting for message_2. Once it has succeeded, send
 * the same message_3 again if need be, never another.
 *
 * Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; WRONG_STATE; PENDING; BUFFER_TOO_SMALL; MALFORMED; NOT_DETERMINISTIC; those from UNSUPPORTED_SUITE to DENIED;
 * UNKNOWN_KEY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_message_2_process(struct sealwire_handshake *handshake,
                                   const struct sealwire_step *step,
                                   uint8_t *message_3,
                                   size_t capacity,
                                   size_t *length);

/**
 * As Responder: verifies message_3 and composes message_4. The handshake is done. A failure leaves it waiting for message_3.
 *
 * Statuses: as sealwire_message_2_process().
 */
SEALWIRE_MUST_USE
int32_t sealwire_message_3_process(struct sealwire_handshake *handshake,
                                   const struct sealwire_step *step,
                                   uint8_t *message_4,
                                   size_t capacity,
                                   size_t *length);

/**
 * As Initiator: verifies message_4. The handshake is done. A failure leaves it waiting for message_4.
 *
 * Statuses: OK; INVALID_ARGUMENT; VERSION_MISMATCH; WRONG_STATE; MALFORMED; NOT_DETERMINISTIC; AUTHENTICATION_FAILED; UNKNOWN_CRITICAL_EAD.
 */
SEALWIRE_MUST_USE
int32_t sealwire_message_4_process(struct sealwire_handshake *handshake,
                                   const struct sealwire_step *step);

/**
 * What the handshake found out.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not done).
 */
SEALWIRE_MUST_USE
int32_t sealwire_handshake_result(struct sealwire_handshake *handshake,
                                  struct sealwire_handshake_info *info);

/**
 * EDHOC exporter: a secret that both ends get for the same label and context.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not done).
 */
SEALWIRE_MUST_USE
int32_t sealwire_handshake_export(struct sealwire_handshake *handshake,
                                  uint64_t label,
                                  const uint8_t *context,
                                  size_t context_length,
                                  uint8_t *secret,
                                  size_t secret_length);

/**
 * Erases a handshake and its keys. NULL, and what holds none, are left alone.
 */
void sealwire_handshake_erase(struct sealwire_handshake *handshake);

/**
 * Makes the contexts of a finished handshake, once: others would protect different records under the same nonces.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (the handshake is not done, or has given its contexts); BUSY.
 */
SEALWIRE_MUST_USE int32_t sealwire_context_init(struct sealwire_context *context, struct sealwire_handshake *handshake);

/**
 * Protects data. `topic`: the record is bound to this topic name, in place; NULL for none. `capacity`: 30 bytes more than the payload.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL; KEY_EXHAUSTED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_context_protect(struct sealwire_context *context,
                                 const uint8_t *topic,
                                 size_t topic_length,
                                 const uint8_t *payload,
                                 size_t payload_length,
                                 uint8_t *frame,
                                 size_t capacity,
                                 size_t *length);

/**
 * The connection identifier in a record's header: whose context opens it. `identifier_length`: that of all identifiers that this end
 * chooses; so many bytes are written.
 *
 * Statuses: OK; INVALID_ARGUMENT; MALFORMED (no record).
 */
SEALWIRE_MUST_USE
int32_t sealwire_record_recipient(const uint8_t *frame,
                                  size_t frame_length,
                                  size_t identifier_length,
                                  uint8_t *identifier);

/**
 * Verifies a record and decrypts it in place. `topic`: the topic name it was published on, for records in place; else NULL.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); MALFORMED; NOT_DETERMINISTIC; UNKNOWN_CONTEXT (another recipient's);
 * DECRYPT_FAILED; REPLAY; DUPLICATE; STALE_EPOCH; KEY_EXHAUSTED; UNSUPPORTED_OPTION.
 */
SEALWIRE_MUST_USE
int32_t sealwire_context_unprotect(struct sealwire_context *context,
                                   const uint8_t *topic,
                                   size_t topic_length,
                                   uint8_t *frame,
                                   size_t frame_length,
                                   struct sealwire_opened *opened);

/**
 * Erases the contexts and their keys. NULL, and what holds none, are left alone.
 */
void sealwire_context_erase(struct sealwire_context *context);

/**
 * Bytes that sealwire_uart_encode() needs for a frame of `length` bytes at most.
 */
size_t sealwire_uart_encoded_size(size_t length);

/**
 * Encodes a frame for a serial line: COBS over frame and CRC-16, then a zero byte. `encoded` must not overlap `frame`.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: empty frame); BUFFER_TOO_SMALL (see sealwire_uart_encoded_size()).
 */
SEALWIRE_MUST_USE
int32_t sealwire_uart_encode(const uint8_t *frame,
                             size_t frame_length,
                             uint8_t *encoded,
                             size_t capacity,
                             size_t *length);

/**
 * Encodes a frame for a stream: its length in two bytes, then the frame. `encoded` must not overlap `frame`; 2 bytes more than the
 * frame are enough.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: frame empty or longer than 65,535); BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_stream_encode(const uint8_t *frame,
                               size_t frame_length,
                               uint8_t *encoded,
                               size_t capacity,
                               size_t *length);

/**
 * Makes a decoder over `buffer`, which must stay. It takes frames of up to `capacity` - 2 bytes.
 *
 * Statuses: OK; INVALID_ARGUMENT.
 */
SEALWIRE_MUST_USE int32_t sealwire_uart_init(struct sealwire_uart *decoder, uint8_t *buffer, size_t capacity);

/**
 * Makes a decoder over `buffer`, which must stay. It takes frames of up to `capacity` bytes.
 *
 * Statuses: OK; INVALID_ARGUMENT.
 */
SEALWIRE_MUST_USE int32_t sealwire_stream_init(struct sealwire_stream *decoder, uint8_t *buffer, size_t capacity);

/**
 * Takes bytes from the line, up to the end of the first good frame. `taken`: how many of them; call again with the rest. `frame`: the
 * frame inside the decoder's buffer, to be used before the next call, or NULL if there is none yet. What is damaged is
 * dropped and counted, and the next zero byte starts anew.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_uart_feed(struct sealwire_uart *decoder,
                           const uint8_t *input,
                           size_t input_length,
                           size_t *taken,
                           uint8_t **frame,
                           size_t *frame_length);

/**
 * Takes bytes from the stream, up to the end of the first frame; the outputs are those of sealwire_uart_feed().
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); MALFORMED (a length of 0 or above the buffer: close the
 * stream, since there is no place to start anew; every further call fails too).
 */
SEALWIRE_MUST_USE
int32_t sealwire_stream_feed(struct sealwire_stream *decoder,
                             const uint8_t *input,
                             size_t input_length,
                             size_t *taken,
                             uint8_t **frame,
                             size_t *frame_length);

/**
 * What a serial decoder has seen.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_uart_counters(struct sealwire_uart *decoder,
                               struct sealwire_link_counters *counters);

/**
 * What a stream decoder has seen.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_stream_counters(struct sealwire_stream *decoder,
                                 struct sealwire_link_counters *counters);

/**
 * Begins for one pair of CAN identifiers, one for each direction: what sealwire_isotp_poll_transmit() gives is sent under the one, and what comes
 * under the other, and nothing else, is handed to sealwire_isotp_handle_frame(). Frames as long as `tx_capacity` can be sent,
 * and as long as `rx_capacity` received; both buffers must stay, and nothing else may use them.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: a size or separation that is none).
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_init(struct sealwire_isotp *isotp,
                            const struct sealwire_isotp_config *config,
                            uint8_t *tx,
                            size_t tx_capacity,
                            uint8_t *rx,
                            size_t rx_capacity);

/**
 * Takes a frame to be sent, and copies it. sealwire_isotp_poll_transmit() gives its pieces.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: empty frame); WRONG_STATE (not initialised, or moved); BUSY (the frame before is still under way);
 * BUFFER_TOO_SMALL (longer than `tx_capacity`).
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_send(struct sealwire_isotp *isotp,
                            const uint8_t *frame,
                            size_t frame_length);

/**
 * Takes the data of one CAN frame, 0 to 64 bytes. `frame`: the frame that it completes, inside the receive buffer, to be used before the next
 * call, or NULL. What is damaged or out of order is dropped and counted.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_handle_frame(struct sealwire_isotp *isotp,
                                    uint64_t now_ms,
                                    const uint8_t *data,
                                    size_t data_length,
                                    uint8_t **frame,
                                    size_t *frame_length);

/**
 * Writes the data of the next CAN frame that is to be sent now; `length` 0: none. Call it again until there is none, after every
 * sealwire_isotp_send() and sealwire_isotp_handle_frame(), and when sealwire_isotp_poll_timeout() is due. `capacity`: the configured
 * `size` at least.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_poll_transmit(struct sealwire_isotp *isotp,
                                     uint64_t now_ms,
                                     uint8_t *data,
                                     size_t capacity,
                                     size_t *length);

/**
 * When to call sealwire_isotp_poll_transmit() though nothing comes: a moment on the clock of now_ms, now if it is over; UINT64_MAX if nothing
 * is under way.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_poll_timeout(struct sealwire_isotp *isotp,
                                    uint64_t *due_ms);

/**
 * While `ready` is 0, a peer that sends in pieces is asked to wait; at first it is 1. Frames that fit one CAN frame come all the same.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_set_ready(struct sealwire_isotp *isotp,
                                 uint8_t ready);

/**
 * What has been received and sent; either may be NULL.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_isotp_counters(struct sealwire_isotp *isotp,
                                struct sealwire_link_counters *received,
                                struct sealwire_isotp_sent *sent);

/**
 * Makes a store on raw flash. Each slot has two places; a save fills the free one and then erases the other, so that a power cut
 * at any moment leaves the old data or the new, whole. The struct is copied.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: a callback missing, or a layout that cannot be).
 */
SEALWIRE_MUST_USE
int32_t sealwire_two_slot_init(struct sealwire_two_slot *store,
                               const struct sealwire_flash *flash);

/**
 * Reads what was saved under `slot`; `length` is 0 if nothing was. Has the form of a port's `store_load`, for a port whose context is
 * the sealwire_two_slot; others wrap it.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); NO_SPACE (no such slot); BUFFER_TOO_SMALL; CORRUPT_STATE;
 * STORAGE_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_two_slot_load(void *store,
                               uint32_t slot,
                               uint8_t *out,
                               size_t capacity,
                               size_t *length);

/**
 * Saves durably under `slot`; no data removes it. Has the form of a port's `store_save`.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); NO_SPACE (no such slot, or too long); STORAGE_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_two_slot_save(void *store,
                               uint32_t slot,
                               const uint8_t *data,
                               size_t length);

/**
 * Seeds `entropy`, or, called again, adds to what it has: HMAC_DRBG with SHA-256 (NIST SP 800-90A). For boards that have entropy rarely or
 * slowly; a fast hardware generator needs none of this. The first `seed` has at least 32 bytes that nobody can predict and that are used once.
 * `extra`, which may be public, keeps apart devices and starts that got the same seed by mistake: a serial number, a count of starts.
 *
 * Statuses: OK; INVALID_ARGUMENT; RANDOM_FAILED (the first seed is too short).
 */
SEALWIRE_MUST_USE
int32_t sealwire_entropy_seed(struct sealwire_entropy *entropy,
                              const uint8_t *seed,
                              size_t seed_length,
                              const uint8_t *extra,
                              size_t extra_length);

/**
 * Fills `out`. Has the form of a port's `random`, for a port whose context is the sealwire_entropy; others wrap it.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: more than 65,536 bytes); RANDOM_FAILED (not seeded, or no new seed within 2^32 - 1 calls).
 */
SEALWIRE_MUST_USE
int32_t sealwire_entropy_random(void *entropy,
                                uint8_t *out,
                                size_t length);

/**
 * Erases what was seeded. NULL, and what holds nothing, are left alone.
 */
void sealwire_entropy_erase(struct sealwire_entropy *entropy);

/**
 * To be written by the application, in builds with the feature `panic-hook` only: records `file` (not NUL-terminated,
 * `length` bytes) and `line`, and resets the device. It must not return.
 */
extern void sealwire_panic_hook(const uint8_t *file, size_t length, uint32_t line);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SEALWIRE_PRIMITIVES_H */
