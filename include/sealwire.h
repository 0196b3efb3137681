/* sealwire.h - end-to-end security for connected devices over MQTT brokers and plain links.
 *
 * Generated from ffi-c/src by scripts/c-header.sh; do not edit. SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * CONVENTIONS
 *
 * Order        Functions stand in this order: version, keys, credentials, endpoint, restore, handshake, input, time, output, messages,
 *              inspection. The _INIT macros and the sizes for memory are at the end.
 * Status       A function that can fail returns int32_t: SEALWIRE_OK (0), or a negative status. Its comment lists its statuses
 *              without the prefix. sealwire_status_name() and sealwire_status_hint() say what one means.
 * Outputs      Come last in the parameters and are written only on success. None is optional unless the comment says so.
 * Memory       Belongs to the caller. The library allocates nothing, so there is nothing to free. Inputs are not changed, but for
 *              the frame handed to sealwire_handle_frame(), which is decrypted in place. Inputs and outputs of one call must
 *              not overlap (INVALID_ARGUMENT). The length of a fixed output (thumbprint 16, key and secret 32, signature 64) is not handed in:
 *              the place must have it.
 * Pointers     A length of 0 allows NULL. Any other NULL, a misaligned struct, or a length beyond the address space is
 *              INVALID_ARGUMENT. What no library can check is the caller's: that the memory is there, as long as stated,
 *              initialised where it is read, and not in use by another thread.
 * Structs      Start from their _INIT macro; members that are 0 mean the default. Texts are UTF-8 with a length and no NUL.
 * Handles      Sessions and handshakes are small integers. One that has ended is UNKNOWN_SESSION; its number is not given to another
 *              session before its slot has had 4,095 others. 0 is never a handle.
 * Time         now_ms is any monotonic clock in milliseconds. It must not go back while the endpoint lives.
 * Threads      One endpoint is used by one thread at a time, and an interrupt handler is another thread. Different endpoints are
 *              independent. Callbacks must not call the endpoint that called them (BUSY).
 * I/O          The library does none. It turns frames into events and messages into frames; the application moves them.
 * Pending      A port whose keys are slow may answer PENDING. The call that needed the key returns PENDING with nothing
 *              changed; sealwire_resume() continues when the answer is there.
 * Firmware     Link with -Wl,--gc-sections. Calls take 3.3 to 5.3 kB of stack, by features (docs/SIZE.md). A panic, which would be a bug
 *              in the library, stops in a loop, or calls sealwire_panic_hook() in builds with that feature.
 */


#ifndef SEALWIRE_H
#define SEALWIRE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define SEALWIRE_MUST_USE __attribute__((warn_unused_result))
#else
#define SEALWIRE_MUST_USE
#endif

#if UINTPTR_MAX > 0xffffffffu
#define SEALWIRE_64_BIT
#endif


/**
 * Version of this header. `SEALWIRE_CONFIG_INIT` writes it into the configuration, and sealwire_endpoint_init() refuses
 * another library's. It is also the number in the shared library's SONAME.
 */
#define SEALWIRE_ABI_VERSION 3

/**
 * Version of the handshake frames and records that this header's library speaks (docs/PROTOCOL.md).
 */
#define SEALWIRE_WIRE_VERSION 1

/**
 * Success. Every failure is negative.
 */
#define SEALWIRE_OK 0

/**
 * An argument is out of its range or of the wrong length.
 */
#define SEALWIRE_INVALID_ARGUMENT -1

/**
 * The output buffer is too small.
 */
#define SEALWIRE_BUFFER_TOO_SMALL -2

/**
 * The call does not fit the state, such as sending before the handshake is done.
 */
#define SEALWIRE_WRONG_STATE -3

/**
 * No session has this handle, or it has ended.
 */
#define SEALWIRE_UNKNOWN_SESSION -4

/**
 * Every slot of the memory handed in is taken.
 */
#define SEALWIRE_NO_SPACE -5

/**
 * The provider has not finished the operation; nothing was changed.
 */
#define SEALWIRE_PENDING -6

/**
 * 64 confirmable messages are unacknowledged.
 */
#define SEALWIRE_WINDOW_FULL -7

/**
 * No live offer of the receiver is known, so a command would be stale.
 */
#define SEALWIRE_NO_OFFER -8

/**
 * Something of the kind is under way already.
 */
#define SEALWIRE_BUSY -9

/**
 * The header in use does not belong to this library.
 */
#define SEALWIRE_VERSION_MISMATCH -10

/**
 * The bytes do not parse.
 */
#define SEALWIRE_MALFORMED -100

/**
 * A frame of a later protocol version.
 */
#define SEALWIRE_UNSUPPORTED_VERSION -101

/**
 * A frame type that this build does not have, such as group records.
 */
#define SEALWIRE_UNSUPPORTED_FRAME -102

/**
 * A record option that this version does not know.
 */
#define SEALWIRE_UNSUPPORTED_OPTION -103

/**
 * A CBOR item that is valid but not in deterministic encoding.
 */
#define SEALWIRE_NOT_DETERMINISTIC -104

/**
 * The EDHOC method is not accepted at this end, not in this build, or there is no own credential whose key fits it.
 */
#define SEALWIRE_UNSUPPORTED_METHOD -200

/**
 * No common cipher suite.
 */
#define SEALWIRE_UNSUPPORTED_SUITE -201

/**
 * No credential is known for what ID_CRED names.
 */
#define SEALWIRE_UNKNOWN_CREDENTIAL -202

/**
 * The credential is known but not trusted for this: wrong issuer, purpose, signature or key type.
 */
#define SEALWIRE_UNTRUSTED_CREDENTIAL -203

/**
 * The credential is outside its validity time.
 */
#define SEALWIRE_EXPIRED_CREDENTIAL -204

/**
 * The peer did not prove possession of the key of its credential.
 */
#define SEALWIRE_AUTHENTICATION_FAILED -205

/**
 * The peer presented this endpoint's own identity.
 */
#define SEALWIRE_OWN_IDENTITY -206

/**
 * C_I equals C_R.
 */
#define SEALWIRE_SAME_IDENTIFIER -207

/**
 * A critical EAD item that is not known here.
 */
#define SEALWIRE_UNKNOWN_CRITICAL_EAD -208

/**
 * A public key that is not a valid point, or gives an all-zero secret.
 */
#define SEALWIRE_INVALID_KEY -209

/**
 * The peer sent an EDHOC error.
 */
#define SEALWIRE_PEER_ERROR -210

/**
 * Policy refused this identity or the inbox it claims.
 */
#define SEALWIRE_DENIED -211

/**
 * The handshake did not finish in time or failed too often.
 */
#define SEALWIRE_HANDSHAKE_FAILED -212

/**
 * Another handshake with the same peer, started by the peer or by this end, stands instead of this one.
 */
#define SEALWIRE_SUPERSEDED -213

/**
 * A way of naming a credential, or a kind or profile of credential, that this build does not have.
 */
#define SEALWIRE_UNSUPPORTED_CREDENTIAL -214

/**
 * A newcomer shows that it knows the setup secret, and no physical act has opened setup, or too long ago.
 */
#define SEALWIRE_SETUP_CLOSED -215

/**
 * A wrong setup secret was shown shortly before.
 */
#define SEALWIRE_SETUP_DELAYED -216

/**
 * A newcomer does not know the setup secret.
 */
#define SEALWIRE_WRONG_SETUP_SECRET -217

/**
 * The device has an owner, or has another one now.
 */
#define SEALWIRE_OTHER_OWNER -218

/**
 * A release or delegation that the owner has not signed for this peer, this device and its present epoch and nonce.
 */
#define SEALWIRE_WRONG_STATEMENT -219

/**
 * No session has the record's identifier.
 */
#define SEALWIRE_UNKNOWN_CONTEXT -300

/**
 * The record does not verify: altered, or protected for someone else, another topic or another key.
 */
#define SEALWIRE_DECRYPT_FAILED -301

/**
 * Older than the replay window or than the stored edge.
 */
#define SEALWIRE_REPLAY -302

/**
 * Received before; a redelivery of MQTT or of the link.
 */
#define SEALWIRE_DUPLICATE -303

/**
 * A command that came too late to be trusted.
 */
#define SEALWIRE_STALE -304

/**
 * The key has protected or failed as many records as it may.
 */
#define SEALWIRE_KEY_EXHAUSTED -305

/**
 * A record of a key epoch that has ended, or that this end has not reached.
 */
#define SEALWIRE_STALE_EPOCH -306

/**
 * The store did not make the data durable.
 */
