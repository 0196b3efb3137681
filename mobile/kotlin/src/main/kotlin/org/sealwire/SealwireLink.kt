package org.sealwire

import java.security.KeyStore
import java.util.Base64
import java.util.concurrent.CancellationException
import java.util.concurrent.atomic.AtomicBoolean
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * An endpoint on the network, open: it runs handshakes, sends and receives, repeats what was not acknowledged, and comes back by itself.
 *
 * Every function may be called from any thread. None of those that suspend holds a thread; the others take a lock for as long as a record takes, and
 * as the app's own storage takes: call them off the main thread where that is slow.
 */
class SealwireLink private constructor(val endpoint: Endpoint, private val link: Link) : AutoCloseable {
    /** Whether the broker is reachable at the moment. */
    val connected: Boolean get() = try { whileOpen { link.connected() } } catch (_: NetworkException.NotOpen) { false }

    /** The sessions that can send. */
    val sessions: List<Session> get() = whileOpen { link.sessions() }

    /**
     * Everything that happens, in order, until the link is closed. An event is given once: have one collector, or share the flow with `shareIn`. What nobody
     * collects waits, up to 10,000 events, every confirmable message and whatever concerns ownership. A collector that is cancelled while it waits may take one event with it; a
     * confirmable message that was not committed comes again.
     */
    val events: Flow<LinkEvent> = flow { while (true) emit(next() ?: break) }

    private val closed = AtomicBoolean()

    /** The collector may have been at work with the one before when the link was closed. */
    private suspend fun next(): LinkEvent? = try {
        whileOpen { link.nextEvent() }
    } catch (_: NetworkException.NotOpen) {
        null
    }

    /** The object below is gone once the link is closed, and says so in its own way. */
    private inline fun <T> whileOpen(work: () -> T): T = try {
        work()
    } catch (failed: IllegalStateException) {
        throw if (closed.get() && failed !is CancellationException) NetworkException.NotOpen() else failed
    }

    /** Only the messages of [events]. */
    val messages: Flow<LinkMessage> = events.filterIsInstance<LinkEvent.Message>().map { it.message }

    /**
     * A handshake with the endpoint behind [inbox]; with [peer], a thumbprint, only that identity will do.
     *
     * @throws NetworkException.Refused with the typed reason
     * @throws NetworkException.TimedOut when nobody answers
     */
    suspend fun connect(inbox: String = "", peer: ByteArray? = null, timeout: Duration = 30.seconds): Session =
        whileOpen { link.connect(inbox, peer, timeout.millis()) }

    /**
     * A handshake with a device that is known by its label or by its thumbprint alone, to be let in by what [claim] shows. [events] then gives an owner
     * [Event.Ownership]: what to sign over, to hand over the device or to let somebody else in. It may begin before the device's button is pressed.
     *
     * @throws NetworkException.Refused with the typed reason
     * @throws NetworkException.TimedOut when nobody answers
     */
    suspend fun claim(claim: Claim, inbox: String = "", timeout: Duration = 30.seconds): Session =
        whileOpen { link.claim(inbox, claim, timeout.millis()) }

    /** On a device that can be owned: takes from a delegate what the owner had given it, and ends its sessions. */
    fun revoke(delegate: ByteArray) = whileOpen { link.revoke(delegate) }

    /** On a device that can be owned: physical reset. It belongs to nobody, and every session has ended. */
    fun resetOwnership() = whileOpen { link.resetOwnership() }

    /** The session with a peer, if there is one. */
    fun sessionWith(peer: ByteArray): Session? = whileOpen { link.sessionWith(peer) }

    /** The effect of a message is durable: acknowledges it, to its sender and to the broker. Messages that are not confirmable need no commit. */
    fun commit(message: LinkMessage) = whileOpen { link.commit(message) }

    /** A frame arrived over the app's own transport; with [topic], relative to the realm, where it was published there and not in the own inbox. */
    fun received(frame: ByteArray, route: ByteArray? = null, topic: String? = null) = whileOpen { link.received(frame, route, topic) }

    /** Goes on after [LinkEvent.KeyPending]. A [SuspendingKeystore] calls it by itself. */
    fun resumePending() = whileOpen { link.resumePending() }

    /** Leaves the broker. Sessions stay in the storage; [events] ends, and everything else throws [NetworkException.NotOpen]. Once is enough, and more does no harm. */
    override fun close() {
        if (closed.getAndSet(true)) return
        link.shutDown()
        link.close()
    }

    companion object {
        /**
         * Logs in to an MQTT broker and takes up stored sessions.
         *
         * @throws NetworkException.Broker when it cannot be reached or refuses
         */
        suspend fun mqtt(endpoint: Endpoint, broker: Broker, place: LinkConfig, timeout: Duration = 15.seconds): SealwireLink =
            open(endpoint, Link.mqtt(endpoint, broker, place), timeout)

        /** Over a transport of the app's own, such as [GattTransport]. */
        suspend fun over(endpoint: Endpoint, transport: FrameTransport): SealwireLink = open(endpoint, Link.over(endpoint, transport), 15.seconds)

        /** Over the app's own MQTT client, or what else has topics: records in place too. Its `Config` has an inbox and `mqtt = true`. */
        suspend fun over(endpoint: Endpoint, transport: TopicTransport): SealwireLink = open(endpoint, Link.overTopics(endpoint, transport), 15.seconds)

        private suspend fun open(endpoint: Endpoint, link: Link, timeout: Duration): SealwireLink {
            try {
                link.open(timeout.millis())
            } catch (failed: Throwable) {
                link.close()
                throw failed
            }
            return SealwireLink(endpoint, link)
        }

        private fun Duration.millis(): UInt = inWholeMilliseconds.coerceIn(0, UInt.MAX_VALUE.toLong()).toUInt()
    }
}

/** Sends to the peer's inbox: the broker learns neither [topic] nor payload. Waits while 64 messages are unacknowledged. */
suspend fun Session.send(topic: String, payload: ByteArray, confirmable: Boolean = true): Receipt =
    send(Outgoing(payload = payload, topic = topic.ifEmpty { null }, confirmable = confirmable))

/** Publishes protected on the app's own topic, relative to the realm, for this peer to read. */
suspend fun Session.publish(topic: String, payload: ByteArray, confirmable: Boolean = true): Receipt =
    send(Outgoing(payload = payload, topic = topic, inPlace = true, confirmable = confirmable))

/**
 * TLS that believes whom the platform believes: Android's roots, those of the device's owner where the app allows them, or the JVM's. The library alone finds no roots
 * on Android.
 *
 * @param certificate PEM of a certificate that the broker asks for, with its [privateKey]
 */
fun platformTls(certificate: ByteArray? = null, privateKey: ByteArray? = null): Tls {
    val factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).apply { init(null as KeyStore?) }
    val roots = factory.trustManagers.filterIsInstance<X509TrustManager>().flatMap { it.acceptedIssuers.toList() }
    val lines = Base64.getMimeEncoder(64, "\n".toByteArray())
    val pem = roots.joinToString("") { "-----BEGIN CERTIFICATE-----\n${lines.encodeToString(it.encoded)}\n-----END CERTIFICATE-----\n" }
    return Tls(pem.toByteArray(), certificate, privateKey)
}

/** An identity whose private key is in memory: for tests, and for apps that keep it encrypted themselves. */
fun softwareIdentity(name: String, kind: KeyKind = KeyKind.X25519): Identity {
    val key = Key.generate(kind)
    return Identity(Credential.ccs(key, name, key.thumbprint().copyOf(4)), key)
}
