#!/bin/sh
# UNBUILT: no machine of the project has had the Android NDK; read it before you rely on it.
# The Android archive: the native library for four ABIs, the Kotlin classes, consumer rules, and the check that pages of 16 KiB are fine.
# Needs ANDROID_NDK_HOME, rustup with the four targets (`rustup target add` below), cargo-ndk, Maven and zip. Output: build/sealwire.aar
set -eu
cd "$(dirname "$0")/.."
: "${ANDROID_NDK_HOME:?names the Android NDK, release 27 or later}"
out=build/aar
api=26
rm -rf "$out"
mkdir -p "$out/jni"
rustup target add aarch64-linux-android armv7-linux-androideabi x86_64-linux-android i686-linux-android
cargo ndk --platform "$api" -t arm64-v8a -t armeabi-v7a -t x86_64 -t x86 -o "$out/jni" build --locked --profile mobile -p sealwire-mobile --lib
# The two 64-bit ABIs are those that have such pages.
python3 scripts/elf-pages.py "$out/jni/arm64-v8a/libsealwire_mobile.so" "$out/jni/x86_64/libsealwire_mobile.so"
# The classes without a native library for desktops; the app's build brings kotlin-stdlib, kotlinx-coroutines-android and net.java.dev.jna:jna:5.17.0@aar.
mvn --batch-mode --no-transfer-progress --file mobile/kotlin/pom.xml -DskipTests package
cp mobile/kotlin/target/sealwire-0.1.0.jar "$out/classes.jar"
zip -q -d "$out/classes.jar" 'linux-*/*' || true
cp mobile/kotlin/src/main/resources/META-INF/proguard/sealwire.pro "$out/proguard.txt"
cat >"$out/AndroidManifest.xml" <<END
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="org.sealwire">
  <uses-sdk android:minSdkVersion="$api" />
  <uses-permission android:name="android.permission.INTERNET" />
</manifest>
END
: >"$out/R.txt"
(cd "$out" && zip -q -r ../sealwire.aar AndroidManifest.xml classes.jar proguard.txt R.txt jni)
ls -l build/sealwire.aar "$out"/jni/*/libsealwire_mobile.so
