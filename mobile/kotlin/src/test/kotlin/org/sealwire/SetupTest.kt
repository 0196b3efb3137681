package org.sealwire

import java.security.KeyPairGenerator
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource

/** Where the device keeps its record, above its sessions. */
private const val RECORD = 1000u

/** The class of a refusal, without package. */
private val Throwable.name: String get() = this::class.simpleName!!

/** Memory that outlives a device, and whose power goes at a save: before it, or after it and nobody has learned that it is done. */
private class Flash : Storage {
    val entries = ConcurrentHashMap<UInt, ByteArray>()
    var saves = 0
    var cut = Int.MAX_VALUE
    var done = false

    override fun load(key: UInt): ByteArray? = entries[key]?.copyOf()

    override fun save(key: UInt, data: ByteArray) {
        val number = saves++
        if (number < cut || number == cut && done) {
            if (data.isEmpty()) entries.remove(key) else entries[key] = data.copyOf()
        }
        if (number >= cut) throw CallbackException.Failed("no power")
    }

    override fun resistsRollback() = true

    /** The power is gone at the save with this number from now on. */
    fun cutAt(number: Int, done: Boolean) {
        cut = saves + number
        this.done = done
    }

    val wasCut: Boolean get() = saves > cut

    fun power() {
        cut = Int.MAX_VALUE
    }
}

/** Of an endpoint that knows nobody. There is no route to tell one peer's frames from another's, so none begins a handshake by itself. */
private fun settings(own: Identity) = phoneConfig(own).copy(reconnect = false, maxSessions = 8u)

/** A device made in Kotlin, with its label. */
private class Wearable(val flash: Flash = Flash()) : AutoCloseable {
    val own = softwareIdentity("wearable")
    val name: ByteArray = own.credential.thumbprint()
    val code = SetupCode.generate(name, "SW-HR/1.0")
    val events = mutableListOf<Event>()
    var endpoint = start()

    private fun start() = Endpoint(settings(own), flash).also {
        it.enableSetup(RECORD, code)
        it.restore(0u)
    }

    fun restart() {
        flash.power()
        endpoint.close()
        events.clear()
        endpoint = start()
    }

    val state: OwnershipState get() = endpoint.ownership()!!

    fun standing(phone: Phone) = endpoint.standing(phone.name)

    override fun close() = endpoint.close()
}

/** A phone that knows a label, or what an owner gave it. */
private class Phone(subject: String) {
    private val own = softwareIdentity(subject)
    val name: ByteArray = own.credential.thumbprint()
    val anchor = Key.generate(KeyKind.ED25519)
    val endpoint = Endpoint(settings(own)).also { it.restore(0u) }
    /** What the device told its owner last. */
    var told: Event.Ownership? = null

    fun setup(code: SetupCode): Claim = Claim.Setup(code, anchor)

    fun states(device: Wearable, statement: Statement): ByteArray = told!!.let { signStatement(anchor, device.name, it.epoch, it.nonce, statement) }

    fun release(device: Wearable, to: Phone) = states(device, Statement.Release(to.name))

    fun delegation(device: Wearable, to: Phone) = states(device, Statement.Delegation(to.name))

    fun release(device: Wearable, statement: ByteArray): Claim = Claim.Release(device.name, statement, anchor)

    /** A handshake without loss at this time; nothing, or the error by which the device refused. */
    fun claims(device: Wearable, claim: Claim, now: Long = 0): String? {
        val handshake = endpoint.claim(claim, now = now.toULong())
        return meets(device, now)?.also { runCatching { endpoint.cancel(handshake) } }
    }

