#include "runner.h"

static int is(const line *step, const char *word) { return strcmp(step->word, word) == 0; }

/* A thumbprint. */
static const uint8_t *thumbprint(const line *step, const char *name, uint8_t out[16]) {
  const char *hex = line_text(step, name);
  if (hex == NULL || from_hex(hex, out, 16) != 16) {
    fprintf(stderr, "%s names nobody as %s\n", step->word, name);
    exit(2);
  }
  return out;
}

static int32_t claim(world *all, party *who, const line *step) {
  static uint8_t anchor[SEALWIRE_CREDENTIAL_MAX];
  sealwire_route route = route_of(line_text(step, "to"));
  const char *text = line_text(step, "code");
  uint8_t device[16];
  sealwire_setup_code code;
  sealwire_claim shown;
  memset(&shown, 0, sizeof shown);
  if (text != NULL) {
    int32_t status = sealwire_setup_code_read((const uint8_t *)text, strlen(text), &code);
    if (status != SEALWIRE_OK) return status;
    memcpy(device, code.device, sizeof device);
    shown.claim = SEALWIRE_CLAIM_SETUP;
    shown.secret = code.secret;
  } else {
    thumbprint(step, "device", device);
  }
  if (line_has(step, "release") || line_has(step, "delegation")) {
    int release = line_has(step, "release");
    const value *statement = get_value(all, step, release ? "release" : "delegation");
    shown.claim = release ? SEALWIRE_CLAIM_RELEASE : SEALWIRE_CLAIM_DELEGATION;
    shown.statement.data = statement->bytes;
    shown.statement.length = statement->length;
  }
  if (line_has(step, "anchor_credential")) {
    shown.anchor.data = anchor;
    shown.anchor.length = from_hex(line_text(step, "anchor_credential"), anchor, sizeof anchor);
  }
  return sealwire_setup_claim(who->endpoint, all->now, line_has(step, "to") ? &route : NULL, device,
                                shown.claim == SEALWIRE_CLAIM_KNOWN ? NULL : &shown, &who->handshake);
}

static int32_t sign_statement(world *all, const party *who, const line *step) {
  const told *over = party_told(who, line_text(step, "told"));
  sealwire_key key;
  sealwire_statement statement;
  uint8_t private_key[32], written[SEALWIRE_STATEMENT_SIZE];
  from_hex(line_text(step, "key_private"), private_key, sizeof private_key);
  int32_t status = sealwire_key_import(&key, key_kind(line_text(step, "key_kind")), private_key);
  if (status != SEALWIRE_OK) return status;
  memset(&statement, 0, sizeof statement);
  statement.statement = line_has(step, "release") ? SEALWIRE_STATEMENT_RELEASE : SEALWIRE_STATEMENT_DELEGATION;
  statement.epoch = (uint32_t)line_number(step, "epoch", over->epoch);
  memcpy(statement.nonce, over->nonce, sizeof statement.nonce);
  thumbprint(step, "device", statement.device);
  thumbprint(step, line_has(step, "release") ? "release" : "delegation", statement.about);
  status = sealwire_ownership_sign(&key, &statement, written);
  if (status == SEALWIRE_OK) set_value(all, line_text(step, "as"), written, sizeof written);
  return status;
}

/* True if the list of thumbprints has exactly the delegates. */
static int are_delegates(const sealwire_ownership *found, const char *list) {
  int count = 0;
  for (const char *at = list; at != NULL && *at != 0; at += strcspn(at, ","), at += *at == ',', count++) {
    char hex[33] = {0};
    uint8_t wanted[16];
    int known = 0;
    if (strcspn(at, ",") != 32) return 0;
    memcpy(hex, at, 32);
    from_hex(hex, wanted, sizeof wanted);
    for (int i = 0; i < found->delegate_count; i++) known |= memcmp(found->delegates[i], wanted, sizeof wanted) == 0;
    if (!known) return 0;
  }
  return count == found->delegate_count;
}

static int32_t ownership(party *who, const line *step) {
  sealwire_ownership found;
  uint8_t owner[16];
  int32_t status = sealwire_ownership_get(who->endpoint, &found);
  /* Not enabled, or damaged: other surfaces give nothing. */
  if (line_number(step, "none", 0)) return status == SEALWIRE_WRONG_STATE ? SEALWIRE_OK : fail("there is an ownership");
  if (status != SEALWIRE_OK) return status;
  if (line_number(step, "epoch", found.epoch) != found.epoch) return fail("epoch is %u", (unsigned)found.epoch);
  if (line_has(step, "delegates") && !are_delegates(&found, line_text(step, "delegates"))) return fail("%u other delegates", found.delegate_count);
  if (!line_has(step, "owner")) return SEALWIRE_OK;
  if (line_text(step, "owner") == NULL) return found.owned ? fail("there is an owner") : SEALWIRE_OK;
  return found.owned && memcmp(thumbprint(step, "owner", owner), found.owner, sizeof owner) == 0 ? SEALWIRE_OK : fail("another owner");
}

static int32_t standing(party *who, const line *step) {
  static const char *const words[] = {"none", "owner", "delegate"};
  uint8_t peer[16];
  int32_t found = SEALWIRE_STANDING_NONE;
  int32_t status = sealwire_ownership_standing(who->endpoint, thumbprint(step, "peer", peer), &found);
  if (status != SEALWIRE_OK) return status;
  return strcmp(words[found], line_text(step, "is")) == 0 ? SEALWIRE_OK : fail("standing: %s", words[found]);
}

static int32_t open_setup(const world *all, party *who, const line *step) {
  uint64_t until = line_has(step, "ms") ? all->now + (uint64_t)line_number(step, "ms", 0) : UINT64_MAX;
  return sealwire_setup_open(who->endpoint, all->now, until);
}

int setup_step(world *all, const line *step, int32_t *outcome) {
  static const char *const words[] = {"open_setup", "close_setup", "claim", "sign_statement", "revoke", "reset_ownership", "ownership", "standing"};
  uint8_t delegate[16];
  int known = 0;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) known |= is(step, words[i]);
  if (!known) return 0;
  party *who = party_named(all, line_text(step, "at"));
  if (is(step, "open_setup")) *outcome = open_setup(all, who, step);
  if (is(step, "close_setup")) *outcome = sealwire_setup_close(who->endpoint);
  if (is(step, "claim")) *outcome = claim(all, who, step);
  if (is(step, "sign_statement")) *outcome = sign_statement(all, who, step);
  if (is(step, "revoke")) *outcome = sealwire_ownership_revoke(who->endpoint, thumbprint(step, "delegate", delegate));
  if (is(step, "reset_ownership")) *outcome = sealwire_ownership_reset(who->endpoint);
  if (is(step, "ownership")) *outcome = ownership(who, step);
  if (is(step, "standing")) *outcome = standing(who, step);
  return 1;
}
