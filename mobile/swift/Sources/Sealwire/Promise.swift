import Foundation

/// A value that is there later, for any number of waiting tasks. The first result stands.
final class Promise<Value: Sendable>: @unchecked Sendable {
    private let mutex = NSLock()
    private var result: Result<Value, any Error>?
    private var waiting: [ObjectIdentifier: CheckedContinuation<Value, any Error>] = [:]

    var isResolved: Bool { mutex.withLock { result != nil } }
    var isFulfilled: Bool { mutex.withLock { if case .success = result { true } else { false } } }

    func resolve(_ result: Result<Value, any Error>) {
        let resumed = mutex.withLock {
            guard self.result == nil else { return [CheckedContinuation<Value, any Error>]() }
            self.result = result
            defer { waiting = [:] }
            return Array(waiting.values)
        }
        for continuation in resumed { continuation.resume(with: result) }
    }

    /// Waits. A cancelled task gets `CancellationError`; the others wait on.
    func value() async throws -> Value {
        let ticket = Ticket()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let known: Result<Value, any Error>? = mutex.withLock {
                    if result == nil && !ticket.cancelled { waiting[ObjectIdentifier(ticket)] = continuation }
                    return result ?? (ticket.cancelled ? .failure(CancellationError()) : nil)
                }
                if let known { continuation.resume(with: known) }
            }
        } onCancel: {
            let continuation = mutex.withLock {
                ticket.cancelled = true
                return waiting.removeValue(forKey: ObjectIdentifier(ticket))
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Guarded by `mutex`.
    private final class Ticket: @unchecked Sendable {
        var cancelled = false
    }
}

/// Runs `body`, and cancels it when `limit` has passed: `LinkError.timedOut` then.
func withLimit<Value: Sendable>(
    _ limit: Duration, _ what: @autoclosure @escaping @Sendable () -> String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit, clock: .continuous)
            throw LinkError.timedOut(what())
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