#define SEALWIRE_STORAGE_FAILED -400

/**
 * Stored state is damaged.
 */
#define SEALWIRE_CORRUPT_STATE -401

/**
 * Stored state was written by a version this one cannot read.
 */
#define SEALWIRE_UNSUPPORTED_STATE -402

/**
 * The random source failed or is not seeded.
 */
#define SEALWIRE_RANDOM_FAILED -403

/**
 * No key has this handle, it cannot do the operation, or the function that keeps the key failed.
 */
#define SEALWIRE_UNKNOWN_KEY -404

/**
 * Stored state may have been rolled back, so it is not used.
 */
#define SEALWIRE_LOST_STATE -405

/**
 * The library found itself in a state that cannot be; nothing was sent.
 */
#define SEALWIRE_INTERNAL -499

/**
 * Length of a thumbprint: the identity of a key (first 16 bytes of its RFC 9679 thumbprint).
 */
#define SEALWIRE_THUMBPRINT_SIZE 16

/**
 * Longest inbox name.
 */
#define SEALWIRE_INBOX_MAX 16

/**
 * Diffie-Hellman on X25519 (RFC 7748): cipher suites 4 and 0.
 */
#define SEALWIRE_KEY_X25519 1

/**
 * Diffie-Hellman on NIST P-256: cipher suites 2 and 3.
 */
#define SEALWIRE_KEY_P256 2

/**
 * Signatures with Ed25519 (RFC 8032): cipher suites 4 and 0 in methods in which this end signs. The private key is the 32-byte seed.
 */
#define SEALWIRE_KEY_ED25519 3

/**
 * Signatures with ECDSA on P-256 and SHA-256 (ES256): cipher suites 2 and 3 in methods in which this end signs.
 */
#define SEALWIRE_KEY_ES256 4

/**
 * The curve X25519.
 */
#define SEALWIRE_CURVE_X25519 4

/**
 * The curve P-256. Public keys for Diffie-Hellman are the 32-byte x coordinate.
 */
#define SEALWIRE_CURVE_P256 1

/**
 * The curve Ed25519.
 */
#define SEALWIRE_CURVE_ED25519 6

/**
 * Signatures with Ed25519.
 */
#define SEALWIRE_ALGORITHM_EDDSA -8

/**
 * Signatures with ECDSA on P-256 and SHA-256: r || s.
 */
#define SEALWIRE_ALGORITHM_ES256 -7

/**
 * Longest credential that is read: own, provisioned or from a callback. For those that go by value in a handshake see
 * `SEALWIRE_HANDSHAKE_FRAME_MAX`.
 */
#define SEALWIRE_CREDENTIAL_MAX 512

/**
 * Unsigned: believed by whoever was given its bytes beforehand.
 */
#define SEALWIRE_CREDENTIAL_CCS 1

/**
 * Signed by an issuer: believed by whoever has the issuer as anchor.
 */
#define SEALWIRE_CREDENTIAL_CWT 2

/**
 * X.509 certificate, DER: believed by whoever was given its bytes beforehand, or has its issuer as anchor.
 */
#define SEALWIRE_CREDENTIAL_X509 3

/**
 * Cipher suite 4 of RFC 9528: X25519, ChaCha20/Poly1305, 16-byte tags; signatures with Ed25519. The default.
 */
#define SEALWIRE_SUITE_X25519_CHACHA 4

/**
 * Cipher suite 2 of RFC 9528: P-256, AES-CCM, 8-byte tags; signatures with ES256. The suite of most secure elements.
 */
#define SEALWIRE_SUITE_P256_CCM 2

/**
 * Cipher suite 3 of RFC 9528: as suite 2, with 16-byte tags in the handshake; records have 8-byte tags.
 */
#define SEALWIRE_SUITE_P256_CCM16 3

/**
 * Cipher suite 0 of RFC 9528: X25519, AES-CCM, 8-byte tags; signatures with Ed25519.
 */
#define SEALWIRE_SUITE_X25519_CCM 0

/**
 * The issuer may vouch for identities.
 */
#define SEALWIRE_PURPOSE_IDENTITY 1

#if defined(SEALWIRE_64_BIT)
/**
 * Bytes of an endpoint without its sessions; see `SEALWIRE_ENDPOINT_SIZE`.
 */
#define SEALWIRE_ENDPOINT_BASE_SIZE 520
#endif

#if !defined(SEALWIRE_64_BIT)
/**
 * Bytes of an endpoint without its sessions; see `SEALWIRE_ENDPOINT_SIZE`.
 */
#define SEALWIRE_ENDPOINT_BASE_SIZE 400
#endif

/**
 * Bytes that an endpoint takes besides where the library has the feature `setup`, which needs `responder`; see `SEALWIRE_ENDPOINT_SIZE`.
 */
#define SEALWIRE_SETUP_SIZE 304

#if defined(SEALWIRE_64_BIT)
/**
 * Bytes of one session; see `SEALWIRE_ENDPOINT_SIZE`. A peer needs two while a new session replaces an old one.
 */
#define SEALWIRE_SESSION_SIZE 760
#endif

#if !defined(SEALWIRE_64_BIT)
/**
 * Bytes of one session; see `SEALWIRE_ENDPOINT_SIZE`. A peer needs two while a new session replaces an old one.
 */
#define SEALWIRE_SESSION_SIZE 752
#endif

#if defined(SEALWIRE_64_BIT)
/**
 * Bytes of one open handshake with the default buffer; see `SEALWIRE_ENDPOINT_SIZE`.
 */
#define SEALWIRE_HANDSHAKE_SIZE 776
#endif

#if !defined(SEALWIRE_64_BIT)
/**
 * Bytes of one open handshake with the default buffer; see `SEALWIRE_ENDPOINT_SIZE`.
 */
#define SEALWIRE_HANDSHAKE_SIZE 768
#endif

/**
 * Bytes of one group. This version has no groups.
 */
#define SEALWIRE_GROUP_SIZE 0

/**
 * A frame is at most so much longer than its payload, topic name and content type.
 */
#define SEALWIRE_OVERHEAD_MAX 180

/**
 * The buffer of one open handshake unless the configuration's `handshake_buffer` says otherwise: no frame of sealwire_poll_transmit() is
 * longer. It holds every handshake in which credentials go by reference. By value they go if they have at most 140 bytes each, 189 in method
 * 3; where a key operation may be PENDING, only in method 3 and up to 107. If the Initiator's alone goes by value, it may have 370 bytes in
 * method 3, 320 in methods 1 and 2, 275 in method 0, less the inbox names; where its key operations may be PENDING, 320, 220 and 170.
 * Certificates on P-256 have 300 and more. 2,048 bytes hold credentials of 512 by value in any case. Where a handshake does not fit,
 * sealwire_handle_frame() answers BUFFER_TOO_SMALL each time, and HANDSHAKE_FAILED follows after the last attempt.
 */
#define SEALWIRE_HANDSHAKE_FRAME_MAX 512

/**
 * Nothing happened.
 */
#define SEALWIRE_EVENT_NONE 0

/**
 * A message arrived: `session`, `peer`, `message`.
 */
#define SEALWIRE_EVENT_MESSAGE 1

/**
 * A session is confirmed and can send, or was restored: `session`, `peer`, `role`, `handshake`, `resumed`.
 */
#define SEALWIRE_EVENT_ESTABLISHED 2

/**
 * The peer has committed confirmable messages: `session`, `number` (the highest), `missing` (a bitmap); see
 * sealwire_acknowledges().
 */
#define SEALWIRE_EVENT_ACKNOWLEDGED 3

/**
 * A confirmable message is unacknowledged for too long: `session`, `number`. Send it again under that number. After a restart this comes
 * for every number that may have been used: sealwire_abandon() those whose message is not there, else WINDOW_FULL follows for good.
 */
#define SEALWIRE_EVENT_RESEND 4

/**
 * The peer can take commands now, after a sealwire_send() that failed with NO_OFFER: `session`.
 */
#define SEALWIRE_EVENT_COMMAND_READY 5

/**
 * New keys are in use: `session`, `epoch`.
 */
#define SEALWIRE_EVENT_KEY_UPDATED 6

/**
 * A newer session with the same peer stands: `session`, `old_session`, `sid` (of the old). Send what was unacknowledged again
 * under the new one, with `origin`.
 */
#define SEALWIRE_EVENT_REPLACED 7

/**
 * A session ended without successor: `old_session`, `peer`, `route`, `reason`. Call sealwire_connect().
 */
#define SEALWIRE_EVENT_CLOSED 8

