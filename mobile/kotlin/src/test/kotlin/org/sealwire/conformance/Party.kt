package org.sealwire.conformance

import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.PrivateKey
import java.security.PublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPrivateKeySpec
import java.security.spec.ECPublicKeySpec
import java.security.spec.NamedParameterSpec
import java.security.spec.XECPrivateKeySpec
import java.security.spec.XECPublicKeySpec
import javax.crypto.KeyAgreement
import org.sealwire.Authorizer
import org.sealwire.CallbackException
import org.sealwire.Config
import org.sealwire.Credential
import org.sealwire.Endpoint
import org.sealwire.Event
import org.sealwire.Identity
import org.sealwire.Key
import org.sealwire.KeyKind
import org.sealwire.Keystore
import org.sealwire.PeerInfo
import org.sealwire.Purpose
import org.sealwire.SealwireException
import org.sealwire.SetupCode
import org.sealwire.Storage
import org.sealwire.TrustAnchor

/** A word, then name=value, tabs between. */
class Line(text: String) {
    private val parts = text.split('\t')
    val word = parts.first()
    val fields = parts.drop(1).associate { it.substringBefore('=') to it.substringAfter('=') }

    /** Nothing if there is no such field, or if it is absent ("-"). */
    operator fun get(name: String): String? = fields[name].takeIf { it != "-" }
    fun number(name: String): Long? = this[name]?.toLong()
    fun flag(name: String, otherwise: Boolean = false): Boolean = this[name]?.let { it == "1" } ?: otherwise
    fun list(name: String): List<Int>? = this[name]?.let { text -> text.split(',').filter { it.isNotEmpty() }.map { it.toInt() } }
}

fun bytes(hex: String): ByteArray = hex.chunked(2).map { it.toInt(16).toByte() }.toByteArray()

fun hex(bytes: ByteArray): String = bytes.joinToString("") { "%02x".format(it) }

/** A store that can be made to fail. */
class Memory(var durable: Boolean) : Storage {
    var data = mutableMapOf<UInt, ByteArray>()
    var fails = false

    /** While it fails: so many writes are still done. */
    var lasts = 0L

    override fun load(key: UInt): ByteArray? = data[key]

    override fun save(key: UInt, data: ByteArray) {
        if (fails && lasts-- <= 0) throw CallbackException.Failed("made to fail")
        if (data.isEmpty()) this.data.remove(key) else this.data[key] = data
    }

    override fun resistsRollback(): Boolean = durable
}

/** The platform's cryptography as key store. */
class Keys : Keystore {
    val held = mutableMapOf<String, PrivateKey>()
    var answer = "works"

    private val p256: ECParameterSpec =
        AlgorithmParameters.getInstance("EC").apply { init(ECGenParameterSpec("secp256r1")) }.getParameterSpec(ECParameterSpec::class.java)

    fun hold(alias: String, kind: String, private: ByteArray) {
        held[alias] =
            if (kind == "X25519") KeyFactory.getInstance("X25519").generatePrivate(XECPrivateKeySpec(NamedParameterSpec.X25519, private))
            else KeyFactory.getInstance("EC").generatePrivate(ECPrivateKeySpec(BigInteger(1, private), p256))
    }

    /** The point of P-256 with this x: either y gives the same secret. */
    private fun point(x: BigInteger): PublicKey {
        val p = (p256.curve.field as java.security.spec.ECFieldFp).p
        val square = x.pow(3).add(p256.curve.a.multiply(x)).add(p256.curve.b).mod(p)
        val y = square.modPow(p.add(BigInteger.ONE).shiftRight(2), p)
        return KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(ECPoint(x, y), p256))
    }

    override fun agree(alias: String, peer: ByteArray): ByteArray {
        if (answer == "pending") throw CallbackException.Pending()
        val private = held[alias]
        if (answer == "fails" || private == null) throw CallbackException.Failed("made to fail")
        val curve = if (private.algorithm == "EC") "ECDH" else "XDH"
        val public =
            if (curve == "ECDH") point(BigInteger(1, peer))
            else KeyFactory.getInstance("X25519").generatePublic(XECPublicKeySpec(NamedParameterSpec.X25519, BigInteger(1, peer.reversedArray())))
        return KeyAgreement.getInstance(curve).apply { init(private); doPhase(public, true) }.generateSecret()
    }

    override fun sign(alias: String, message: ByteArray): ByteArray = throw CallbackException.Failed("signs nothing")
}

/** What happened: an event, or why a frame was refused. */
class Seen(val event: Event?, val refused: SealwireException?) {
    val name: String = event?.let { kebab(it::class.java.simpleName).replace('-', '_') } ?: "refused"

    override fun toString(): String = "$name ${event ?: refused?.message}"
}

/** `DecryptFailed` as decrypt-failed. */
fun kebab(name: String): String = name.replace(Regex("(?<!^)[A-Z]"), "-$0").lowercase()

/** The name of an error in every language. UniFFI ends its classes in Exception, as Kotlin does, so that `PeerError` is `PeerException`. */
fun errorName(error: SealwireException): String = kebab(error::class.java.simpleName.replace(Regex("Exception$"), "Error"))

