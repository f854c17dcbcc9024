"""Run one stand-in API as a process: `python -m local.sandbox coinpaprika --port 8101`."""

import argparse
import signal
import sys
from types import FrameType

from local.sandbox.app import APIS, NOTICE, create_app
from local.sandbox.server import listen
from local.sandbox.world import World


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser("python -m local.sandbox", description=f"Upstream APIs: a {NOTICE}.")
    parser.add_argument("api", choices=sorted(APIS))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="default: 8101 for coinpaprika, 8102 for coingecko")
    parser.add_argument("--seed", type=int, default=7, help="worlds of one seed are equal")
    parser.add_argument("--size", type=int, default=2400, help="number of coins")
    parser.add_argument("--limit", type=int, help="calls in a window, 0 for no limit; default: the API's own")
    parser.add_argument("--quota", type=int, default=0, help="calls in all before 402, 0 for no quota")
    parser.add_argument("--key", action="append", default=[], help="a key that is right; may be repeated")
    return parser.parse_args()


def stop(number: int, frame: FrameType | None) -> None:
    """End at once, as asked: threads that still answer end with the process."""
    sys.exit(0)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    asked = arguments()
    api, world = APIS[asked.api], World(asked.seed, asked.size)
    app = create_app(asked.api, world, limit=asked.limit, keys=asked.key, quota=asked.quota)
    server = listen(app, asked.host, api.port if asked.port is None else asked.port)
    where = f"http://{asked.host}:{server.server_port}{api.base}"
    sys.stdout.write(f"{api.name} on {where} ({NOTICE})\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
