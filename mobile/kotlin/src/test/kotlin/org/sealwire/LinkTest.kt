package org.sealwire

import java.io.File
import java.util.concurrent.Executors
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource

class LinkTest {
    @TempDir lateinit var folder: File

    private suspend fun open(mosquitto: Mosquitto, own: Identity, peer: Credential, version: MqttVersion = MqttVersion.V311, vararg topics: String) =
        SealwireLink.mqtt(Endpoint(mqttConfig(own, peer)), mosquitto.broker(version), LinkConfig("ward", own.credential.subject()!!, topics.toList()))

    @ParameterizedTest
    @EnumSource(MqttVersion::class)
    fun `two apps over a broker`(version: MqttVersion) = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        Mosquitto(folder).use { mosquitto ->
            open(mosquitto, one, other.credential, version).use { phone ->
                open(mosquitto, other, one.credential, version, "bed/#").use { tablet ->
                    val session = phone.connect("tablet", peer = other.credential.thumbprint())
                    val receipt = session.publish("bed/7/pulse", "72".toByteArray())
                    val got = tablet.messages.first()
                    assertEquals("bed/7/pulse" to "72", got.topic to got.payload.decodeToString())
                    assertTrue(got.inPlace)
                    assertFalse(receipt.acknowledged())
                    tablet.commit(got)
                    receipt.wait()
                    val back = tablet.sessionWith(one.credential.thumbprint())!!
                    val command = async { back.command("lamp", "on".toByteArray()) }
                    val told = phone.messages.first()
                    assertEquals("lamp" to true, told.topic to told.command)
                    phone.commit(told)
                    command.await().wait()
                    session.updateKeys()
                    phone.events.filterIsInstance<LinkEvent.Endpoint>().first { it.event is Event.KeyUpdated }
                    assertEquals(1u, session.info().epoch)
                    // More than the window of 64: sending waits for commits.
                    val reader = launch { tablet.messages.take(100).collect(tablet::commit) }
                    val receipts = (0 until 100).map { session.send("n", "$it".toByteArray()) }
                    reader.join()
                    receipts.forEach { it.wait() }
                }
            }
        }
    }

    @Test
    fun `the broker goes and comes back, and what was sent meanwhile arrives`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        val first = Mosquitto(folder)
        open(first, one, other.credential).use { phone ->
            open(first, other, one.credential).use { tablet ->
                val session = phone.connect("tablet")
                first.close()
                phone.events.filterIsInstance<LinkEvent.Down>().first()
                assertFalse(phone.connected)
                val receipt = session.send("note", "kept".toByteArray())
                Mosquitto(folder, first.port).use {
                    val got = tablet.messages.first()
                    assertEquals("kept", got.payload.decodeToString())
                    tablet.commit(got)
                    receipt.wait()
                }
            }
        }
    }

    @Test
    fun `refusals are typed`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        Mosquitto(folder, settings = "allow_anonymous false").use { mosquitto ->
            val refused = runCatching { open(mosquitto, one, other.credential) }.exceptionOrNull()
            assertTrue(refused is NetworkException.Broker, "$refused")
        }
        Mosquitto(folder).use { mosquitto ->
            open(mosquitto, one, other.credential).use { phone ->
                val nobody = runCatching { phone.connect("tablet", timeout = 300.milliseconds) }.exceptionOrNull()
                assertTrue(nobody is NetworkException.TimedOut, "$nobody")
                val wrong = runCatching { phone.connect("Not An Inbox!") }.exceptionOrNull()
                assertTrue(wrong is NetworkException.Refused || wrong is NetworkException.TimedOut, "$wrong")
            }
        }
    }

    @Test
    fun `TLS, a log-in and a WebSocket`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        run(folder, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca")
        File(folder, "names").writeText("subjectAltName=IP:127.0.0.1")
        run(folder, "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "server.pk", "-out", "server.csr", "-subj", "/CN=server")
        run(folder, "openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "names")
        run(folder, "mosquitto_passwd", "-b", "-c", "passwords", "nurse", "secret")
        // The broker gives up its rights before it reads these.
        folder.setExecutable(true, false); folder.setReadable(true, false)
        listOf("server.pk", "server.pem", "ca.pem", "passwords").forEach { File(folder, it).setReadable(true, false) }
        val web = freePort()
        val settings = "allow_anonymous false\npassword_file $folder/passwords\ncafile $folder/ca.pem\ncertfile $folder/server.pem\nkeyfile $folder/server.pk\n" +
            "listener $web 127.0.0.1\nprotocol websockets\n"
        Mosquitto(folder, settings = settings).use { mosquitto ->
            val tls = Tls(File(folder, "ca.pem").readBytes())
            val secure = mosquitto.broker(MqttVersion.V5).copy(login = Login("nurse", "secret"), tls = tls)
            val overWeb = Broker("127.0.0.1", web.toUShort(), login = Login("nurse", "secret"), websocket = true)
            val place = { identity: Identity -> LinkConfig("ward", identity.credential.subject()!!) }
            SealwireLink.mqtt(Endpoint(mqttConfig(one, other.credential)), secure, place(one)).use { phone ->
                SealwireLink.mqtt(Endpoint(mqttConfig(other, one.credential)), overWeb, place(other)).use { tablet ->
                    val receipt = phone.connect("tablet").send("note", "over both".toByteArray())
                    tablet.commit(tablet.messages.first())
                    receipt.wait()
                }
            }
            val wrong = runCatching { SealwireLink.mqtt(Endpoint(mqttConfig(one)), secure.copy(login = Login("nurse", "guess")), place(one)) }
            assertTrue(wrong.exceptionOrNull() is NetworkException.Broker, "$wrong")
            val stranger = runCatching { SealwireLink.mqtt(Endpoint(mqttConfig(one)), secure.copy(tls = platformTls()), place(one)) }
            assertTrue(stranger.exceptionOrNull() is NetworkException, "$stranger")
        }
    }

    @Test
    fun `the events end with the link, and a session that is left is refused`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        Mosquitto(folder).use { mosquitto ->
            val phone = open(mosquitto, one, other.credential)
            open(mosquitto, other, one.credential).use {
                val session = phone.connect("tablet")
                val all = async(Dispatchers.Default) { phone.events.toList() }
                delay(100)
                session.end()
                val ended = runCatching { session.send("note", ByteArray(1)) }.exceptionOrNull()
                assertTrue((ended as? NetworkException.Refused)?.error is SealwireException.UnknownSession, "$ended")
                phone.close()
                assertTrue(all.await().isNotEmpty())
                val closed = runCatching { session.send("note", ByteArray(1)) }.exceptionOrNull()
                assertNotNull(closed)
            }
        }
    }

    @Test
    fun `the hub of the Python package`() = within(120) {
        val sealwire = System.getenv("SEALWIRE") ?: fail("SEALWIRE names no command of the Python package")
        listOf("hub", "phone").forEach { run(folder, sealwire, "keygen", it) }
        val phone = identityFile(folder, "phone")
        val hub = Credential(hexFile(File(folder, "hub.cred")))
        Mosquitto(folder).use { mosquitto ->
            val url = "mqtt://127.0.0.1:${mosquitto.port}"
            Program(folder, sealwire, "hub", "run", "--db", "hub.db", "--identity", "hub", "--peer", "phone.cred", "--broker", url, "--realm", "ward").use { service ->
                open(mosquitto, phone, hub).use { link ->
                    val session = link.connect("hub", timeout = 40.seconds)
                    session.send("heart-rate", "72".toByteArray()).wait()
                    val told = async { link.messages.first { it.command } }
                    val sent = async(Dispatchers.IO) {
                        run(folder, sealwire, "hub", "send", "--db", "hub.db", "--to", "phone", "--topic", "display", "dim", "--wait", "30")
                    }
                    val command = told.await()
                    assertEquals("display" to "dim", command.topic to command.payload.decodeToString())
                    link.commit(command)
                    sent.await()
                    val kept = run(folder, sealwire, "hub", "messages", "--db", "hub.db", "--json")
                    assertTrue("heart-rate" in kept && "3732" in kept, kept + service.log.readText())
                }
            }
        }
    }

    @Test
    fun `the wearable in C reports to an app`() = within(120) {
        val device = System.getenv("SEALWIRE_C_DEVICE") ?: fail("SEALWIRE_C_DEVICE names no wearable in C")
        val data = System.getenv("SEALWIRE_DATA") ?: fail("SEALWIRE_DATA names no electrocardiogram")
        val sealwire = System.getenv("SEALWIRE") ?: fail("SEALWIRE names no command of the Python package")
        run(folder, sealwire, "keygen", "app")
        run(folder, sealwire, "keygen", "wearable")
        val app = identityFile(folder, "app")
        val wearable = Credential(hexFile(File(folder, "wearable.cred")))
        Mosquitto(folder).use { mosquitto ->
            open(mosquitto, app, wearable).use { link ->
                val received = async { link.messages.map { link.commit(it); it }.first { "\"done\"" in it.payload.decodeToString() || it.topic == "done" } }
                val broker = "127.0.0.1:${mosquitto.port}"
                Program(
                    folder, device, "--realm", "ward", "--hub", "app", "--inbox", "wearable", "--key", "wearable.key", "--credential", "wearable.cred",
                    "--peer", "app.cred", "--data", data, "--rate", "0", "--broker", broker,
                ).use { program ->
                    val status = async(Dispatchers.IO) { program.wait(90) }
                    assertEquals(0, status.await(), program.log.readText())
                    assertTrue("\"event\":\"done\"" in program.log.readText(), program.log.readText())
                    withTimeoutOrNull(10) { received.await() }
                    received.cancelAndJoin()
                    val counters = link.endpoint.counters()
                    assertTrue(counters.records > 100u && counters.decryptFailed == 0u, "$counters")
                }
            }
        }
    }

    /** What two phones' Bluetooth stacks do between them: values in order, one in seventeen lost. */
    private class Air(private val scope: CoroutineScope) {
        private val values = Channel<ByteArray>(Channel.UNLIMITED)
        private var count = 0

        fun write(value: ByteArray) {
            check(value.size <= 20)
            if (count++ % 17 != 11) values.trySend(value)
        }

        fun arrive(link: SealwireLink, transport: GattTransport) = scope.launch { for (value in values) transport.notified(value)?.let(link::received) }
    }

    @Test
    fun `a device by Bluetooth Low Energy`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("device")
        assertEquals("d8482160-d38a-4f04-9485-e0127ffa947a", bleUuids().service)
        val threads = Executors.newFixedThreadPool(2).asCoroutineDispatcher()
        val (toDevice, toPhone) = Air(CoroutineScope(threads)) to Air(CoroutineScope(threads))
        val (central, peripheral) = GattTransport(write = toDevice::write) to GattTransport(write = toPhone::write)
        SealwireLink.over(Endpoint(phoneConfig(one, other.credential)), central).use { phone ->
            SealwireLink.over(Endpoint(phoneConfig(other, one.credential)), peripheral).use { device ->
                val carriers = listOf(toDevice.arrive(device, peripheral), toPhone.arrive(phone, central))
                val session = phone.connect()
                repeat(10) { number ->
                    val receipt = session.send("", ByteArray(60) { number.toByte() })
                    val got = device.messages.first()
                    assertArrayEquals(ByteArray(60) { number.toByte() }, got.payload)
                    device.commit(got)
                    receipt.wait()
                }
                assertTrue(peripheral.counters.lost > 0u)
                carriers.forEach { it.cancel() }
            }
        }
        threads.close()
    }

    @Test
    fun `a key that waits for a finger does not hold the link`() = within {
        val own = softwareIdentity("phone")
        val other = softwareIdentity("tablet", KeyKind.P256)
        val pair = java.security.KeyPairGenerator.getInstance("EC").apply { initialize(java.security.spec.ECGenParameterSpec("secp256r1")) }.generateKeyPair()
        val key = Key.inKeystore(KeyKind.P256, pair.public.sealwireBytes(), "identity")
        val kept = Identity(Credential.ccs(key, "phone", key.thumbprint().copyOf(4)), key)
        val keystore = object : SuspendingKeystore(CoroutineScope(Dispatchers.Default)) {
            override suspend fun agreement(alias: String, peer: ByteArray): ByteArray {
                delay(700)
                return JcaKeystore { pair.private }.agree(alias, peer)
            }

            override suspend fun signature(alias: String, message: ByteArray) = throw UnsupportedOperationException("it agrees")
        }
        assertFalse(own.key.publicKey().contentEquals(key.publicKey()))
        Mosquitto(folder).use { mosquitto ->
            val endpoint = Endpoint(mqttConfig(kept, other.credential), keystore = keystore)
            SealwireLink.mqtt(endpoint, mosquitto.broker(), LinkConfig("ward", "phone")).use { phone ->
                keystore.whenAnswered = phone::resumePending
                open(mosquitto, other, kept.credential).use { tablet ->
                    val waiting = async { phone.connect("tablet") }
                    withTimeout(5_000) { phone.events.first { it is LinkEvent.KeyPending } }
                    val receipt = waiting.await().send("note", "by finger".toByteArray())
                    tablet.commit(tablet.messages.first())
                    receipt.wait()
                }
            }
        }
    }
}
