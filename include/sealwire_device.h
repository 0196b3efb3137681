/* sealwire_device.h - one session with one provisioned peer, in about half the code of sealwire.h's endpoint.
 *
 * Generated from ffi-c/src by scripts/c-header.sh; do not edit. SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * For a device that talks to one hub, begins the handshake (EDHOC method 3, cipher suite 4, credentials by key identifier), sends and receives
 * messages, and keeps its session across restarts. Its peer cannot tell it from an endpoint. What it leaves out: other peers, suites and
 * credentials, answering handshakes, sending commands, records in place on a topic. Asked for a key update, it makes a new handshake.
 * It knows one way to its peer: a link, or a gateway that is told the hub's inbox; an inbox that a hub names in EAD_2 is passed over.
 * Of sealwire.h it needs the statuses, sealwire_port, the numbers of events and sealwire_acknowledges(), and its conventions hold.
 *
 *   init, restore; connect where nothing was restored. Then, for ever:
 *   poll_event until there is none; poll_transmit until length is 0; wait for a frame, at most until poll_timeout; handle_frame.
 */


#ifndef SEALWIRE_DEVICE_H
#define SEALWIRE_DEVICE_H

#include "sealwire.h"

#if defined(SEALWIRE_64_BIT)
/**
 * Size of a sealwire_device in units of 8 bytes.
 */
#define SEALWIRE_DEVICE_WORDS 128
#endif

#if !defined(SEALWIRE_64_BIT)
/**
 * Size of a sealwire_device in units of 8 bytes.
 */
#define SEALWIRE_DEVICE_WORDS 112
#endif

/**
 * A buffer of so many bytes holds every frame of sealwire_device_poll_transmit().
 */
#define SEALWIRE_DEVICE_FRAME_MAX 96

/**
 * A frame of sealwire_device_send() is at most so much longer than payload and topic name.
 */
#define SEALWIRE_DEVICE_OVERHEAD_MAX 96

/**
 * A device: one session with one peer. The members are the library's. Start from {{0}}; it must not be moved.
 */
typedef struct sealwire_device {
  /**
   * Private.
   */
  uint64_t opaque[SEALWIRE_DEVICE_WORDS];
} sealwire_device;

/**
 * Who a device is and whom it trusts. Start from {0} and fill in. The struct is copied; what it points to must stay until sealwire_device_close().
 * Times are milliseconds.
 */
typedef struct sealwire_device_config {
  /**
   * The own credential: a CCS with a subject, if any, and an X25519 key with a key identifier of 1 to 16 bytes, as `sealwire keygen` and
   * sealwire_credential_make() make it.
   */
  sealwire_bytes own;
  /**
   * Its private key, 32 bytes, or NULL: then the port's `key_agree` has it under `key_handle`.
   */
  const uint8_t *private_key;
  /**
   * The port's name for the private key.
   */
  uint32_t key_handle;
  /**
   * The peer's credential, of the same form.
   */
  sealwire_bytes peer;
  /**
   * Own inbox name, 1 to 16 bytes of [a-z0-9-]: where the peer is reached over MQTT, as through a gateway. Empty on links.
   */
  sealwire_bytes inbox;
  /**
   * First interval between repetitions of a handshake message; it doubles. 0: 1,000.
   */
  uint32_t handshake_interval_ms;
  /**
   * First interval between repetitions of what the peer has not answered; it doubles. 0: 3,000.
   */
  uint32_t resend_interval_ms;
  /**
   * How long a command may take to arrive before it is STALE; 10,000 is usual. 0: none is taken.
   */
  uint32_t command_lifetime_ms;
} sealwire_device_config;

/**
 * A message that arrived: authenticated, and new. `topic` and `payload` point into the frame that was handed in, and are good as long as that is.
 */
typedef struct sealwire_device_message {
  /**
   * 1: there is a message; 0: the frame was the library's own business, and the rest is 0.
   */
  uint8_t arrived;
  /**
   * 1: it is a command: fresh, and not only new.
   */
  uint8_t command;
  /**
   * 1: wants sealwire_device_commit().
   */
  uint8_t confirmable;
  /**
   * 1: it fills an earlier gap.
   */
  uint8_t late;
  /**
   * 1: was sent first under a session that has ended, as `origin` says.
   */
  uint8_t has_origin;
  /**
   * The session it came under, and its number if confirmable.
   */
  sealwire_origin name;
  /**
   * Where it was sent first.
   */
  sealwire_origin origin;
  /**
   * Records missing right before this one: lost, late or suppressed.
   */
  uint64_t missing;
  /**
   * The sender's topic name; empty if none.
   */
  sealwire_bytes topic;
  /**
   * The plaintext.
   */
  sealwire_bytes payload;
} sealwire_device_message;

/**
 * Something happened. Members that mean nothing for `event` are 0.
 */
