package org.sealwire

import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource

/** The second example of docs/howto/kotlin.md. */
class Devices(private val link: SealwireLink, private val anchor: Key) {
    /** By the device's thumbprint: what the next statement is signed over. In an app: durably. */
    val owned = ConcurrentHashMap<List<Byte>, Event.Ownership>()

    /** Part of the app's one collector of events. */
    suspend fun watch() = link.events.filterIsInstance<LinkEvent.Endpoint>().collect { (event) ->
        if (event is Event.Ownership) owned[event.peer.toList()] = event
    }

    /** `scanned`: the text of the QR code on the label. Meanwhile the app says "Press the button of the device". */
    suspend fun add(scanned: String, inbox: String): Session = link.claim(Claim.Setup(SetupCode.parse(scanned), anchor), inbox)

    /** Another phone, known by the thumbprint that it shows, is the next owner. What this gives is sent there, by any way. */
    fun handOver(device: ByteArray, phone: ByteArray): ByteArray = state(device, Statement.Release(owner = phone))

    /** Another phone may use the device, too. */
    fun letIn(device: ByteArray, phone: ByteArray): ByteArray = state(device, Statement.Delegation(delegate = phone))

    private fun state(device: ByteArray, statement: Statement): ByteArray {
        val told = owned.getValue(device.toList())
        return signStatement(anchor, device, told.epoch, told.nonce, statement)
    }

    /** On the other phone. */
    suspend fun takeOver(device: ByteArray, statement: ByteArray, inbox: String): Session = link.claim(Claim.Release(device, statement, anchor), inbox)

    suspend fun join(device: ByteArray, statement: ByteArray, inbox: String): Session = link.claim(Claim.Delegation(device, statement), inbox)
}

/** Owners come and go over a real broker. */
class PairingTest {
    @TempDir lateinit var folder: File

    /** An app on a broker, with what it owns. */
    private class App(val name: String, private val mosquitto: Mosquitto, private val version: MqttVersion) {
        private val identity = softwareIdentity(name)
        val thumbprint: ByteArray = identity.credential.thumbprint()
        val anchor = Key.generate(KeyKind.ED25519)
        lateinit var link: SealwireLink
        lateinit var devices: Devices

        suspend fun open(scope: CoroutineScope) {
            // Three attempts take 2.1 s.
            val endpoint = Endpoint(mqttConfig(identity).copy(handshakeIntervalMs = 300u, handshakeAttempts = 3u, reconnect = false))
            link = SealwireLink.mqtt(endpoint, mosquitto.broker(version), LinkConfig("ward", name))
            devices = Devices(link, anchor)
            scope.launch(start = CoroutineStart.UNDISPATCHED) { devices.watch() }
        }

        /** Until the device has told what to sign over in this epoch. */
        suspend fun owns(device: ByteArray, epoch: UInt) {
            while (devices.owned[device.toList()]?.epoch != epoch) delay(20)
        }

        /** What a claim that cannot succeed ends with. */
        suspend fun refused(claim: Claim): String =
            when (val why = runCatching { link.claim(claim, "wearable", 5.seconds) }.exceptionOrNull()) {
                is NetworkException.Refused -> if (why.error is SealwireException.PeerException) why.error.detail else "${why.error}"
                is NetworkException.TimedOut -> "no answer"
                else -> "$why"
            }
    }

    private suspend fun apps(scope: CoroutineScope, mosquitto: Mosquitto, version: MqttVersion) =
        listOf("phone", "tablet", "thief").map { name -> App(name, mosquitto, version).also { it.open(scope) } }

    /** What the device gets when this is sent, and what its sender is to it. */
    private suspend fun told(device: SealwireLink, from: Session, text: String): Pair<String, Standing?> {
        val receipt = from.send("note", text.toByteArray())
        val got = device.messages.first()
        device.commit(got)
        receipt.wait()
        return got.payload.decodeToString() to device.endpoint.standing(got.peer)
    }

