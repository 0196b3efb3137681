"""Two endpoints with a lossless or lossy wire between them and a clock of their own."""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from sealwire import Endpoint, Event, Identity, SealwireError, Store

Happening = Tuple[str, object]


class Pair:
    """An Initiator `a` and a Responder `b`; `now` is in milliseconds."""

    def __init__(
        self,
        *,
        curve: str = "X25519",
        store_a: Optional[Store] = None,
        store_b: Optional[Store] = None,
        offers: bool = True,
        identities: Optional[Tuple[Identity, Identity]] = None,
    ) -> None:
        self.identity_a, self.identity_b = identities or (
            Identity.generate("dev", curve=curve),
            Identity.generate("hub", curve=curve),
        )
        self.store_a, self.store_b, self.offers = store_a, store_b, offers
        self.now = 0
        self.log: List[Happening] = []
        self.lose: Callable[[str, bytes], bool] = lambda sender, frame: False
        self.a = self.make_a()
        self.b = self.make_b()

    def make_a(self) -> Endpoint:
        made = Endpoint(
            [(self.identity_a.credential, self.identity_a.key)],
            peers=[self.identity_b.credential],
            store=self.store_a,
            offers=self.offers,
        )
        made.restore(now=self.now)
        return made

    def make_b(self) -> Endpoint:
        made = Endpoint(
            [(self.identity_b.credential, self.identity_b.key)], peers=[self.identity_a.credential], store=self.store_b
        )
        made.restore(now=self.now)
        return made

    def settle(self, ms: int = 0) -> None:
        """Carry frames and let time pass until nothing is left to do, at most `ms` milliseconds."""
        end = self.now + ms
        while True:
            for _ in range(200):
                if not (self._carry("a", self.a, self.b) | self._carry("b", self.b, self.a)):
                    break
            if self.now >= end:
                return
            due = [time for time in (self.a.poll_timeout(), self.b.poll_timeout()) if time is not None]
            self.now = min(end, max(self.now + 1, min(due))) if due else end
            self.a.handle_timeout(now=self.now)
            self.b.handle_timeout(now=self.now)

    def _carry(self, name: str, sender: Endpoint, receiver: Endpoint) -> bool:
        moved = False
        while True:
            event = sender.poll_event()
            if event is None:
                break
            moved = True
            self.log.append((name, event))
        while True:
            transmit = sender.poll_transmit(now=self.now)
            if transmit is None:
                return moved
            moved = True
            if not self.lose(name, transmit.frame):
                self.give("b" if name == "a" else "a", transmit.frame)

    def give(self, name: str, frame: bytes, topic: Optional[str] = None) -> Optional[Event]:
        """Hand a frame to `a` or `b`; refusals go to the log as exceptions."""
        receiver = self.a if name == "a" else self.b
        try:
            event = receiver.handle_frame(frame, topic=topic, now=self.now)
        except SealwireError as error:
            self.log.append((name, error))
            return None
        if event is not None:
            self.log.append((name, event))
        return event

    def connect(self) -> Tuple[int, int]:
        """Handshake; the handles of both ends."""
        self.a.connect(now=self.now)
        self.settle(5_000)
        found_a = self.a.find(self.identity_b.thumbprint)
        found_b = self.b.find(self.identity_a.thumbprint)
        assert found_a is not None and found_b is not None, self.log
        return found_a, found_b

    def seen(self, name: str, kind: type) -> List[object]:
        """What happened at one end, of one type."""
        return [event for end, event in self.log if end == name and isinstance(event, kind)]
