import Foundation
import Testing

@testable import Sealwire

/// A device that can be owned: it knows nobody, and has a label and a storage that outlives it.
final class Wearable: Sendable {
    /// Where its storage has the record of its owner.
    static let record: UInt32 = 1_000

    let identity: Identity
    let code: SetupCode
    let storage: any Storage

    init(storage: any Storage = MemoryStorage()) throws {
        identity = try SealwireTests.identity("wearable")
        code = try SetupCode.generate(device: identity.credential.thumbprint(), model: "SW-HR/1.0")
        self.storage = storage
    }

    var device: Data { identity.credential.thumbprint() }

    /// It starts, without a link, on a clock of the test's.
    func start() throws -> Endpoint {
        let endpoint = try endpoint()
        _ = try endpoint.restore(now: 0)
        return endpoint
    }

    /// For a link, which restores it.
    func endpoint(inbox: String? = nil) throws -> Endpoint {
        let config = Config(
            identities: [identity], inbox: inbox, mqtt: inbox != nil, identifierLen: inbox == nil ? 1 : 2, offers: true, handshakeIntervalMs: 200,
            resendIntervalMs: 300, maxSessions: 8)
        let endpoint = try Endpoint(config: config, storage: storage)
        try endpoint.enableSetup(key: Self.record, code: code)
        return endpoint
    }
}

/// A phone that knows a device by its label or thumbprint alone, and what the device told it.
final class Phone: Sendable {
    let identity: Identity
    let anchor: Key
    let endpoint: Endpoint
    let told = Shared<(epoch: UInt32, nonce: Data)?>(nil)

    init(_ name: String, storage: (any Storage)? = nil, inbox: String? = nil) throws {
        identity = try SealwireTests.identity(name)
        anchor = try Key.generate(kind: .ed25519)
        let config = Config(
            identities: [identity], inbox: inbox, mqtt: inbox != nil, identifierLen: inbox == nil ? 1 : 2, offers: true, handshakeIntervalMs: 200,
            resendIntervalMs: 300, silentAttempts: 3)
        endpoint = try Endpoint(config: config, storage: storage)
    }

    var thumbprint: Data { identity.credential.thumbprint() }

    func setup(_ wearable: Wearable) -> Claim { .setup(code: wearable.code, anchor: anchor) }

    func signs(_ statement: Statement, for device: Data) throws -> Data {
        let (epoch, nonce) = try #require(told.now)
        return try signStatement(key: anchor, device: device, epoch: epoch, nonce: nonce, statement: statement)
    }

    func release(_ wearable: Wearable, to next: Phone) throws -> Claim {
        .release(device: wearable.device, statement: try signs(.release(owner: next.thumbprint), for: wearable.device), anchor: next.anchor)
    }

    func delegation(_ wearable: Wearable, to other: Phone) throws -> Claim {
        .delegation(device: wearable.device, statement: try signs(.delegation(delegate: other.thumbprint), for: wearable.device))
    }

    // MARK: without a link

    /// A handshake in which no frame is lost, on a clock of the test's: why the device refused it, or nothing.
    @discardableResult
    func claims(_ claim: Claim, from device: Endpoint, now: UInt64 = 0) throws -> String? {
        let handshake = try endpoint.claim(claim: claim, now: now)
        var refused: String?
        for _ in 0..<8 {
            while let sent = try endpoint.pollTransmit(now: now) {
                do { _ = try device.handleFrame(frame: sent.frame, now: now) } catch let error as SealwireError {
                    // A record of a session that the device has erased is no part of the handshake.
                    if sent.handshake { refused = error.name }
                }
            }
            do {
                while let sent = try device.pollTransmit(now: now) { _ = try? endpoint.handleFrame(frame: sent.frame, now: now) }
            } catch let error as SealwireError { refused = error.name }
        }
        while let event = try endpoint.pollEvent() {
            if case .ownership(_, _, let epoch, let nonce) = event { told.with { $0 = (epoch, nonce) } }
        }
        if refused != nil { try? endpoint.cancel(handshake: handshake) }
        return refused
    }

    /// All frames that it has to send.
    func frames() throws -> [Data] {
        var frames: [Data] = []
        while let sent = try endpoint.pollTransmit(now: 0) { frames.append(sent.frame) }
        return frames
    }
}

extension Endpoint {
    /// Everything that has happened.
    func drain() throws -> [Event] {
        var events: [Event] = []
        while let event = try pollEvent() { events.append(event) }
        return events
    }

    func frame() throws -> Data { try #require(try pollTransmit(now: 0)).frame }
}

extension SealwireError {
    var name: String { Mirror(reflecting: self).children.first?.label ?? description }
}
