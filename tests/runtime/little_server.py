"""A server on loopback that answers as a test tells it, byte by byte; and certificates from a CA of the tests' own."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Deed = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


class LittleServer:
    """Accepts connections on 127.0.0.1; `requests` holds the head and body of each one it read."""

    def __init__(self, deed: Deed | bytes = OK, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.names: list[str | None] = []
        self._deed, self._tls = deed, tls
        if tls:
            tls.sni_callback = lambda _sock, name, _context: self.names.append(name)

    @contextlib.contextmanager
    def running(self) -> Iterator["LittleServer"]:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(10)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            plain.settimeout(10)
            with plain, contextlib.suppress(OSError):
                if not callable(self._deed) or self._tls:
                    self._serve(plain)
                else:
                    self._deed(plain)

    def _serve(self, plain: socket.socket) -> None:
        connected = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        with connected:
            self.requests.append(read_request(connected))
            if callable(self._deed):
                self._deed(connected)
            else:
                connected.sendall(self._deed)


def read_request(connected: socket.socket) -> bytes:
    """The head and, by its Content-Length, the body."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connected.recv(4096)
        if not more:
            return got
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connected.recv(4096)
    return head + b"\r\n\r\n" + body


def drip(start: bytes, drop: bytes, *, read_first: bool = True) -> Deed:
    """Send `start` and then, without end, `drop` by `drop`."""

    def deed(connected: socket.socket) -> None:
        if read_first:
            read_request(connected)
        connected.sendall(start)
        stop_at = time.monotonic() + 20
        gone = threading.Event()
        while time.monotonic() < stop_at:
            connected.sendall(drop)
            gone.wait(0.02)

    return deed


@dataclass(frozen=True)
class Authority:
    """A certificate authority; `file` holds its certificate in PEM."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path

    def server_for(self, *names: str) -> ssl.SSLContext:
        """A server's TLS context with a certificate for `names`."""
        key = ec.generate_private_key(ec.SECP256R1())
        listed = [x509.DNSName(name) if not _is_address(name) else x509.IPAddress(_address(name)) for name in names]
        certificate = (
            _certificate(x509.Name([]), self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName(listed), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.file.with_name(f"{'-'.join(names)}.pem".replace(":", "_"))
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def make_authority(folder: Path, name: str = "A CA of the tests") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        _certificate(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(key, certificate, file)


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(name)


def _is_address(name: str) -> bool:
    try:
        return bool(_address(name))
    except ValueError:
        return False
