import Foundation

/// A session with an authenticated peer, on a link. It follows the peer: when a newer session replaces it, it sends there.
public struct Session: Sendable, Hashable {
    /// The thumbprint of the peer's key: who it is.
    public let peer: Data
    private let link: Link
    private let native: NativeSession

    init(_ native: NativeSession, on link: Link) {
        peer = native.peer()
        self.link = link
        self.native = native
    }

    public static func == (left: Session, right: Session) -> Bool { left.link === right.link && left.peer == right.peer }

    public func hash(into hasher: inout Hasher) { hasher.combine(peer) }

    var handle: UInt32? { native.session() }

    /// Sends to the peer itself; whoever carries the frame learns neither topic nor payload. Waits while 64 are unacknowledged; cancelled,
    /// nothing was sent.
    @discardableResult
    public func send(
        _ payload: Data, topic: String? = nil, confirmable: Bool = true, contentType: String? = nil, expirySeconds: UInt32? = nil
    ) async throws -> Receipt {
        try await send(
            Outgoing(payload: payload, topic: topic, confirmable: confirmable, expiryS: expirySeconds, contentType: contentType))
    }

    /// Publishes protected on the app's own topic (relative to the realm), for this peer to read. On MQTT, or over a `PublishingTransport`.
    @discardableResult
    public func publish(
        _ payload: Data, on topic: String, confirmable: Bool = true, contentType: String? = nil, expirySeconds: UInt32? = nil
    ) async throws -> Receipt {
        try await send(
            Outgoing(
                payload: payload, topic: topic, inPlace: true, confirmable: confirmable, expiryS: expirySeconds, contentType: contentType))
    }

    /// Sends a message with everything that can be said about it. With `number` it is one of before a restart that was not acknowledged: the
    /// endpoint keeps no messages, so an app that must not lose one stores it with the number of its receipt.
    @discardableResult
    public func send(_ message: Outgoing) async throws -> Receipt {
        Receipt(native: try await until { try await native.sendUntil(message: message, cancellation: $0) })
    }

    /// Sends a command, which the peer obeys only while it is fresh. Waits for the peer's offer: `SealwireError.NoOffer` if none came.
    @discardableResult
    public func command(_ payload: Data, topic: String = "", limit: Duration = .seconds(30)) async throws -> Receipt {
        Receipt(
            native: try await until {
                try await native.commandUntil(topic: topic, payload: payload, timeoutMs: limit.milliseconds, cancellation: $0)
            })
    }

    /// Asks for new keys; the event `keyUpdated` follows.
    public func updateKeys() async throws { try plain { try native.updateKeys() } }

    /// Key material for the app: the EDHOC exporter, labels from 33000 on.
    public func export(label: UInt64, context: Data, length: UInt32) async throws -> Data {
        try plain { try native.export(label: label, context: context, length: length) }
    }

    /// What is known about it; no secrets.
    public func info() async throws -> SessionInfo { try plain { try native.info() } }

    /// Ends the session here and erases its keys. Harmless if it has ended.
    public func end() async throws { try plain { try native.end() } }
}

/// A message on its way.
public struct Receipt: Sendable {
    let native: NativeReceipt

    /// Its number in the session, if it is confirmable.
    public var number: UInt64? { native.number() }

    /// Whether the peer's app has made the effect durable.
    public var acknowledged: Bool { native.acknowledged() }

    /// Until the peer has committed the message, which is repeated until then. Throws why it never will be; `SealwireError.WrongState` for a message
    /// sent without confirmation.
    public func committed() async throws { try await until { try await native.waitUntil(cancellation: $0) } }

    /// The same, but not longer than `limit`; the message is still repeated after that.
    public func committed(within limit: Duration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await committed() }
            group.addTask {
                try await Task.sleep(for: limit, clock: .continuous)
                throw NetworkError.TimedOut(reason: "the peer has not committed the message yet; it is still being repeated")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// A message that arrived, authenticated and new.
@dynamicMemberLookup
public struct Received: Sendable {
    /// Topic, payload, who sent it, and what the sender said about it.
    public let message: LinkMessage
    let link: Link

    public subscript<Value>(dynamicMember member: KeyPath<LinkMessage, Value>) -> Value { message[keyPath: member] }

    /// Where to answer; nothing if it has ended meanwhile.
    public var session: Session? { link.session(with: message.peer) }

    /// The effect is durable: acknowledges a confirmable message, to its sender and to the broker. Until then it comes again after a restart.
    /// Others need no commit.
    public func commit() async throws { try link.commit(message) }
}
