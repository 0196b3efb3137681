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
 * Smallest and largest fragments of BLE, as values of writes and notifications: the ATT MTU less 3, and at most 512.
 */
#define SEALWIRE_BLE_PAYLOAD_MIN 20

/**
 * See SEALWIRE_BLE_PAYLOAD_MIN.
 */
#define SEALWIRE_BLE_PAYLOAD_MAX 512

/**
 * Largest fragments of 802.15.4: what the longest header with AES-CCM-128 leaves.
 */
#define SEALWIRE_IEEE802154_PAYLOAD 81

/**
 * Largest fragments of Ethernet.
 */
#define SEALWIRE_ETHERNET_FRAGMENT 1498

/**
 * Longest Ethernet frame, without checksum.
 */
#define SEALWIRE_ETHERNET_FRAME 1514

/**
 * The EtherType of the IEEE for local experiments. A product needs one that was assigned to its maker.
 */
#define SEALWIRE_ETHERNET_TYPE 34997

/**
 * Good time for a whole frame in fragments, in milliseconds.
 */
#define SEALWIRE_REASSEMBLER_TIMEOUT_MS 5000

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
  uint64_t opaque[22];
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
 * Cuts frames into fragments. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_fragmenter {
  /**
   * Private.
   */
  uint64_t opaque[8];
} sealwire_fragmenter;

/**
 * Puts frames together from fragments. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_reassembler {
  /**
   * Private.
   */
  uint64_t opaque[10];
} sealwire_reassembler;

/**
 * What a reassembler keeps of a sender. The members are the library's.
 */
typedef struct sealwire_reassembler_slot {
  /**
   * Private.
   */
  uint64_t opaque[3];
} sealwire_reassembler_slot;

/**
 * One end of an SPI link; controller and device are the same. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_spi {
  /**
   * Private.
   */
  uint64_t opaque[18];
} sealwire_spi;

/**
 * The end of an RS-485 bus that polls. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_rs485_controller {
  /**
   * Private.
   */
  uint64_t opaque[38];
} sealwire_rs485_controller;

/**
 * An RS-485 bus; the same at all its ends. A member that is 0 means its default.
 */
typedef struct sealwire_rs485_config {
  /**
   * Bits per second, 300 at least. 0: 115,200.
   */
  uint32_t baud;
  /**
   * Longest frame of any device. 0: 1024.
   */
  uint16_t longest;
  /**
   * Milliseconds for which the bus is silent before another end speaks. 0: 1.
   */
  uint16_t turnaround_ms;
  /**
   * Milliseconds in which a device begins its answer, or gives none; more than the turnaround. 0: 20.
   */
  uint16_t window_ms;
  /**
   * How often the controller repeats a poll. 0: 3; 255: never.
   */
  uint8_t retries;
} sealwire_rs485_config;

/**
 * A device on an RS-485 bus. The members are the library's. It needs no closing, and must not be moved.
 */
typedef struct sealwire_rs485_device {
  /**
   * Private.
   */
  uint64_t opaque[22];
} sealwire_rs485_device;

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
 * Begins to cut frames into fragments of up to `size` bytes, two of them in front: SEALWIRE_BLE_PAYLOAD_MIN to SEALWIRE_BLE_PAYLOAD_MAX,
 * SEALWIRE_IEEE802154_PAYLOAD, SEALWIRE_ETHERNET_FRAGMENT. A frame has 128 fragments at most.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: a size below 3).
 */
SEALWIRE_MUST_USE
int32_t sealwire_fragmenter_init(struct sealwire_fragmenter *fragmenter,
                                 size_t size);

/**
 * Takes a frame, which must stay until its last fragment is written. One still under way is left as it is, unfinished.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: empty, or more than 128 fragments or 65,535 bytes); WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_fragmenter_start(struct sealwire_fragmenter *fragmenter,
                                  const uint8_t *frame,
                                  size_t frame_length);

/**
 * Writes the next fragment; `length` 0: there is no more. `fragment` must not overlap the frame.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL (the same fragment comes again).
 */
SEALWIRE_MUST_USE
int32_t sealwire_fragmenter_next(struct sealwire_fragmenter *fragmenter,
                                 uint8_t *fragment,
                                 size_t capacity,
                                 size_t *length);

/**
 * Makes a reassembler over `count` slots and a buffer that they share evenly, all of which must stay: one slot for each sender that may be in the middle
 * of a frame at the same time. A frame that is not complete `timeout_ms` after its first fragment is dropped.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: no slots, fewer bytes than slots, no time).
 */
SEALWIRE_MUST_USE
int32_t sealwire_reassembler_init(struct sealwire_reassembler *reassembler,
                                  struct sealwire_reassembler_slot *slots,
                                  size_t count,
                                  uint8_t *buffer,
                                  size_t capacity,
                                  uint32_t timeout_ms);

