// swift-tools-version: 6.0
import PackageDescription

// The library in Rust: on Linux libsealwire_mobile.so from `cargo build -p sealwire-mobile`, found by -Xlinker -L (scripts/swift-test.sh);
// on Apple's systems the XCFramework that scripts/swift-xcframework.sh makes.
#if os(Linux)
let library: Target = .systemLibrary(name: "SealwireFFI", path: "Sources/SealwireFFI")
#else
let library: Target = .binaryTarget(name: "SealwireFFI", path: "SealwireFFI.xcframework")
#endif

let package = Package(
    name: "Sealwire",
    platforms: [.iOS(.v16), .macOS(.v13), .tvOS(.v16), .watchOS(.v9)],
    products: [.library(name: "Sealwire", targets: ["Sealwire"])],
    targets: [
        library,
        .target(name: "Sealwire", dependencies: ["SealwireFFI"]),
        .testTarget(name: "SealwireTests", dependencies: ["Sealwire"]),
        .executableTarget(name: "conformance", dependencies: ["Sealwire"], path: "Tests/Conformance"),
        .executableTarget(name: "live-pair", dependencies: ["Sealwire"], path: "Tests/LivePair"),
    ],
    swiftLanguageModes: [.v6]
)
