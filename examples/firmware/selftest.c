/* What fits an 8-bit processor: the pieces, not the endpoint. Random bytes from a seed, Diffie-Hellman on X25519 against the known answer of
   RFC 7748, its own public key, and framing for the UART; each step is told with its time. */
#include "board.h"
#include "report.h"

/* RFC 7748, 6.1: Alice's private and public key, Bob's public key, their secret. */
static const uint8_t private_key[32] = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
                                        0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
static const uint8_t public_key[32] = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
                                       0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
static const uint8_t peer_key[32] = {0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37,
                                     0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f};
static const uint8_t shared[32] = {0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25,
                                   0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};

static sealwire_entropy entropy;
static sealwire_uart decoder;
static sealwire_key key;
static uint8_t room[80], framed[96];
static uint64_t since_ms;

static int done(const char *what, int right) {
  uint64_t now_ms = board_now_ms();
  report(right ? "passed" : "failed");
  report_text("what", what);
  report_number("ms", now_ms - since_ms);
  report_end();
  since_ms = board_now_ms();
  return right;
}

static int random_numbers(void) {
  uint8_t seed[32], first[8], second[8];
  if (sealwire_entropy_random(&entropy, first, sizeof first) != SEALWIRE_RANDOM_FAILED) return 0;
  size_t length = board_entropy(seed, sizeof seed);
  if (sealwire_entropy_seed(&entropy, seed, length, NULL, 0) != SEALWIRE_OK) return 0;
  return sealwire_entropy_random(&entropy, first, sizeof first) == SEALWIRE_OK &&
         sealwire_entropy_random(&entropy, second, sizeof second) == SEALWIRE_OK && memcmp(first, second, sizeof first) != 0;
}

static int known_answer(void) {
  uint8_t secret[32];
  return sealwire_key_import(&key, SEALWIRE_KEY_X25519, private_key) == SEALWIRE_OK &&
         sealwire_key_agree(&key, SEALWIRE_CURVE_X25519, peer_key, secret) == SEALWIRE_OK && memcmp(secret, shared, sizeof secret) == 0;
}

static int own_public_key(void) {
  uint8_t mine[32];
  return sealwire_key_public(&key, mine) == SEALWIRE_OK && memcmp(mine, public_key, sizeof mine) == 0;
}

static int framing(void) {
  size_t length = 0, taken = 0, found_length = 0;
  uint8_t *found = NULL;
  if (sealwire_uart_init(&decoder, room, sizeof room) != SEALWIRE_OK) return 0;
  if (sealwire_uart_encode(shared, sizeof shared, framed, sizeof framed, &length) != SEALWIRE_OK) return 0;
  if (sealwire_uart_feed(&decoder, framed, length, &taken, &found, &found_length) != SEALWIRE_OK || found == NULL) return 0;
  if (found_length != sizeof shared || memcmp(found, shared, sizeof shared) != 0) return 0;
  framed[3] ^= 1;
  return sealwire_uart_feed(&decoder, framed, length, &taken, &found, &found_length) == SEALWIRE_OK && found == NULL;
}

int main(void) {
  board_init();
  since_ms = board_now_ms();
  int right = done("random bytes, HMAC_DRBG", random_numbers());
  right &= done("X25519, RFC 7748", known_answer());
  right &= done("own public key, RFC 7748", own_public_key());
  right &= done("UART framing", framing());
  report(right ? "done" : "error");
  report_end();
  board_exit(right ? 0 : 1);
  return right ? 0 : 1;
}
