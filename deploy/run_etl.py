"""`python -m deploy.run_etl` posts to /run-etl of the API at WEB_HOSTPORT: what a cron service runs.

Ends with 0 when runs were queued (202) or all were queued or running already (409), else with 1 and why.
Standard library only.
"""

import os
import sys
import urllib.error
import urllib.request

ACCEPTED, ALREADY_OPEN = 202, 409


def post(hostport: str, key: str) -> tuple[int, str]:
    """Status and body of the reply. Raises OSError when there is none."""
    request = urllib.request.Request(
        f"http://{hostport}/run-etl",
        data=b"{}",
        headers={"x-api-key": key, "Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:  # nosec B310
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def main() -> int:
    """Post once and say what came of it."""
    try:
        status, body = post(os.environ["WEB_HOSTPORT"], os.environ["API_KEY"])
    except KeyError as missing:
        sys.stderr.write(f"{missing.args[0]} is not set.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"No answer from {os.environ['WEB_HOSTPORT']}: {error}\n")
        return 1
    sys.stdout.write(f"{status} {body}\n")
    return 0 if status in (ACCEPTED, ALREADY_OPEN) else 1


if __name__ == "__main__":
    sys.exit(main())
