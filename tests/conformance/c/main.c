#include "runner.h"

#include <stdarg.h>

char why[1024];

int32_t fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why, sizeof why, format, arguments);
  va_end(arguments);
  return FAILED;
}

void line_split(line *into, char *text) {
  into->count = 0;
  into->word = text;
  while ((text = strchr(text, '\t')) != NULL) {
    *text++ = 0;
    char *equals = strchr(text, '=');
    if (equals == NULL || into->count == FIELDS) {
      fprintf(stderr, "a line that is not of the form: %s\n", into->word);
      exit(2);
    }
    into->names[into->count] = text;
    into->values[into->count++] = equals + 1;
    char *end = strchr(text, '\t');
    *equals = 0;
    if (end == NULL) return;
    text = end;
  }
}

static const char *raw(const line *from, const char *name) {
  for (int i = 0; i < from->count; i++) {
    if (strcmp(from->names[i], name) == 0) return from->values[i];
  }
  return NULL;
}

const char *line_text(const line *from, const char *name) {
  const char *found = raw(from, name);
  return found == NULL || strcmp(found, "-") == 0 ? NULL : found;
}

int line_has(const line *from, const char *name) { return raw(from, name) != NULL; }

long long line_number(const line *from, const char *name, long long otherwise) {
  const char *found = line_text(from, name);
  return found == NULL ? otherwise : strtoll(found, NULL, 10);
}

int list_has(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; at != NULL && *at != 0; at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 1) {
    if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == 0)) return 1;
  }
  return 0;
}

size_t from_hex(const char *hex, uint8_t *out, size_t capacity) {
  size_t length = strlen(hex) / 2;
  if (length > capacity) {
    fprintf(stderr, "%u bytes where %u fit\n", (unsigned)length, (unsigned)capacity);
    exit(2);
  }
  for (size_t i = 0; i < length; i++) {
    char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
    out[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
  return length;
}

static line *lines;
static size_t line_count;
static world all;

static void read_lines(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    perror(path);
    exit(2);
  }
  size_t length = (size_t)ftell(file);
  char *text = malloc(length + 1);
  rewind(file);
  if (text == NULL || fread(text, 1, length, file) != length) exit(2);
  fclose(file);
  text[length] = 0;
  for (size_t i = 0; i < length; i++) line_count += text[i] == '\n';
  lines = calloc(line_count, sizeof *lines);
  if (lines == NULL) exit(2);
  for (size_t i = 0; i < line_count; i++) {
    char *end = strchr(text, '\n');
    *end = 0;
    line_split(&lines[i], text);
    text = end + 1;
  }
  if (strcmp(lines[0].word, "format") != 0 || line_number(&lines[0], "number", 0) != 1) {
    fprintf(stderr, "%s is not of format 1\n", path);
    exit(2);
  }
}

/* A step and what its error must be. */
static int32_t perform(const line *step, const line *events) {
  int32_t status = world_step(&all, step, events);
  for (int i = 0; status != FAILED && i < all.party_count; i++) {
    if (party_collect(&all.parties[i]) == FAILED) return FAILED;
  }
  const char *wanted = line_text(step, "error");
  if (status == FAILED) return FAILED;
  if (status == SEALWIRE_OK) return wanted == NULL ? SEALWIRE_OK : fail("%s expected", wanted);
  if (wanted == NULL || strcmp(wanted, sealwire_status_name(status)) != 0) return fail("%s (%d)", sealwire_status_name(status), (int)status);
  if (line_number(step, "error_number", 0) != -(long long)status) return fail("%s is %d", wanted, (int)status);
  return SEALWIRE_OK;
}

/* Runs the scenario that begins at `at`. */
static int32_t run(size_t at) {
  char where[32];
  int steps = 0;
  int32_t outcome = SEALWIRE_OK;
  memset(&all, 0, sizeof all);
  all.now = 1000;
  all.network = line_text(&lines[at], "network");
  for (at++; strcmp(lines[at].word, "end") != 0; at++) {
    const line *one = &lines[at];
    party *last = &all.parties[all.party_count > 0 ? all.party_count - 1 : 0];
    if (strcmp(one->word, "endpoint") == 0) {
      party_begin(&all.parties[all.party_count++], one);
    } else if (strcmp(one->word, "own") == 0) {
      party_own(last, one);
    } else if (strcmp(one->word, "peer") == 0 || strcmp(one->word, "anchor") == 0) {
      party_peer(last, one, one->word[0] == 'a');
    } else {
      break;
    }
  }
  for (int i = 0; i < all.party_count; i++) {
    uint32_t sessions;
    if (line_number(&all.parties[i].config, "start", 1) == 0) continue;
    outcome = party_start(&all.parties[i], all.now, &sessions);
    if (outcome != SEALWIRE_OK) return fail("%s does not start: %s", all.parties[i].name, sealwire_status_name(outcome));
  }
  for (; strcmp(lines[at].word, "end") != 0; at++) {
    if (strcmp(lines[at].word, "event") == 0) continue;
    steps++;
    outcome = perform(&lines[at], &lines[at + 1]);
    if (outcome != SEALWIRE_OK) {
      char reason[sizeof why];
      memcpy(reason, why, sizeof reason);
      snprintf(where, sizeof where, "step %d %s", steps, lines[at].word);
      return fail("%s: %.900s", where, reason);
    }
  }
  for (int i = 0; i < all.party_count; i++) {
    const party *who = &all.parties[i];
    if (who->event_count > 0) return fail("%s has %d events left over, %s first", who->name, who->event_count, event_name(&who->events[0]));
  }
  return SEALWIRE_OK;
}

int main(int count, char **arguments) {
  int failed = 0;
  if (count < 2) {
    fprintf(stderr, "usage: %s SCENARIOS.txt [NAME]\n", arguments[0]);
    return 2;
  }
  read_lines(arguments[1]);
  for (size_t at = 0; at < line_count; at++) {
    if (strcmp(lines[at].word, "scenario") != 0) continue;
    const char *name = line_text(&lines[at], "name");
    if (count > 2 && strstr(name, arguments[2]) == NULL) continue;
    int32_t outcome = run(at);
    printf("%s\t%s\t%s\n", name, outcome == SEALWIRE_OK ? "pass" : "fail", outcome == SEALWIRE_OK ? "" : why);
    failed += outcome != SEALWIRE_OK;
    for (int i = 0; i < all.party_count; i++) party_end(&all.parties[i]);
  }
  return failed > 0;
}
