import Foundation

/// A key store that takes its time: the Secure Enclave behind a prompt, a card, a service. Private keys are known by name only.
public protocol AsyncKeystore: Sendable {
    /// Diffie-Hellman: the 32-byte shared secret of the named key with `peer`. On P-256 `peer` and the secret are x coordinates.
    func agree(alias: String, peer: Data) async throws -> Data
    /// The 64-byte signature of the named key over `message`: Ed25519, or ECDSA with SHA-256 as r and s.
    func sign(alias: String, message: Data) async throws -> Data
}

/// Puts an `AsyncKeystore` where an endpoint wants a `Keystore`: the first question is answered by `Pending` and asked of the key store, and
/// when the answer is there, the endpoint asks again. Hand it to the `Link` too, which then goes on by itself; without a link, read `answers`
/// and call `resumePending`.
public final class DeferredKeystore: Keystore, @unchecked Sendable {
    /// One element for each answer of the key store, good or bad. For one consumer.
    public let answers: AsyncStream<Void>

    private let keystore: any AsyncKeystore
    private let answered: AsyncStream<Void>.Continuation
    private let mutex = NSLock()
    private var answersByQuestion: [Question: Answer] = [:]

    private enum Question: Hashable {
        case agree(alias: String, peer: Data)
        case sign(alias: String, message: Data)
    }

    private enum Answer {
        case underWay
        case given(Result<Data, any Error>, at: ContinuousClock.Instant)
    }

    public init(_ keystore: any AsyncKeystore) {
        self.keystore = keystore
        (answers, answered) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    deinit { answered.finish() }

    public func agree(alias: String, peer: Data) throws -> Data {
        try answer(.agree(alias: alias, peer: peer)) { [keystore] in try await keystore.agree(alias: alias, peer: peer) }
    }

    public func sign(alias: String, message: Data) throws -> Data {
        try answer(.sign(alias: alias, message: message)) { [keystore] in try await keystore.sign(alias: alias, message: message) }
    }

    /// The answer, once; `Pending` while there is none.
    private func answer(_ question: Question, _ ask: @escaping @Sendable () async throws -> Data) throws(CallbackError) -> Data {
        let known: Answer? = mutex.withLock {
            // A secret that nobody fetched, since the handshake was given up, must not lie about.
            let old = ContinuousClock.now - .seconds(60)
            answersByQuestion = answersByQuestion.filter { if case .given(_, let time) = $0.value { time > old } else { true } }
            let known = answersByQuestion[question]
            if case .given = known { answersByQuestion[question] = nil }
            if known == nil { answersByQuestion[question] = .underWay }
            return known
        }
        switch known {
        case .given(.success(let data), _): return data
        case .given(.failure(let error), _): throw .Failed(reason: "\(error)")
        case .underWay: throw .Pending
        case nil: break
        }
        Task { [weak self] in
            let result: Result<Data, any Error>
            do { result = .success(try await ask()) } catch { result = .failure(error) }
            self?.take(question, result)
        }
        throw .Pending
    }

    private func take(_ question: Question, _ result: Result<Data, any Error>) {
        mutex.withLock { answersByQuestion[question] = .given(result, at: .now) }
        answered.yield()
    }
}