/**
 * A handshake failed: `handshake`, `route`, `reason`.
 */
#define SEALWIRE_EVENT_HANDSHAKE_FAILED 9

/**
 * The peer has not answered several repetitions: `session`. They go on.
 */
#define SEALWIRE_EVENT_PEER_SILENT 10

/**
 * This device has another owner, `peer` (16 zeros: none), in `epoch`; or its owner has let somebody in, or taken that back. See
 * sealwire_ownership_get(). Erase what belonged to an owner before. A power cut may swallow this, and it is not told again: at a start compare
 * the epoch with the one that the data is of.
 */
#define SEALWIRE_EVENT_OWNERSHIP_CHANGED 11

/**
 * The peer says that this end owns it: `session`, `peer`, `epoch`, and its nonce in `sid`. Keep them: a release or a delegation is signed
 * over them (sealwire_ownership_sign()).
 */
#define SEALWIRE_EVENT_OWNERSHIP 12

/**
 * This end started the handshake.
 */
#define SEALWIRE_ROLE_INITIATOR 1

/**
 * The peer started the handshake.
 */
#define SEALWIRE_ROLE_RESPONDER 2

/**
 * Application data.
 */
#define SEALWIRE_KIND_DATA 0

/**
 * A command: delivered only while fresh, without needing a clock; else STALE.
 */
#define SEALWIRE_KIND_COMMAND 1

/**
 * No topic: links.
 */
#define SEALWIRE_TOPIC_NONE 0

/**
 * The record is published on this topic, which is authenticated but stays readable.
 */
#define SEALWIRE_TOPIC_IN_PLACE 1

/**
 * The record goes to the peer's inbox; the topic name is encrypted.
 */
#define SEALWIRE_TOPIC_ADDRESSED 2

/**
 * Length of a setup secret.
 */
#define SEALWIRE_SETUP_SECRET_SIZE 16

/**
 * Longest setup code in characters, without NUL.
 */
#define SEALWIRE_SETUP_CODE_MAX 81

/**
 * Longest model in characters, without NUL.
 */
#define SEALWIRE_SETUP_MODEL_MAX 24

/**
 * Length of a device's nonce.
 */
#define SEALWIRE_NONCE_SIZE 8

/**
 * Length of a signed statement.
 */
#define SEALWIRE_STATEMENT_SIZE 73

/**
 * Bytes that `store_save` must take for the record of an ownership.
 */
#define SEALWIRE_OWNERSHIP_MAX 256

/**
 * The device knows this end: its owner, or a delegate that was there before.
 */
#define SEALWIRE_CLAIM_KNOWN 0

/**
 * This end knows the setup secret of a device that nobody owns: `secret`, `anchor`.
 */
#define SEALWIRE_CLAIM_SETUP 1

/**
 * The owner has signed the device over to this end: `statement`, `anchor`.
 */
#define SEALWIRE_CLAIM_RELEASE 2

/**
 * The owner has let this end in: `statement`.
 */
#define SEALWIRE_CLAIM_DELEGATION 3

/**
 * The statement of an owner that somebody is the next one.
 */
#define SEALWIRE_STATEMENT_RELEASE 1

/**
 * The statement of an owner that somebody may come in.
 */
#define SEALWIRE_STATEMENT_DELEGATION 2

/**
 * Neither owner nor delegate; a provisioned peer, perhaps.
 */
#define SEALWIRE_STANDING_NONE 0

/**
 * The owner.
 */
#define SEALWIRE_STANDING_OWNER 1

/**
 * Somebody whom the owner has let in.
 */
#define SEALWIRE_STANDING_DELEGATE 2

/**
 * An endpoint. It lives in the caller's memory.
 */
typedef struct sealwire_endpoint sealwire_endpoint;

/**
 * A private key in the caller's memory, for one purpose. The members are the library's; use sealwire_key_import() or
 * sealwire_key_generate(), and sealwire_key_erase() when done.
 */
typedef struct sealwire_key {
  /**
   * Private.
   */
  uint32_t marker;
  /**
   * Private.
   */
  int32_t kind;
  /**
   * Private.
   */
  uint8_t secret[32];
} sealwire_key;

/**
 * Bytes somewhere in memory. They belong to whoever provides them.
 */
typedef struct sealwire_bytes {
  /**
   * The first byte; may be NULL when `length` is 0.
   */
  const uint8_t *data;
  /**
   * Number of bytes.
   */
  size_t length;
} sealwire_bytes;

/**
 * Who wants to open a session, for `authorize`. Valid during the callback only.
 */
typedef struct sealwire_peer {
  /**
   * The peer's identity.
   */
  uint8_t thumbprint[16];
  /**
   * Its credential, verified.
   */
  struct sealwire_bytes credential;
  /**
   * The subject that its credential names; empty if none.
   */
  struct sealwire_bytes subject;
  /**
   * The inbox that it wants answers in; empty if none.
   */
  struct sealwire_bytes inbox;
  /**
   * This endpoint's part in the handshake: `SEALWIRE_ROLE_INITIATOR` or `SEALWIRE_ROLE_RESPONDER`.
   */
  int32_t role;
} sealwire_peer;

/**
 * What the library needs from the platform. Start from `SEALWIRE_PORT_INIT`, which sets everything to NULL or 0, and fill in
 * what there is. Callbacks answer `SEALWIRE_OK` or a negative status, and must not call the endpoint that called them
 * (BUSY). The struct is copied.
 */
typedef struct sealwire_port {
  /**
   * Handed to every callback; may be NULL.
   */
  void *context;
  /**
   * Fills `out` with cryptographically secure random bytes. Required.
   */
  int32_t (*random)(void *context, uint8_t *out, size_t length);
  /**
   * Diffie-Hellman of private key `key` (the `key_handle` of an own credential) with `peer_public_key`, 32 bytes;
   * writes 32 bytes, not hashed. On P-256 both are x coordinates: a secure element that wants the point takes either y that fits x, the
   * secret is the same. May answer PENDING: the library's call then returns PENDING with nothing changed, and asks again with the same
   * arguments in sealwire_resume(). NULL when all keys are software keys.
   */
  int32_t (*key_agree)(void *context,
                       uint32_t key,
                       int32_t curve,
                       const uint8_t *peer_public_key,
                       uint8_t *shared_secret);
  /**
   * Signs with private key `key`: `algorithm` is -8 (Ed25519) or -7 (ES256, r || s); writes 64 bytes. The message is the
   * concatenation of `part_count` parts, at most 8; a secure element that signs digests is given the SHA-256 of that. May answer
   * PENDING, as `key_agree`. NULL when this end never signs, or signs with software keys only.
   */
  int32_t (*key_sign)(void *context,
                      uint32_t key,
                      int32_t algorithm,
                      const struct sealwire_bytes *parts,
                      size_t part_count,
                      uint8_t *signature);
  /**
   * Reads what was last saved under `slot` into `out` and sets `length`, 0 if nothing was. NULL: nothing is kept, and
   * every start makes a new handshake.
   */
  int32_t (*store_load)(void *context, uint32_t slot, uint8_t *out, size_t capacity, size_t *length);
  /**
   * Saves `data`, 312 bytes in this version (provide for 512, `SEALWIRE_SNAPSHOT_MAX` of sealwire_primitives.h), under `slot` (from 0, below
   * sealwire_endpoint_capacity(), which may be above the number of sessions asked for), durably and atomically: after OK the new value is on the medium, after a power cut there is the old one or the
   * new one. Length 0 removes it. NULL together with `store_load`.
   */
  int32_t (*store_save)(void *context, uint32_t slot, const uint8_t *data, size_t length);
  /**
   * 1 if nobody can bring back an older state of the store (no backups, VM snapshots or flash cloning); then sessions
   * survive restarts. 0: they never do, and every start makes a new handshake.
   */
  uint8_t store_resists_rollback;
  /**
   * More credentials than the configuration lists: copies the `nth` (from 0) credential with this key identifier into `out`
   * and sets `length`, or answers UNKNOWN_CREDENTIAL when there are no more. The one that fits is asked for twice and must be the same. For an X.509 certificate `kid` is the beginning of its
   * SHA-256, 8 or 32 bytes. May be NULL.
   */
  int32_t (*find_credential)(void *context,
                             const uint8_t *kid,
                             size_t kid_length,
                             size_t nth,
                             uint8_t *out,
                             size_t capacity,
                             size_t *length);
  /**
   * Decides whether a peer that has proved its identity may open a session: OK, or DENIED. NULL: the default, an inbox name
   * must equal the subject of the credential.
   */
  int32_t (*authorize)(void *context, const struct sealwire_peer *peer);
  /**
   * Seconds since 1970 for the validity time of credentials, 0 while unknown. NULL: unknown, and validity is not judged.
   */
  uint64_t (*now_s)(void *context);
} sealwire_port;

