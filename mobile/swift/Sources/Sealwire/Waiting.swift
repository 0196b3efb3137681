import Foundation

/// A wait inside the library, which ends when the task is cancelled.
func until<Value: Sendable>(_ body: @Sendable (Cancellation) async throws -> Value) async throws -> Value {
    try Task.checkCancellation()
    let cancellation = Cancellation()
    return try await plain {
        try await withTaskCancellationHandler {
            try await body(cancellation)
        } onCancel: {
            cancellation.cancel()
        }
    }
}

/// What the endpoint refused, as itself; what was cancelled, as Swift says it.
func plain<Value>(_ body: () async throws -> Value) async throws -> Value {
    do { return try await body() } catch let error as NetworkError { throw error.plain }
}

func plain<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as NetworkError { throw error.plain }
}

extension NetworkError {
    fileprivate var plain: any Error {
        switch self {
        case .Refused(let error): error
        case .Cancelled: CancellationError()
        case .Broker, .TimedOut, .NotOpen: self
        }
    }
}

extension Duration {
    /// Not below 0, and not above the 49 days that the library can wait.
    var milliseconds: UInt32 {
        let (seconds, attoseconds) = components
        guard seconds < Int64(UInt32.max) / 1_000 else { return .max }
        return UInt32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }
}
