"""Loading a script: once in the life of a sandbox."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from _picloud.check import arity_fault
from _picloud.failures import ScriptError

Handler = Callable[[Any], Any]


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


def find_handler(module: ModuleType) -> tuple[Handler, str]:
    """The handler of a script and its kind. Raises ScriptError if there is none to call."""
    if not hasattr(module, "handler"):
        raise ScriptError(
            "handler_missing", "the script defines no handler: add `def handler(request):`"
        )
    handler = module.handler
    if isinstance(handler, type) or not callable(handler):
        kind = "a class" if isinstance(handler, type) else f"of type {type(handler).__name__}"
        message = f"handler is {kind}; it must be a function that takes the request"
        raise ScriptError("handler_invalid", message)
    fault = _signature_fault(handler)
    if fault is not None:
        raise ScriptError("handler_invalid", fault)
    return handler, _kind(handler)


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
