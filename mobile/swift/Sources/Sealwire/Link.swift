import Foundation

/// Joins one endpoint to an MQTT broker or to a transport of the app's own: runs handshakes, sends and receives records, sends again what was
/// not acknowledged, keeps the endpoint's timers, and comes back by itself. What carries the frames sees ciphertext only.
///
///     let link = try Link(endpoint, broker: brokerFromUrl(url: "mqtts://broker"), place: LinkConfig(realm: "plant7", inbox: "phone"))
///     try await link.open()
///     let hub = try await link.connect(to: "hub")
///     try await hub.send(Data("72".utf8), topic: "heart-rate").committed()
///     for await event in link.events { ... }
///
/// Every function may be called from any task. While a link is open it alone calls `connect`, `send`, `handleFrame`, `handleTimeout` and the
/// `poll` functions of its endpoint. Cancelling a task that waits here ends the wait, and gives up what it had begun.
public final class Link: Sendable {
    public let endpoint: Endpoint

    private let native: NativeLink
    private let keystore: DeferredKeystore?
    private let carriage: Carriage?

    /// On an MQTT broker. `keystore`: the one that was given to the endpoint, if it answers later. Throws `SealwireError.InvalidArgument` for a realm,
    /// inbox or address that cannot be.
    public init(_ endpoint: Endpoint, broker: Broker, place: LinkConfig, keystore: DeferredKeystore? = nil) throws {
        self.endpoint = endpoint
        self.keystore = keystore
        carriage = nil
        native = try plain { try NativeLink.mqtt(endpoint: endpoint, broker: broker, config: place) }
    }

    /// Over a transport of the app's own. Records in place, `Session.publish`, need a `PublishingTransport`.
    public init(_ endpoint: Endpoint, over transport: any Transport, keystore: DeferredKeystore? = nil) {
        self.endpoint = endpoint
        self.keystore = keystore
        let carrier = Carrier()
        carriage = Carriage(transport: transport, departures: carrier.departures)
        native =
            transport is any PublishingTransport
            ? NativeLink.overTopics(endpoint: endpoint, transport: carrier) : NativeLink.over(endpoint: endpoint, transport: carrier)
    }

    // MARK: life

    /// Logs in to the broker, or opens the transport, and takes up stored sessions. Throws `NetworkError` or why the stored state cannot be used.
    public func open(limit: Duration = .seconds(15)) async throws {
        let arrivals = try await carriage?.transport.open()
        try await plain { try await native.open(timeoutMs: limit.milliseconds) }
        if let arrivals { carriage?.carry(arrivals, to: native) }
        if let keystore {
            Task { [weak native] in
                for await _ in keystore.answers { try? native?.resumePending() }
            }
        }
    }

    /// Leaves the broker or the transport; sessions stay in the storage. Acknowledgements that wait for a record to ride on are sent.
    /// Whoever waits gets `NetworkError.NotOpen`, and `events` ends.
    public func close() async {
        native.shutDown()
        await carriage?.close()
    }

    /// Whether the broker is reachable at the moment.
    public var connected: Bool { native.connected() }

    // MARK: use

