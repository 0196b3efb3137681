package org.sealwire

private class Parts(val number: UShort, val text: String, val detail: String)

private val SealwireException.parts: Parts
    get() = when (this) {
        is SealwireException.InvalidArgument -> Parts(number, text, detail)
        is SealwireException.BufferTooSmall -> Parts(number, text, detail)
        is SealwireException.WrongState -> Parts(number, text, detail)
        is SealwireException.UnknownSession -> Parts(number, text, detail)
        is SealwireException.NoSpace -> Parts(number, text, detail)
        is SealwireException.Pending -> Parts(number, text, detail)
        is SealwireException.WindowFull -> Parts(number, text, detail)
        is SealwireException.NoOffer -> Parts(number, text, detail)
        is SealwireException.Busy -> Parts(number, text, detail)
        is SealwireException.VersionMismatch -> Parts(number, text, detail)
        is SealwireException.Malformed -> Parts(number, text, detail)
        is SealwireException.UnsupportedVersion -> Parts(number, text, detail)
        is SealwireException.UnsupportedFrame -> Parts(number, text, detail)
        is SealwireException.UnsupportedOption -> Parts(number, text, detail)
        is SealwireException.NotDeterministic -> Parts(number, text, detail)
        is SealwireException.UnsupportedMethod -> Parts(number, text, detail)
        is SealwireException.UnsupportedSuite -> Parts(number, text, detail)
        is SealwireException.UnknownCredential -> Parts(number, text, detail)
        is SealwireException.UntrustedCredential -> Parts(number, text, detail)
        is SealwireException.ExpiredCredential -> Parts(number, text, detail)
        is SealwireException.AuthenticationFailed -> Parts(number, text, detail)
        is SealwireException.OwnIdentity -> Parts(number, text, detail)
        is SealwireException.SameIdentifier -> Parts(number, text, detail)
        is SealwireException.UnknownCriticalEad -> Parts(number, text, detail)
        is SealwireException.InvalidKey -> Parts(number, text, detail)
        is SealwireException.PeerException -> Parts(number, text, detail)
        is SealwireException.Denied -> Parts(number, text, detail)
        is SealwireException.HandshakeFailed -> Parts(number, text, detail)
        is SealwireException.Superseded -> Parts(number, text, detail)
        is SealwireException.UnsupportedCredential -> Parts(number, text, detail)
        is SealwireException.SetupClosed -> Parts(number, text, detail)
        is SealwireException.SetupDelayed -> Parts(number, text, detail)
        is SealwireException.WrongSetupSecret -> Parts(number, text, detail)
        is SealwireException.OtherOwner -> Parts(number, text, detail)
        is SealwireException.WrongStatement -> Parts(number, text, detail)
        is SealwireException.UnknownContext -> Parts(number, text, detail)
        is SealwireException.DecryptFailed -> Parts(number, text, detail)
        is SealwireException.Replay -> Parts(number, text, detail)
        is SealwireException.Duplicate -> Parts(number, text, detail)
        is SealwireException.Stale -> Parts(number, text, detail)
        is SealwireException.KeyExhausted -> Parts(number, text, detail)
        is SealwireException.StaleEpoch -> Parts(number, text, detail)
        is SealwireException.StorageFailed -> Parts(number, text, detail)
        is SealwireException.CorruptState -> Parts(number, text, detail)
        is SealwireException.UnsupportedState -> Parts(number, text, detail)
        is SealwireException.RandomFailed -> Parts(number, text, detail)
        is SealwireException.UnknownKey -> Parts(number, text, detail)
        is SealwireException.LostState -> Parts(number, text, detail)
        is SealwireException.Internal -> Parts(number, text, detail)
    }

/** The same in every language, 1 to 999; never reused. */
val SealwireException.number: UShort get() = parts.number

/** Names the reason and says what to do about it. */
val SealwireException.text: String get() = parts.text

/** What is particular to this case, such as what a callback threw; often empty. */
val SealwireException.detail: String get() = parts.detail