/**
 * What a credential says. Its bytes lie in the credential that was read.
 */
typedef struct sealwire_credential_info {
  /**
   * `SEALWIRE_CREDENTIAL_CCS`, `SEALWIRE_CREDENTIAL_CWT` or `SEALWIRE_CREDENTIAL_X509`.
   */
  int32_t kind;
  /**
   * `SEALWIRE_CURVE_...` of the key.
   */
  int32_t curve;
  /**
   * The identity: thumbprint of the key.
   */
  uint8_t thumbprint[16];
  /**
   * The subject, in a certificate its commonName; empty if none.
   */
  struct sealwire_bytes subject;
  /**
   * The key identifier; empty if none, as in a certificate.
   */
  struct sealwire_bytes kid;
  /**
   * Invalid from this second since 1970 on; 0 if unlimited.
   */
  uint64_t expires_s;
} sealwire_credential_info;

/**
 * This endpoint's credential and its private key.
 */
typedef struct sealwire_own_credential {
  /**
   * A CCS or a CWT, as CBOR, or an X.509 certificate, as DER.
   */
  struct sealwire_bytes credential;
  /**
   * The private key, if it is a software key; else NULL.
   */
  const struct sealwire_key *key;
  /**
   * The port's name for the private key, below 2^31, when `key` is NULL.
   */
  uint32_t key_handle;
  /**
   * 1 if the key behind `key_handle` signs with ES256. Counts on P-256 only, whose keys can do either; 0: it agrees. Forgotten, it makes
   * sealwire_connect() of a method in which this end signs fail with UNKNOWN_CREDENTIAL.
   */
  uint8_t signs;
  /**
   * 1: send the credential itself, for peers that do not have it (needs a CWT, a certificate, or a CCS that the peer knows). 0: its
   * key identifier, or the hash of a certificate.
   */
  uint8_t by_value;
} sealwire_own_credential;

/**
 * An issuer whose signature this endpoint accepts, for some purposes.
 */
typedef struct sealwire_anchor {
  /**
   * The issuer's public key: a COSE_Key, or a CCS that holds one, as CBOR; or an authority's X.509 certificate, as DER, whose key alone
   * counts.
   */
  struct sealwire_bytes issuer;
  /**
   * The key identifier in its signatures; empty: that of the key.
   */
  struct sealwire_bytes kid;
  /**
   * What it may vouch for: `SEALWIRE_PURPOSE_IDENTITY`.
   */
  uint32_t purposes;
} sealwire_anchor;

/**
 * How an endpoint behaves. Start from `SEALWIRE_CONFIG_INIT`, in which everything that is 0 means the default, and fill in
 * who it is (`own`) and whom it trusts (`peers`, `anchors`). The struct is copied; the arrays, credentials and keys it points
 * to must stay until the endpoint is closed. Times are milliseconds.
 */
typedef struct sealwire_config {
  /**
   * Set by `SEALWIRE_CONFIG_INIT`.
   */
  uint32_t abi_version;
  /**
   * Set by `SEALWIRE_CONFIG_INIT`.
   */
  uint32_t config_size;
  /**
   * Set by `SEALWIRE_CONFIG_INIT`.
   */
  uint32_t port_size;
  /**
   * Set by `SEALWIRE_CONFIG_INIT`.
   */
  uint32_t event_size;
  /**
   * Own credentials, at least one: at most one for static Diffie-Hellman and one for signatures on each cipher suite's curve. Of two that
   * serve the same the first is used.
   */
  const struct sealwire_own_credential *own;
  /**
   * Number of own credentials.
   */
  size_t own_count;
  /**
   * Credentials of peers, provisioned beforehand.
   */
  const struct sealwire_bytes *peers;
  /**
   * Number of peers.
   */
  size_t peer_count;
  /**
   * Issuers whose credentials are accepted.
   */
  const struct sealwire_anchor *anchors;
  /**
   * Number of anchors.
   */
  size_t anchor_count;
  /**
   * Own inbox name, 1 to 16 bytes of [a-z0-9-]; needed on MQTT. The peer answers there.
   */
  struct sealwire_bytes inbox;
  /**
   * When this end answers handshakes: the inbox for everything after message_1. For a worker of a hub.
   */
  struct sealwire_bytes reply_inbox;
  /**
   * Cipher suites in order of preference, `SEALWIRE_SUITE_...`. Those that no own credential serves are left out.
   */
  uint8_t suites[4];
  /**
   * How many of them count. 0: all, in the order 4, 2, 3, 0.
   */
  uint8_t suite_count;
  /**
   * When this end begins a handshake: 1 if it signs, 0 if it uses static Diffie-Hellman. With `responder_signs` this is the EDHOC
   * method: 0 and 0 are method 3, the shortest; 1 and 0 method 1; 0 and 1 method 2; 1 and 1 method 0.
   */
  uint8_t initiator_signs;
  /**
   * When this end begins a handshake: 1 if the peer signs, 0 if it uses static Diffie-Hellman.
   */
  uint8_t responder_signs;
  /**
   * EDHOC methods refused when a peer begins: the sum of 1 << method. 0: every method that the own credentials serve is taken.
   */
  uint8_t methods_refused;
  /**
   * Length of the connection identifiers this end chooses, 1 to 4 bytes. Default: 1 with room for up to 24 sessions, 2 for up to
   * 4,096, else 3. When it changes, stored sessions cannot be read: set it where the memory of the endpoint may grow one day.
   */
  uint8_t identifier_length;
  /**
   * 1 when a frame from no known route cannot be answered, as on MQTT. Default 0.
   */
  uint8_t mqtt;
  /**
   * 1 when this end takes commands. Default 0.
   */
  uint8_t takes_commands;
  /**
   * 1: do not start a handshake when the peer says that it lost the session. Default 0.
   */
  uint8_t no_reconnect;
  /**
   * How often one handshake message is sent before the handshake fails. Default 6.
   */
  uint8_t handshake_attempts;
  /**
   * Unanswered repetitions before PEER_SILENT. Default 5.
   */
  uint8_t silent_attempts;
  /**
   * First interval between repetitions of a handshake message; it doubles. Default 1,000.
   */
  uint32_t handshake_interval_ms;
  /**
   * How long an unfinished handshake of a peer is kept. Default 60,000.
   */
  uint32_t half_open_ms;
  /**
   * How long a confirmable message stays unacknowledged before RESEND; it doubles up to 32 times. Default 3,000.
   */
  uint32_t resend_interval_ms;
  /**
   * How long an acknowledgement waits for a record to ride on. Default 50.
   */
  uint32_t ack_delay_ms;
  /**
   * Ping a peer that was silent for so long. 0: only when an answer is overdue.
   */
  uint32_t ping_after_ms;
  /**
   * How long a command may take to arrive before it is STALE. Default 10,000.
   */
  uint32_t command_lifetime_ms;
  /**
   * Records sent per store operation, up to 65,536. Default 64.
   */
  uint32_t reserve;
  /**
   * Records received per store operation, up to 65,536. Default 64.
   */
  uint32_t edge;
  /**
   * Message buffer of one open handshake in bytes, 256 to 65,535; see `SEALWIRE_HANDSHAKE_FRAME_MAX`, the default.
   */
  uint32_t handshake_buffer;
  /**
   * Ask for new keys after so many records, at least 8. Default 2^32, or three quarters of what the algorithm allows if that is less.
   */
  uint64_t key_update_after;
} sealwire_config;

/**
 * Where a frame comes from or goes to: an inbox name, or any address of up to 16 bytes that only the application interprets. Length
 * 0 is "the link".
 */
typedef struct sealwire_route {
  /**
   * Number of bytes used.
   */
  uint8_t length;
  /**
   * The address.
   */
  uint8_t address[16];
} sealwire_route;

/**
 * Under which session and number a message was sent first, when it comes again under another session.
 */
typedef struct sealwire_origin {
  /**
   * Name of that session.
   */
  uint8_t sid[8];
  /**
   * The message's number there.
   */
  uint64_t number;
} sealwire_origin;

/**
 * A message that arrived: authenticated, and new. Its bytes lie in the frame that was handed in.
 */
