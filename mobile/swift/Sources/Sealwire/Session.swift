import Foundation

/// A session with an authenticated peer, on a link. It follows the peer: when a newer session replaces it, it sends there.
public struct Session: Sendable, Hashable {
    /// The thumbprint of the peer's key: who it is.
    public let peer: Data
    let link: Link
    let number: UInt64

    public static func == (left: Session, right: Session) -> Bool { left.link === right.link && left.number == right.number }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(link))
        hasher.combine(number)
    }

    /// Sends to the peer itself; whoever carries the frame learns neither topic nor payload. Waits while 64 are unacknowledged.
    /// Cancelled, nothing was sent.
    @discardableResult
    public func send(
        _ payload: Data, topic: String? = nil, confirmable: Bool = true, contentType: String? = nil, expirySeconds: UInt32? = nil
    ) async throws -> Receipt {
        try await link.send(
            self,
            Unacknowledged(payload: payload, topic: topic, contentType: contentType, expirySeconds: expirySeconds), confirmable: confirmable)
    }

    /// Publishes protected on the application's own topic (relative to the realm), for this peer to read.
    @discardableResult
    public func publish(
        _ payload: Data, on topic: String, confirmable: Bool = true, contentType: String? = nil, expirySeconds: UInt32? = nil
    ) async throws -> Receipt {
        try await link.send(
            self,
            Unacknowledged(payload: payload, topic: topic, inPlace: true, contentType: contentType, expirySeconds: expirySeconds),
            confirmable: confirmable)
    }

    /// Sends a command, which the peer obeys only while it is fresh. Waits for the peer's offer: `SealwireError.NoOffer` if none came.
    @discardableResult
    public func command(_ payload: Data, topic: String? = nil, limit: Duration = .seconds(30)) async throws -> Receipt {
        try await link.command(self, Unacknowledged(payload: payload, topic: topic, command: true), limit: limit)
    }

    /// Asks for new keys; the event `keyUpdated` follows.
    public func updateKeys() async throws { try await link.updateKeys(self) }

    /// Key material for the application: the EDHOC exporter, labels from 33000 on.
    public func export(label: UInt64, context: Data, length: UInt32) async throws -> Data {
        try await link.export(self, label: label, context: context, length: length)
    }

    /// What is known about it; no secrets.
    public func info() async throws -> SessionInfo { try await link.info(self) }

    /// Ends the session here and erases its keys. Harmless if it has ended.
    public func close() async { await link.close(self) }
}

/// A message on its way.
public struct Receipt: Sendable {
    /// Its number in the session, if it is confirmable.
    public let number: UInt64?
    let done: Promise<Void>?

    /// Whether the peer's application has made the effect durable.
    public var acknowledged: Bool { done?.isFulfilled ?? false }

    /// Until the peer has committed the message, which is repeated until then. Throws why it never will be.
    public func committed() async throws {
        guard let done else { throw LinkError.unconfirmed }
        try await done.value()
    }

    /// The same, but not longer than `limit`; the message is still being repeated after that.
    public func committed(within limit: Duration) async throws {
        try await withLimit(limit, "the peer has not committed the message yet") { try await committed() }
    }
}

/// A message that arrived, authenticated and new.
public struct Received: Sendable {
    /// Who sent it.
    public let session: Session
    /// Relative to the realm; nil if the sender gave none.
    public let topic: String?
    /// It came on the topic itself, and not to this endpoint's inbox.
    public let inPlace: Bool
    /// Payload, and what the sender said about it.
    public let message: Incoming

    public var payload: Data { message.payload }
    public var peer: Data { message.peer }

    /// The effect is durable: acknowledges a confirmable message end to end, and to the broker. Until then it comes again after a restart.
    /// Others need no commit.
    public func commit() async throws { try await session.link.commit(self) }
}

/// What a link reports.
public enum LinkEvent: Sendable {
    case message(Received)
    /// A frame was refused; nothing else changed.
    case refused(SealwireError, topic: String?)
    /// A session is confirmed and can send, or was restored.
    case established(Session)
    /// A session ended without successor.
    case closed(Session, SealwireError)
    /// A handshake that this end started failed.
    case handshakeFailed(route: Data, SealwireError)
    /// New keys are in use.
    case keyUpdated(Session, epoch: UInt32)
    /// The peer has not answered for several repetitions; the link makes a new handshake.
    case peerSilent(Session)
}

/// A confirmable message that may have to be sent again.
struct Unacknowledged: Sendable {
    var payload: Data
    var topic: String?
    var inPlace = false
    var command = false
    var contentType: String?
    var expirySeconds: UInt32?
    var origin: Origin?
    var done = Promise<Void>()
}
