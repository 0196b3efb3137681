import Foundation

extension SealwireError: CustomStringConvertible {
    private var parts: (number: UInt16, text: String, detail: String) {
        switch self {
        case .InvalidArgument(let number, let text, let detail),
            .BufferTooSmall(let number, let text, let detail),
            .WrongState(let number, let text, let detail),
            .UnknownSession(let number, let text, let detail),
            .NoSpace(let number, let text, let detail),
            .Pending(let number, let text, let detail),
            .WindowFull(let number, let text, let detail),
            .NoOffer(let number, let text, let detail),
            .Busy(let number, let text, let detail),
            .VersionMismatch(let number, let text, let detail),
            .Malformed(let number, let text, let detail),
            .UnsupportedVersion(let number, let text, let detail),
            .UnsupportedFrame(let number, let text, let detail),
            .UnsupportedOption(let number, let text, let detail),
            .NotDeterministic(let number, let text, let detail),
            .UnsupportedMethod(let number, let text, let detail),
            .UnsupportedSuite(let number, let text, let detail),
            .UnknownCredential(let number, let text, let detail),
            .UntrustedCredential(let number, let text, let detail),
            .ExpiredCredential(let number, let text, let detail),
            .AuthenticationFailed(let number, let text, let detail),
            .OwnIdentity(let number, let text, let detail),
            .SameIdentifier(let number, let text, let detail),
            .UnknownCriticalEad(let number, let text, let detail),
            .InvalidKey(let number, let text, let detail),
            .PeerError(let number, let text, let detail),
            .Denied(let number, let text, let detail),
            .HandshakeFailed(let number, let text, let detail),
            .Superseded(let number, let text, let detail),
            .UnsupportedCredential(let number, let text, let detail),
            .SetupClosed(let number, let text, let detail),
            .SetupDelayed(let number, let text, let detail),
            .WrongSetupSecret(let number, let text, let detail),
            .OtherOwner(let number, let text, let detail),
            .WrongStatement(let number, let text, let detail),
            .UnknownContext(let number, let text, let detail),
            .DecryptFailed(let number, let text, let detail),
            .Replay(let number, let text, let detail),
            .Duplicate(let number, let text, let detail),
            .Stale(let number, let text, let detail),
            .KeyExhausted(let number, let text, let detail),
            .StaleEpoch(let number, let text, let detail),
            .StorageFailed(let number, let text, let detail),
            .CorruptState(let number, let text, let detail),
            .UnsupportedState(let number, let text, let detail),
            .RandomFailed(let number, let text, let detail),
            .UnknownKey(let number, let text, let detail),
            .LostState(let number, let text, let detail),
            .Internal(let number, let text, let detail):
            (number, text, detail)
        }
    }

    /// The same in every language, 1 to 999; never reused.
    public var number: UInt16 { parts.number }

    /// What is particular to this case, such as what a callback threw; often empty.
    public var detail: String { parts.detail }

    public var description: String {
        let (_, text, detail) = parts
        return detail.isEmpty ? text : "\(text) (\(detail))"
    }

    static func storage(_ detail: String) -> SealwireError {
        .StorageFailed(number: 400, text: table[400] ?? "", detail: detail)
    }

    private static let table: [UInt16: String] = Dictionary(
        uniqueKeysWithValues: errorsTable().map { ($0.number, "\($0.name): \($0.hint)") })
}
