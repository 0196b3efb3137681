import Foundation

@testable import Sealwire

/// A key store in another process: `openssl` holds the keys in files, and nobody here sees them. As slow and as asynchronous as a real one.
struct OpenSslKeystore: AsyncKeystore {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let directory: URL

    init() throws {
        directory = temporaryDirectory()
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Makes a key, and gives its public half as Sealwire writes it.
    func make(_ kind: KeyKind, alias: String) throws -> Data {
        let curve = kind == .x25519 ? ["-algorithm", "X25519"] : ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        try run(["genpkey", "-out", file(alias)] + curve)
        try run(["pkey", "-in", file(alias), "-pubout", "-outform", "DER", "-out", file("public")])
        return try Data(contentsOf: directory.appendingPathComponent("public")).suffix(kind == .x25519 ? 32 : 64)
    }

    func agree(alias: String, peer: Data) async throws -> Data {
        guard FileManager.default.fileExists(atPath: file(alias)) else { throw Failure(description: "no key '\(alias)'") }
        // SubjectPublicKeyInfo of X25519 (RFC 8410), and of P-256 with a compressed point (RFC 5480): either of the two that have this x.
        let x25519: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00]
        let p256: [UInt8] = [
            0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
            0x07, 0x03, 0x22, 0x00, 0x02,
        ]
        let (ours, theirs, secret) = (file(alias), file("peer-\(UUID().uuidString)"), file("secret-\(UUID().uuidString)"))
        let prefix = try output(["pkey", "-in", ours, "-noout", "-text"]).contains("X25519") ? x25519 : p256
        try Data(prefix + peer).write(to: URL(fileURLWithPath: theirs))
        try run(["pkeyutl", "-derive", "-inkey", ours, "-peerkey", theirs, "-peerform", "DER", "-out", secret])
        return try Data(contentsOf: URL(fileURLWithPath: secret))
    }

    func sign(alias: String, message: Data) async throws -> Data {
        let (question, answer) = (file("message-\(UUID().uuidString)"), file("signature-\(UUID().uuidString)"))
        try message.write(to: URL(fileURLWithPath: question))
        try run(["dgst", "-sha256", "-sign", file(alias), "-out", answer, question])
        return Self.raw(try Data(contentsOf: URL(fileURLWithPath: answer)))
    }

    /// ECDSA-Sig-Value (RFC 3279) as r and s, 32 bytes each.
    static func raw(_ der: Data) -> Data {
        var rest = Array(der)[2...]
        var raw = Data()
        for _ in 0..<2 {
            let length = Int(rest[rest.startIndex + 1])
            let number = rest.dropFirst(2).prefix(length)
            raw += Data(repeating: 0, count: max(0, 32 - length)) + number.suffix(32)
            rest = rest.dropFirst(2 + length)
        }
        return raw
    }

    private func file(_ name: String) -> String { directory.appendingPathComponent(name).path }

    private func run(_ arguments: [String]) throws { _ = try output(arguments) }

    private func output(_ arguments: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: said) }
        return said
    }
}
