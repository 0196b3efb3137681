//! Gives the shared library its SONAME, which Cargo does not do. The number is `SEALWIRE_ABI_VERSION`; scripts/c-install.sh
//! reads it from the header, and src/abi.rs has a test that the three agree.

const ABI: u32 = 3;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=SEALWIRE_SONAME_ABI={ABI}");
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libsealwire.so.{ABI}");
        }
        Ok("macos") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libsealwire.{ABI}.dylib");
        }
        _ => {}
    }
}
