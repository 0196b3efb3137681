import Foundation
import Testing

@testable import Sealwire

@Suite(.timeLimit(.minutes(2))) struct ConcurrencyTests {
    @Test func manyTasksOnOneSession() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let seen = Task { [device = pair.device] in
            var seen: [String: Int] = [:]
            for await event in device.events {
                guard case .message(let received) = event else { continue }
                seen[text(received.payload), default: 0] += 1
                try await received.commit()
                if seen.count == 500 { break }
            }
            return seen
        }
        // More than the 64 that may be unacknowledged: senders wait for one another.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask { try await session.send(Data("\(number)".utf8)).committed(within: .seconds(60)) }
            }
            try await group.waitForAll()
        }
        let counts = try await seen.value
        #expect(counts.count == 500 && counts.values.allSatisfy { $0 == 1 })
        let info = try await session.info()
        #expect((info.nextNumber, info.unacknowledged) == (500, 0))
        await pair.close()
    }

    @Test func manyThreadsOnOneEndpoint() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let handle = try await session.info().session
        let endpoint = pair.phone.endpoint
        // An open link would send records of its own in between.
        await pair.close()
        let frames = Shared<Set<Data>>([])
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    if let sent = try? endpoint.send(session: handle, message: Outgoing(payload: Data("\(number)".utf8))) {
                        frames.with { _ = $0.insert(sent.frame) }
                    }
                    _ = try? endpoint.session(session: handle)
                    _ = try? endpoint.pollTimeout()
                }
            }
        }
        // No Partial IV twice, and the other end takes each of them.
        #expect(frames.now.count == 400)
        // Behind a byte with its length less one, and one of the recipient's identifier.
        func partialIv(_ frame: Data) -> Int { frame.dropFirst(2).prefix(Int(frame[0] & 7) + 1).reduce(0) { $0 << 8 | Int($1) } }
        #expect(Set(frames.now.map(partialIv)).count == 400)
        for frame in frames.now.sorted(by: { partialIv($0) < partialIv($1) }) {
            guard case .message(let message)? = try pair.device.endpoint.handleFrame(frame: frame) else {
                Issue.record("a frame brought no message")
                break
            }
            #expect(message.missing == 0)
        }
    }

    @Test func whoConnectsMayChangeTheirMind() async throws {
        let (one, other) = (try identity("phone"), try identity("device"))
        let lost = MemoryTransport.pair { _ in [] }.0
        let phone = Link(try Endpoint(config: Config(identities: [one], peers: [other.credential])), over: lost)
        try await phone.open()
        let connecting = Task { try await phone.connect(limit: .seconds(60)) }
        try await Task.sleep(for: .milliseconds(50))
        connecting.cancel()
        await #expect(throws: CancellationError.self) { try await connecting.value }
        // The handshake is given up: nothing is left that wants time.
        #expect(try phone.endpoint.pollTimeout() == nil)
        await #expect(throws: NetworkError.self) { try await phone.connect(limit: .milliseconds(50)) }
        await phone.close()
        // Without a limit the endpoint gives up by itself.
        let config = Config(identities: [one], peers: [other.credential], handshakeIntervalMs: 100, handshakeAttempts: 3)
        let patient = Link(try Endpoint(config: config), over: MemoryTransport.pair { _ in [] }.0)
        try await patient.open()
        let failed = await thrown { try await patient.connect(limit: .seconds(60)) }
        #expect(failed?.number == 212)
        await patient.close()
    }

    @Test func aWaitThatIsCancelledHurtsNobodyElse() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let receipt = try await session.send(Data("72".utf8))
        let (first, second) = (Task { try await receipt.committed() }, Task { try await receipt.committed() })
        try await Task.sleep(for: .milliseconds(20))
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        await #expect(throws: NetworkError.self) { try await receipt.committed(within: .milliseconds(20)) }
        try await pair.device.nextMessage().commit()
        try await second.value
        // A sender that waits for room can be cancelled too, and has sent nothing then.
        for _ in 0..<64 { try await session.send(Data("x".utf8)) }
        let waiting = Task { try await session.send(Data("one too many".utf8)) }
        try await Task.sleep(for: .milliseconds(20))
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(try await session.info().nextNumber == 65)
        await pair.close()
    }

    @Test func closingALinkEndsEveryWait() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let receipt = try await session.send(Data("72".utf8))
        let waiting = Task { try await receipt.committed() }
        let reading = Task { [phone = pair.phone] in for await _ in phone.events {} }
        await pair.phone.close()
        await #expect(throws: NetworkError.NotOpen) { try await waiting.value }
        await reading.value
        await #expect(throws: NetworkError.NotOpen) { try await pair.phone.connect() }
        await pair.device.close()
    }

    @Test func aLinkThatIsLetGoIsFreed() async throws {
        let pair = try await Pair()
        weak var gone: Link?
        do {
            let (one, other) = (try identity("phone"), try identity("device"))
            let link = Link(try endpoint(one, [other]), over: MemoryTransport.pair().0)
            try await link.open()
            gone = link
            await link.close()
        }
        for _ in 0..<50 where gone != nil { try await Task.sleep(for: .milliseconds(20)) }
        #expect(gone == nil)
        await pair.close()
    }
}