typedef struct sealwire_message {
  /**
   * `SEALWIRE_KIND_DATA` or `SEALWIRE_KIND_COMMAND`.
   */
  int32_t kind;
  /**
   * 1: has a `number`, and wants sealwire_commit().
   */
  uint8_t confirmable;
  /**
   * 1: it fills an earlier gap.
   */
  uint8_t late;
  /**
   * 1: the sender wanted the broker to keep it.
   */
  uint8_t retain;
  /**
   * 1: has an `origin`.
   */
  uint8_t has_origin;
  /**
   * 1: has an expiry, `expiry_s`.
   */
  uint8_t has_expiry;
  /**
   * Its number, if confirmable.
   */
  uint64_t number;
  /**
   * Where it was sent first; hand it to sealwire_commit() too.
   */
  struct sealwire_origin origin;
  /**
   * Records missing right before this one: lost, late or suppressed.
   */
  uint64_t missing;
  /**
   * The sender's message expiry in seconds, with `has_expiry`.
   */
  uint64_t expiry_s;
  /**
   * Topic name of an addressed message; empty if none. For a message in place the topic handed in is authentic.
   */
  struct sealwire_bytes topic;
  /**
   * The plaintext.
   */
  struct sealwire_bytes payload;
  /**
   * The sender's content type, UTF-8; empty if none.
   */
  struct sealwire_bytes content_type;
} sealwire_message;

/**
 * Something happened. Which members mean something depends on `event`; the rest is 0.
 */
typedef struct sealwire_event {
  /**
   * `SEALWIRE_EVENT_...`
   */
  int32_t event;
  /**
   * The session.
   */
  uint32_t session;
  /**
   * The session that ended.
   */
  uint32_t old_session;
  /**
   * The handshake that this end had started, as sealwire_connect() gave it; 0 if it did not.
   */
  uint32_t handshake;
  /**
   * A status: why.
   */
  int32_t reason;
  /**
   * `SEALWIRE_ROLE_...`: what this end was in the handshake.
   */
  int32_t role;
  /**
   * The key epoch; of an event about ownership, that one's.
   */
  uint32_t epoch;
  /**
   * 1: the session was restored from the store.
   */
  uint8_t resumed;
  /**
   * The peer's identity.
   */
  uint8_t peer[16];
  /**
   * Name of the ended session; of OWNERSHIP, the device's nonce.
   */
  uint8_t sid[8];
  /**
   * Where the peer was.
   */
  struct sealwire_route route;
  /**
   * A message number.
   */
  uint64_t number;
  /**
   * Which numbers below `number` are missing: bit i stands for `number` - 1 - i.
   */
  uint64_t missing;
  /**
   * The message, with `SEALWIRE_EVENT_MESSAGE`.
   */
  struct sealwire_message message;
} sealwire_event;

/**
 * A frame that the endpoint wants sent.
 */
typedef struct sealwire_transmit {
  /**
   * Bytes in the frame buffer; 0 when there is nothing to send.
   */
  size_t length;
  /**
   * Where to.
   */
  struct sealwire_route route;
  /**
   * 1 for handshake messages: QoS 1 on MQTT.
   */
  uint8_t handshake;
} sealwire_transmit;

/**
 * A message to send. Start from `SEALWIRE_OUTGOING_INIT`.
 */
typedef struct sealwire_outgoing {
  /**
   * `SEALWIRE_KIND_DATA` or `SEALWIRE_KIND_COMMAND`.
   */
  int32_t kind;
  /**
   * `SEALWIRE_TOPIC_...`: how `topic` is used.
   */
  int32_t topic_use;
  /**
   * 1: numbered, RESEND until the receiving application has committed it, delivered once.
   */
  uint8_t confirmable;
  /**
   * 1: send again under `number`, after RESEND or a restart.
   */
  uint8_t again;
  /**
   * 1: was sent first under a session that has ended; `origin` says which.
   */
  uint8_t has_origin;
  /**
   * 1: the broker should keep it.
   */
  uint8_t retain;
  /**
   * 1: `expiry_s` is meant.
   */
  uint8_t has_expiry;
  /**
   * Message expiry in seconds, with `has_expiry`.
   */
  uint32_t expiry_s;
  /**
   * The number given before, with `again`.
   */
  uint64_t number;
  /**
   * Session and number of the first sending, with `has_origin`.
   */
  struct sealwire_origin origin;
  /**
   * Topic name relative to the realm, 1 to 255 bytes of UTF-8.
   */
  struct sealwire_bytes topic;
  /**
   * The plaintext; may be empty.
   */
  struct sealwire_bytes payload;
  /**
   * Content type, 1 to 64 bytes of UTF-8; empty: none.
   */
  struct sealwire_bytes content_type;
} sealwire_outgoing;

/**
 * A message was protected.
 */
typedef struct sealwire_sent {
  /**
   * Bytes in the frame buffer.
   */
  size_t length;
  /**
   * Where the frame goes; a message in place goes to its topic instead.
   */
  struct sealwire_route route;
  /**
   * 1: it has a `number`.
   */
  uint8_t confirmable;
  /**
   * Its number, if confirmable.
   */
  uint64_t number;
} sealwire_sent;

/**
 * What is known about a session; no secrets.
 */
typedef struct sealwire_session_info {
  /**
   * Its handle.
   */
  uint32_t session;
  /**
   * `SEALWIRE_ROLE_...`: what this end was in the handshake.
   */
  int32_t role;
  /**
   * Cipher suite.
   */
  int32_t suite;
  /**
   * Key epoch.
   */
  uint32_t epoch;
  /**
   * Confirmable messages not acknowledged yet, 0 to 64.
   */
  uint32_t unacknowledged;
  /**
   * 0: a Responder that has not verified a record yet; it receives and does not send.
   */
  uint8_t confirmed;
  /**
   * 1: a command can be sent now.
   */
  uint8_t command_ready;
  /**
   * Its name on both ends.
   */
  uint8_t sid[8];
  /**
   * The peer's identity.
   */
  uint8_t peer[16];
  /**
   * This end's identity.
   */
  uint8_t own[16];
  /**
   * Where frames go.
   */
  struct sealwire_route route;
  /**
   * The next message number.
   */
  uint64_t next_number;
} sealwire_session_info;

/**
 * How often what happened since the start; they wrap around. None of them is secret.
 */
typedef struct sealwire_counters {
  /**
   * Frames handed in.
   */
  uint32_t frames;
  /**
   * Records delivered or used by the endpoint itself.
   */
  uint32_t records;
  /**
   * Frames that do not parse, or of another version or type.
   */
  uint32_t malformed;
  /**
   * Records for no session here.
   */
  uint32_t unknown_context;
  /**
   * Records that do not verify.
   */
  uint32_t decrypt_failed;
  /**
   * Replays.
   */
  uint32_t replay;
  /**
   * Redeliveries.
   */
  uint32_t duplicate;
  /**
   * Stale commands.
   */
  uint32_t stale;
  /**
   * Records with an unknown option.
   */
  uint32_t unsupported_option;
  /**
   * Records missing; a late one is not subtracted.
   */
  uint32_t missing;
  /**
   * Records that filled a gap.
   */
  uint32_t late;
  /**
   * Handshakes completed.
   */
  uint32_t handshakes;
  /**
   * Handshakes that ended without a session.
   */
  uint32_t handshakes_failed;
  /**
   * Handshake messages that were ignored: failing, late, or for no handshake here.
   */
  uint32_t handshake_ignored;
  /**
   * Half-open handshakes that made room for others.
   */
  uint32_t evicted;
  /**
   * EDHOC errors received.
   */
  uint32_t peer_errors;
  /**
   * unknown-context frames received.
   */
  uint32_t unknown_context_received;
  /**
   * Damaged entries found in the store.
   */
  uint32_t corrupt;
  /**
   * Store operations that failed.
   */
  uint32_t storage_failed;
} sealwire_counters;

/**
 * What the label of a device says.
 */
typedef struct sealwire_setup_code {
  /**
   * The device's thumbprint.
   */
  uint8_t device[16];
  /**
   * The setup secret.
   */
  uint8_t secret[16];
  /**
   * The model, 0 to 24 characters of `[A-Z0-9./-]`, with a NUL.
   */
  uint8_t model[25];
} sealwire_setup_code;

/**
 * Why a device that does not know this end should let it in. All zeros: SEALWIRE_CLAIM_KNOWN.
 */
