"""asyncua's own server with one variable, for what node-opcua cannot be told to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncua import ua
from asyncua.server.server import Server
from opcua_certificates import URI
from servers.node_opcua import PLANT
from servers.process import LOOPBACK, free_port


@asynccontextmanager
async def asyncua_server(
    users: object = None, certificate: dict[str, str] | None = None, *, uri: str = URI, port: int | None = None
) -> AsyncIterator[int]:
    """Serves `Air.Flow`, unprotected if there is no certificate, and gives the port.

    Args:
        users: decides who is let in, by `get_user`; everybody is if there is nobody to decide.
        certificate: the paths of `certificate` and `key`.
        uri: what the server calls itself.
        port: a free one, if not said.
    """
    server = Server(user_manager=users)  # type: ignore[arg-type]  # only `get_user` is asked for
    await server.init()
    chosen = port or free_port()
    server.set_endpoint(f"opc.tcp://{LOOPBACK}:{chosen}")
    await server.set_application_uri(uri)
    policy = ua.SecurityPolicyType.NoSecurity
    if certificate is not None:
        await server.load_certificate(certificate["certificate"])
        await server.load_private_key(certificate["key"])
        policy = ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt
    server.set_security_policy([policy])
    index = await server.register_namespace(PLANT)
    await server.nodes.objects.add_variable(ua.NodeId("Air.Flow", index), "Flow", 1.0)  # type: ignore[arg-type]
    async with server:
        yield chosen
