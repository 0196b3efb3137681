#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sealwire_fuzz::edhoc_plaintext_4(data);
});
