"""Loading a script: once in the life of a sandbox."""

from __future__ import annotations

import importlib
import inspect
import linecache
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from _picloud.asgi import Asgi
from _picloud.check import NOTHING_TO_CALL, app_kind, arity_fault
from _picloud.failures import ScriptError
from _picloud.host import HOME
from _picloud.wsgi import Wsgi

Handler = Callable[[Any], Any]


class EntryPoint(NamedTuple):
    """What is called for a request: the name in the script, the kind, the callable."""

    name: str
    kind: str
    handler: Handler


def unpack(listed: list[tuple[str, int]], body: memoryview) -> tuple[bytes, dict[str, memoryview]]:
    """The entry's source and the files beside it, by their paths."""
    at = len(body) - sum(size for _, size in listed)
    source, files = bytes(body[:at]), {}
    for path, size in listed:
        files[path] = body[at : at + size]
        at += size
    return source, files


def place(filename: str, source: bytes, files: dict[str, memoryview]) -> str:
    """Put several files where the script can import and open them; gives the entry's file name.

    That is the directory the script begins in, which is also the first that imports look into.
    A single file is not put anywhere.
    """
    if not files:
        return filename
    sys.dont_write_bytecode = True
    entry = f"{HOME}/{filename}"
    for path, content in {
        entry: source,
        **{f"{HOME}/{each}": files[each] for each in files},
    }.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)  # pathlib is slow
        with open(path, "wb") as file:  # the same
            file.write(content)
    importlib.invalidate_caches()
    return entry


def load(filename: str, source: bytes) -> ModuleType:
    """Run the script as a module of its own; whatever it raises comes out."""
    module = ModuleType(_module_name(filename))
    module.__file__ = filename
    text = source.decode("utf-8", "replace")
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    code = compile(source, filename, "exec", dont_inherit=True)
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)  # noqa: S102  # running scripts is what a sandbox is for
    return module


def _module_name(filename: str) -> str:
    stem = filename.rpartition("/")[2].removesuffix(".py").replace("-", "_")
    if stem.isidentifier() and stem not in sys.modules and stem not in sys.stdlib_module_names:
        return stem
    return f"script_{stem}" if f"script_{stem}".isidentifier() else "script"


def find_entry_point(module: ModuleType) -> EntryPoint:
    """`handler`, else `app`. Raises ScriptError if there is nothing that can be called."""
    if hasattr(module, "handler"):
        handler = _checked(module.handler)
        return EntryPoint("handler", _kind(handler), handler)
    if hasattr(module, "app"):
        kind = _application_kind(module.app)
        return EntryPoint("app", kind, Asgi(module.app) if kind == "asgi" else Wsgi(module.app))
    raise ScriptError("handler_missing", NOTHING_TO_CALL)


def _checked(handler: Any) -> Handler:
    if isinstance(handler, type) or not callable(handler):
        kind = "a class" if isinstance(handler, type) else f"of type {type(handler).__name__}"
        message = f"handler is {kind}; it must be a function that takes the request"
        raise ScriptError("handler_invalid", message)
    fault = _signature_fault(handler)
    if fault is not None:
        raise ScriptError("handler_invalid", fault)
    checked: Handler = handler
    return checked


def _application_kind(app: Any) -> str:
    """`asgi` or `wsgi`, by what it can be called with, else by whether it is asynchronous."""
    if not callable(app):
        kind = type(app).__name__
        raise ScriptError("handler_invalid", f"app is of type {kind}; it must be callable")
    try:
        signature = inspect.signature(app)
    except (ValueError, TypeError):
        takes = (True, True)
    else:
        takes = (_takes(signature, 2), _takes(signature, 3))
    function = inspect.unwrap(app)
    call = getattr(type(function), "__call__", None)  # noqa: B004  # its kind is wanted
    waits = any(inspect.iscoroutinefunction(each) for each in (app, function, call))
    found = app_kind(*takes, waits)
    if found is None:
        raise ScriptError(
            "handler_invalid",
            "app must take (scope, receive, send) like an ASGI application, "
            "or (environ, start_response) like a WSGI application",
        )
    return found


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _signature_fault(handler: Handler) -> str | None:
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (ValueError, TypeError):
        return None
    required, most = 0, 0
    unbounded, keywords = False, []
    for parameter in parameters:
        needed = parameter.default is parameter.empty
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            required += needed
        elif parameter.kind is parameter.VAR_POSITIONAL:
            unbounded = True
        elif parameter.kind is parameter.KEYWORD_ONLY and needed:
            keywords.append(parameter.name)
    return arity_fault((required, None if unbounded else most, keywords))


def _kind(handler: Handler) -> str:
    function = inspect.unwrap(handler)
    call = getattr(type(function), "__call__", None)  # noqa: B004  # its kind is wanted
    for candidate in (handler, function, call):
        if inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate):
            return "async"
    if inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(call):
        return "generator"
    return "sync"