    /** Carries frames as long as there are any; the first refusal by the device. */
    fun meets(device: Wearable, now: Long = 0): String? {
        val at = now.toULong()
        var refused: String? = null
        repeat(8) {
            while (true) {
                val frame = endpoint.pollTransmit(at)?.frame ?: break
                try {
                    device.endpoint.handleFrame(frame, now = at)
                } catch (why: SealwireException) {
                    refused = refused ?: why.name
                }
            }
            while (true) {
                val frame = try {
                    device.endpoint.pollTransmit(at)?.frame ?: break
                } catch (why: SealwireException) {
                    refused = refused ?: why.name
                    break
                }
                runCatching { endpoint.handleFrame(frame, now = at) }
            }
        }
        while (true) (endpoint.pollEvent() ?: break).let { if (it is Event.Ownership) told = it }
        while (true) device.events += device.endpoint.pollEvent() ?: break
        return refused
    }

    /** What the device makes of a message in the session that stands, without a handshake. */
    fun says(device: Wearable): String? {
        val sent = endpoint.send(endpoint.sessions().last(), Outgoing("hello".toByteArray()), 0u)
        return runCatching { device.endpoint.handleFrame(sent.frame, now = 0u) }.exceptionOrNull()?.name
    }
}

class SetupTest {
    /** A device with its owner. */
    private fun owned(flash: Flash = Flash()): Pair<Wearable, Phone> {
        val (device, phone) = Wearable(flash) to Phone("phone")
        device.endpoint.openSetup(now = 0u)
        assertNull(phone.claims(device, phone.setup(device.code)))
        assertArrayEquals(phone.name, device.state.owner)
        return device to phone
    }

    @Test
    fun `a label goes through a QR code`() {
        val text = "SW1:AAAQEAYEAUDAOCAJBIFQYDIOB7YPD4XT6T27N57Y7H5PX7H5737Q:SW-HR/1.0"
        val code = SetupCode.parse(text)
        assertArrayEquals(ByteArray(16) { it.toByte() }, code.device())
        assertEquals("SW-HR/1.0" to text, code.model() to code.text())
        for (other in listOf("", "https://example.org", text.lowercase(), text.dropLast(20), " $text")) {
            assertThrows(SealwireException.Malformed::class.java) { SetupCode.parse(other) }
        }
        assertNotEquals(SetupCode.generate(ByteArray(16), "").text(), SetupCode.generate(ByteArray(16), "").text())
        assertThrows(SealwireException.InvalidArgument::class.java) { SetupCode.generate(ByteArray(16), "Blood pressure") }
    }

    @Test
    fun `a photographed label is nothing without the button`() {
        val (device, far) = Wearable() to Phone("far away")
        val claim = far.setup(SetupCode.parse(device.code.text()))
        assertEquals("SetupClosed", far.claims(device, claim))
        device.endpoint.openSetup(until = 60_000u, now = 0u)
        assertEquals("SetupClosed", far.claims(device, claim, 60_000), "the window is over")
        device.endpoint.openSetup(now = 60_000u)
        device.endpoint.closeSetup()
        assertEquals("SetupClosed", far.claims(device, claim, 60_000), "it was closed by hand")
        device.endpoint.openSetup(now = 60_000u)
        device.restart()
        assertEquals("SetupClosed", far.claims(device, claim), "a power cut closes it")
        assertNull(device.state.owner)
        val (sold, owner) = owned()
        assertEquals("OtherOwner", far.claims(sold, far.setup(sold.code)), "the code is spent")
        assertThrows(SealwireException.OtherOwner::class.java) { sold.endpoint.openSetup() }
        assertArrayEquals(owner.name, sold.state.owner)
    }