    @ParameterizedTest
    @EnumSource(MqttVersion::class)
    fun `a device in Kotlin has one owner after the other`(version: MqttVersion) = within {
        val own = softwareIdentity("wearable")
        val name = own.credential.thumbprint()
        val code = SetupCode.generate(name, "SW-HR/1.0")
        Mosquitto(folder).use { mosquitto ->
            val endpoint = Endpoint(mqttConfig(own).copy(maxSessions = 8u), FileStorage(File(folder, "state").path, resistsRollback = true))
            endpoint.enableSetup(1000u, code)
            val device = SealwireLink.mqtt(endpoint, mosquitto.broker(version), LinkConfig("ward", "wearable"))
            val everyone = apps(this, mosquitto, version)
            val (phone, tablet, thief) = everyone
            // The claim begins before the button is pressed.
            val waiting = async { phone.devices.add(code.text(), "wearable") }
            device.events.first { it is LinkEvent.Refused && it.error is SealwireException.SetupClosed }
            endpoint.openSetup()
            val session = waiting.await()
            phone.owns(name, 0u)
            assertEquals("mine" to Standing.OWNER, told(device, session, "mine"))
            assertEquals("the peer says other-owner", thief.refused(Claim.Setup(code, thief.anchor)))
            val shared = tablet.devices.join(name, phone.devices.letIn(name, tablet.thumbprint), "wearable")
            assertEquals("ours" to Standing.DELEGATE, told(device, shared, "ours"))
            device.revoke(tablet.thumbprint)
            device.events.filterIsInstance<LinkEvent.Endpoint>().first { it.event is Event.Closed }
            shared.end()
            // The owner learns the new nonce by its next handshake.
            val before = phone.devices.owned.getValue(name.toList()).nonce
            phone.link.claim(Claim.Known(name), "wearable")
            while (phone.devices.owned.getValue(name.toList()).nonce.contentEquals(before)) delay(20)
            val release = phone.devices.handOver(name, tablet.thumbprint)
            assertEquals("the peer says wrong-statement", thief.refused(Claim.Release(name, release, thief.anchor)))
            tablet.devices.takeOver(name, release, "wearable")
            tablet.owns(name, 1u)
            assertArrayEquals(tablet.thumbprint, endpoint.ownership()!!.owner)
            assertTrue("HandshakeFailed" in phone.refused(Claim.Known(name)))
            assertEquals("the peer says other-owner", phone.refused(Claim.Setup(code, phone.anchor)))
            assertEquals("the peer says wrong-statement", phone.refused(Claim.Release(name, release, phone.anchor)))
            device.resetOwnership()
            assertEquals("the peer says setup-closed", phone.refused(Claim.Setup(code, phone.anchor)))
            everyone.forEach { it.link.close() }
            device.close()
        }
    }

    @Test
    fun `a device in Python has one owner after the other`() = within(120) {
        val sealwire = System.getenv("SEALWIRE") ?: fail("SEALWIRE names no command of the Python package")
        val script = File(folder, "device.py").apply { writeBytes(PairingTest::class.java.getResourceAsStream("/device.py")!!.readBytes()) }
        Mosquitto(folder).use { mosquitto ->
            val everyone = apps(this, mosquitto, MqttVersion.V5)
            val (phone, tablet, thief) = everyone
            Program(folder, File(sealwire).resolveSibling("python").path, script.path, "${mosquitto.port}", "ward", "wearable").use { device ->
                val label = device.says("label")
                val code = SetupCode.parse(label)
                val name = code.device()
                fun hex(bytes: ByteArray) = bytes.joinToString("") { "%02x".format(it) }
                assertEquals("the peer says setup-closed", thief.refused(Claim.Setup(code, thief.anchor)))
                device.tell("press")
                device.says("pressed")
                assertEquals("the peer says wrong-setup-secret", thief.refused(Claim.Setup(SetupCode.generate(name, ""), thief.anchor)))
                delay(2_000) // the delay after the second guess: a handshake makes three, of which one is not looked at
                val session = phone.devices.add(label, "wearable")
                assertEquals("0 ${hex(phone.thumbprint)} 0", device.says("owner"))
                phone.owns(name, 0u)
                session.send("", "from the owner".toByteArray()).wait()
                assertEquals("owner from the owner", device.says("message"))
                tablet.devices.join(name, phone.devices.letIn(name, tablet.thumbprint), "wearable").send("", "looking on".toByteArray()).wait()
                assertEquals("delegate looking on", device.says("message"))
                tablet.devices.takeOver(name, phone.devices.handOver(name, tablet.thumbprint), "wearable")
                while (device.says("owner") != "1 ${hex(tablet.thumbprint)} 0") Unit
                tablet.owns(name, 1u)
                assertEquals("the peer says other-owner", phone.refused(Claim.Setup(code, phone.anchor)))
                device.tell("reset")
                assertEquals("2 nobody 0", device.says("owner"))
                device.tell("press")
                device.says("pressed")
                phone.devices.add(label, "wearable")
                phone.owns(name, 2u)
            }
            everyone.forEach { it.link.close() }
        }
    }
}