typedef struct sealwire_device_event {
  /**
   * `SEALWIRE_EVENT_NONE`, `_ESTABLISHED`, `_HANDSHAKE_FAILED`, `_ACKNOWLEDGED`, `_RESEND` or `_PEER_SILENT` of sealwire.h.
   */
  int32_t event;
  /**
   * HANDSHAKE_FAILED: a status, why.
   */
  int32_t reason;
  /**
   * ESTABLISHED: 1 if the session was restored. Compare sealwire_device_read()'s `sid` with that of the messages that the application has kept: those of
   * another session are to be sent with their `origin`, and RESEND is not about them.
   */
  uint8_t resumed;
  /**
   * ESTABLISHED: 1 if the session `ended` ended with it: send again what was unacknowledged under it, with its `origin`.
   */
  uint8_t has_ended;
  /**
   * Name of the session that ended.
   */
  uint8_t ended[8];
  /**
   * RESEND: send this message of the session again, or abandon it. ACKNOWLEDGED: with `missing` for sealwire_acknowledges().
   */
  uint64_t number;
  /**
   * ACKNOWLEDGED: bit i: `number` - 1 - i is not committed.
   */
  uint64_t missing;
} sealwire_device_event;

/**
 * A message to send. Start from {0}.
 */
typedef struct sealwire_device_outgoing {
  /**
   * 1: numbered, RESEND until the receiving application has committed it, delivered once.
   */
  uint8_t confirmable;
  /**
   * 1: send again under `number`, after RESEND or a restart.
   */
  uint8_t again;
  /**
   * 1: was sent first under a session that has ended, as `origin` says. To be said each time it is sent, or it may be delivered twice.
   */
  uint8_t has_origin;
  /**
   * The number given before, with `again`.
   */
  uint64_t number;
  /**
   * Session and number of the first sending, with `has_origin`.
   */
  sealwire_origin origin;
  /**
   * Topic name for the receiver, 1 to 255 bytes of UTF-8, encrypted; empty: none.
   */
  sealwire_bytes topic;
  /**
   * The plaintext; may be empty.
   */
  sealwire_bytes payload;
} sealwire_device_outgoing;

/**
 * A message was protected.
 */
typedef struct sealwire_device_sent {
  /**
   * Bytes in the frame buffer.
   */
  size_t length;
  /**
   * 1: it has a `name`.
   */
  uint8_t confirmable;
  /**
   * Its session and number: its `origin`, should the session end before it is acknowledged.
   */
  sealwire_origin name;
} sealwire_device_sent;

/**
 * How a device stands.
 */