    /// Everything that happens, in order, until the link is closed. An event is given once: have one consumer. What nobody consumes waits, up to
    /// 10,000 events, every confirmable message and whatever concerns ownership; a consumer that is cancelled leaves the rest to the next.
    public var events: AsyncStream<LinkEvent> {
        let cancellation = Cancellation()
        return AsyncStream {
            while let event = await self.native.nextEventUntil(cancellation: cancellation) {
                if let event = LinkEvent(event, on: self) { return event }
            }
            return nil
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// Only the messages of `events`.
    public var messages: AsyncStream<Received> {
        let events = events
        return AsyncStream {
            for await case .message(let received) in events { return received }
            return nil
        }
    }

    /// A handshake with whoever is behind `inbox`: an inbox name on MQTT, nothing where only one peer can be there. With `peer`, a thumbprint,
    /// only that identity will do. Throws the typed reason, `SealwireError.HandshakeFailed` or `NetworkError.TimedOut` when nobody answers.
    public func connect(to inbox: String = "", peer: Data? = nil, limit: Duration = .seconds(30)) async throws -> Session {
        let native = try await until {
            try await self.native.connectUntil(inbox: inbox, peer: peer, timeoutMs: limit.milliseconds, cancellation: $0)
        }
        return Session(native, on: self)
    }

    /// A handshake with a device that is known by its label, or by its thumbprint alone, to be let in by what `claim` shows. It goes on while the
    /// endpoint repeats its messages, so it may begin before the device's button is pressed. `LinkEvent.ownership` then tells an owner what to sign
    /// over. Throws as `connect` does; `SealwireError.PeerError` has in `detail` why the device refused, as far as one can believe it.
    public func claim(_ claim: Claim, at inbox: String = "", limit: Duration = .seconds(30)) async throws -> Session {
        let native = try await until {
            try await self.native.claimUntil(inbox: inbox, claim: claim, timeoutMs: limit.milliseconds, cancellation: $0)
        }
        return Session(native, on: self)
    }

    /// On a device that can be owned: takes from a delegate what the owner had given it, and ends its sessions; when the owner asks for it.
    public func revoke(_ delegate: Data) async throws { try plain { try native.revoke(delegate: delegate) } }

    /// On a device that can be owned: physical reset. It belongs to nobody, in the next epoch, and every session has ended.
    public func resetOwnership() async throws { try plain { try native.resetOwnership() } }

    /// The sessions that can send.
    public var sessions: [Session] { ((try? native.sessions()) ?? []).map { Session($0, on: self) } }

    /// The session with a peer, if there is one.
    public func session(with peer: Data) -> Session? {
        (try? native.sessionWith(peer: peer)).map { Session($0, on: self) }
    }

    /// For an app whose `Keystore` throws `Pending` by itself: goes on after `LinkEvent.keyPending`.
    public func resumePending() async throws { try plain { try native.resumePending() } }

    func commit(_ message: LinkMessage) throws { try plain { try native.commit(message: message) } }
}

/// What a link reports.
public enum LinkEvent: Sendable {
    case message(Received)
    /// A frame was refused; nothing else changed.
    case refused(SealwireError, topic: String, frame: Data)
    /// A session is confirmed and can send, or was restored.
    case established(Session, resumed: Bool)
    /// A session ended without successor.
    case closed(peer: Data, SealwireError)
    /// A handshake that this end started failed.
    case handshakeFailed(route: Data, SealwireError)
    /// New keys are in use.
    case keyUpdated(Session, epoch: UInt32)
    /// The peer, a device, says that this end owns it: keep epoch and nonce, `signStatement` signs over them.
    case ownership(peer: Data, epoch: UInt32, nonce: Data)
    /// This device has another owner, or none; or its owner has let somebody in, or taken that back. Erase what belonged to an owner before.
    case ownershipChanged(epoch: UInt32, owner: Data?)
    /// The peer has not answered for several repetitions; the link makes a new handshake.
    case peerSilent(Session)
    /// The key store was asked, and answers later.
    case keyPending
    /// The broker is there, and the subscriptions stand.
    case up
    /// The broker is gone; the link comes back by itself.
    case down(reason: String)

    /// Nothing for what the link has dealt with by itself.
    init?(_ native: NativeLinkEvent, on link: Link) {
        func session(_ handle: UInt32) -> Session? { link.sessions.first { $0.handle == handle } }
        switch native {
        case .message(let message): self = .message(Received(message: message, link: link))
        case .refused(let error, let topic, let frame): self = .refused(error, topic: topic, frame: frame)
        case .keyPending: self = .keyPending
        case .up: self = .up
        case .down(let reason): self = .down(reason: reason)
        case .endpoint(.established(_, let peer, _, _, let resumed)):
            guard let session = link.session(with: peer) else { return nil }
            self = .established(session, resumed: resumed)
        case .endpoint(.closed(_, let peer, _, let reason)): self = .closed(peer: peer, reason)
        case .endpoint(.handshakeFailed(_, let route, let reason)): self = .handshakeFailed(route: route, reason)
        case .endpoint(.keyUpdated(let handle, let epoch)):
            guard let session = session(handle) else { return nil }
            self = .keyUpdated(session, epoch: epoch)
        case .endpoint(.ownership(_, let peer, let epoch, let nonce)): self = .ownership(peer: peer, epoch: epoch, nonce: nonce)
        case .endpoint(.ownershipChanged(let epoch, let owner)): self = .ownershipChanged(epoch: epoch, owner: owner)
        case .endpoint(.peerSilent(let handle)):
            guard let session = session(handle) else { return nil }
            self = .peerSilent(session)
        case .endpoint: return nil
        }
    }
}
