"""`pic routes`: which addresses lead to which scripts, and who may call them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from picloud.cli.pic import operations, output, paging
from picloud.cli.pic.addresses import path_form
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.environment import app_option
from picloud.cli.pic.errors import CliError, no_such_app
from picloud.cli.pic.state import State

F = TypeVar("F", bound=Callable[..., Any])

_KINDS: Final = ("public", "token", "basic", "session")
_SCHEMES: Final = ("github", "stripe", "slack", "generic")
_AUTH: Final = (*_KINDS, *(f"hmac:{scheme}" for scheme in _SCHEMES))
_RATE: Final = re.compile(r"(\d{1,7})/(\d{0,5})([smh])(/client)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_SHOWN_OVERLAPS: Final = 5


class _Rate(click.ParamType[dict[str, Any]]):
    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, Any]:
        match = _RATE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not like 100/s, 20/10s, 1000/m or 5/s/client", param, ctx)
        requests, times, unit, client = match.groups()
        return {
            "requests": int(requests),
            "seconds": int(times or 1) * _SECONDS[unit],
            "per": "CLIENT" if client else "ALL",
        }


rate_option = click.option(
    "--rate",
    "rates",
    type=_Rate(),
    multiple=True,
    metavar="N/TIME[/client]",
    help="At most so many requests, per node: 100/s, 20/10s, 1000/m, or of each client address "
    "5/s/client. May be repeated.",
)
method_option = click.option("--method", help="GET, POST …; without it the route is for any.")


def guard_options(function: F) -> F:
    """Give a command the options that say who may call a route."""
    for option in reversed(
        (
            click.option("--auth", type=click.Choice(_AUTH), help="Who may call it."),
            click.option("--user", help="For --auth basic: the user name."),
            click.option(
                "--secret",
                metavar="NAME",
                help="For basic and hmac: the app's secret that is the password or the key.",
            ),
            click.option(
                "--window",
                type=int,
                metavar="SECONDS",
                help="For hmac: how far a signature's time may be from now (300).",
            ),
            click.option(
                "--keep-header",
                is_flag=True,
                help="Let the script see the Authorization header that was checked.",
            ),
            click.option(
                "--cors",
                "origins",
                multiple=True,
                metavar="ORIGIN",
                help="Pages of this origin may call it, or '*' for all. May be repeated.",
            ),
            click.option(
                "--cors-credentials", is_flag=True, help="These pages may send cookies too."
            ),
            rate_option,
        )
    ):
        function = option(function)
    return function


@click.group()
def routes() -> None:
    """Lead addresses to scripts, and say who may call them."""


@routes.command("list")
@app_option
@output.json_option
@click.pass_obj
def list_routes(state: State, app: str, as_json: bool) -> None:
    """List the routes of an app."""
    client = state.client()
    found = sorted(_all(client, app), key=lambda each: (each["pattern"], each["method"] or ""))
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo(f"No routes. Lead one to a script:  pic routes add /PATH SCRIPT --app {app}")
    else:
        output.table(
            ["METHOD", "PATTERN", "SCRIPT", "AUTH", "CORS", "RATE"],
            [
                [
                    each["method"] or "any",
                    each["pattern"],
                    each["script"]["name"],
                    _auth_text(each["auth"]),
                    ", ".join(each["cors"]["origins"]) if each["cors"] else "-",
                    ", ".join(map(_rate_text, each["rateLimits"])) or "-",
                ]
                for each in found
            ],
        )


@routes.command()
@click.argument("pattern")
@click.argument("script")
@app_option
@method_option
@guard_options
@output.json_option
@click.pass_obj
def add(
    state: State,
    /,
    pattern: str,
    script: str,
    app: str,
    method: str | None,
    as_json: bool,
    **guard: Any,
) -> None:
    """Lead PATTERN to SCRIPT of an app: /hello, /users/{id} or /files/{path...}."""
    client = state.client()
    input = {"app": app, "script": script, "pattern": pattern, "method": method, **_guard(guard)}
    answer = client.execute(operations.ROUTE_CREATE, {"input": input})["routeCreate"]
    hint = f"See what there is:  pic routes list --app {app}"
    _show(client, app, success(answer, "RouteCreateSuccess", hint=hint)["route"], as_json)


@routes.command("set")
@click.argument("pattern")
@app_option
@method_option
@click.option("--script", help="Lead it to this script.")
@click.option("--new-pattern", metavar="PATTERN", help="The pattern it is to have.")
@click.option("--new-method", metavar="METHOD", help="The method it is to be for, or any.")
@click.option("--no-cors", is_flag=True, help="Leave CORS to the script again.")
@click.option("--no-rate", is_flag=True, help="Drop its rate limits.")
@guard_options
@output.json_option
@click.pass_obj
def set_route(
    state: State, /, pattern: str, app: str, method: str | None, as_json: bool, **given: Any
) -> None:
    """Change the route with this PATTERN; what no option names stays as it is."""
    client = state.client()
    change = _guard(given)
    if given["script"] is not None:
        change["script"] = given["script"]
    if given["new_pattern"] is not None:
        change["pattern"] = given["new_pattern"]
    if given["new_method"] is not None:
        any_method = given["new_method"].lower() == "any"
        change["method"] = None if any_method else given["new_method"]
    if given["no_cors"]:
        change["cors"] = None
    if given["no_rate"]:
        change["rateLimits"] = []
    if not change:
        raise click.UsageError("Say what to change, for example --auth token.")
    input = {"id": _find(client, app, method, pattern)["id"], **change}
    answer = client.execute(operations.ROUTE_UPDATE, {"input": input})["routeUpdate"]
    hint = f"See what there is:  pic routes list --app {app}"
    _show(client, app, success(answer, "RouteUpdateSuccess", hint=hint)["route"], as_json)


@routes.command()
@click.argument("pattern")
@app_option
@method_option
@output.json_option
@click.pass_obj
def remove(state: State, pattern: str, app: str, method: str | None, as_json: bool) -> None:
    """Remove the route with this PATTERN; the script itself stays."""
    client = state.client()
    route = _find(client, app, method, pattern)
    answer = client.execute(operations.ROUTE_DELETE, {"input": {"id": route["id"]}})["routeDelete"]
    gone = success(answer, "RouteDeleteSuccess")
    if as_json:
        output.print_json({name: gone[name] for name in ("id", "method", "pattern")})
    else:
        click.echo(f"Removed {gone['method'] or 'any'} {gone['pattern']} of {app}.")


@routes.command()
@app_option
@rate_option
@output.json_option
@click.pass_obj
def limit(state: State, app: str, rates: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Limit all routes of an app together; without --rate there is no limit any more."""
    input = {"app": app, "rateLimits": rates}
    answer = state.client().execute(operations.APP_RATE_LIMITS_SET, {"input": input})
    limits = success(answer["appRateLimitsSet"], "AppRateLimitsSetSuccess")["app"]["rateLimits"]
    if as_json:
        output.print_json({"app": app, "rateLimits": limits})
    else:
        said = ", ".join(map(_rate_text, limits)) or "no limit"
        click.echo(f"All routes of {app} together: {said}, at each node.")