/**
 * Takes a fragment as the link gave it, whole. `sender`: any number that tells those apart that share the link, such as the sender's address.
 * `frame`: the frame that the fragment completes, inside the buffer, to be used before the next call, or NULL. What does not fit what came
 * before is dropped and counted.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_reassembler_feed(struct sealwire_reassembler *reassembler,
                                  uint64_t now_ms,
                                  uint64_t sender,
                                  const uint8_t *fragment,
                                  size_t fragment_length,
                                  uint8_t **frame,
                                  size_t *frame_length);

/**
 * What a reassembler has seen. `refused` counts fragments whose sender found no slot.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_reassembler_counters(struct sealwire_reassembler *reassembler,
                                      struct sealwire_link_counters *counters);

/**
 * Writes an Ethernet frame with one fragment, padded to 60 bytes, without checksum. `destination` and `source`: 6 bytes each; six times 0xff
 * reaches all. `ether_type`: the maker's own, or SEALWIRE_ETHERNET_TYPE. Neither may overlap `data`, of which SEALWIRE_ETHERNET_FRAME bytes
 * are always enough.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: fragment empty or above SEALWIRE_ETHERNET_FRAGMENT, a group as source, an EtherType below 0x0600);
 * BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ethernet_encode(const uint8_t *destination,
                                 const uint8_t *source,
                                 uint16_t ether_type,
                                 const uint8_t *fragment,
                                 size_t fragment_length,
                                 uint8_t *data,
                                 size_t capacity,
                                 size_t *length);

/**
 * Takes an Ethernet frame apart. `sender`: the source address as a number, for sealwire_reassembler_feed(); its lower 48 bits, first byte highest.
 * `fragment`: inside `data`; NULL if the frame has another EtherType. Whether it is for this station is the caller's to see, in the first
 * six bytes.
 *
 * Statuses: OK; INVALID_ARGUMENT; MALFORMED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ethernet_decode(uint16_t ether_type,
                                 const uint8_t *data,
                                 size_t data_length,
                                 uint64_t *sender,
                                 const uint8_t **fragment,
                                 size_t *fragment_length);

/**
 * Begins with blocks of `size` bytes, 8 to 4096, the same at both ends. Frames as long as `tx_capacity` can be sent, and as long as `rx_capacity` - `size` received;
 * both buffers must stay, and nothing else may use them.
 *
 * The contract of the wires: chip select frames each exchange of `size` bytes, both ways at once. A ready line goes from the device to the controller. The device
 * raises it when its next block, from sealwire_spi_poll_transmit(), is armed, and lowers it from the first bit of the exchange until the next
 * one is armed. The controller begins an exchange only while the line is high: when it has something to send, and otherwise as often as it
 * wants to ask. Each end hands what it received to sealwire_spi_handle_block().
 *
 * Statuses: OK; INVALID_ARGUMENT (also: a size outside its range, no room for a frame).
 */
SEALWIRE_MUST_USE
int32_t sealwire_spi_init(struct sealwire_spi *spi,
                          size_t size,
                          uint8_t *tx,
                          size_t tx_capacity,
                          uint8_t *rx,
                          size_t rx_capacity);

/**
 * Takes a frame to be sent, and copies it.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: empty frame); WRONG_STATE (not initialised, or moved); BUSY (blocks of the frame before remain);
 * BUFFER_TOO_SMALL (longer than `tx_capacity`).
 */
SEALWIRE_MUST_USE
int32_t sealwire_spi_send(struct sealwire_spi *spi,
                          const uint8_t *frame,
                          size_t frame_length);

/**
 * 1 while blocks of a frame remain: the controller should make an exchange.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE int32_t sealwire_spi_is_sending(struct sealwire_spi *spi, uint8_t *sending);

/**
 * Writes the block for the next exchange, idle if there is nothing to send. `size`: that of sealwire_spi_init(). Each call takes the next block: call
 * it once for each exchange.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: another size); WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_spi_poll_transmit(struct sealwire_spi *spi,
                                   uint8_t *block,
                                   size_t size);

/**
 * Takes the block that an exchange received. `frame`: the frame that it completes, inside the receive buffer, to be used before the next call, or
 * NULL. Idle blocks and repeated ones are ignored; what is damaged is dropped and counted, and so is a block of another size.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_spi_handle_block(struct sealwire_spi *spi,
                                  const uint8_t *block,
                                  size_t size,
                                  uint8_t **frame,
                                  size_t *frame_length);

/**
 * What has been received. `malformed` and `overlong` count blocks, `lost` gaps in their sequence.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE int32_t sealwire_spi_counters(struct sealwire_spi *spi, struct sealwire_link_counters *counters);

/**
 * Bytes that a transmission on the bus needs at most for a frame of `length` bytes.
 */
size_t sealwire_rs485_encoded_size(size_t length);