fun kind(name: String?): KeyKind = when (name) {
    "X25519" -> KeyKind.X25519
    "P-256" -> KeyKind.P256
    "Ed25519" -> KeyKind.ED25519
    else -> KeyKind.ES256
}

/** One endpoint of a scenario with its surroundings. */
class Party(val config: Line) {
    val name = config["name"]!!
    val memory = Memory(config["store"] != "volatile")
    val keys = Keys()
    val kept = mutableMapOf<String, Map<UInt, ByteArray>>()
    val own = mutableListOf<Identity>()
    val peers = mutableListOf<Credential>()
    val anchors = mutableListOf<TrustAnchor>()
    val events = mutableListOf<Seen>()
    val named = mutableMapOf<String, UInt>()
    val sids = mutableMapOf<UInt, ByteArray>()
    val told = mutableMapOf<String, Told>()
    var current = 0u
    var handshake = 0u
    var endpoint: Endpoint? = null
    val core: Endpoint get() = endpoint ?: throw Failed("$name was not started")

    /** An `own`, `peer` or `anchor` line. */
    fun given(line: Line) {
        val credential = Credential(bytes(line["credential"]!!))
        when (line.word) {
            "peer" -> peers += credential
            "anchor" -> anchors += TrustAnchor(credential, listOf(Purpose.IDENTITY))
            else -> own += Identity(credential, key(line))
        }
    }

    private fun key(line: Line): Key {
        val kind = kind(line["kind"])
        val private = bytes(line["private"]!!)
        if (!config.flag("external_keys")) return Key.fromBytes(kind, private)
        val alias = "key ${own.size}"
        keys.hold(alias, line["kind"]!!, private)
        return Key.inKeystore(kind, bytes(line["public"]!!), alias)
    }

    /** A new endpoint over the store; gives how many sessions it took up. */
    fun start(now: ULong): UInt {
        endpoint?.close()
        endpoint = null
        events.clear()
        val made = Config(own, peers = peers, anchors = anchors, trustClock = config.flag("trust_clock"), maxSessions = 4u, maxHandshakes = 2u)
        config.list("suites")?.let { made.suites = it.map(Int::toByte).toByteArray() }
        config.list("methods")?.let { made.methods = it.map(Int::toByte).toByteArray() }
        config.number("method")?.let { made.method = it.toUByte() }
        config["inbox"]?.let { made.inbox = it }
        config["reply_inbox"]?.let { made.replyInbox = it }
        made.mqtt = config.flag("mqtt")
        made.byValue = config.flag("by_value")
        made.offers = config.flag("offers")
        made.reconnect = config.flag("reconnect", true)
        config.number("identifier_len")?.let { made.identifierLen = it.toUByte() }
        config.number("reserve")?.let { made.reserve = it.toUInt() }
        config.number("edge")?.let { made.edge = it.toUInt() }
        config.number("command_lifetime_ms")?.let { made.commandLifetimeMs = it.toUInt() }
        config.number("handshake_interval_ms")?.let { made.handshakeIntervalMs = it.toUInt() }
        config.number("handshake_attempts")?.let { made.handshakeAttempts = it.toUByte() }
        config.number("half_open_ms")?.let { made.halfOpenMs = it.toUInt() }
        config.number("resend_interval_ms")?.let { made.resendIntervalMs = it.toUInt() }
        config.number("ack_delay_ms")?.let { made.ackDelayMs = it.toUInt() }
        config.number("ping_after_ms")?.let { made.pingAfterMs = it.toUInt() }
        config.number("silent_attempts")?.let { made.silentAttempts = it.toUByte() }
        config.number("key_update_after")?.let { made.keyUpdateAfter = it.toULong() }
        val verdict = config["authorize"] ?: "default"
        val authorizer = object : Authorizer {
            override fun authorize(peer: PeerInfo): Boolean = verdict == "allow"
        }
        val core = Endpoint(made, memory, keys, authorizer.takeIf { verdict != "default" })
        endpoint = core
        config["label"]?.let { label -> SetupCode.parse(label).use { core.enableSetup(RECORD, it) } }
        return core.restore(now)
    }

    fun session(step: Line): UInt = when (val name = step["session"]) {
        null -> current
        "only" -> core.sessions().single()
        else -> named[name] ?: 0u
    }

    /** Takes the events there are. */
    fun collect() {
        val core = endpoint ?: return
        while (true) {
            val event = core.pollEvent() ?: return
            when (event) {
                is Event.Established -> {
                    current = event.session
                    sids[event.session] = core.session(event.session, 0uL).sid
                }
                is Event.Replaced -> current = event.new
                is Event.Ownership -> told[""] = Told(event.epoch, event.nonce)
                else -> {}
            }
            events += Seen(event, null)
        }
    }

    /** Hands in a frame; a message becomes an event. */
    fun take(now: ULong, from: String?, topic: String?, frame: ByteArray) {
        core.handleFrame(frame.copyOf(), from?.toByteArray(), topic, now)?.let { events += Seen(it, null) }
    }
}