typedef struct sealwire_claim {
  /**
   * `SEALWIRE_CLAIM_...`
   */
  int32_t claim;
  /**
   * The setup secret, 16 bytes.
   */
  const uint8_t *secret;
  /**
   * What sealwire_ownership_sign() wrote for this end.
   */
  struct sealwire_bytes statement;
  /**
   * The public key by which this end will sign as owner, Ed25519 or P-256 and none of its credentials' keys: a COSE_Key, or a CCS with it as
   * sealwire_credential_make() makes it. Empty: the key of its credential if that signs; else the device can be released to nobody.
   */
  struct sealwire_bytes anchor;
} sealwire_claim;

/**
 * Who owns this device.
 */
typedef struct sealwire_ownership {
  /**
   * One more with every release and every reset.
   */
  uint32_t epoch;
  /**
   * 1 if there is an owner.
   */
  uint8_t owned;
  /**
   * Number of delegates, at most 3.
   */
  uint8_t delegate_count;
  /**
   * The owner's thumbprint.
   */
  uint8_t owner[16];
  /**
   * The delegates' thumbprints.
   */
  uint8_t delegates[3][16];
} sealwire_ownership;

/**
 * A statement to be signed by the owner of a device.
 */
typedef struct sealwire_statement {
  /**
   * `SEALWIRE_STATEMENT_...`
   */
  int32_t statement;
  /**
   * The epoch, as the OWNERSHIP event told.
   */
  uint32_t epoch;
  /**
   * The nonce, as the OWNERSHIP event told in `sid`.
   */
  uint8_t nonce[8];
  /**
   * The device's thumbprint.
   */
  uint8_t device[16];
  /**
   * The thumbprint of whom it concerns.
   */
  uint8_t about[16];
} sealwire_statement;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The library's version, such as "0.1.0". Static text, never NULL.
 */
const char *sealwire_version(void);

/**
 * The ABI version of the library that is linked; compare with `SEALWIRE_ABI_VERSION`.
 */
uint32_t sealwire_abi_version(void);

/**
 * The version of the wire format that the library speaks; compare with `SEALWIRE_WIRE_VERSION`.
 */
uint32_t sealwire_wire_version(void);

/**
 * The name of a status, such as "replay"; the same in every language up to casing. Never NULL; "unknown-status" for a number
 * that is none. The text is static.
 */
const char *sealwire_status_name(int32_t status);

/**
 * One sentence on what to do about a status. Never NULL. The text is static; firmware that never calls this does not
 * carry the texts.
 */
const char *sealwire_status_hint(int32_t status);

/**
 * Takes over a raw private key: 32 bytes, for P-256 big-endian. The key is copied; erase the original.
 *
 * `kind`: `SEALWIRE_KEY_...`.
 * Statuses: OK; INVALID_ARGUMENT; INVALID_KEY (zero, or not below the order of P-256); UNSUPPORTED_SUITE (curve not in this library).
 */
SEALWIRE_MUST_USE
int32_t sealwire_key_import(struct sealwire_key *key,
                            int32_t kind,
                            const uint8_t *private_key);

/**
 * Makes a new private key with the port's random source.
 *
 * `kind`: `SEALWIRE_KEY_...`.
 * Statuses: OK; INVALID_ARGUMENT; RANDOM_FAILED; UNSUPPORTED_SUITE.
 */
SEALWIRE_MUST_USE
int32_t sealwire_key_generate(struct sealwire_key *key,
                              int32_t kind,
                              const struct sealwire_port *port);

/**
 * The public key of a private key: 32 bytes, on P-256 the x coordinate.
 *
 * Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (the memory holds no key).
 */
SEALWIRE_MUST_USE int32_t sealwire_key_public(const struct sealwire_key *key, uint8_t *public_key);

/**
 * The raw private key, 32 bytes, to be stored. Who has it is this endpoint.
 *
 * Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (the memory holds no key).
 */
SEALWIRE_MUST_USE int32_t sealwire_key_export(const struct sealwire_key *key, uint8_t *private_key);

/**
 * Erases a key. Operations with it answer UNKNOWN_KEY from then on. NULL does nothing.
 */
void sealwire_key_erase(struct sealwire_key *key);

/**
 * Diffie-Hellman with a software key, for a port's `key_agree` that keeps some keys in software.
 *
 * Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (no key, or of another curve); INVALID_KEY (the peer's point); UNSUPPORTED_SUITE.
 */
SEALWIRE_MUST_USE
int32_t sealwire_key_agree(const struct sealwire_key *key,
                           int32_t curve,
                           const uint8_t *peer_public_key,
                           uint8_t *shared_secret);

/**
 * Signs the concatenation of `part_count` parts with a software key, for a port's `key_sign` that keeps some keys in software; writes 64
 * bytes. Signatures are deterministic (RFC 8032, RFC 6979).
 *
 * `algorithm`: `SEALWIRE_ALGORITHM_EDDSA` or `SEALWIRE_ALGORITHM_ES256`.
 * Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (no key, or of another kind); UNSUPPORTED_SUITE.
 */
SEALWIRE_MUST_USE
int32_t sealwire_key_sign(const struct sealwire_key *key,
                          int32_t algorithm,
                          const struct sealwire_bytes *parts,
                          size_t part_count,
                          uint8_t *signature);

/**
 * Makes an unsigned credential (CCS) for a software key: what one hands to the peers. `subject` (UTF-8) is also the inbox name on
 * MQTT; `kid` is what handshakes send for it, best a single byte 0x00 to 0x17 or 0x20 to 0x37, or a few bytes. The credential of a key in a
 * secure element is made from its public key where the device is provisioned: in Python,
 * `Credential.ccs(Key.external("P-256", public), subject, kid)`, with "ES256" for a key that signs; `public` is x and y, 64 bytes.
 *
 * Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY; BUFFER_TOO_SMALL (160 bytes are enough for a subject of 16).
 */
SEALWIRE_MUST_USE
int32_t sealwire_credential_make(const struct sealwire_key *key,
                                 const uint8_t *subject,
                                 size_t subject_length,
                                 const uint8_t *kid,
                                 size_t kid_length,
                                 uint8_t *credential,
                                 size_t capacity,
                                 size_t *length);

/**
 * Reads a credential. It says what the credential claims, not whether that is true.
 *
 * Statuses: OK; INVALID_ARGUMENT; MALFORMED; NOT_DETERMINISTIC; INVALID_KEY; UNSUPPORTED_SUITE;
 * UNSUPPORTED_CREDENTIAL (a certificate outside the profile).
 */
SEALWIRE_MUST_USE
int32_t sealwire_credential_read(const uint8_t *credential,
                                 size_t length,
                                 struct sealwire_credential_info *info);

/**
 * Bytes that this library needs for an endpoint with so many sessions: less than `SEALWIRE_ENDPOINT_SIZE`, which holds for every library of
 * this ABI version. `handshake_buffer` as in the configuration. sealwire_endpoint_init() takes so few for one session; for more it goes by
 * the macro.
 */
size_t sealwire_endpoint_size(uint32_t sessions,
                              uint32_t handshake_buffer);

/**
 * Makes an endpoint in `memory`, which must be aligned like uint64_t; `SEALWIRE_ENDPOINT_MEMORY` declares such. It holds as many
 * sessions as `SEALWIRE_ENDPOINT_SIZE` (with another `handshake_buffer`: `SEALWIRE_ENDPOINT_SIZE_WITH`) says for `size`, at most 65,536. The memory belongs to the endpoint until sealwire_endpoint_close(),
 * and must not be moved. Afterwards call sealwire_restore() once.
 *
 * Statuses: OK; VERSION_MISMATCH (the header is another library's); INVALID_ARGUMENT (also: no own credential, no random source, only
 * one of the two store functions); NO_SPACE (no room for one session); MALFORMED, NOT_DETERMINISTIC, INVALID_KEY (a
 * credential or anchor); UNSUPPORTED_SUITE (no own credential serves any of the suites); UNKNOWN_KEY (own key missing).
 */
SEALWIRE_MUST_USE
int32_t sealwire_endpoint_init(void *memory,
                               size_t size,
                               const struct sealwire_config *config,
                               const struct sealwire_port *port,
                               struct sealwire_endpoint **endpoint);

/**
 * Closes an endpoint and erases every key from its memory, which is the caller's again. Sessions in the store stay there. The
 * peers are told nothing; see sealwire_session_close().
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (closed before); BUSY.
 */
int32_t sealwire_endpoint_close(struct sealwire_endpoint *endpoint);

