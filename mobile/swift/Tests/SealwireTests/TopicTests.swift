import Foundation
import Testing

@testable import Sealwire

/// An app that brings its own MQTT client.
@Suite(.timeLimit(.minutes(1))) struct TopicTests {
    /// What such clients and their broker do: everybody's inbox, and everybody else hears what is published on a topic.
    private final class Exchange: Sendable {
        private let seats = Shared<[Seat]>([])
        let published = Shared<[String]>([])
        /// What becomes of a topic on its way.
        let carried = Shared<[String: String]>([:])

        final class Seat: PublishingTransport, Sendable {
            let inbox: String
            private let exchange: Exchange
            private let arrivals: AsyncStream<Arrival>
            private let mine: AsyncStream<Arrival>.Continuation

            init(_ inbox: String, _ exchange: Exchange) {
                (self.inbox, self.exchange) = (inbox, exchange)
                (arrivals, mine) = AsyncStream.makeStream()
            }

            func open() async throws -> AsyncStream<Arrival> { arrivals }
            func close() async { mine.finish() }
            func hears(_ arrival: Arrival) { mine.yield(arrival) }

            func send(_ frame: Data, to route: Data, assured: Bool) async throws {
                exchange.seats.now.first { Data($0.inbox.utf8) == route }?.hears(Arrival(frame: frame))
            }

            func publish(_ frame: Data, on topic: String, assured: Bool) async throws {
                exchange.published.with { $0.append(topic) }
                let heard = exchange.carried.now[topic] ?? topic
                for seat in exchange.seats.now where seat !== self { seat.hears(Arrival(frame: frame, topic: heard)) }
            }
        }

        func join(_ own: Identity, _ peer: Identity) async throws -> Link {
            let name = try own.credential.subject() ?? ""
            let seat = Seat(name, self)
            seats.with { $0.append(seat) }
            let config = Config(
                identities: [own], peers: [peer.credential], inbox: name, mqtt: true, identifierLen: 2, handshakeIntervalMs: 500,
                resendIntervalMs: 500)
            let link = Link(try Endpoint(config: config), over: seat)
            try await link.open()
            return link
        }
    }

    @Test func recordsInPlaceOverTheAppsOwnTransport() async throws {
        let (one, other) = (try identity("phone"), try identity("tablet"))
        let exchange = Exchange()
        let phone = try await exchange.join(one, other)
        let tablet = try await exchange.join(other, one)
        let session = try await phone.connect(to: "tablet")
        let receipt = try await session.publish(Data("72".utf8), on: "bed/7/pulse")
        let got = try await tablet.nextMessage()
        #expect((got.topic, text(got.payload), got.inPlace) == ("bed/7/pulse", "72", true))
        try await got.commit()
        try await receipt.committed(within: .seconds(10))
        let addressed = try await session.send(Data("N. N.".utf8), topic: "bed/7/name")
        let name = try await tablet.nextMessage()
        #expect((name.topic, name.inPlace) == ("bed/7/name", false))
        try await name.commit()
        try await addressed.committed(within: .seconds(10))
        #expect(Set(exchange.published.now) == ["bed/7/pulse"])
        // Whoever carries a record to another topic is found out.
        exchange.carried.with { $0["bed/7/pulse"] = "bed/8/pulse" }
        try await session.publish(Data("73".utf8), on: "bed/7/pulse", confirmable: false)
        let refused = try await tablet.first { event -> [String]? in
            if case .refused(let error, let topic, _) = event { [error.name, topic] } else { nil }
        }
        #expect(refused == ["DecryptFailed", "bed/8/pulse"])
        await phone.close()
        await tablet.close()
    }

    @Test func aTransportWithoutTopicsSaysSo() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        #expect(await thrown { try await session.publish(Data("72".utf8), on: "bed/7/pulse") }?.name == "InvalidArgument")
        try await session.send(Data("72".utf8), topic: "bed/7/pulse", confirmable: false)
        #expect(try await pair.device.nextMessage().topic == "bed/7/pulse")
        await pair.close()
    }
}
