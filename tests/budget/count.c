/* Plugin of QEMU's emulator: counts the instructions executed between the marks of measure.h, exactly, and prints one number for each
   pair of marks. The prototypes are those of QEMU's documented plugin interface, version 1, whose header Debian does not package. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
#define MARK_BEGIN 0x46d2u /* mov r10, r10 */
#define MARK_END 0x46dbu   /* mov r11, r11 */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { NO_REGISTERS = 0, ADD_U64 = 0 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*callback)(unsigned, void *), int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation, void *counter, uint64_t addend);

EXPORT int qemu_plugin_version = 1;

static uint64_t executed;
static uint64_t begun;
static FILE *report;

static void begin(unsigned cpu, void *data) {
  (void)cpu, (void)data;
  begun = executed;
}

static void end(unsigned cpu, void *data) {
  (void)cpu, (void)data;
  fprintf(report, "%" PRIu64 "\n", executed - begun - 1);
  fflush(report);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &executed, 1);
    if (qemu_plugin_insn_size(insn) != 2) continue;
    const uint8_t *code = qemu_plugin_insn_data(insn);
    const unsigned opcode = code[0] | (unsigned)code[1] << 8;
    if (opcode == MARK_BEGIN) qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, NO_REGISTERS, NULL);
    if (opcode == MARK_END) qemu_plugin_register_vcpu_insn_exec_cb(insn, end, NO_REGISTERS, NULL);
  }
}

/* One argument: out=FILE. */
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
  (void)info;
  if (argc != 1 || argv[0][0] != 'o' || argv[0][1] != 'u' || argv[0][2] != 't' || argv[0][3] != '=') return 1;
  report = fopen(argv[0] + 4, "w");
  if (report == NULL) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
