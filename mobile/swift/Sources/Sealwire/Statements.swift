import Foundation

/// `signStatement` by a key of a key store that takes its time: waits for its signature. Throws what the key store throws.
public func signStatement(
    key: Key, device: Data, epoch: UInt32, nonce: Data, statement: Statement, keystore: any AsyncKeystore
) async throws -> Data {
    let once = Once()
    do {
        return try signStatement(key: key, device: device, epoch: epoch, nonce: nonce, statement: statement, keystore: once)
    } catch SealwireError.Pending {
        // Asked below.
    }
    guard let (alias, message) = once.asked else { throw CallbackError.Failed(reason: "the key store was not asked") }
    once.answer(try await keystore.sign(alias: alias, message: message))
    return try signStatement(key: key, device: device, epoch: epoch, nonce: nonce, statement: statement, keystore: once)
}

/// Learns what is to be signed, and then says the signature.
private final class Once: Keystore, @unchecked Sendable {
    private let mutex = NSLock()
    private var question: (alias: String, message: Data)?
    private var signature: Data?

    var asked: (alias: String, message: Data)? { mutex.withLock { question } }

    func answer(_ signature: Data) { mutex.withLock { self.signature = signature } }

    func agree(alias: String, peer: Data) throws -> Data { throw CallbackError.Failed(reason: "statements are signed") }

    func sign(alias: String, message: Data) throws -> Data {
        try mutex.withLock {
            guard let signature else {
                question = (alias, message)
                throw CallbackError.Pending
            }
            return signature
        }
    }
}
