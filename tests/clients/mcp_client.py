"""The official Python SDK of the Model Context Protocol against the real program, over standard input and output
and over HTTP, in both revisions of the protocol.

    python3 -m venv VENV && VENV/bin/pip install mcp==2.3.0
    VENV/bin/python tests/clients/mcp_client.py target/debug/clip-cli samples
"""

import asyncio
import base64
import os
import subprocess
import sys
import tempfile
import time

from mcp import Client, StdioServerParameters

PROGRAM, SAMPLES = map(os.path.abspath, sys.argv[1:3])


async def check(server, mode, revision):
    start = time.monotonic()
    async with Client(server, mode=mode) as client:
        assert client.protocol_version == revision, client.protocol_version
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {"search", "similar", "show", "describe_library"}, tools

        found = await client.call_tool("search", {"query": "a picture of a car", "limit": 3})
        seconds = time.monotonic() - start
        assert not found.is_error, found
        paths = [result["path"] for result in found.structured_content["results"]]
        assert len(paths) == 3, paths

        similar = await client.call_tool("similar", {"item": paths[0], "limit": 3})
        assert paths[0] not in [result["path"] for result in similar.structured_content["results"]]

        shown = await client.call_tool("show", {"items": paths})
        images = [block for block in shown.content if block.type == "image"]
        assert [image.mime_type for image in images] == ["image/jpeg"] * 3, shown
        assert all(base64.b64decode(image.data)[:2] == b"\xff\xd8" for image in images)

        library = await client.call_tool("describe_library", {})
        assert library.structured_content["images"] > 3, library

        wrong = await client.call_tool("show", {"items": ["/etc/passwd"]})
        assert wrong.is_error and "no image /etc/passwd" in wrong.content[0].text, wrong
    kind = "HTTP" if isinstance(server, str) else "standard input and output"
    print(f"{revision} over {kind}: first answer of search after {seconds:.3f} s")


def url_of(server):
    """Where it listens, once it says so."""
    for line in server.stderr:
        if line.startswith("listens on "):
            return line.split()[2].rstrip(";")
    raise SystemExit("the server does not start")


async def main():
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CLIP_INDEX": os.path.join(folder, "library")}
        subprocess.run([PROGRAM, "index", SAMPLES], env=environment, check=True, stdout=subprocess.DEVNULL)
        stdio = StdioServerParameters(command=PROGRAM, args=["mcp"], env=environment)
        serve = [PROGRAM, "serve", "--port", "0"]
        server = subprocess.Popen(serve, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            for where in [stdio, url_of(server) + "/mcp"]:
                await check(where, "legacy", "2025-11-25")
                await check(where, "auto", "2026-07-28")
        finally:
            server.terminate()
            server.wait()


asyncio.run(main())
