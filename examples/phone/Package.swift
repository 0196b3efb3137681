// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "Phone",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "../../mobile/swift")],
    targets: [.executableTarget(name: "phone", dependencies: [.product(name: "Sealwire", package: "swift")], path: "swift")],
    swiftLanguageModes: [.v6]
)
