package org.sealwire

import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** An app that brings its own MQTT client. */
class TopicTest {
    /** What such a client and its broker do: everybody's inbox, and everybody else hears what is published on a topic. */
    private class Exchange {
        class Seat(val exchange: Exchange, val inbox: String) : TopicTransport {
            lateinit var link: SealwireLink

            override fun send(frame: ByteArray, route: ByteArray, topic: String?, delivery: Boolean) = exchange.carry(this, frame, route, topic)
        }

        val seats = CopyOnWriteArrayList<Seat>()
        val published = CopyOnWriteArrayList<String>()
        /** What becomes of a topic on its way. */
        @Volatile var carries: (String) -> String = { it }

        suspend fun join(own: Identity, peer: Credential): SealwireLink {
            val seat = Seat(this, own.credential.subject()!!)
            return SealwireLink.over(Endpoint(mqttConfig(own, peer)), seat).also { seat.link = it; seats += seat }
        }

        private fun carry(from: Seat, frame: ByteArray, route: ByteArray, topic: String?) {
            if (topic != null) published += topic
            for (seat in seats) {
                if (if (topic == null) seat.inbox == route.decodeToString() else seat !== from) seat.link.received(frame, topic = topic?.let(carries))
            }
        }
    }

    @Test
    fun `records in place over the app's own transport`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        val exchange = Exchange()
        exchange.join(one, other.credential).use { phone ->
            exchange.join(other, one.credential).use { tablet ->
                val session = phone.connect("tablet")
                val receipt = session.publish("bed/7/pulse", "72".toByteArray())
                val got = tablet.messages.first()
                assertEquals(Triple("bed/7/pulse", "72", true), Triple(got.topic, got.payload.decodeToString(), got.inPlace))
                tablet.commit(got)
                receipt.wait()
                val addressed = session.send("bed/7/name", "N. N.".toByteArray())
                tablet.messages.first().let { assertFalse(it.inPlace); tablet.commit(it) }
                addressed.wait()
                assertEquals(listOf("bed/7/pulse"), exchange.published.distinct())
                // Whoever carries a record to another topic is found out.
                exchange.carries = { "bed/8/pulse" }
                session.publish("bed/7/pulse", "73".toByteArray(), confirmable = false)
                val refused = tablet.events.filterIsInstance<LinkEvent.Refused>().first()
                assertTrue(refused.error is SealwireException.DecryptFailed, "${refused.error}")
                assertEquals("bed/8/pulse", refused.topic)
            }
        }
    }

    @Test
    fun `a transport without topics says so`() = within {
        val (one, other) = softwareIdentity("phone") to softwareIdentity("tablet")
        lateinit var phone: SealwireLink
        lateinit var tablet: SealwireLink
        fun to(link: () -> SealwireLink) = object : FrameTransport {
            override fun send(frame: ByteArray, route: ByteArray, delivery: Boolean) = link().received(frame)
        }
        tablet = SealwireLink.over(Endpoint(phoneConfig(other, one.credential)), to { phone })
        phone = SealwireLink.over(Endpoint(phoneConfig(one, other.credential)), to { tablet })
        val session = phone.connect()
        val refused = runCatching { session.publish("bed/7/pulse", "72".toByteArray()) }.exceptionOrNull()
        assertTrue((refused as? NetworkException.Refused)?.error is SealwireException.InvalidArgument, "$refused")
        session.send("bed/7/pulse", "72".toByteArray(), confirmable = false)
        assertEquals("bed/7/pulse", tablet.messages.first().topic)
        phone.close()
        tablet.close()
    }
}
