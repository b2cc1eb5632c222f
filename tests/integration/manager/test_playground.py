"""The playground as it is served."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from support.manager import running_manager


async def test_the_page_and_its_files_come_from_here_under_a_strict_policy(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>playground</title>")
    (tmp_path / "assets" / "main-1.js").write_text("export {};")
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(database_url, Path(directory), playground=tmp_path) as manager:
            client = manager.client
            # A link from another site leads to the page, though not to the API.
            headers = {"accept": "text/html,*/*", "sec-fetch-site": "cross-site"}
            page = await client.send("GET", "/graphql", headers=headers)
            script = await client.send("GET", "/graphql/assets/main-1.js")
            missing = await client.send("GET", "/graphql/assets/none.js")
            outside = await client.send("GET", "/graphql/assets/%2e%2e/index.html")
    assert page.status_code == 200
    assert "playground" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http:" not in policy
    assert "https:" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert script.status_code == 200
    assert "immutable" in script.headers["cache-control"]
    assert (missing.status_code, outside.status_code) == (404, 404)
