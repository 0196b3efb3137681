import Foundation
import Testing

@testable import Sealwire

/// The example of docs/howto/swift.md.
private struct PulseApp {
    let identity: Identity
    let storage: Storage
    let commands = Shared<[String]>([])

    func run(broker: Broker, hub: Credential) async throws {
        let config = Config(identities: [identity], peers: [hub], inbox: "phone", mqtt: true, identifierLen: 2, offers: true)
        let endpoint = try Endpoint(config: config, storage: storage)
        let link = try Link(endpoint, broker: broker, place: LinkConfig(realm: "clinic", inbox: "phone"))
        try await link.open()
        let reading = Task {
            for await message in link.messages {
                commands.with { $0.append("\(message.topic) \(String(decoding: message.payload, as: UTF8.self))") }  // make the effect durable first,
                try await message.commit()  // then acknowledge it
            }
        }
        var session = link.session(with: hub.thumbprint())
        if session == nil { session = try await link.connect(to: "hub", peer: hub.thumbprint()) }
        let receipt = try await session!.send(Data("72".utf8), topic: "pulse")
        try await receipt.committed()  // the hub's app has committed it
        reading.cancel()
        await link.close()
    }
}

extension LiveTests {
    @Test func theExampleOfThePageRunsTwice() async throws {
        let (phone, own) = (try identity("phone"), try identity("hub"))
        let config = Config(identities: [own], peers: [phone.credential], inbox: "hub", mqtt: true, identifierLen: 2)
        let hub = try Link(Endpoint(config: config), broker: Live.broker(.v311), place: LinkConfig(realm: "clinic", inbox: "hub"))
        try await hub.open()
        let folder = temporaryDirectory()
        for round in 1...2 {
            let serving = Task {
                let pulse = try await hub.nextMessage()
                // The phone waits for this, so the command comes before it leaves.
                let command = try await #require(pulse.session).command(Data("dim".utf8), topic: "display")
                try await command.committed(within: .seconds(10))
                try await pulse.commit()
                return text(pulse.payload)
            }
            let app = PulseApp(identity: phone, storage: try FileStorage(directory: folder, resistsRollback: true))
            try await app.run(broker: Live.broker(.v311), hub: own.credential)
            #expect(try await serving.value == "72")
            #expect(app.commands.now == ["display dim"])
            // The second time the session of the first goes on.
            #expect(try hub.endpoint.counters().handshakes == 1, "round \(round)")
        }
        await hub.close()
    }
}
