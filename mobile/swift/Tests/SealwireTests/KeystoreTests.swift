import Foundation
import Testing

@testable import Sealwire

@Suite(.timeLimit(.minutes(2))) struct KeystoreTests {
    /// The key store holds the private key; the credential names its public one.
    private func phone(_ keystore: OpenSslKeystore, _ kind: KeyKind) throws -> Identity {
        let key = try Key.inKeystore(kind: kind, public: keystore.make(kind, alias: "identity"), alias: "identity")
        return Identity(credential: try Credential.ccs(key: key, subject: "phone", kid: key.thumbprint().prefix(4)), key: key)
    }

    @Test(arguments: [(KeyKind.x25519, KeyKind.x25519, UInt8(3)), (.p256, .p256, 3), (.es256, .p256, 1), (.es256, .es256, 0)])
    func answersLater(own: KeyKind, theirs: KeyKind, method: UInt8) async throws {
        let openssl = try OpenSslKeystore()
        let (one, other) = (try phone(openssl, own), try identity("device", theirs))
        #expect(await thrown { try one.key.privateBytes() }?.number == 404)
        let keystore = DeferredKeystore(openssl)
        let (left, right) = MemoryTransport.pair()
        let asking = try Endpoint(config: Config(identities: [one], peers: [other.credential], method: method), keystore: keystore)
        let phone = Link(asking, over: left, keystore: keystore)
        let device = Link(try endpoint(other, [one]), over: right)
        try await phone.open()
        try await device.open()
        let session = try await phone.connect()
        let receipt = try await session.send(Data("from the key store".utf8))
        let received = try await device.nextMessage()
        #expect(text(received.payload) == "from the key store")
        #expect(received.peer == one.credential.thumbprint())
        try await received.commit()
        try await receipt.committed(within: .seconds(5))
        // The other way round the key store answers for the Responder.
        try await session.end()
        if method == 3 {
            _ = try await device.connect()
            #expect(try phone.endpoint.sessions().count == 1)
        }
        await phone.close()
        await device.close()
    }

    @Test func aKeyThatIsNotThereFailsWithTheReason() async throws {
        let openssl = try OpenSslKeystore()
        let (one, other) = (try identity("phone"), try identity("device"))
        let keystore = DeferredKeystore(openssl)
        let (left, right) = MemoryTransport.pair()
        let phone = Link(try endpoint(try kept(one, alias: "nowhere"), [other], keystore: keystore), over: left, keystore: keystore)
        let device = Link(try endpoint(other, [one]), over: right)
        try await phone.open()
        try await device.open()
        // The refusal counts only within its time, which a busy machine needs more of than an idle one.
        let connecting = Task { try await phone.connect(limit: .seconds(5)) }
        // A message_2 that comes again while the key store works is refused as Busy.
        let refused = try await phone.first { if case .refused(let error, _, _) = $0, error.number != 9 { error } else { nil } }
        #expect(refused.number == 404)
        #expect(refused.detail.contains("no key 'nowhere'"))
        #expect(await thrown { try await connecting.value }?.number == 404)
        await phone.close()
        await device.close()
    }

    @Test func oneQuestionIsAskedOnce() async throws {
        struct Slow: AsyncKeystore {
            let asked = Shared(0)
            func agree(alias: String, peer: Data) async throws -> Data {
                asked.with { $0 += 1 }
                try await Task.sleep(for: .milliseconds(50))
                return Data(repeating: 7, count: 32)
            }
            func sign(alias: String, message: Data) async throws -> Data { throw CancellationError() }
        }
        let slow = Slow()
        let keystore = DeferredKeystore(slow)
        for _ in 0..<3 {
            #expect(throws: CallbackError.Pending) { try keystore.agree(alias: "a", peer: Data(count: 32)) }
        }
        for await _ in keystore.answers { break }
        #expect(try keystore.agree(alias: "a", peer: Data(count: 32)) == Data(repeating: 7, count: 32))
        #expect(slow.asked.now == 1)
        // The answer is given away once; the next question is a new one.
        #expect(throws: CallbackError.Pending) { try keystore.agree(alias: "a", peer: Data(count: 32)) }
    }
}
