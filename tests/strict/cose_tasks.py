"""What pycose and cryptography are asked for: an object with `task` in, an object out; byte strings are in hexadecimal."""

import warnings
from typing import Any

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

warnings.filterwarnings("ignore")

from pycose.algorithms import AESCCM1664128, AESCCM16128128, EdDSA, Es256  # noqa: E402
from pycose.exceptions import CoseException  # noqa: E402
from pycose.headers import IV, KID, Algorithm  # noqa: E402
from pycose.keys import CoseKey, SymmetricKey  # noqa: E402
from pycose.messages import Enc0Message, Sign1Message  # noqa: E402

Task = dict[str, Any]
SIGNATURES = {-8: EdDSA, -7: Es256}
AEADS = {10: AESCCM1664128, 30: AESCCM16128128}


def take(task: Task, name: str) -> bytes:
    return bytes.fromhex(task[name])


def key(task: Task) -> Any:
    return CoseKey.decode(take(task, "key"))


def sign(task: Task) -> Task:
    protected: dict[Any, Any] = {Algorithm: SIGNATURES[task["alg"]]}
    unprotected: dict[Any, Any] = {}
    if task["kid"] is not None:
        (protected if task["kid_protected"] else unprotected)[KID] = take(task, "kid")
    payload = take(task, "payload")
    message = Sign1Message(phdr=protected, uhdr=unprotected, payload=None if task["detached"] else payload, external_aad=take(task, "aad"))
    message.key = key(task)
    detached = payload if task["detached"] else None
    return {"made": message.encode(tag=False, detached_payload=detached).hex()}


def verify(task: Task) -> Task:
    # Untagged; cbor2 from 6 on hands out what a tag holds as a tuple, which pycose's own decode does not expect.
    message = Sign1Message.from_cose_obj(list(cbor2.loads(take(task, "message"))), True)
    message.key = key(task)
    message.external_aad = take(task, "aad")
    return {"verified": message.verify_signature(), "kid": (message.get_attr(KID) or b"").hex(), "payload": (message.payload or b"").hex()}


def read_key(task: Task) -> Task:
    found = key(task)
    y = getattr(found, "y", b"")
    return {"crv": found.crv.identifier, "x": found.x.hex(), "y": y.hex(), "kid": (found.kid or b"").hex()}


def encrypt(task: Task) -> Task:
    message = Enc0Message(phdr={Algorithm: AEADS[task["alg"]]}, uhdr={IV: take(task, "nonce")}, payload=take(task, "plain"), external_aad=take(task, "aad"))
    message.key = SymmetricKey(k=take(task, "key"))
    protected, _, sealed = cbor2.loads(message.encode(tag=False))
    return {"protected": protected.hex(), "sealed": sealed.hex()}


def decrypt(task: Task) -> Task:
    parts = [take(task, "protected"), {5: take(task, "nonce")}, take(task, "sealed")]
    message = Enc0Message.from_cose_obj(parts, True)
    message.key = SymmetricKey(k=take(task, "key"))
    message.external_aad = take(task, "aad")
    return {"plain": message.decrypt().hex()}


def ccm_seal(task: Task) -> Task:
    cipher = AESCCM(take(task, "key"), tag_length=task["tag"])
    return {"sealed": cipher.encrypt(take(task, "nonce"), take(task, "plain"), take(task, "aad")).hex()}


def ccm_open(task: Task) -> Task:
    cipher = AESCCM(take(task, "key"), tag_length=task["tag"])
    return {"plain": cipher.decrypt(take(task, "nonce"), take(task, "sealed"), take(task, "aad")).hex()}


TASKS = {f.__name__: f for f in (sign, verify, read_key, encrypt, decrypt, ccm_seal, ccm_open)}


def run(task: Task) -> Task:
    try:
        return TASKS[task["task"]](task)
    except (CoseException, InvalidTag) as error:
        return {"refused": type(error).__name__}
