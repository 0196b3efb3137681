import Foundation
import Testing

@testable import Sealwire

/// Beside a real Mosquitto, the Python hub and the wearable in C: scripts/swift-live.py starts them, and judges what they saw. One after the other:
/// one of them restarts the broker.
@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Live.folder != nil, "scripts/swift-test.sh runs them")) struct LiveTests {
    @Test(arguments: [MqttVersion.v311, .v5])
    func thePythonHub(version: MqttVersion) async throws {
        let name = version == .v311 ? "phone" : "phone5"
        let link = try Live.link(try Live.identity(name), [try Live.credential("hub")], version: version, offers: true)
        try await link.open()
        #expect(link.connected)
        let hub = try await link.connect(to: "hub", peer: try Live.credential("hub").thumbprint(), limit: .seconds(40))
        let (rate, pulse, bed) = version == .v311 ? ("72", "73", "bed/7/pulse") : ("5.0", "5.1", "bed/8/pulse")
        // To its inbox: the broker learns neither topic nor payload. And on the topic itself.
        try await hub.send(Data(rate.utf8), topic: "heart-rate").committed(within: .seconds(20))
        try await hub.publish(Data(pulse.utf8), on: bed).committed(within: .seconds(20))
        if version == .v311 {
            let command = try await link.nextMessage()
            #expect(command.command && command.peer == hub.peer)
            #expect((command.topic, text(command.payload)) == ("display", "dim"))
            try await command.commit()
            // The acknowledgement has to leave before the link does.
            try await Task.sleep(for: .milliseconds(300))
        }
        await link.close()
    }

    @Test func theBrokerGoesAndComesBack() async throws {
        let (one, other) = (try identity("tablet"), try identity("watch"))
        let tablet = try Live.link(one, [other.credential], subscriptions: ["note/#"])
        let watch = try Live.link(other, [one.credential])
        try await tablet.open()
        try await watch.open()
        let session = try await watch.connect(to: "tablet")
        try await session.publish(Data("in place".utf8), on: "note/1", confirmable: false)
        let first = try await tablet.nextMessage()
        #expect((text(first.payload), first.topic, first.inPlace) == ("in place", "note/1", true))
        try Live.ask("restart")
        _ = try await watch.first(.seconds(30)) { if case .down(let reason) = $0 { reason } else { nil } }
        let receipt = try await session.send(Data("kept".utf8))
        let got = try await tablet.first(.seconds(60)) { event -> Received? in
            if case .message(let received) = event { received } else { nil }
        }
        #expect(text(got.payload) == "kept")
        try await got.commit()
        try await receipt.committed(within: .seconds(30))
        #expect(try watch.endpoint.counters().handshakes == 1)
        await tablet.close()
        await watch.close()
    }

    @Test func theWearableInC() async throws {
        let link = try Live.link(try Live.identity("app"), [try Live.credential("wearable")])
        try await link.open()
        try Live.ask("wearable")
        let wearable = try Live.credential("wearable").thumbprint()
        let samples = Shared(Data())
        let reading = Task {
            for await received in link.messages {
                #expect(received.peer == wearable)
                // 90 samples in each but the last, which closes the series.
                if received.payload.count >= 180 { samples.with { $0 += received.payload.suffix(180) } }
                try await received.commit()
            }
        }
        // It ends when it has the last acknowledgement.
        try await Live.wait(for: "wearable.ended")
        reading.cancel()
        try? await reading.value
        #expect(samples.now.count == 43_200)
        #expect(try link.endpoint.counters().decryptFailed == 0)
        await link.close()
    }

    @Test func aBrokerThatIsNotThere() async throws {
        let one = try identity("nobody")
        let config = Config(identities: [one], inbox: "nobody", mqtt: true, identifierLen: 2)
        let link = try Link(
            try Endpoint(config: config), broker: Broker(host: "127.0.0.1", port: 1), place: LinkConfig(realm: "ward", inbox: "nobody"))
        await #expect(throws: NetworkError.self) { try await link.open(limit: .seconds(5)) }
        await #expect(throws: NetworkError.NotOpen) { try await link.connect(to: "hub") }
        let wrong = await thrown {
            try Link(try Endpoint(config: config), broker: Broker(host: "127.0.0.1"), place: LinkConfig(realm: "a/#", inbox: "nobody"))
        }
        #expect(wrong?.number == 1)
    }
}

enum Live {
    static let folder = ProcessInfo.processInfo.environment["SEALWIRE_LIVE_FOLDER"].map { URL(fileURLWithPath: $0) }

    static func broker(_ version: MqttVersion) -> Broker {
        let port = ProcessInfo.processInfo.environment["SEALWIRE_LIVE_PORT"].flatMap(UInt16.init)
        return Broker(host: "127.0.0.1", port: port, version: version)
    }

    static func link(
        _ own: Identity, _ peers: [Credential], version: MqttVersion = .v311, offers: Bool = false, subscriptions: [String] = []
    ) throws -> Link {
        let name = try own.credential.subject() ?? ""
        let config = Config(
            identities: [own], peers: peers, inbox: name, mqtt: true, identifierLen: 2, offers: offers, handshakeIntervalMs: 500,
            resendIntervalMs: 500)
        return try Link(
            try Endpoint(config: config), broker: broker(version), place: LinkConfig(realm: "ward", inbox: name, subscriptions: subscriptions))
    }

    /// What `sealwire keygen` wrote: hexadecimal, and comments.
    private static func bytes(_ name: String) throws -> Data {
        let text = try String(contentsOf: folder!.appendingPathComponent(name), encoding: .utf8)
        let digits = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined()
        return Data(stride(from: 0, to: digits.count, by: 2).map { at in
            let start = digits.index(digits.startIndex, offsetBy: at)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)!
        })
    }

    static func credential(_ name: String) throws -> Credential { try Credential(data: bytes("\(name).cred")) }

    static func identity(_ name: String) throws -> Identity {
        Identity(credential: try credential(name), key: try Key.fromBytes(kind: .x25519, private: bytes("\(name).key")))
    }

    static func wait(for name: String) async throws {
        while !FileManager.default.fileExists(atPath: folder!.appendingPathComponent(name).path) { try await Task.sleep(for: .milliseconds(50)) }
    }

    static func ask(_ what: String) throws { try Data().write(to: folder!.appendingPathComponent(what)) }
}
