//! Writes the bindings; `scripts/mobile-bindings.sh` calls it.
#![forbid(unsafe_code)]

fn main() {
    uniffi::uniffi_bindgen_main();
}