    @Test
    fun `what a phone shows counts in its own handshake only`() {
        val (device, phone, thief) = Triple(Wearable(), Phone("phone"), Phone("thief"))
        device.endpoint.openSetup(now = 0u)
        /** Goes as far as message_3, which the thief takes out of the air. */
        fun message3(from: Phone, claim: Claim): ByteArray {
            from.endpoint.claim(claim, now = 0u)
            device.endpoint.handleFrame(from.endpoint.pollTransmit(0u)!!.frame, now = 0u)
            from.endpoint.handleFrame(device.endpoint.pollTransmit(0u)!!.frame, now = 0u)
            return from.endpoint.pollTransmit(0u)!!.frame.also { assertEquals(3, it[0].toInt()) }
        }
        val shown = message3(phone, phone.setup(device.code))
        val guessed = message3(thief, thief.setup(SetupCode.generate(device.name, "")))
        // First byte and connection identifier of the thief's handshake, the rest of the phone's.
        val moved = guessed.copyOf(2) + shown.copyOfRange(2, shown.size)
        assertThrows(SealwireException.AuthenticationFailed::class.java) { device.endpoint.handleFrame(moved, now = 0u) }
        assertNull(device.state.owner)
        // It was not taken for a guess: nobody has to wait. What the phone itself shows is as good as before.
        device.endpoint.handleFrame(shown, now = 0u)
        assertArrayEquals(phone.name, device.state.owner)
        // After a reset, with the button pressed, it is worth nothing.
        device.endpoint.resetOwnership()
        device.endpoint.openSetup(now = 0u)
        assertNotEquals(null, runCatching { device.endpoint.handleFrame(shown, now = 0u) }.exceptionOrNull())
        assertNotEquals(null, runCatching { device.endpoint.handleFrame(moved, now = 0u) }.exceptionOrNull())
        assertNull(device.state.owner)
    }

    @Test
    fun `a false device gets nothing to relay`() {
        val (device, phone) = Wearable() to Phone("phone")
        val false_ = softwareIdentity("wearable") // whoever stands between has a key of its own
        val between = Endpoint(settings(false_)).also { it.enableSetup(RECORD, SetupCode.generate(false_.credential.thumbprint(), "")) }
        between.openSetup(now = 0u)
        phone.endpoint.claim(phone.setup(device.code), now = 0u)
        between.handleFrame(phone.endpoint.pollTransmit(0u)!!.frame, now = 0u)
        val answer = between.pollTransmit(0u)!!.frame
        assertThrows(SealwireException.Denied::class.java) { phone.endpoint.handleFrame(answer, now = 0u) }
        val more = generateSequence { phone.endpoint.pollTransmit(0u)?.frame }.map { it[0].toInt() }.toList()
        assertFalse(3 in more, "it has shown something: $more")
    }

    @Test
    fun `wrong secrets delay, and never lock`() {
        val (device, phone, thief) = Triple(Wearable(), Phone("phone"), Phone("thief"))
        val (right, wrong) = phone.setup(device.code) to thief.setup(SetupCode.generate(device.name, ""))
        device.endpoint.openSetup(now = 0u)
        var now = 0L
        for (delay in listOf(1L, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60)) {
            assertEquals("WrongSetupSecret", thief.claims(device, wrong, now))
            now += delay * 1_000
            assertEquals("SetupDelayed", phone.claims(device, right, now - 1), "after $delay s")
            assertEquals("SetupDelayed", thief.claims(device, wrong, now - 1), "it is not looked at")
        }
        assertNull(device.state.owner)
        assertNull(phone.claims(device, right, now))
        assertArrayEquals(phone.name, device.state.owner)
    }

    @Test
    fun `after a sale the old owner and whom it let in are refused, and a release does not count twice`() {
        val (device, seller) = owned()
        val (buyer, friend, stranger) = Triple(Phone("buyer"), Phone("friend"), Phone("stranger"))
        val delegation = Claim.Delegation(device.name, seller.delegation(device, friend))
        assertNull(friend.claims(device, delegation))
        assertEquals(Standing.DELEGATE, device.standing(friend))
        assertNull(friend.told, "only an owner is told what to sign over")
        val release = seller.release(device, buyer)
        assertEquals("WrongStatement", stranger.claims(device, stranger.release(device, release)), "it names the buyer")
        assertEquals("WrongStatement", friend.claims(device, Claim.Release(device.name, delegation.statement, friend.anchor)), "it is no release")
        assertNull(seller.says(device))
        assertNull(buyer.claims(device, buyer.release(device, release)))
        assertEquals(2, device.events.count { it is Event.Closed && it.reason is SealwireException.OtherOwner })
        assertTrue(device.events.any { it is Event.OwnershipChanged && it.epoch == 1u && it.owner.contentEquals(buyer.name) })
        assertEquals("UnknownContext", seller.says(device))
        assertEquals("UnknownContext", friend.says(device))
        assertEquals("UntrustedCredential", seller.claims(device, Claim.Known(device.name)))
        assertEquals("OtherOwner", seller.claims(device, seller.setup(device.code)))
        assertEquals("WrongStatement", seller.claims(device, seller.release(device, seller.release(device, seller))), "signed under the epoch before")
        assertEquals("WrongStatement", friend.claims(device, delegation))
        // Back to the seller: what brought the buyer in once is of another epoch.
        assertNull(seller.claims(device, seller.release(device, buyer.release(device, seller))))
        assertEquals("WrongStatement", buyer.claims(device, buyer.release(device, release)))
        assertEquals(2u, device.state.epoch)
    }

