import Foundation

/// A frame as a transport brings it.
public struct Arrival: Sendable {
    public var frame: Data
    /// The way back to whoever sent it, where the transport knows one. Unauthenticated.
    public var route: Data?
    /// The topic relative to the realm, for a record in place.
    public var topic: String?
    /// Called once the effect of the frame is durable, or at once if there is none: MQTT's PUBACK.
    public var acknowledge: (@Sendable () -> Void)?

    public init(frame: Data, route: Data? = nil, topic: String? = nil, acknowledge: (@Sendable () -> Void)? = nil) {
        self.frame = frame
        self.route = route
        self.topic = topic
        self.acknowledge = acknowledge
    }
}

/// Where a frame goes.
public enum Destination: Sendable, Hashable {
    /// To the peer behind a route: an inbox name on MQTT, empty where only one peer can be at the other end.
    case route(Data)
    /// A record in place: on this topic, relative to the realm.
    case topic(String)
}

/// Carries frames: MQTT, Bluetooth Low Energy, or what the application brings itself. It sees ciphertext only, and need not be reliable:
/// handshakes and confirmable messages are repeated by the link above.
public protocol Transport: Sendable {
    /// Begins, and gives the frames as they come; the stream ends when the transport is closed for good. Called once.
    ///
    /// A transport that loses its way (the broker restarts, the phone walks away) comes back by itself and meanwhile drops what it is given.
    func open() async throws -> AsyncStream<Arrival>

    /// Sends a frame. `assured`: a handshake message or a confirmable one, QoS 1 on MQTT.
    func send(_ frame: Data, to destination: Destination, assured: Bool) async throws

    /// Ends. Sessions stay in the endpoint and its storage.
    func close() async
}

/// What went wrong around the endpoint; what went wrong in it is a `SealwireError`.
public enum LinkError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The link was not opened, or has been closed.
    case notOpen
    /// It took too long; what was begun may still end well.
    case timedOut(String)
    /// The message was sent without confirmation, so nobody will confirm it.
    case unconfirmed
    /// The transport failed.
    case transport(String)

    public var description: String {
        switch self {
        case .notOpen: "the link is not open"
        case .timedOut(let what): "timed out: \(what)"
        case .unconfirmed: "the message was sent without confirmation"
        case .transport(let what): "transport: \(what)"
        }
    }
}
