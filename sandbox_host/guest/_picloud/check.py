"""What can be said of a source without running it."""

from __future__ import annotations

import ast
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef
NOTHING_TO_CALL = (
    "the script defines no handler: add `def handler(request):`, "
    "or an ASGI or WSGI application named `app`"
)
# What makes an application of the well-known frameworks; anything else is taken for ASGI until
# it is imported, which decides.
_WSGI_MAKERS = frozenset(("Bottle", "Flask", "get_wsgi_application", "make_wsgi_app"))


def check(source: bytes, filename: str, *, module: bool) -> dict[str, Any]:
    """The answer to CHECK: entry points and kind, or the first error with its place.

    A module beside the entry only has to compile.
    """
    try:
        tree = ast.parse(source, filename)
        compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _rejected(
            "syntax_error",
            f"{type(error).__name__}: {error.msg}",
            error.lineno or 1,
            error.offset or 1,
            (error.text or "").rstrip("\n"),
        )
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return _rejected("source_invalid", f"the source can't be compiled: {error}")
    if module:
        return {"ok": True, "entry_points": [], "kind": ""}
    # `from x import *` may bring a handler along.
    bound = ((name, _find(tree.body, name)) for name in ("handler", "app", "*"))
    name, found = next((each for each in bound if each[1] is not None), ("", None))
    name = "handler" if name == "*" else name
    if found is None:
        return _rejected("entry_point_missing", NOTHING_TO_CALL)
    fault = _fault(found, name)
    kind = _kind(found) if name == "handler" else _application_kind(found, tree.body)
    if fault is None and kind is None:
        fault = "app takes neither (scope, receive, send) nor (environ, start_response)"
    if fault is not None:
        lines = source.decode("utf-8", "replace").splitlines()
        text = lines[found.lineno - 1] if found.lineno <= len(lines) else ""
        return _rejected("handler_invalid", fault, found.lineno, found.col_offset + 1, text)
    return {"ok": True, "entry_points": [name], "kind": kind}


def _rejected(
    code: str, message: str, line: int = 1, column: int = 1, text: str = ""
) -> dict[str, Any]:
    error = {"code": code, "message": message, "line": line, "column": column, "text": text[:500]}
    return {"ok": False, "error": error}


def _find(body: list[ast.stmt], name: str) -> ast.stmt | None:
    """The last statement at the top level that binds this name."""
    found = None
    for statement in body:
        if _binds(statement, name):
            found = statement
        for block in _blocks(statement):
            found = _find(block, name) or found
    return found


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The statements inside if, try, with, for and match, which run at the top level too."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        blocks.append(part.body)
    return blocks


def _binds(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == name
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((each.asname or each.name) == name for each in statement.names)
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return any(
        isinstance(node, ast.Name) and node.id == name
        for target in targets
        for node in ast.walk(target)
    )


def _fault(statement: ast.stmt, name: str) -> str | None:
    wanted = (
        "it must be a function that takes the request"
        if name == "handler"
        else "it must be an ASGI or WSGI application"
    )
    if name == "handler":
        if isinstance(statement, ast.ClassDef):
            return f"handler is a class; {wanted}"
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None if statement.decorator_list else arity_fault(_shape(statement))
    value = getattr(statement, "value", None)
    if isinstance(value, (ast.Constant, ast.Dict, ast.List, ast.Set, ast.Tuple, ast.JoinedStr)):
        targets = getattr(statement, "targets", [])
        if not isinstance(value, ast.Tuple) or all(isinstance(t, ast.Name) for t in targets):
            return f"{name} is a value; {wanted}"
    return None


def _shape(function: Definition) -> tuple[int, int | None, list[str]]:
    """Required and most positional arguments, and required keyword arguments."""
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    keywords = [argument.arg for argument, default in named if default is None]
    return required, None if arguments.vararg else positional, keywords


def arity_fault(shape: tuple[int, int | None, list[str]]) -> str | None:
    """Why a function of this shape can't be called with the request alone, if it can't."""
    required, most, keywords = shape
    if most is not None and most < 1:
        return "handler takes no argument; it must take one, the request"
    if required > 1:
        return f"handler needs {required} arguments; it is given one, the request"
    if keywords:
        return f"handler needs the keyword argument {keywords[0]!r}; it is given the request only"
    return None


def app_kind(takes_two: bool, takes_three: bool, waits: bool) -> str | None:
    """The kind of an application by the numbers of arguments it can be called with."""
    if takes_three and (waits or not takes_two):
        return "asgi"
    return "wsgi" if takes_two and not waits else None


def _application_kind(statement: ast.stmt, body: list[ast.stmt]) -> str | None:
    """The kind of what binds `app`, as far as it shows; None if it can be neither."""
    if isinstance(statement, ast.ClassDef):
        return _class_kind(statement, "__init__")
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "asgi" if statement.decorator_list else _function_kind(statement, 0)
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Call):
        function = value.func
        name = getattr(function, "id", None) or getattr(function, "attr", "")
        if name in _WSGI_MAKERS:
            return "wsgi"
        made_of = _find(body, name) if name else None
        if isinstance(made_of, ast.ClassDef):
            return _class_kind(made_of, "__call__")
    return "asgi"


def _class_kind(definition: ast.ClassDef, method: str) -> str | None:
    found = _find(definition.body, method)
    if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) and not found.decorator_list:
        return _function_kind(found, 1)
    return "asgi"


def _function_kind(function: Definition, bound: int) -> str | None:
    required, most, keywords = _shape(function)
    two, three = (
        not keywords and required <= count + bound and (most is None or count + bound <= most)
        for count in (2, 3)
    )
    return app_kind(two, three, isinstance(function, ast.AsyncFunctionDef))


def _kind(statement: ast.stmt) -> str:
    if isinstance(statement, ast.AsyncFunctionDef):
        return "async"
    if isinstance(statement, ast.FunctionDef) and _yields(statement):
        return "generator"
    return "sync"


def _yields(function: ast.FunctionDef) -> bool:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return False