    @Test
    fun `a statement counts for one device, and as it was signed`() {
        val (device, seller) = owned()
        val (other, _) = owned()
        val buyer = Phone("buyer")
        val release = seller.release(device, buyer)
        assertEquals("WrongStatement", buyer.claims(other, buyer.release(other, release)))
        for (at in release.indices) {
            val altered = release.copyOf().also { it[at] = (it[at].toInt() xor 1).toByte() }
            // What is no COSE_Sign1 any more does not parse.
            val refused = buyer.claims(device, buyer.release(device, altered))
            assertTrue(refused == "WrongStatement" || refused == "Malformed" || refused == "NotDeterministic", "byte $at: $refused")
        }
        assertArrayEquals(seller.name, device.state.owner)
        assertNull(buyer.claims(device, buyer.release(device, release)))
    }

    @Test
    fun `a delegate is there until it is revoked`() {
        val (device, phone) = owned()
        val second = Phone("second")
        val claim = Claim.Delegation(device.name, phone.delegation(device, second))
        assertNull(second.claims(device, claim))
        device.restart()
        phone.meets(device)
        assertNull(second.claims(device, Claim.Known(device.name)))
        device.endpoint.revoke(second.name)
        assertThrows(SealwireException.UnknownCredential::class.java) { device.endpoint.revoke(second.name) }
        assertEquals("UnknownContext", second.says(device))
        assertEquals("WrongStatement", second.claims(device, claim))
        assertNull(device.standing(second))
        assertNull(phone.claims(device, Claim.Known(device.name)))
        assertArrayEquals(device.state.nonce, phone.told!!.nonce, "the owner learns the new nonce by its next handshake")
    }

    @Test
    fun `the owner's key lies in a java key store`() = within {
        val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
        val anchor = Key.inKeystore(KeyKind.ES256, pair.public.sealwireBytes(), "owner")
        val (device, phone, buyer) = Triple(Wearable(), Phone("phone"), Phone("buyer"))
        device.endpoint.openSetup(now = 0u)
        assertNull(phone.claims(device, Claim.Setup(device.code, anchor)))
        val (epoch, nonce) = phone.told!!.run { epoch to nonce }
        val statement = Statement.Release(buyer.name)
        assertThrows(SealwireException.UnknownKey::class.java) { signStatement(anchor, device.name, epoch, nonce, statement) }
        val release = signStatement(anchor, device.name, epoch, nonce, statement, JcaKeystore { pair.private })
        val slowly = object : SuspendingKeystore(CoroutineScope(Dispatchers.Default)) {
            override suspend fun agreement(alias: String, peer: ByteArray) = throw UnsupportedOperationException("it signs")

            override suspend fun signature(alias: String, message: ByteArray): ByteArray {
                delay(50) // a finger
                return JcaKeystore { pair.private }.sign(alias, message)
            }
        }
        val friend = Phone("friend")
        val delegation = slowly.signStatement(anchor, device.name, epoch, nonce, Statement.Delegation(friend.name))
        assertNull(friend.claims(device, Claim.Delegation(device.name, delegation)))
        assertNull(buyer.claims(device, buyer.release(device, release)))
        assertArrayEquals(buyer.name, device.state.owner)
    }