/**
 * Number of sessions that the endpoint has room for.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE int32_t sealwire_endpoint_capacity(struct sealwire_endpoint *endpoint, uint32_t *sessions);

/**
 * Restores sessions from the store; the first call after sealwire_endpoint_init(). ESTABLISHED with `resumed` follows for each
 * session, CLOSED with LOST_STATE for each that a store without resistance against rollback had. Then RESEND follows for each message
 * number that may be unacknowledged, also for some that were never used: send it again, or sealwire_abandon() it.
 * Where `sessions` is 0, sealwire_connect().
 *
 * Statuses: OK; INVALID_ARGUMENT (also: stored with another `identifier_length`); WRONG_STATE (also: there are sessions already); BUSY;
 * STORAGE_FAILED; UNSUPPORTED_STATE; RANDOM_FAILED. What is damaged is left out.
 */
SEALWIRE_MUST_USE
int32_t sealwire_restore(struct sealwire_endpoint *endpoint,
                         uint64_t now_ms,
                         uint32_t *sessions);

/**
 * Starts a handshake with whoever answers at `route` (NULL: the link). `peer`: 16 bytes, the only identity that is acceptable, or
 * NULL for any that is provisioned or vouched for. Poll for what to send; ESTABLISHED or HANDSHAKE_FAILED follows.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; NO_SPACE; RANDOM_FAILED; UNKNOWN_CREDENTIAL (no own one for a configured
 * suite); UNSUPPORTED_SUITE.
 */
SEALWIRE_MUST_USE
int32_t sealwire_connect(struct sealwire_endpoint *endpoint,
                         uint64_t now_ms,
                         const struct sealwire_route *route,
                         const uint8_t *peer,
                         uint32_t *handshake);

/**
 * Gives up a handshake that this end started; no event follows.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION (it is over).
 */
int32_t sealwire_cancel(struct sealwire_endpoint *endpoint, uint32_t handshake);

/**
 * Hands in a frame. It is decrypted in place, and a MESSAGE event points into it; other events come from sealwire_poll_event().
 * A failure says why the frame was refused. It changes nothing but counters and what limits failures; a record that verified (DUPLICATE, STALE,
 * UNSUPPORTED_OPTION) is used up. After PENDING the endpoint has kept the frame. After any failure the bytes of `frame` are undefined: hand in a copy
 * made before, not the same bytes, to try again after STORAGE_FAILED.
 *
 * `route`: where an answer would go; NULL for the link. `topic`: on MQTT the topic relative to the realm, for records
 * in place; NULL for frames from an inbox and on links.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; PENDING; STORAGE_FAILED; RANDOM_FAILED; MALFORMED; UNSUPPORTED_VERSION;
 * UNSUPPORTED_FRAME; UNSUPPORTED_OPTION; NOT_DETERMINISTIC; UNKNOWN_CONTEXT; DECRYPT_FAILED; REPLAY; DUPLICATE; STALE; STALE_EPOCH;
 * KEY_EXHAUSTED; NO_SPACE; of handshake frames also those from UNSUPPORTED_METHOD to SUPERSEDED, and UNKNOWN_KEY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_handle_frame(struct sealwire_endpoint *endpoint,
                              uint64_t now_ms,
                              const struct sealwire_route *route,
                              const uint8_t *topic,
                              size_t topic_length,
                              uint8_t *frame,
                              size_t frame_length,
                              struct sealwire_event *event);

/**
 * Lets time pass: repeats what is unanswered, gives up what is overdue. Call it when sealwire_poll_timeout() is due; a call too many
 * does no harm.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; STORAGE_FAILED; RANDOM_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_handle_timeout(struct sealwire_endpoint *endpoint,
                                uint64_t now_ms);

/**
 * Goes on with a handshake that a slow key held up: call it when the key operation has finished. Does nothing if none waits.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; PENDING (again); as sealwire_handle_frame() for the frame that waited.
 */
SEALWIRE_MUST_USE
int32_t sealwire_resume(struct sealwire_endpoint *endpoint,
                        uint64_t now_ms);

/**
 * The next event, or SEALWIRE_EVENT_NONE. Poll after every other call until there is none: an event that was not taken keeps its slot, and
 * handshakes may find none (NO_SPACE).
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_poll_event(struct sealwire_endpoint *endpoint,
                            struct sealwire_event *event);

/**
 * The next frame that the endpoint itself wants sent: handshake messages, acknowledgements, repetitions. Poll after every other
 * call until `length` is 0. `SEALWIRE_HANDSHAKE_FRAME_MAX` bytes are enough, or `handshake_buffer` if that is more.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; BUFFER_TOO_SMALL; STORAGE_FAILED; RANDOM_FAILED. After a failure other frames
 * may still wait.
 */
SEALWIRE_MUST_USE
int32_t sealwire_poll_transmit(struct sealwire_endpoint *endpoint,
                               uint64_t now_ms,
                               uint8_t *frame,
                               size_t capacity,
                               struct sealwire_transmit *transmit);

/**
 * When to call sealwire_handle_timeout(): a moment on the clock of now_ms; UINT64_MAX if nothing waits.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE int32_t sealwire_poll_timeout(struct sealwire_endpoint *endpoint, uint64_t *due_ms);

/**
 * 1 if the `number` and `missing` of an ACKNOWLEDGED event say that message `number_sent` is committed, else 0.
 */
int32_t sealwire_acknowledges(uint64_t number, uint64_t missing, uint64_t number_sent);

/**
 * Protects a message into `frame`, to be sent where `sent` says. `capacity`: payload, topic name and content type, and
 * `SEALWIRE_OVERHEAD_MAX`.
 *
 * A command needs a fresh offer of the receiver: NO_OFFER means that one was asked for, and COMMAND_READY follows. It never does where
 * the receiver has not set `takes_commands`.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: the peer has not confirmed the session yet); BUSY; UNKNOWN_SESSION; WINDOW_FULL (messages with
 * `origin` go before new ones); NO_OFFER; KEY_EXHAUSTED; STORAGE_FAILED; RANDOM_FAILED; BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_send(struct sealwire_endpoint *endpoint,
                      uint64_t now_ms,
                      uint32_t session,
                      const struct sealwire_outgoing *message,
                      uint8_t *frame,
                      size_t capacity,
                      struct sealwire_sent *sent);

/**
 * Says that the effect of a confirmable message is durable: stored, then acknowledged to the sender. `number` and `origin` are those
 * of the message; `origin` is NULL if it has none.
 *
 * Statuses: OK; INVALID_ARGUMENT (no such message was delivered); WRONG_STATE; BUSY; UNKNOWN_SESSION; STORAGE_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_commit(struct sealwire_endpoint *endpoint,
                        uint64_t now_ms,
                        uint32_t session,
                        uint64_t number,
                        const struct sealwire_origin *origin);

/**
 * Gives up a confirmable message: RESEND does not come for it again. For a number whose message the application no longer has,
 * as after a restart; until then it counts among the 64.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
 */
SEALWIRE_MUST_USE
int32_t sealwire_abandon(struct sealwire_endpoint *endpoint,
                         uint32_t session,
                         uint64_t number);

/**
 * Asks the peer for new keys; KEY_UPDATED follows. Heals no compromise: for that, connect again.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not confirmed yet); BUSY (also: an update is under way); UNKNOWN_SESSION; RANDOM_FAILED;
 * KEY_EXHAUSTED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_key_update(struct sealwire_endpoint *endpoint,
                            uint64_t now_ms,
                            uint32_t session);

/**
 * Ends a session at this end: erased from memory and store. The peer is not told; its records are answered as unknown.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION; STORAGE_FAILED.
 */
SEALWIRE_MUST_USE int32_t sealwire_session_close(struct sealwire_endpoint *endpoint, uint32_t session);

/**
 * A secret that both ends of the session get for the same label (33000 and above) and context: the EDHOC exporter. After a key update it is
 * another one: see KEY_UPDATED, and `epoch` of sealwire_session().
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
 */
SEALWIRE_MUST_USE
int32_t sealwire_export(struct sealwire_endpoint *endpoint,
                        uint32_t session,
                        uint64_t label,
                        const uint8_t *context,
                        size_t context_length,
                        uint8_t *secret,
                        size_t secret_length);

/**
 * Looks at a session.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
 */
SEALWIRE_MUST_USE
int32_t sealwire_session(struct sealwire_endpoint *endpoint,
                         uint64_t now_ms,
                         uint32_t session,
                         struct sealwire_session_info *info);

/**
 * The session that stands with a peer, whose identity is 16 bytes.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY; UNKNOWN_SESSION.
 */
SEALWIRE_MUST_USE int32_t sealwire_find(struct sealwire_endpoint *endpoint, const uint8_t *peer, uint32_t *session);

