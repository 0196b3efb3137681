import Foundation

/// A frame as a transport brings it.
public struct Arrival: Sendable, Hashable {
    public var frame: Data
    /// The way back to whoever sent it, up to 16 bytes; nothing where there is only one other end. Unauthenticated.
    public var route: Data
    /// Where it was published, relative to the realm, if that was not the own inbox. Unauthenticated.
    public var topic: String?

    public init(frame: Data, route: Data = Data(), topic: String? = nil) {
        self.frame = frame
        self.route = route
        self.topic = topic
    }
}

/// Carries frames: Bluetooth Low Energy, a socket, or what else the app brings itself. It sees ciphertext only, and need not be reliable:
/// handshakes and confirmable messages are repeated by the link above.
public protocol Transport: Sendable {
    /// Begins, and gives the frames as they come; the stream ends when the transport is closed for good. Called once.
    ///
    /// A transport that loses its way (the phone walks away) comes back by itself, and meanwhile drops what it is given.
    func open() async throws -> AsyncStream<Arrival>

    /// Sends a frame to `route`: what `connect` was given, or the way back of a frame. `assured`: a handshake message or a confirmable one, for a transport that
    /// can repeat. Frames are sent one after the other.
    func send(_ frame: Data, to route: Data, assured: Bool) async throws

    /// Ends. Sessions stay in the endpoint and its storage.
    func close() async
}

/// A transport that has topics too, such as the app's own MQTT client: carries records in place. The `Config` of its endpoint has an inbox and `mqtt: true`; what
/// arrives on a topic other than the own inbox is an `Arrival` with it.
public protocol PublishingTransport: Transport {
    /// Publishes a frame on `topic`, relative to the realm.
    func publish(_ frame: Data, on topic: String, assured: Bool) async throws
}

/// A frame on its way out.
struct Departure: Sendable {
    var frame: Data
    var route: Data
    var topic: String?
    var assured: Bool
}

/// What the library calls, from a thread of its own. It lets go of it when everything has been handed over after the link was closed.
final class Carrier: FrameTransport, TopicTransport, Sendable {
    let departures: AsyncStream<Departure>
    private let outbox: AsyncStream<Departure>.Continuation

    init() { (departures, outbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000)) }

    deinit { outbox.finish() }

    func send(frame: Data, route: Data, delivery: Bool) throws { try send(frame: frame, route: route, topic: nil, delivery: delivery) }

    func send(frame: Data, route: Data, topic: String?, delivery: Bool) throws {
        outbox.yield(Departure(frame: frame, route: route, topic: topic, assured: delivery))
    }
}

/// The tasks between the library and a transport.
final class Carriage: @unchecked Sendable {
    let transport: any Transport
    private let departures: AsyncStream<Departure>
    private let mutex = NSLock()
    private var sending: Task<Void, Never>?
    private var receiving: Task<Void, Never>?

    init(transport: any Transport, departures: AsyncStream<Departure>) {
        self.transport = transport
        self.departures = departures
    }

    deinit {
        sending?.cancel()
        receiving?.cancel()
    }

    func carry(_ arrivals: AsyncStream<Arrival>, to link: NativeLink) {
        mutex.withLock {
            sending = Task { [departures, transport] in
                // What a transport fails to send is lost like any frame on its way, and repeated if it matters.
                for await item in departures {
                    if let topic = item.topic, let publisher = transport as? any PublishingTransport {
                        try? await publisher.publish(item.frame, on: topic, assured: item.assured)
                    } else {
                        try? await transport.send(item.frame, to: item.route, assured: item.assured)
                    }
                }
            }
            receiving = Task { [weak link] in
                for await arrival in arrivals { try? link?.received(frame: arrival.frame, route: arrival.route, topic: arrival.topic) }
            }
        }
    }

    /// What the library still had to send is sent first.
    func close() async {
        let (sending, receiving) = mutex.withLock { (self.sending, self.receiving) }
        let late = Task {
            try? await Task.sleep(for: .seconds(1))
            sending?.cancel()
        }
        await sending?.value
        late.cancel()
        await transport.close()
        receiving?.cancel()
    }
}
