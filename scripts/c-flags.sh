# Sourced: how the host's C programs are compiled and what the static library needs besides.
c_compiler=${CC:-cc}
c_flags="-std=c99 -O2 -g -Wall -Wextra -Wpedantic -Werror -Iinclude"
c_built=${SEALWIRE_BUILT:-${CARGO_TARGET_DIR:-target}/release}
case "$(uname -s)" in
    Darwin) c_libraries="-lSystem -lc -lm" ;;
    *) c_libraries="-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc" ;;
esac