/**
 * Handles of all sessions: writes at most `capacity` of them, and their number, which can be more.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_sessions(struct sealwire_endpoint *endpoint,
                          uint32_t *sessions,
                          size_t capacity,
                          size_t *count);

/**
 * Reads the counters.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_read_counters(struct sealwire_endpoint *endpoint,
                               struct sealwire_counters *counters);

/**
 * Reads a setup code.
 *
 * Statuses: OK; INVALID_ARGUMENT; MALFORMED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_setup_code_read(const uint8_t *text,
                                 size_t length,
                                 struct sealwire_setup_code *code);

/**
 * Writes a setup code, without NUL; `length`: how many characters, at most `SEALWIRE_SETUP_CODE_MAX`. It holds the secret.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: the model); BUFFER_TOO_SMALL.
 */
SEALWIRE_MUST_USE
int32_t sealwire_setup_code_write(const struct sealwire_setup_code *code,
                                  uint8_t *text,
                                  size_t capacity,
                                  size_t *length);

/**
 * Makes this endpoint a device that can be owned; between sealwire_endpoint_init() and sealwire_restore(). Its record is kept in the store
 * under `slot`, at least sealwire_endpoint_capacity(), in `SEALWIRE_OWNERSHIP_MAX` bytes. `secret`: the 16 bytes of its label. Its own
 * credential should go `by_value`, since a phone knows only the label.
 *
 * Statuses: OK; INVALID_ARGUMENT (also: `slot` is one of the sessions'); WRONG_STATE (called before, or there are sessions already); BUSY;
 * STORAGE_FAILED; UNSUPPORTED_STATE; CORRUPT_STATE: the record is damaged, and nobody is let in before sealwire_ownership_reset().
 */
SEALWIRE_MUST_USE
int32_t sealwire_setup_enable(struct sealwire_endpoint *endpoint,
                              uint32_t slot,
                              const uint8_t *secret);

/**
 * There was a physical act, such as a button pressed: setup is possible until `until_ms`, and 10 minutes at most.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled); BUSY; OTHER_OWNER (there is one: reset first); CORRUPT_STATE.
 */
SEALWIRE_MUST_USE
int32_t sealwire_setup_open(struct sealwire_endpoint *endpoint,
                            uint64_t now_ms,
                            uint64_t until_ms);

/**
 * Setup is not possible any more.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE; BUSY.
 */
int32_t sealwire_setup_close(struct sealwire_endpoint *endpoint);

/**
 * Starts a handshake with a device of which this end knows the thumbprint only (`device`, 16 bytes), to be let in by `claim` (NULL:
 * `SEALWIRE_CLAIM_KNOWN`). As sealwire_connect(); an owner is told by OWNERSHIP what to sign over. The own credential must be a CCS.
 * When the device has lost the session, an endpoint connects again by itself (`no_reconnect`); a device that knows it by a claim only
 * refuses that: claim again, with `SEALWIRE_CLAIM_KNOWN`.
 *
 * Statuses: as sealwire_connect(); INVALID_ARGUMENT also for a statement of another length; INVALID_KEY, MALFORMED, NOT_DETERMINISTIC (the
 * anchor); BUFFER_TOO_SMALL (`handshake_buffer`).
 */
SEALWIRE_MUST_USE
int32_t sealwire_setup_claim(struct sealwire_endpoint *endpoint,
                             uint64_t now_ms,
                             const struct sealwire_route *route,
                             const uint8_t *device,
                             const struct sealwire_claim *claim,
                             uint32_t *handshake);

/**
 * Who owns this device.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled, or the record is damaged); BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ownership_get(struct sealwire_endpoint *endpoint,
                               struct sealwire_ownership *ownership);

/**
 * What a peer (its thumbprint, as ESTABLISHED or a message has it) is to this device: `SEALWIRE_STANDING_...`.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled, or the record is damaged); BUSY.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ownership_standing(struct sealwire_endpoint *endpoint,
                                    const uint8_t *peer,
                                    int32_t *standing);

/**
 * Takes from a delegate (its thumbprint) what the owner had given it, and ends its sessions; when the owner asks for it. Statements signed
 * before count no more.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled); BUSY; UNKNOWN_CREDENTIAL (no such delegate); RANDOM_FAILED; STORAGE_FAILED.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ownership_revoke(struct sealwire_endpoint *endpoint,
                                  const uint8_t *delegate);

/**
 * Physical reset: the device belongs to nobody, in the next epoch, and every session has ended. Erase the owner's data as well.
 *
 * Statuses: OK; INVALID_ARGUMENT; WRONG_STATE (also: not enabled); BUSY; RANDOM_FAILED; STORAGE_FAILED: call it again.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ownership_reset(struct sealwire_endpoint *endpoint);

/**
 * Signs a statement as the owner of a device, with the software key whose public key the device has as anchor. Writes
 * `SEALWIRE_STATEMENT_SIZE` bytes, for whom it concerns to show in sealwire_setup_claim().
 *
 * Statuses: OK; INVALID_ARGUMENT; UNKNOWN_KEY (no key, or one that does not sign); UNSUPPORTED_SUITE.
 */
SEALWIRE_MUST_USE
int32_t sealwire_ownership_sign(const struct sealwire_key *key,
                                const struct sealwire_statement *statement,
                                uint8_t *signed_statement);

/**
 * To be written by the application, in builds with the feature `panic-hook` only: records `file` (not NUL-terminated,
 * `length` bytes) and `line`, and resets the device. It must not return.
 */
extern void sealwire_panic_hook(const uint8_t *file, size_t length, uint32_t line);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SEALWIRE_H */

#ifndef SEALWIRE_H_MACROS
#define SEALWIRE_H_MACROS

/** A configuration in which everything is the default. */
#define SEALWIRE_CONFIG_INIT                                                                                           \
  {                                                                                                                    \
    SEALWIRE_ABI_VERSION, (uint32_t)sizeof(sealwire_config), (uint32_t)sizeof(sealwire_port),                          \
        (uint32_t)sizeof(sealwire_event), NULL, 0, NULL, 0, NULL, 0, {NULL, 0}, {NULL, 0}, {0, 0, 0, 0}, 0, 0, 0, 0, 0, \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                                                    \
  }

/** A port without any callback; `random` must be filled in. */
#define SEALWIRE_PORT_INIT {NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL}

/** A message of data without topic, number or anything else. */
#define SEALWIRE_OUTGOING_INIT                                                                                         \
  { SEALWIRE_KIND_DATA, SEALWIRE_TOPIC_NONE, 0, 0, 0, 0, 0, 0, 0, {{0, 0, 0, 0, 0, 0, 0, 0}, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0} }

/** Handshakes open at once by default, and what is needed beside them and the sessions. Define SEALWIRE_CONNECT_ONLY for a library built without
 *  the feature `responder`, and hence without `setup`: it needs one, and less. */
#ifdef SEALWIRE_CONNECT_ONLY
#define SEALWIRE_HANDSHAKES 1u
#define SEALWIRE_HEAD_SIZE SEALWIRE_ENDPOINT_BASE_SIZE
#else
#define SEALWIRE_HANDSHAKES 2u
#define SEALWIRE_HEAD_SIZE (SEALWIRE_ENDPOINT_BASE_SIZE + SEALWIRE_SETUP_SIZE)
#endif

/** Bytes that an endpoint needs for so many sessions and groups. This version has no groups: pass 0.
 *  More handshakes than one can be open at once: SEALWIRE_HANDSHAKES, and one more for every 8 sessions. */
#define SEALWIRE_ENDPOINT_SIZE(sessions, groups)                                                                       \
  SEALWIRE_ENDPOINT_SIZE_WITH(sessions, groups, SEALWIRE_HANDSHAKE_FRAME_MAX)

/** The same with another `handshake_buffer` in the configuration. */
#define SEALWIRE_ENDPOINT_SIZE_WITH(sessions, groups, handshake_buffer)                                                \
  (SEALWIRE_HEAD_SIZE + (size_t)(sessions) * SEALWIRE_SESSION_SIZE +                                                   \
   (size_t)(groups) * SEALWIRE_GROUP_SIZE +                                                                            \
   (SEALWIRE_HANDSHAKES + (size_t)(sessions) / 8u) * (SEALWIRE_HANDSHAKE_SIZE - SEALWIRE_HANDSHAKE_FRAME_MAX + (size_t)(handshake_buffer)))

/** Declares `name` as aligned memory for such an endpoint; `static` goes in front. */
#define SEALWIRE_ENDPOINT_MEMORY(name, sessions, groups)                                                               \
  uint64_t name[(SEALWIRE_ENDPOINT_SIZE(sessions, groups) + 7u) / 8u]

#endif
