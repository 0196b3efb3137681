package org.sealwire

import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.PrivateKey
import java.security.PublicKey
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECFieldFp
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import javax.crypto.KeyAgreement
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

private val p256: ECParameterSpec =
    AlgorithmParameters.getInstance("EC").apply { init(ECGenParameterSpec("secp256r1")) }.getParameterSpec(ECParameterSpec::class.java)

private fun BigInteger.bytes32(): ByteArray {
    val bytes = toByteArray()
    return ByteArray(32).also { bytes.copyInto(it, maxOf(0, 32 - bytes.size), maxOf(0, bytes.size - 32)) }
}

/** The 64 bytes x, y of a P-256 key, as [Key.inKeystore] takes them. */
fun PublicKey.sealwireBytes(): ByteArray = (this as ECPublicKey).w.run { affineX.bytes32() + affineY.bytes32() }

/**
 * P-256 keys of a `java.security` key store: Android's hardware-backed `AndroidKeyStore` (agreement from API 31 on), a PKCS#11 token, a PKCS#12 file. The private
 * key is used where it lies.
 *
 * On Android: `JcaKeystore { alias -> androidKeyStore.getKey(alias, null) as PrivateKey }`. A key there is made with `PURPOSE_AGREE_KEY` for static
 * Diffie-Hellman (method 3), or with `PURPOSE_SIGN` and SHA-256 for signing (methods 0 to 2), never both.
 */
class JcaKeystore(private val provider: String? = null, private val privateKey: (alias: String) -> PrivateKey) : Keystore {
    override fun agree(alias: String, peer: ByteArray): ByteArray {
        val key = privateKey(alias)
        val agreement = if (provider == null) KeyAgreement.getInstance("ECDH") else KeyAgreement.getInstance("ECDH", provider)
        agreement.init(key)
        agreement.doPhase(KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(pointWith(BigInteger(1, peer)), p256)), true)
        return agreement.generateSecret()
    }

    override fun sign(alias: String, message: ByteArray): ByteArray {
        val signature = Signature.getInstance("SHA256withECDSA")
        signature.initSign(privateKey(alias))
        signature.update(message)
        return plainSignature(signature.sign())
    }

    /** One of the two points with this x coordinate: both give the same secret, which is an x coordinate itself. */
    private fun pointWith(x: BigInteger): ECPoint {
        val p = (p256.curve.field as ECFieldFp).p
        val square = (x.pow(3) + p256.curve.a * x + p256.curve.b).mod(p)
        // p is 3 modulo 4.
        val y = square.modPow((p + BigInteger.ONE).shiftRight(2), p)
        if (y.modPow(BigInteger.TWO, p) != square) throw CallbackException.Failed("no point of the curve has this coordinate")
        return ECPoint(x, y)
    }

    /** r and s, 32 bytes each, of a DER signature. */
    private fun plainSignature(der: ByteArray): ByteArray {
        var at = 2
        return (0..1).map {
            val length = der[at + 1].toInt()
            BigInteger(1, der.copyOfRange(at + 2, at + 2 + length)).bytes32().also { at += 2 + length }
        }.reduce(ByteArray::plus)
    }
}

/** [signStatement] by a key of a key store that takes its time: waits for its signature. */
suspend fun SuspendingKeystore.signStatement(key: Key, device: ByteArray, epoch: UInt, nonce: ByteArray, statement: Statement): ByteArray {
    var asked: Pair<String, ByteArray>? = null
    var signed: ByteArray? = null
    val once = object : Keystore {
        override fun agree(alias: String, peer: ByteArray) = throw CallbackException.Failed("statements are signed")

        override fun sign(alias: String, message: ByteArray): ByteArray {
            asked = alias to message
            return signed ?: throw CallbackException.Pending()
        }
    }
    return try {
        signStatement(key, device, epoch, nonce, statement, once)
    } catch (later: SealwireException.Pending) {
        val (alias, message) = asked ?: throw later
        signed = signature(alias, message)
        signStatement(key, device, epoch, nonce, statement, once)
    }
}

/**
 * A key store that takes its time: a confirmation by fingerprint, a token, a server. Its questions run as coroutines in [scope]; the handshake waits without
 * holding a thread, and goes on by [whenAnswered], which calls `resumePending` of the link or of the endpoint.
 */
abstract class SuspendingKeystore(private val scope: CoroutineScope) : Keystore {
    private data class Question(val signs: Boolean, val alias: String, val input: List<Byte>)

    private val answers = object : LinkedHashMap<Question, Result<ByteArray>?>() {
        // A handshake asks a few questions, and the same again when it goes on.
        override fun removeEldestEntry(eldest: MutableMap.MutableEntry<Question, Result<ByteArray>?>) = size > 16
    }

    /** Called when an answer is there. */
    @Volatile var whenAnswered: () -> Unit = {}

    /** Diffie-Hellman, as [Keystore.agree]. */
    abstract suspend fun agreement(alias: String, peer: ByteArray): ByteArray

    /** A signature, as [Keystore.sign]. */
    abstract suspend fun signature(alias: String, message: ByteArray): ByteArray

    final override fun agree(alias: String, peer: ByteArray) = answer(Question(false, alias, peer.toList())) { agreement(alias, peer) }

    final override fun sign(alias: String, message: ByteArray) = answer(Question(true, alias, message.toList())) { signature(alias, message) }

    private fun answer(question: Question, ask: suspend () -> ByteArray): ByteArray {
        synchronized(answers) {
            if (question in answers) {
                val answer = answers[question] ?: throw CallbackException.Pending()
                // What failed may be asked again.
                if (answer.isFailure) answers.remove(question)
                return answer.getOrElse { throw CallbackException.Failed(it.message ?: it.toString()) }
            }
            answers[question] = null
        }
        scope.launch {
            val answer = runCatching { ask() }
            synchronized(answers) { answers[question] = answer }
            whenAnswered()
        }
        throw CallbackException.Pending()
    }
}
