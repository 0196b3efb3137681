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

/// The example of docs/howto/swift.md on pairing.
private struct PairingApp {
    let link: Link
    let anchor: Key
    /// By device, what it told its owner last.
    let kept = Shared<[Data: (epoch: UInt32, nonce: Data)]>([:])

    func pair(scanned: String) async throws -> Session {
        let code = try SetupCode.parse(text: scanned)  // what the camera read, "SW1:..."
        Task {
            for await event in link.events {
                guard case .ownership(let device, let epoch, let nonce) = event else { continue }
                kept.with { $0[device] = (epoch, nonce) }  // durably: it is what the next statement is signed over
            }
        }
        // "Now press the button of the device": this waits for it.
        return try await link.claim(.setup(code: code, anchor: anchor), at: "wearable", limit: .seconds(60))
    }

    func share(_ device: Data, with friend: Data) throws -> Data {
        guard let (epoch, nonce) = kept.now[device] else { throw NotOwned() }
        return try signStatement(key: anchor, device: device, epoch: epoch, nonce: nonce, statement: .delegation(delegate: friend))
    }

    func handOver(_ device: Data, to buyer: Data) throws -> Data {
        guard let (epoch, nonce) = kept.now[device] else { throw NotOwned() }
        return try signStatement(key: anchor, device: device, epoch: epoch, nonce: nonce, statement: .release(owner: buyer))
    }

    func takeOver(_ device: Data, _ statement: Data) async throws -> Session {
        try await link.claim(.release(device: device, statement: statement, anchor: anchor), at: "wearable")
    }

    struct NotOwned: Error {}
}

extension LiveTests {
    @Test func theExampleOfThePageOnPairing() async throws {
        let device = try await PairedDevice.inSwift(Wearable(), inbox: "wearable")
        let (seller, friend, buyer) = (try await PairedPhone("seller"), try await PairedPhone("sharer"), try await PairedPhone("taker"))
        let app = PairingApp(link: seller.link, anchor: seller.phone.anchor)
        async let pairing = app.pair(scanned: device.code.text())
        try await Task.sleep(for: .milliseconds(300))
        try device.press()
        let named = try await pairing.peer
        for _ in 0..<100 where app.kept.now[named] == nil { try await Task.sleep(for: .milliseconds(50)) }
        let shared = try app.share(named, with: friend.thumbprint)
        _ = try await friend.link.claim(.delegation(device: named, statement: shared), at: "wearable")
        let statement = try app.handOver(named, to: buyer.thumbprint)
        let bought = try await PairingApp(link: buyer.link, anchor: buyer.phone.anchor).takeOver(named, statement)
        try await bought.send(Data("mine".utf8), topic: "pulse").committed(within: .seconds(10))
        #expect(try device.said().last == "got pulse \(hex(Data("mine".utf8)))")
        for phone in [seller, friend, buyer] { await phone.link.close() }
        await device.close()
    }

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