typedef struct sealwire_device_info {
  /**
   * 1: there is a session.
   */
  uint8_t established;
  /**
   * 1: a handshake is under way.
   */
  uint8_t connecting;
  /**
   * The session's name on both ends.
   */
  uint8_t sid[8];
} sealwire_device_info;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a device. Of the port it uses `random`, `key_agree`, `store_load`, `store_save` (`slot` is 0, `data` at most 164 bytes) and
 * `store_resists_rollback`; without a store that resists it every start makes a new handshake, and a message committed before may be delivered again after it.
 * The port is copied; its `context` must stay. Where its comments name sealwire_resume(), hand the frame to sealwire_device_handle_frame() again. Each device
 * needs a store of its own: two with one would use keys and numbers twice.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: no random source, only one of the two store functions, an inbox name of another form, commands in a library without); BUSY;
 * UNSUPPORTED_CREDENTIAL, MALFORMED, NOT_DETERMINISTIC (a credential of another form); OWN_IDENTITY (the peer's key is the own one).
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_init(struct sealwire_device *device,
                             const struct sealwire_device_config *config,
                             const sealwire_port *port);

/**
 * Erases every key from the memory, which is the caller's again. The stored session stays: the next start restores it. To end it, call
 * sealwire_device_session_close() before.
 */
void sealwire_device_close(struct sealwire_device *device);

/**
 * Takes up the session in the store; the first call after sealwire_device_init(). `restored` is 1 if there is one: ESTABLISHED with `resumed`
 * follows, and RESEND for every message number that may be unacknowledged, also for some that were never used: send it again, or sealwire_device_abandon() it.
 * Where it is 0, sealwire_device_connect().
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: there is a session, or a handshake is under way); BUSY; CORRUPT_STATE (damaged, or stored for
 * other credentials) and UNSUPPORTED_STATE (another version's, or an endpoint's): connect, which replaces it; STORAGE_FAILED, RANDOM_FAILED: call again. To
 * connect instead would forget which messages were committed, and they may be delivered again.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_restore(struct sealwire_device *device,
                                uint64_t now_ms,
                                uint8_t *restored);

/**
 * Starts a handshake with the peer, and gives up one that is under way. Poll for what to send; ESTABLISHED or HANDSHAKE_FAILED follows. A session that
 * there is serves until ESTABLISHED. After HANDSHAKE_FAILED wait a little before the next: whoever is on the line can make it fail at once.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; RANDOM_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_connect(struct sealwire_device *device,
                                uint64_t now_ms);

/**
 * Hands in a frame. It is decrypted in place, and `message` points into it; other events come from sealwire_device_poll_event(). A failure says why
 * the frame was refused, and changes nothing but what limits failures; a record that verified (DUPLICATE, STALE, UNSUPPORTED_OPTION) is used up. After a
 * failure the bytes of `frame` are undefined, except after PENDING: they are unchanged then; hand the frame in again when the key operation has finished.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; PENDING; STORAGE_FAILED; RANDOM_FAILED; MALFORMED; UNSUPPORTED_VERSION; UNSUPPORTED_FRAME;
 * UNSUPPORTED_OPTION; NOT_DETERMINISTIC; UNKNOWN_CONTEXT; DECRYPT_FAILED; REPLAY; DUPLICATE; STALE (a command that came too late, or that is not taken);
 * STALE_EPOCH; KEY_EXHAUSTED (connect: the next session has new keys); of handshake frames UNKNOWN_CREDENTIAL, AUTHENTICATION_FAILED, INVALID_KEY, SAME_IDENTIFIER,
 * UNKNOWN_CRITICAL_EAD, BUFFER_TOO_SMALL, UNKNOWN_KEY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_handle_frame(struct sealwire_device *device,
                                     uint64_t now_ms,
                                     uint8_t *frame,
                                     size_t frame_length,
                                     struct sealwire_device_message *message);

/**
 * The next event, or SEALWIRE_EVENT_NONE. Poll after every other call until there is none.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_poll_event(struct sealwire_device *device,
                                   struct sealwire_device_event *event);

/**
 * Does what is due, and writes the next frame that the device itself wants sent; `length` is 0 when there is none. Poll after every other call until it is,
 * and when sealwire_device_poll_timeout() is due. `SEALWIRE_DEVICE_FRAME_MAX` bytes are enough.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; BUFFER_TOO_SMALL; STORAGE_FAILED; RANDOM_FAILED; KEY_EXHAUSTED (connect: the next session
 * has new keys). After a failure stop polling; it is tried again when sealwire_device_poll_timeout() says.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_poll_transmit(struct sealwire_device *device,
                                      uint64_t now_ms,
                                      uint8_t *frame,
                                      size_t capacity,
                                      size_t *length);

/**
 * When to go round again if no frame comes before: a moment on the clock of now_ms; UINT64_MAX if nothing waits, 0 while an event does.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_poll_timeout(struct sealwire_device *device,
                                     uint64_t *due_ms);

/**
 * Protects a message into `frame`. `capacity`: payload, topic name and `SEALWIRE_DEVICE_OVERHEAD_MAX`. Nothing is used up by a failure.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: `number` is not outstanding); WRONG_STATE (also: no session); BUSY; WINDOW_FULL (64 confirmable
 * messages are out; those with `origin` go before new ones); KEY_EXHAUSTED (connect: the next session has new keys); STORAGE_FAILED; RANDOM_FAILED; BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_send(struct sealwire_device *device,
                             uint64_t now_ms,
                             const struct sealwire_device_outgoing *message,
                             uint8_t *frame,
                             size_t capacity,
                             struct sealwire_device_sent *sent);

/**
 * Says that the effect of a confirmable message is durable: stored, then acknowledged to the sender. Of `message` only `name`, `has_origin` and
 * `origin` are read, so its frame may be gone.
 *
 * Statuses: OK; INVALID_ARGUMENT (no such message was delivered); WRONG_STATE; BUSY; UNKNOWN_SESSION (it ended long ago, and the message may come again);
 * STORAGE_FAILED (call again).
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_commit(struct sealwire_device *device,
                               uint64_t now_ms,
                               const struct sealwire_device_message *message);

/**
 * Gives up a confirmable message: RESEND does not come for it again.
 *
 * Statuses: OK; INVALID_ARGUMENT (it is not outstanding); WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE int32_t sealwire_device_abandon(struct sealwire_device *device, uint64_t number);

/**
 * Ends the session at this end: erased from the store and from memory, with the handshake under way and the events that wait. The peer is not told; what it
 * has not seen acknowledged, it may send again under the next session, and it is delivered again. The device goes on, and may connect.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; STORAGE_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_device_session_close(struct sealwire_device *device);

/**
 * Looks at a device.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE int32_t sealwire_device_read(struct sealwire_device *device, struct sealwire_device_info *info);

/**
 * To be written by the application, in builds with the feature `panic-hook` only: records `file` (not NUL-terminated,
 * `length` bytes) and `line`, and resets the device. It must not return.
 */
extern void sealwire_panic_hook(const uint8_t *file, size_t length, uint32_t line);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SEALWIRE_DEVICE_H */