    enum class Change { SETUP, RELEASE, DELEGATION, RESET, REVOCATION }

    /** A change that is about to be made to a device. */
    private inner class Situation(private val change: Change) {
        val newcomer = Phone("newcomer")
        private val made = if (change == Change.SETUP) Wearable() to null else owned()
        val device = made.first
        val before = made.second
        private val claim: Claim

        init {
            val delegation = { Claim.Delegation(device.name, before!!.delegation(device, newcomer)) }
            claim = when (change) {
                Change.SETUP -> newcomer.setup(device.code)
                Change.RELEASE -> newcomer.release(device, before!!.release(device, newcomer))
                Change.DELEGATION -> delegation()
                Change.RESET -> Claim.Known(device.name)
                Change.REVOCATION -> delegation().also { assertNull(newcomer.claims(device, it)) }
            }
        }

        fun attempt(): String? = when (change) {
            Change.RESET -> runCatching { device.endpoint.resetOwnership() }.exceptionOrNull()?.name
            Change.REVOCATION -> runCatching { device.endpoint.revoke(newcomer.name) }.exceptionOrNull()?.name
            else -> {
                if (change == Change.SETUP && device.state.owner == null) device.endpoint.openSetup(now = 0u)
                newcomer.claims(device, claim)
            }
        }

        /** The ownership as it was, without the nonce; then as it is meant to be. */
        fun states() = device.state.run { Triple(epoch, owner?.toList(), delegates.map { it.toList() }) }

        val meant: Triple<UInt, List<Byte>?, List<List<Byte>>> get() {
            val (owner, one) = before?.name?.toList() to newcomer.name.toList()
            return when (change) {
                Change.SETUP -> Triple(0u, one, emptyList())
                Change.RELEASE -> Triple(1u, one, emptyList())
                Change.DELEGATION -> Triple(0u, owner, listOf(one))
                Change.RESET -> Triple(1u, null, emptyList())
                Change.REVOCATION -> Triple(0u, owner, emptyList())
            }
        }

        /** Whoever has lost by the change, or has not gained by it, can do nothing; whoever is the owner comes in. */
        fun check(label: String) {
            val made = states() == meant
            val known = Claim.Known(device.name)
            val newcomerIn = change != Change.RESET && made != (change == Change.REVOCATION)
            assertEquals(if (newcomerIn) null else "UntrustedCredential", newcomer.claims(device, known), label)
            if (before == null) return
            val stays = !(made && (change == Change.RELEASE || change == Change.RESET))
            assertEquals(if (stays) null else "UntrustedCredential", before.claims(device, known), label)
        }
    }

    @ParameterizedTest
    @EnumSource(Change::class)
    fun `a power cut or a storage that fails at any step leaves one owner or the other`(change: Change) {
        for (done in listOf(false, true)) for (restarts in listOf(true, false)) {
            var number = 0
            while (true) {
                val label = "$change, save $number, done $done, restart $restarts"
                val situation = Situation(change)
                val old = situation.states()
                val flash = situation.device.flash
                flash.cutAt(number, done)
                val outcome = situation.attempt()
                if (!flash.wasCut) {
                    assertNull(outcome, label)
                    assertEquals(situation.meant, situation.states(), label)
                    break
                }
                val told = change != Change.REVOCATION && situation.newcomer.told != null
                if (restarts) situation.device.restart() else flash.power()
                val now = situation.states()
                assertTrue(now == old || now == situation.meant, "$label: $now")
                assertTrue(!told || now == situation.meant, "$label: a phone was told of what is not so")
                if (restarts) situation.check(label)
                val again = if (change == Change.RESET && now == situation.meant) null else situation.attempt()
                assertTrue(again == null || again == "UnknownCredential" && now == situation.meant, "$label: $again")
                assertEquals(situation.meant, situation.states(), label)
                situation.check(label)
                number += 1
            }
            assertTrue(number >= 1, "$change saves nothing")
        }
    }
}