/**
 * Begins as the end that polls. Frames up to `tx_capacity` - 2 bytes can be sent, up to `rx_capacity` - 4 received; both buffers must stay, and
 * nothing else may use them. An end drives the bus only while it sends what sealwire_rs485_controller_poll_transmit() or its like gave.
 *
 * Statuses: OK; INVALID_ARGUMENT.
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_init(struct sealwire_rs485_controller *controller,
                                       const struct sealwire_rs485_config *config,
                                       uint8_t *tx,
                                       size_t tx_capacity,
                                       uint8_t *rx,
                                       size_t rx_capacity);

/**
 * Asks the device at `address`, 1 to 127, and brings it a frame, which is copied and may be empty. Which device when is the caller's choice.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUSY (another poll waits for its answer); BUFFER_TOO_SMALL (longer
 * than `tx_capacity` - 2).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_poll(struct sealwire_rs485_controller *controller,
                                       uint8_t address,
                                       const uint8_t *frame,
                                       size_t frame_length);

/**
 * Writes the bytes of the poll, or of its repetition, if it is to be sent now; `length` 0: nothing is. sealwire_rs485_encoded_size() says how many.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_poll_transmit(struct sealwire_rs485_controller *controller,
                                                uint64_t now_ms,
                                                uint8_t *data,
                                                size_t capacity,
                                                size_t *length);

/**
 * Takes bytes from the bus up to the end of the answer to the poll under way, which ends it. `taken`: how many; call again with the rest. `address`: of the device
 * that answered, or 0. `frame`: its frame inside the receive buffer, to be used before the next call, or NULL if there was no answer; the
 * length is 0 if the answer has none.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_handle(struct sealwire_rs485_controller *controller,
                                         uint64_t now_ms,
                                         const uint8_t *input,
                                         size_t input_length,
                                         size_t *taken,
                                         uint8_t *address,
                                         uint8_t **frame,
                                         size_t *frame_length);

/**
 * When to call sealwire_rs485_controller_handle_timeout() and ..._poll_transmit() though nothing comes: a moment on the clock of now_ms; UINT64_MAX if no poll
 * is under way.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_poll_timeout(struct sealwire_rs485_controller *controller,
                                               uint64_t *due_ms);

/**
 * When the answer did not come in time: sets up the repetition (`silent` 0), or gives the poll up (`silent`: the device's address).
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_handle_timeout(struct sealwire_rs485_controller *controller,
                                                 uint64_t now_ms,
                                                 uint8_t *silent);

/**
 * What a controller has received. `expired` counts the polls that were given up.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_controller_counters(struct sealwire_rs485_controller *controller,
                                           struct sealwire_link_counters *counters);

/**
 * Begins as the device at `address`, 1 to 127; the rest is as in sealwire_rs485_controller_init().
 *
 * Statuses: OK; INVALID_ARGUMENT.
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_device_init(struct sealwire_rs485_device *device,
                                   const struct sealwire_rs485_config *config,
                                   uint8_t address,
                                   uint8_t *tx,
                                   size_t tx_capacity,
                                   uint8_t *rx,
                                   size_t rx_capacity);

/**
 * Takes a frame, and copies it; the answer to the next poll carries it.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: empty frame); WRONG_STATE (not initialised, or moved); BUSY (the controller has not got the frame before);
 * BUFFER_TOO_SMALL (longer than `tx_capacity` - 2, or than the bus allows).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_device_send(struct sealwire_rs485_device *device,
                                   const uint8_t *frame,
                                   size_t frame_length);

/**
 * Takes bytes from the bus up to the end of a poll that brings a frame. `taken`: how many; call again with the rest. `frame`: inside the receive buffer, to be
 * used before the next call, or NULL.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_device_handle(struct sealwire_rs485_device *device,
                                     uint64_t now_ms,
                                     const uint8_t *input,
                                     size_t input_length,
                                     size_t *taken,
                                     uint8_t **frame,
                                     size_t *frame_length);

/**
 * Writes the bytes of the answer to the last poll, if it is to be sent now; `length` 0: nothing is. Call it after
 * sealwire_rs485_device_handle(), and when sealwire_rs485_device_poll_timeout() is due: an answer that is late is not sent.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved); BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_device_poll_transmit(struct sealwire_rs485_device *device,
                                            uint64_t now_ms,
                                            uint8_t *data,
                                            size_t capacity,
                                            size_t *length);

/**
 * When the answer is to be sent: a moment on the clock of now_ms; UINT64_MAX if none is owed.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE int32_t sealwire_rs485_device_poll_timeout(struct sealwire_rs485_device *device, uint64_t *due_ms);

/**
 * What a device has received. `expired` counts the answers that were not sent because it was too late.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (not initialised, or moved).
 */
SEALWIRE_MUST_USE
int32_t sealwire_rs485_device_counters(struct sealwire_rs485_device *device,
                                       struct sealwire_link_counters *counters);

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

#ifndef SEALWIRE_PRIMITIVES_H_MACROS
#define SEALWIRE_PRIMITIVES_H_MACROS

/** UUIDs of BLE: the GATT service that a device offers, and its characteristics, which the central writes without response and which
 *  notifies the central. */
#define SEALWIRE_BLE_SERVICE "d8482160-d38a-4f04-9485-e0127ffa947a"
#define SEALWIRE_BLE_TO_DEVICE "d8482161-d38a-4f04-9485-e0127ffa947a"
#define SEALWIRE_BLE_FROM_DEVICE "d8482162-d38a-4f04-9485-e0127ffa947a"

#endif
