"""A serial port of this machine as a wire. Only one process at a time may have it."""

import asyncio
import contextlib
import fcntl
import os
import termios

import serial

from ems_telemetry.connectors.modbus.endpoint import SerialPort
from ems_telemetry.connectors.modbus.wire import TakeBytes, TakeEnd, Wire

_READ_BYTES = 4096


class SerialWire:
    """An open serial port, read and written by the loop."""

    def __init__(self, port: serial.Serial, take_bytes: TakeBytes, take_end: TakeEnd) -> None:
        """Takes over an open port."""
        self._port = port
        self._fd: int = port.fileno()
        self._take_bytes = take_bytes
        self._take_end = take_end
        self._unsent = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._receive)

    @property
    def is_open(self) -> bool:
        """False once it was dropped, or the device has gone."""
        return self._port.is_open

    def send(self, data: bytes) -> None:
        """Sends without waiting; what the port cannot take yet follows when it can."""
        if self._port.is_open:
            self._unsent += data
            self._write()

    def drain(self) -> None:
        """Throws away what the operating system has received and we have not read."""
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCIFLUSH)

    def drop(self) -> None:
        """Closes the port at once, and leaves nothing in it to be sent."""
        if not self._port.is_open:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        with contextlib.suppress(OSError, termios.error):
            # A port is not closed before all is sent, or half a minute is over.
            termios.tcflush(self._fd, termios.TCIOFLUSH)
            fcntl.ioctl(self._fd, termios.TIOCNXCL)
        self._port.close()

    async def close(self) -> None:
        """Closes the port."""
        self.drop()

    def _receive(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if data:
            self._take_bytes(data)
        else:
            self._end(None)

    def _write(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._end(error)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._fd, self._write)
        else:
            self._loop.remove_writer(self._fd)

    def _end(self, error: OSError | None) -> None:
        self.drop()
        self._take_end(error)


def open_port(settings: SerialPort, take_bytes: TakeBytes, take_end: TakeEnd) -> Wire:
    """Opens a port for us alone.

    Raises:
        OSError: there is none, it belongs to others, or it does not take these settings.
    """
    device, baudrate, parity, bytesize, stopbits = settings
    port = serial.Serial(
        None, baudrate=baudrate, parity=parity, bytesize=bytesize, stopbits=stopbits, timeout=0, write_timeout=0, exclusive=True
    )
    port.port = device
    try:
        port.open()
        # The lock that pyserial takes keeps out those who look for it; this keeps out everybody.
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    except termios.error as error:
        port.close()
        raise OSError(*error.args) from error
    return SerialWire(port, take_bytes, take_end)
