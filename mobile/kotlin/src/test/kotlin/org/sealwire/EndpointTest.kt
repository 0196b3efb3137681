package org.sealwire

import java.io.File
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.Callable
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class EndpointTest {
    private val one = softwareIdentity("phone")
    private val other = softwareIdentity("device")

    private fun device() = Endpoint(phoneConfig(other, one.credential))

    private fun session(endpoint: Endpoint) = endpoint.sessions().single()

    @Test
    fun `a handshake, messages both ways, and typed errors with their numbers`() {
        val phone = Endpoint(phoneConfig(one, other.credential))
        val device = device()
        val handshake = phone.connect()
        val established = pump(phone, device).first.filterIsInstance<Event.Established>().single()
        assertEquals(handshake, established.handshake)
        assertArrayEquals(other.credential.thumbprint(), established.peer)

        val sent = phone.send(session(phone), Outgoing("21.5".toByteArray(), confirmable = true))
        val message = (device.handleFrame(sent.frame) as Event.Message).message
        assertEquals("21.5", message.payload.decodeToString())
        device.commit(message.session, message.number!!)
        device.handleTimeout(device.now() + 100u)
        val acknowledged = pump(phone, device).first.filterIsInstance<Event.Acknowledged>().single()
        assertTrue(acknowledges(acknowledged.top, acknowledged.missing, sent.number!!))

        val duplicate = assertThrows(SealwireException.Duplicate::class.java) { device.handleFrame(sent.frame) }
        assertEquals(303.toUShort(), duplicate.number)
        val altered = phone.send(session(phone), Outgoing("x".toByteArray())).frame.also { it[it.size - 1] = (it.last() + 1).toByte() }
        assertThrows(SealwireException.DecryptFailed::class.java) { device.handleFrame(altered) }
        assertThrows(SealwireException.UnknownSession::class.java) { phone.session(12345u) }
        assertThrows(SealwireException.InvalidArgument::class.java) { phone.export(session(phone), 1u, ByteArray(0), 16u) }
        assertEquals(1u, device.counters().duplicate)
        assertArrayEquals(phone.export(session(phone), 33000u, ByteArray(0), 32u), device.export(session(device), 33000u, ByteArray(0), 32u))
    }

    @Test
    fun `every error of the core is a class here`() {
        val classes = SealwireException::class.java.declaredClasses.map { it.simpleName }.toSet()
        val table = errorsTable()
        for (error in table) {
            // What ends in Error ends in Exception in Kotlin.
            val name = error.name.split("-").joinToString("") { it.replaceFirstChar(Char::uppercase) }.replace(Regex("Error$"), "Exception")
            assertTrue(name in classes, name)
        }
        assertEquals(table.size, classes.size - 1) // ErrorHandler is generated beside them
    }

    @Test
    fun `sessions survive a restart of the app where the storage resists rollback, and only there`(@TempDir folder: File) {
        fun open(resists: Boolean) = Endpoint(phoneConfig(one, other.credential), FileStorage(folder.path, resists))
        val device = device()
        open(true).use { phone ->
            phone.connect()
            pump(phone, device)
        }
        open(true).use { phone ->
            assertEquals(1u, phone.restore())
            assertTrue(pump(phone, device).first.any { it is Event.Established && it.resumed })
            val sent = phone.send(session(phone), Outgoing("again".toByteArray()))
            assertEquals("again", (device.handleFrame(sent.frame) as Event.Message).message.payload.decodeToString())
        }
        open(false).use { phone ->
            assertEquals(0u, phone.restore())
            val closed = phone.pollEvent() as Event.Closed
            assertTrue(closed.reason is SealwireException.LostState)
        }
    }

    /** Storage in Kotlin that throws what no interface declares. */
    private class Moody : Storage {
        val entries = ConcurrentHashMap<UInt, ByteArray>()
        var broken = false
        var during: () -> Unit = {}

        override fun load(key: UInt) = entries[key]

        override fun save(key: UInt, data: ByteArray) {
            if (broken) throw IllegalStateException("the card was pulled")
            during()
            entries[key] = data
        }

        override fun resistsRollback() = true
    }

    @Test
    fun `an exception out of a callback is a typed error with its text, and the endpoint goes on`() {
        val storage = Moody()
        val phone = Endpoint(phoneConfig(one, other.credential), storage)
        val device = device()
        phone.connect()
        pump(phone, device)
        storage.broken = true
        val failed = assertThrows(SealwireException.StorageFailed::class.java) { phone.closeSession(session(phone)) }
        assertTrue("the card was pulled" in failed.detail, failed.detail)
        storage.broken = false
        var inside: SealwireException? = null
        storage.during = { inside = assertThrows(SealwireException.Busy::class.java) { phone.counters() } }
        phone.closeSession(session(phone))
        assertTrue(inside is SealwireException.Busy)
        assertEquals(emptyList<UInt>(), phone.sessions())
    }

    @Test
    fun `an authorizer that throws lets nobody in`() {
        val refusing = object : Authorizer {
            override fun authorize(peer: PeerInfo): Boolean = throw IllegalArgumentException("who is ${peer.subject}?")
        }
        val phone = Endpoint(phoneConfig(one, other.credential).copy(handshakeAttempts = 1u.toUByte()))
        val device = Endpoint(phoneConfig(other, one.credential), authorizer = refusing)
        phone.connect()
        repeat(3) {
            phone.pollTransmit()?.let { frame -> runCatching { device.handleFrame(frame.frame) } }
            device.pollTransmit()?.let { frame -> runCatching { phone.handleFrame(frame.frame) } }
        }
        assertEquals(emptyList<UInt>(), device.sessions())
    }

    private val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

    private fun p256(name: String): Identity {
        val key = Key.inKeystore(KeyKind.P256, pair.public.sealwireBytes(), "identity")
        return Identity(Credential.ccs(key, name, key.thumbprint().copyOf(4)), key)
    }

    @Test
    fun `a private key that stays in a java key store agrees`() {
        val own = p256("phone")
        val peer = softwareIdentity("device", KeyKind.P256)
        val asked = mutableListOf<String>()
        val keystore = JcaKeystore { alias -> pair.private.also { asked += alias } }
        val phone = Endpoint(phoneConfig(own, peer.credential), keystore = keystore)
        val device = Endpoint(phoneConfig(peer, own.credential))
        phone.connect()
        assertTrue(pump(phone, device).first.any { it is Event.Established })
        assertEquals(setOf("identity"), asked.toSet())
        assertThrows(SealwireException.UnknownKey::class.java) { own.key.privateBytes() }
    }

    @Test
    fun `a private key that stays in a java key store signs`() {
        val key = Key.inKeystore(KeyKind.ES256, pair.public.sealwireBytes(), "identity")
        val own = Identity(Credential.ccs(key, "phone", key.thumbprint().copyOf(4)), key)
        val peer = softwareIdentity("device", KeyKind.ES256)
        val phone = Endpoint(phoneConfig(own, peer.credential).copy(method = 0u), keystore = JcaKeystore { pair.private })
        val device = Endpoint(phoneConfig(peer, own.credential).copy(method = 0u))
        repeat(8) { // r and s have a leading zero, or a byte less, now and then
            phone.connect()
            assertTrue(pump(phone, device).first.any { it is Event.Established })
            phone.closeSession(session(phone))
        }
    }

    @Test
    fun `a key store that answers later, by a coroutine`() = within {
        val own = p256("phone")
        val peer = softwareIdentity("device", KeyKind.P256)
        val fingerprint = CompletableDeferred<PrivateKey>()
        val answered = CompletableDeferred<Unit>()
        val keystore = object : SuspendingKeystore(CoroutineScope(Dispatchers.Default)) {
            override suspend fun agreement(alias: String, peer: ByteArray): ByteArray {
                val key = fingerprint.await()
                return JcaKeystore { key }.agree(alias, peer)
            }

            override suspend fun signature(alias: String, message: ByteArray) = throw UnsupportedOperationException("it agrees")
        }
        keystore.whenAnswered = { answered.complete(Unit) }
        val phone = Endpoint(phoneConfig(own, peer.credential), keystore = keystore)
        val device = Endpoint(phoneConfig(peer, own.credential))
        phone.connect()
        assertEquals(emptyList<Event>(), pump(phone, device).first)
        assertThrows(SealwireException.Pending::class.java) { phone.resumePending() }
        fingerprint.complete(pair.private)
        answered.await()
        phone.resumePending()
        assertTrue(pump(phone, device).first.any { it is Event.Established })
    }

    @Test
    fun `many threads on one endpoint`() {
        val storage = Moody()
        val phone = Endpoint(phoneConfig(one, other.credential), storage)
        val device = device()
        phone.connect()
        pump(phone, device)
        storage.during = { Thread.sleep(1) }
        val session = session(phone)
        val threads = Executors.newFixedThreadPool(8)
        val payloads = (0 until 6).flatMap { round ->
            // Fewer at once than the replay window holds: which thread comes first is not told.
            val sends = (0 until 56).map { { phone.send(session, Outgoing("${56 * round + it}".toByteArray())).frame } }
            threads.invokeAll(sends.map { Callable(it) }).map { it.get() }
                .map { (device.handleFrame(it) as Event.Message).message.payload.decodeToString().toInt() }
        }
        threads.shutdown()
        assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS))
        assertEquals((0 until 336).toList(), payloads.sorted())
    }

    @Test
    fun `a closed endpoint says so`() {
        val phone = Endpoint(phoneConfig(one, other.credential))
        phone.close()
        assertThrows(IllegalStateException::class.java) { phone.counters() }
    }

    @Test
    fun `an app sees what a restart of the process left behind`() = within {
        val phone = Endpoint(phoneConfig(one, other.credential))
        assertNull(phone.pollEvent())
        assertNull(phone.pollTransmit())
        val before = phone.now()
        delay(20)
        assertTrue(phone.now() >= before + 20u)
    }
}
