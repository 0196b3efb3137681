package org.sealwire

/**
 * Frames over BLE, between a [SealwireLink] and the platform's GATT calls.
 *
 * The phone is the central. It connects to the device's service ([bleUuids]), asks for a larger ATT MTU, enables notifications, and makes one of these for the
 * connection: [write] writes a value without response to the characteristic `toDevice`, and [notified] takes each value that `fromDevice` notifies.
 *
 * @param mtu the negotiated ATT MTU, 23 without negotiation
 * @param write sends one value; it returns when the platform has taken it (on Android after `onCharacteristicWrite`), since values must arrive in order
 */
class GattTransport(mtu: Int = 23, private val write: (value: ByteArray) -> Unit) : FrameTransport, AutoCloseable {
    private val splitter = BleSplitter(blePayload(mtu.toUInt()))
    private val reassembler = BleReassembler()

    override fun send(frame: ByteArray, route: ByteArray, delivery: Boolean) = splitter.split(frame).forEach(write)

    /** Takes a value; gives the frame that it completes, for [SealwireLink.received]. */
    fun notified(value: ByteArray): ByteArray? = reassembler.feed(value)

    /** What has been put together and lost so far. */
    val counters: LinkCounters get() = reassembler.counters()

    override fun close() {
        splitter.close()
        reassembler.close()
    }
}
