"""`instep serve`: a manager, for those who want no other server."""

import click
from rich.markup import escape

from instep.errors import Misuse
from instep.stores.address import shown

from .outcome import err, outcome


@click.command("serve")
@click.argument("url")
def serve_command(url: str) -> None:
    """Run a manager at URL: manager:/PATH/OF.sock, or manager://HOST:PORT.

    It keeps records in its memory until it ends, by Ctrl-C or SIGTERM. Whoever connects must know
    its key, from a file (made beside the socket if there is none) or from INSTEP_MANAGER_KEY.

    Exits with 0 when it was ended, and with 2 if it could not serve.
    """
    with outcome(failed="could not serve", interrupted="the manager has ended"):
        if url.partition(":")[0].lower() != "manager":
            raise Misuse(
                f"{shown(url)} is not a manager's URL: instep serves manager:/PATH/OF.sock and "
                "manager://HOST:PORT; the other stores have servers of their own, or need none"
            )
        from instep.stores.manager import serve

        serve(url, ready=lambda: err.print(escape(f"serving {shown(url)}"), soft_wrap=True))
        err.print("ended; what it kept is gone")
