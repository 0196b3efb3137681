import Foundation
import Testing

@testable import Sealwire

func identity(_ name: String, _ kind: KeyKind = .x25519) throws -> Identity {
    let key = try Key.generate(kind: kind)
    return Identity(credential: try Credential.ccs(key: key, subject: name, kid: key.thumbprint().prefix(4)), key: key)
}

/// A key that the key store holds under `alias`, and its identity.
func kept(_ identity: Identity, alias: String) throws -> Identity {
    let key = try Key.inKeystore(kind: identity.key.kind(), public: identity.key.publicKey(), alias: alias)
    return Identity(credential: identity.credential, key: key)
}

func endpoint(_ own: Identity, _ peers: [Identity], storage: Storage? = nil, keystore: Keystore? = nil, offers: Bool = false) throws -> Endpoint {
    let config = Config(
        identities: [own], peers: peers.map(\.credential), offers: offers, handshakeIntervalMs: 200, resendIntervalMs: 300)
    return try Endpoint(config: config, storage: storage, keystore: keystore)
}

/// Two open links over a pipe in memory.
struct Pair {
    let phone: Link
    let device: Link

    init(
        phoneStorage: Storage? = nil, deviceStorage: Storage? = nil, offers: Bool = false,
        carry: @escaping @Sendable (Data) -> [Data] = { [$0] }
    ) async throws {
        let (one, other) = (try identity("phone"), try identity("device"))
        let (left, right) = MemoryTransport.pair(carry: carry)
        phone = Link(try endpoint(one, [other], storage: phoneStorage), over: left)
        device = Link(try endpoint(other, [one], storage: deviceStorage, offers: offers), over: right)
        try await phone.open()
        try await device.open()
    }

    func close() async {
        await phone.close()
        await device.close()
    }
}

extension Link {
    /// The next events that `wanted` turns into something, at most `limit` long.
    func first<Value: Sendable>(_ limit: Duration = .seconds(10), _ wanted: @escaping @Sendable (LinkEvent) -> Value?) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask {
                for await event in self.events {
                    if let value = wanted(event) { return value }
                }
                throw NetworkError.NotOpen
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw NetworkError.TimedOut(reason: "the event did not come")
            }
            defer { group.cancelAll() }
            return try await group.next()!
        }
    }

    func nextMessage() async throws -> Received {
        try await first { if case .message(let received) = $0 { received } else { nil } }
    }
}

/// A value that several threads change.
final class Shared<Value: Sendable>: @unchecked Sendable {
    private let mutex = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func with<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result { try mutex.withLock { try body(&value) } }
    var now: Value { with { $0 } }
}

func temporaryDirectory() -> URL {
    FileManager.default.temporaryDirectory.appendingPathComponent("sealwire-\(UUID().uuidString)")
}

/// The typed error that `body` throws, or nothing.
func thrown<Value>(_ body: () async throws -> Value) async -> SealwireError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? SealwireError
    }
}

func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }
