import Foundation
import Testing

@testable import Sealwire

@Suite(.timeLimit(.minutes(2))) struct HandshakeTests {
    @Test(arguments: [(KeyKind.x25519, UInt8(3), UInt8(4)), (.p256, 3, 2), (.ed25519, 0, 4), (.es256, 0, 2)])
    func twoEndpointsWithoutALink(kind: KeyKind, method: UInt8, suite: UInt8) throws {
        let (one, other) = (try identity("phone", kind), try identity("device", kind))
        let phone = try Endpoint(config: Config(identities: [one], peers: [other.credential], method: method))
        let device = try Endpoint(config: Config(identities: [other], peers: [one.credential]))
        let handshake = try phone.connect()
        var seen: [Event] = []
        var ends = [(phone, device), (device, phone)]
        for _ in 0..<8 {
            let (from, to) = ends[0]
            while let transmit = try from.pollTransmit() {
                if let event = try to.handleFrame(frame: transmit.frame), to === phone { seen.append(event) }
            }
            while let event = try from.pollEvent() { if from === phone { seen.append(event) } }
            ends.reverse()
        }
        guard case .established(let session, let peer, .initiator, handshake, false)? = seen.first else {
            Issue.record("no session: \(seen)")
            return
        }
        #expect(peer == other.credential.thumbprint())
        #expect(try phone.session(session: session).suite == suite)
        let theirs = try #require(try device.find(peer: one.credential.thumbprint()))
        let key = try phone.export(session: session, label: 33_000, context: Data("for".utf8), length: 32)
        #expect(key.count == 32)
        #expect(try device.export(session: theirs, label: 33_000, context: Data("for".utf8), length: 32) == key)
    }

    @Test func messagesBothWaysOverALink() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let info = try await session.info()
        #expect(session.peer == info.peer)
        let receipt = try await session.send(Data("72".utf8), topic: "heart-rate", contentType: "text/plain", expirySeconds: 60)
        #expect(!receipt.acknowledged)
        let received = try await pair.device.nextMessage()
        #expect((text(received.payload), received.topic, received.inPlace) == ("72", "heart-rate", false))
        #expect((received.contentType, received.expiryS) == ("text/plain", 60))
        try await received.commit()
        try await receipt.committed(within: .seconds(5))
        #expect(receipt.acknowledged)

        let answer = try await #require(received.session).send(Data("noted".utf8), confirmable: false)
        #expect(answer.number == nil)
        #expect(await thrown { try await answer.committed() }?.number == 3)
        let answered = try await pair.phone.nextMessage()
        #expect((text(answered.payload), answered.topic, answered.peer) == ("noted", "", session.peer))
        await pair.close()
    }

    @Test func theFirstPeerSendsAgainWhatTheNetworkLost() async throws {
        // Every second frame is lost, in both directions, and the others come twice.
        let count = Shared(0)
        let pair = try await Pair { frame in
            count.with { count in
                count += 1
                return count % 2 == 0 ? [] : [frame, frame]
            }
        }
        let session = try await pair.phone.connect()
        var receipts: [Receipt] = []
        for number in 0..<20 { receipts.append(try await session.send(Data("\(number)".utf8))) }
        let seen = Task { [device = pair.device] in
            var seen: [String] = []
            for await event in device.events {
                guard case .message(let received) = event else { continue }
                seen.append(text(received.payload))
                try await received.commit()
                if seen.count == 20 { break }
            }
            return seen
        }
        for receipt in receipts { try await receipt.committed(within: .seconds(30)) }
        // Each once, whatever the order.
        #expect(try await seen.value.sorted { Int($0)! < Int($1)! } == (0..<20).map(String.init))
        #expect(try pair.device.endpoint.counters().duplicate > 0)
        await pair.close()
    }

    @Test func keyUpdate() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        try await session.updateKeys()
        let epoch = try await pair.phone.first { if case .keyUpdated(session, let epoch) = $0 { epoch } else { nil } }
        #expect(epoch == 1)
        try await session.send(Data("after".utf8))
        #expect(text(try await pair.device.nextMessage().payload) == "after")
        await pair.close()
    }

    @Test func commandsWaitForAnOffer() async throws {
        let pair = try await Pair(offers: true)
        let session = try await pair.phone.connect()
        let receipt = try await session.command(Data("unlock".utf8), topic: "door", limit: .seconds(10))
        let received = try await pair.device.nextMessage()
        #expect(received.command && text(received.payload) == "unlock")
        try await received.commit()
        try await receipt.committed(within: .seconds(5))
        await pair.close()
    }

    @Test func aCommandWithoutAnOfferIsRefused() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let error = await thrown { try await session.command(Data("unlock".utf8), limit: .seconds(2)) }
        #expect(error?.number == 8)
        await pair.close()
    }
}
