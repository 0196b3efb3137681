package org.sealwire

import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The example of docs/howto/kotlin.md. */
class PulseApp(private val scope: CoroutineScope, private val storage: Storage, private val identity: Identity) {
    val commands = mutableListOf<String>()

    suspend fun run(broker: Broker, hub: Credential) {
        val endpoint = Endpoint(
            Config(identities = listOf(identity), peers = listOf(hub), inbox = "phone", mqtt = true, identifierLen = 2u, offers = true),
            storage,
        )
        SealwireLink.mqtt(endpoint, broker, LinkConfig(realm = "ward", inbox = "phone")).use { link ->
            val reading = scope.launch {
                link.messages.collect { message ->
                    commands += "${message.topic} ${message.payload.decodeToString()}" // make the effect durable first,
                    link.commit(message) // then acknowledge it
                }
            }
            val session = link.sessionWith(hub.thumbprint()) ?: link.connect("hub", peer = hub.thumbprint())
            val receipt = session.send("pulse", "72".toByteArray())
            receipt.wait() // the hub's application has committed it
            reading.cancelAndJoin()
        }
    }
}

class QuickStartTest {
    @Test
    fun `the example of the page runs, twice`(@TempDir folder: File) = within {
        val (phone, hub) = softwareIdentity("phone") to softwareIdentity("hub")
        val storage = FileStorage(File(folder, "state").path, resistsRollback = true)
        Mosquitto(folder).use { mosquitto ->
            val service = SealwireLink.mqtt(Endpoint(mqttConfig(hub, phone.credential)), mosquitto.broker(), LinkConfig("ward", "hub"))
            service.use {
                repeat(2) { run ->
                    val app = launch(start = CoroutineStart.UNDISPATCHED) { PulseApp(this, storage, phone).run(mosquitto.broker(), hub.credential) }
                    val got = service.messages.first()
                    assertEquals("pulse 72", "${got.topic} ${got.payload.decodeToString()}")
                    service.commit(got)
                    app.join()
                    // The second run takes up the session of the first.
                    assertEquals(1u, service.endpoint.counters().handshakes, "run $run")
                }
                service.close() // and once more at the end of `use`
                assertFalse(service.connected)
                assertThrows(NetworkException.NotOpen::class.java) { service.sessionWith(phone.credential.thumbprint()) }
                assertThrows(NetworkException.NotOpen::class.java) { service.resumePending() }
            }
        }
    }
}