def _guard(given: dict[str, Any]) -> dict[str, Any]:
    """What the options say, as an input takes it."""
    auth = _auth_input(given)
    input: dict[str, Any] = {} if auth is None else {"auth": auth}
    if given["origins"]:
        input["cors"] = {"origins": given["origins"], "credentials": given["cors_credentials"]}
    elif given["cors_credentials"]:
        raise click.UsageError("--cors-credentials goes with --cors.")
    if given["rates"]:
        input["rateLimits"] = given["rates"]
    return input


def _auth_input(given: dict[str, Any]) -> dict[str, Any] | None:
    kind, _, scheme = (given["auth"] or "").partition(":")
    if not kind:
        if given["user"] or given["secret"] or given["window"] or given["keep_header"]:
            raise click.UsageError("--user, --secret, --window and --keep-header go with --auth.")
        return None
    if kind in ("basic", "hmac") and not given["secret"]:
        raise click.UsageError(f"--auth {given['auth']} needs --secret NAME, a secret of the app.")
    if kind == "basic" and not given["user"]:
        raise click.UsageError("--auth basic needs --user.")
    auth = {"kind": kind.upper(), "user": given["user"], "secret": given["secret"]}
    if scheme:
        auth["scheme"] = scheme.upper()
    if given["window"] is not None:
        auth["windowSeconds"] = given["window"]
    if given["keep_header"]:
        auth["keepHeader"] = True
    return auth


def _find(client: Client, app: str, method: str | None, pattern: str) -> Any:
    """The route of this pattern, and of this method if several have it."""
    wanted = None if method is None or method.lower() == "any" else method.upper()
    found = [each for each in _all(client, app) if each["pattern"] == pattern]
    if method is not None:
        found = [each for each in found if each["method"] == wanted]
    if len(found) == 1:
        return found[0]
    hint = f"See what there is:  pic routes list --app {app}"
    if found:
        raise click.UsageError(f"{len(found)} routes have the pattern {pattern}: add --method.")
    raise CliError("not_found", f"App {app} has no route {method or ''} {pattern}.", hint=hint)


def _all(client: Client, app: str) -> list[Any]:
    def page(after: str | None) -> Any:
        found = client.execute(operations.ROUTES, {"app": app, "after": after})["app"]
        if found is None:
            raise no_such_app(app)
        return found["routes"]

    return list(paging.nodes(page))


def _show(client: Client, app: str, route: Any, as_json: bool) -> None:
    if as_json:
        output.print_json(route)
        return
    method = route["method"] or "any"
    click.echo(f"{method} {route['pattern']} leads to {app}/{route['script']['name']}.")
    click.echo(f"  {path_form(client.url, app)}{route['pattern']}")
    if route["auth"]["kind"] != "PUBLIC":
        click.echo(f"  auth: {_auth_text(route['auth'])}")
    overlaps = route["shadowedBy"]
    for overlap in overlaps[:_SHOWN_OVERLAPS]:
        other = overlap["route"]
        name = f"{other['method'] or 'any'} {other['pattern']}"
        output.note(f"{name} is asked first: {overlap['path']} goes to {other['script']['name']}.")
    if len(overlaps) > _SHOWN_OVERLAPS:
        output.note(f"{len(overlaps) - _SHOWN_OVERLAPS} more routes are asked before it.")
    if route["auth"]["secret"]:
        output.note(f"Unless it is set:  pic secrets set {route['auth']['secret']} --app {app}")


def _auth_text(auth: Any) -> str:
    kind: str = auth["kind"].lower()
    if auth["scheme"]:
        kind += f":{auth['scheme'].lower()}"
    return kind + (f" ({output.escape(auth['user'])})" if auth["user"] else "")


def _rate_text(limit: Any) -> str:
    each = "/client" if limit["per"] == "CLIENT" else ""
    seconds = limit["seconds"]
    unit = {1: "s", 60: "m", 3600: "h"}.get(seconds, f"{seconds}s")
    return f"{limit['requests']}/{unit}{each}"
