"""A stand-in for BlueZ on a private D-Bus: one adapter, one device in reach, its service. What bleak says to it is what it says to BlueZ.

No future annotations here: dbus-fast reads D-Bus types from the annotations.
"""

import asyncio
import os
import shutil
import subprocess
from typing import Any, Callable, Dict, Optional

from dbus_fast import PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property, method
from sealwire.links.ble import FROM_DEVICE, SERVICE, TO_DEVICE

ADDRESS = "C0:FF:EE:00:00:01"
_ADAPTER = "/org/bluez/hci0"
_DEVICE = f"{_ADAPTER}/dev_C0_FF_EE_00_00_01"
_SERVICE = f"{_DEVICE}/service0001"
_READ = PropertyAccess.READ
# D-Bus's rules of who may talk to whom, which on a bus of one's own are none.
_CONFIG = """<busconfig><type>system</type><listen>unix:dir=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


class Adapter(ServiceInterface):
    def __init__(self, found: Callable[[], None]) -> None:
        super().__init__("org.bluez.Adapter1")
        self._found = found
        self._discovering = False

    @dbus_property(_READ)
    def Address(self) -> "s":  # noqa: F821
        return "00:00:00:00:00:01"

    @dbus_property(_READ)
    def Roles(self) -> "as":  # noqa: F722
        return ["central"]

    @dbus_property(_READ)
    def Powered(self) -> "b":  # noqa: F821
        return True

    @dbus_property(_READ)
    def Discovering(self) -> "b":  # noqa: F821
        return self._discovering

    @method()
    def SetDiscoveryFilter(self, properties: "a{sv}") -> None:  # noqa: F722, F821
        """Everything is found anyhow."""

    @method()
    def StartDiscovery(self) -> None:
        self._discovering = True
        self.emit_properties_changed({"Discovering": True})
        self._advertise()

    def _advertise(self) -> None:
        """A device in reach advertises again and again."""
        if self._discovering:
            self._found()
            asyncio.get_running_loop().call_later(0.1, self._advertise)

    @method()
    def StopDiscovery(self) -> None:
        self._discovering = False
        self.emit_properties_changed({"Discovering": False})


class Device(ServiceInterface):
    def __init__(self) -> None:
        super().__init__("org.bluez.Device1")
        self.connected = False

    def change(self, connected: bool) -> None:
        self.connected = connected
        self.emit_properties_changed({"Connected": connected, "ServicesResolved": connected})

    @dbus_property(_READ)
    def Address(self) -> "s":  # noqa: F821
        return ADDRESS

    @dbus_property(_READ)
    def AddressType(self) -> "s":  # noqa: F821
        return "random"

    @dbus_property(_READ)
    def Alias(self) -> "s":  # noqa: F821
        return "device-1"

    @dbus_property(_READ)
    def Adapter(self) -> "o":  # noqa: F821
        return _ADAPTER

    @dbus_property(_READ)
    def UUIDs(self) -> "as":  # noqa: F722
        return [SERVICE]

    @dbus_property(_READ)
    def RSSI(self) -> "n":  # noqa: F821
        return -40

    @dbus_property(_READ)
    def Paired(self) -> "b":  # noqa: F821
        return False

    @dbus_property(_READ)
    def Connected(self) -> "b":  # noqa: F821
        return self.connected

    @dbus_property(_READ)
    def ServicesResolved(self) -> "b":  # noqa: F821
        return self.connected

    @method()
    def Connect(self) -> None:
        self.change(True)

    @method()
    def Disconnect(self) -> None:
        self.change(False)


class Service(ServiceInterface):
    def __init__(self) -> None:
        super().__init__("org.bluez.GattService1")

    @dbus_property(_READ)
    def UUID(self) -> "s":  # noqa: F821
        return SERVICE

    @dbus_property(_READ)
    def Primary(self) -> "b":  # noqa: F821
        return True

    @dbus_property(_READ)
    def Device(self) -> "o":  # noqa: F821
        return _DEVICE


class Characteristic(ServiceInterface):
    def __init__(self, uuid: str, flag: str, mtu: int, written: Optional[Callable[[bytes], None]] = None) -> None:
        super().__init__("org.bluez.GattCharacteristic1")
        self._uuid, self._flag, self._mtu, self._written = uuid, flag, mtu, written
        self._value = b""
        self.notifying = False

    def notify(self, value: bytes) -> None:
        """The peripheral has a new value."""
        if self.notifying:
            self._value = value
            self.emit_properties_changed({"Value": value})

    @dbus_property(_READ)
    def UUID(self) -> "s":  # noqa: F821
        return self._uuid

    @dbus_property(_READ)
    def Service(self) -> "o":  # noqa: F821
        return _SERVICE

    @dbus_property(_READ)
    def Value(self) -> "ay":  # noqa: F821
        return self._value

    @dbus_property(_READ)
    def Flags(self) -> "as":  # noqa: F722
        return [self._flag]

    @dbus_property(_READ)
    def MTU(self) -> "q":  # noqa: F821
        return self._mtu

    @method()
    def StartNotify(self) -> None:
        self.notifying = True

    @method()
    def StopNotify(self) -> None:
        self.notifying = False

    @method()
    def WriteValue(self, value: "ay", options: "a{sv}") -> None:  # noqa: F722, F821
        assert options["type"].value == "command" and len(value) <= self._mtu - 3
        if self._written is not None:
            self._written(bytes(value))


class Simulated:
    """The daemon of the private bus and what it knows."""

    def __init__(self, written: Callable[[bytes], None], mtu: int) -> None:
        self.device = Device()
        self._from_device = Characteristic(FROM_DEVICE, "notify", mtu)
        self._to_device = Characteristic(TO_DEVICE, "write-without-response", mtu, written)
        self._bus: Optional[MessageBus] = None
        self._daemon: "Optional[subprocess.Popen[str]]" = None

    def notify(self, value: bytes) -> None:
        """From the device."""
        self._from_device.notify(value)

    async def open(self, folder: str) -> None:
        """Starts the bus; from now on it is this process's system bus."""
        config = os.path.join(folder, "dbus.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_CONFIG % folder)
        self._daemon = subprocess.Popen(
            [shutil.which("dbus-daemon") or "dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._daemon.stdout is not None
        address = self._daemon.stdout.readline().strip()
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        self._bus = await MessageBus(bus_address=address).connect()
        objects: Dict[str, Any] = {
            _ADAPTER: Adapter(lambda: self.device.emit_properties_changed({"RSSI": -40})),
            _DEVICE: self.device,
            _SERVICE: Service(),
            f"{_SERVICE}/char0002": self._to_device,
            f"{_SERVICE}/char0004": self._from_device,
        }
        for path, interface in objects.items():
            self._bus.export(path, interface)
        await self._bus.request_name("org.bluez")

    async def close(self) -> None:
        """Ends the bus."""
        if self._bus is not None:
            self._bus.disconnect()
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait()


__all__ = ["ADDRESS", "Simulated"]
