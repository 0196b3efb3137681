import Foundation

/// Joins one endpoint to one transport: runs handshakes, sends and receives records, sends again what was not acknowledged, and keeps the
/// endpoint's timers. It has a thread of its own, since a storage may block while it writes.
///
///     let link = Link(endpoint, over: transport)
///     try await link.open()
///     let hub = try await link.connect(to: "hub")
///     let receipt = try await hub.send(Data("72".utf8), topic: "heart-rate")
///     try await receipt.committed()
///     for await event in link.events { ... }
public actor Link {
    /// Everything that happens, in order, until the link is closed. For one consumer; beyond 10,000 waiting events new ones are dropped, and
    /// confirmable messages among them come again.
    public nonisolated let events: AsyncStream<LinkEvent>
    public nonisolated let endpoint: Endpoint

    private let transport: any Transport
    private let keystore: DeferredKeystore?
    private let emit: AsyncStream<LinkEvent>.Continuation
    private let outgoing: AsyncStream<Departure>
    private let outbox: AsyncStream<Departure>.Continuation
    private nonisolated let executor = LinkExecutor()
    private var state = State.new
    private var tasks: [Task<Void, Never>] = []
    private var timer: Task<Void, Never>?

    private var sessions: [UInt32: Session] = [:]
    private var handles: [UInt64: UInt32] = [:]
    private var lastNumber: UInt64 = 0
    private var handshakes: [UInt32: Promise<Session>] = [:]
    private var sent: [UInt32: [UInt64: Unacknowledged]] = [:]
    private var healing: Set<Data> = []
    private var changed = Promise<Void>()
    private var acknowledgements: [Acknowledgement] = []

    private enum State { case new, open, closed }

    private struct Departure {
        var frame: Data
        var destination: Destination
        var assured: Bool
    }

    /// MQTT wants its acknowledgements in the order of arrival; ours follow the application's commits.
    private struct Acknowledgement {
        var waitsFor: Waiting?
        var give: @Sendable () -> Void
    }

    private struct Waiting: Equatable {
        var session: UInt32
        var number: UInt64
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// `keystore`: the one that was given to the endpoint, if it answers later.
    public init(_ endpoint: Endpoint, over transport: any Transport, keystore: DeferredKeystore? = nil) {
        self.endpoint = endpoint
        self.transport = transport
        self.keystore = keystore
        (events, emit) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000))
        (outgoing, outbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000))
    }

    deinit {
        timer?.cancel()
        for task in tasks { task.cancel() }
        emit.finish()
        outbox.finish()
    }

    // MARK: life

    /// Opens the transport, and takes up stored sessions.
    public func open() async throws {
        guard state == .new else { throw LinkError.notOpen }
        state = .open
        do {
            let arrivals = try await transport.open()
            _ = try endpoint.restore()
            tasks.append(Task { [weak self] in
                for await arrival in arrivals { await self?.arrived(arrival) }
            })
            tasks.append(Task { [outgoing, transport] in
                // What a transport fails to send is lost like any frame on its way, and repeated if it matters.
                for await item in outgoing { try? await transport.send(item.frame, to: item.destination, assured: item.assured) }
            })
            if let keystore {
                tasks.append(Task { [weak self] in
                    for await _ in keystore.answers { await self?.resume() }
                })
            }
        } catch {
            state = .new
            throw error
        }
        pump()
    }

    /// Leaves the transport; sessions stay in the storage. What waits for a handshake or a commit gets `LinkError.notOpen`.
    public func close() async {
        guard state == .open else { return }
        // Acknowledgements wait a little for a record to ride on: they go now.
        try? endpoint.handleTimeout(now: endpoint.now() + 100)
        pump()
        state = .closed
        timer?.cancel()
        outbox.finish()
        if tasks.count > 1 { await tasks[1].value }
        await transport.close()
        for task in tasks { task.cancel() }
        let closed = LinkError.notOpen
        for waiting in handshakes.values { waiting.resolve(.failure(closed)) }
        for messages in sent.values { for message in messages.values { message.done.resolve(.failure(closed)) } }
        signal()
        emit.finish()
    }

    // MARK: use

    /// Handshake with whoever is behind `route`: an inbox name on MQTT, nothing where only one peer can be there. With `peer` only that
    /// identity will do. Throws the typed reason, `SealwireError.HandshakeFailed` when nobody answered. Cancelled, the handshake is given up.
    public func connect(to route: String = "", peer: Data? = nil, limit: Duration = .seconds(30)) async throws -> Session {
        try check()
        let handshake = try endpoint.connect(route: Data(route.utf8), peer: peer)
        let waiting = Promise<Session>()
        handshakes[handshake] = waiting
        defer { handshakes[handshake] = nil }
        pump()
        do {
            return try await withLimit(limit, "no session with '\(route)'; is it running, and do both ends know each other?") {
                try await waiting.value()
            }
        } catch {
            if !waiting.isResolved {
                try? endpoint.cancel(handshake: handshake)
                pump()
            }
            throw error
        }
    }

    /// The sessions that can send.
    public var openSessions: [Session] { Array(Set(sessions.values)) }

    /// The session with a peer, if there is one.
    public func session(with peer: Data) -> Session? { sessions.values.first { $0.peer == peer } }

    func send(_ session: Session, _ message: Unacknowledged, confirmable: Bool) async throws -> Receipt {
        while true {
            try Task.checkCancellation()
            let waiting = changed
            do {
                return try trySend(session, message, confirmable: confirmable)
            } catch {
                guard case .WindowFull = error else { throw error }
                try await waiting.value()
            }
        }
    }

    func command(_ session: Session, _ message: Unacknowledged, limit: Duration) async throws -> Receipt {
        let deadline = ContinuousClock.now + limit
        while true {
            let waiting = changed
            do {
                return try await send(session, message, confirmable: true)
            } catch SealwireError.NoOffer where ContinuousClock.now < deadline {
                pump()
                let left = deadline - ContinuousClock.now
                do {
                    try await withLimit(min(left, .seconds(1)), "") { try await waiting.value() }
                } catch LinkError.timedOut {}
            }
        }
    }

    func updateKeys(_ session: Session) throws {
        try endpoint.keyUpdate(session: handle(session))
        pump()
    }

    func export(_ session: Session, label: UInt64, context: Data, length: UInt32) throws -> Data {
        try endpoint.export(session: handle(session), label: label, context: context, length: length)
    }

    func info(_ session: Session) throws -> SessionInfo {
        try endpoint.session(session: handle(session))
    }

    func close(_ session: Session) {
        guard let handle = handles.removeValue(forKey: session.number) else { return }
        sessions[handle] = nil
        try? endpoint.closeSession(session: handle)
        forget(handle, SealwireError.ended)
        pump()
    }

    func commit(_ received: Received) throws {
        guard let number = received.message.number else { return }
        try check()
        do {
            try endpoint.commit(session: received.message.session, number: number, origin: received.message.origin)
        } catch SealwireError.UnknownSession {
            // It ended meanwhile; the message comes again under its successor.
        }
        let waited = Waiting(session: received.message.session, number: number)
        for index in acknowledgements.indices where acknowledgements[index].waitsFor == waited { acknowledgements[index].waitsFor = nil }
        pump()
    }

    // MARK: sending

    private func trySend(_ session: Session, _ message: Unacknowledged, confirmable: Bool) throws(SealwireError) -> Receipt {
        guard state == .open, let handle = handles[session.number] else { throw .ended }
        defer { pump() }
        guard let number = try protect(handle, message, confirmable: confirmable, number: nil) else { return Receipt(number: nil, done: nil) }
        sent[handle, default: [:]][number] = message
        return Receipt(number: number, done: message.done)
    }

    private func protect(_ handle: UInt32, _ message: Unacknowledged, confirmable: Bool, number: UInt64?) throws(SealwireError) -> UInt64? {
        let outgoing = Outgoing(
            payload: message.payload, topic: message.topic, inPlace: message.inPlace, command: message.command, confirmable: confirmable,
            expiryS: message.expirySeconds, contentType: message.contentType, number: number, origin: message.origin)
        let sent = try typed { try endpoint.send(session: handle, message: outgoing) }
        let destination: Destination = if message.inPlace, let topic = message.topic { .topic(topic) } else { .route(sent.route) }
        outbox.yield(Departure(frame: sent.frame, destination: destination, assured: confirmable))
        return sent.number
    }

    private func sendAgain(_ handle: UInt32, _ number: UInt64) {
        guard let message = sent[handle]?[number] else { return }
        do {
            _ = try protect(handle, message, confirmable: true, number: number)
        } catch {
            // The endpoint has asked for an offer and reports the message again.
            if case .NoOffer = error { return }
            message.done.resolve(.failure(error))
        }
    }

    // MARK: receiving

    private func arrived(_ arrival: Arrival) {
        guard state == .open else { return }
        do throws(SealwireError) {
            let event = try typed { try endpoint.handleFrame(frame: arrival.frame, route: arrival.route, topic: arrival.topic) }
            if case .message(let message) = event {
                let waits = message.number.map { Waiting(session: message.session, number: $0) }
                acknowledge(arrival, after: waits)
                emit.yield(.message(Received(
                    session: session(message.session, message.peer), topic: arrival.topic ?? message.topic, inPlace: arrival.topic != nil,
                    message: message)))
            } else {
                acknowledge(arrival, after: nil)
                if let event { happened(event) }
            }
        } catch {
            // The endpoint keeps the frame until the key store has answered.
            if case .Pending = error {
                acknowledge(arrival, after: nil)
                return pump()
            }
            // From 400 on this end failed: what the broker is not told about comes again.
            if error.number < 400 { acknowledge(arrival, after: nil) }
            emit.yield(.refused(error, topic: arrival.topic))
        }
        pump()
    }

    private func resume() {
        guard state == .open else { return }
        do throws(SealwireError) {
            try typed { try endpoint.resumePending() }
        } catch {
            if case .Pending = error {} else { emit.yield(.refused(error, topic: nil)) }
        }
        pump()
    }

    private func acknowledge(_ arrival: Arrival, after waits: Waiting?) {
        guard let give = arrival.acknowledge else { return }
        acknowledgements.append(Acknowledgement(waitsFor: waits, give: give))
    }

    private func happened(_ event: Event) {
        switch event {
        case .message:
            break
        case .established(let handle, let peer, _, let handshake, _):
            let session = session(handle, peer)
            if let handshake { handshakes[handshake]?.resolve(.success(session)) }
            emit.yield(.established(session))
        case .acknowledged(let handle, let top, let missing):
            for number in (sent[handle] ?? [:]).keys where acknowledges(top: top, missing: missing, number: number) {
                sent[handle]?.removeValue(forKey: number)?.done.resolve(.success(()))
            }
            signal()
        case .resend(let session, let number):
            sendAgain(session, number)
        case .commandReady:
            signal()
        case .keyUpdated(let handle, let epoch):
            if let session = sessions[handle] { emit.yield(.keyUpdated(session, epoch: epoch)) }
        case .replaced(let old, let sid, let new):
            replaced(old, sid, new)
        case .closed(let handle, let peer, _, let reason):
            let session = session(handle, peer)
            sessions[handle] = nil
            handles[session.number] = nil
            forget(handle, reason)
            emit.yield(.closed(session, reason))
            signal()
        case .handshakeFailed(let handshake, let route, let reason):
            handshakes[handshake]?.resolve(.failure(reason))
            emit.yield(.handshakeFailed(route: route, reason))
        case .peerSilent(let handle):
            if let session = sessions[handle] { emit.yield(.peerSilent(session)) }
            heal(handle)
        }
    }

    /// The peer may have lost its state, and cannot always say so: a new handshake heals that, at most one a minute.
    private func heal(_ handle: UInt32) {
        guard let info = try? endpoint.session(session: handle), healing.insert(info.route).inserted else { return }
        _ = try? endpoint.connect(route: info.route, peer: info.peer)
        tasks.append(Task { [weak self] in
            try? await Task.sleep(for: .seconds(60), clock: .continuous)
            await self?.healAgain(info.route, info.peer)
        })
    }

    private func healAgain(_ route: Data, _ peer: Data) {
        healing.remove(route)
        guard state == .open, let handle = try? endpoint.find(peer: peer),
            let info = try? endpoint.session(session: handle), info.unacknowledged > 0
        else { return }
        heal(handle)
        pump()
    }

    /// A newer session with the same peer: whoever holds the older one goes on with it, and what is unacknowledged goes out again.
    private func replaced(_ old: UInt32, _ sid: Data, _ new: UInt32) {
        if let session = sessions.removeValue(forKey: old) {
            if let newer = sessions[new], newer != session { handles[newer.number] = new }
            sessions[new] = session
            handles[session.number] = new
        }
        for (number, message) in (sent.removeValue(forKey: old) ?? [:]).sorted(by: { $0.key < $1.key }) {
            var message = message
            if message.origin == nil { message.origin = Origin(sid: sid, number: number) }
            do {
                if let again = try protect(new, message, confirmable: true, number: nil) { sent[new, default: [:]][again] = message }
            } catch {
                message.done.resolve(.failure(error))
            }
        }
        signal()
    }

    private func session(_ handle: UInt32, _ peer: Data) -> Session {
        if let session = sessions[handle] { return session }
        lastNumber += 1
        let session = Session(peer: peer, link: self, number: lastNumber)
        sessions[handle] = session
        handles[session.number] = handle
        return session
    }

    private func handle(_ session: Session) throws(SealwireError) -> UInt32 {
        guard let handle = handles[session.number] else { throw .ended }
        return handle
    }

    private func forget(_ handle: UInt32, _ reason: any Error) {
        for message in (sent.removeValue(forKey: handle) ?? [:]).values { message.done.resolve(.failure(reason)) }
    }

    /// Wakes whoever waits for room or for an offer.
    private func signal() {
        changed.resolve(.success(()))
        changed = Promise()
    }

    private func check() throws(LinkError) {
        guard state == .open else { throw .notOpen }
    }

    // MARK: time

    /// Hands on what the endpoint has to say and to send, and sets the timer.
    private func pump() {
        guard state == .open else { return }
        while true {
            var idle = true
            while let event = try? endpoint.pollEvent() {
                happened(event)
                idle = false
            }
            while let transmit = try? endpoint.pollTransmit() {
                outbox.yield(Departure(frame: transmit.frame, destination: .route(transmit.route), assured: transmit.handshake))
                idle = false
            }
            if idle { break }
        }
        while let first = acknowledgements.first, first.waitsFor == nil {
            acknowledgements.removeFirst()
            first.give()
        }
        timer?.cancel()
        timer = nil
        guard let due = try? endpoint.pollTimeout() else { return }
        let now = endpoint.now()
        let delay = due > now ? due - now : 0
        timer = Task { [weak self] in
            do { try await Task.sleep(for: .milliseconds(delay), clock: .continuous) } catch { return }
            await self?.letTimePass()
        }
    }

    private func letTimePass() {
        guard state == .open else { return }
        try? endpoint.handleTimeout()
        pump()
    }
}
