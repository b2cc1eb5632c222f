"""What can be said of a source without running it."""

from __future__ import annotations

import ast
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_ENTRY_POINT = "handler"


def check(source: bytes, filename: str = "script.py") -> dict[str, Any]:
    """The answer to CHECK: entry points and kind, or the first error with its place."""
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
    found = _find(tree.body)
    if found is None:
        return _rejected(
            "entry_point_missing", "the script defines no handler: add `def handler(request):`"
        )
    fault = _fault(found)
    if fault is not None:
        lines = source.decode("utf-8", "replace").splitlines()
        text = lines[found.lineno - 1] if found.lineno <= len(lines) else ""
        return _rejected("handler_invalid", fault, found.lineno, found.col_offset + 1, text)
    return {"ok": True, "entry_points": [_ENTRY_POINT], "kind": _kind(found)}


def _rejected(
    code: str, message: str, line: int = 1, column: int = 1, text: str = ""
) -> dict[str, Any]:
    error = {"code": code, "message": message, "line": line, "column": column, "text": text[:500]}
    return {"ok": False, "error": error}


def _find(body: list[ast.stmt]) -> ast.stmt | None:
    """The last statement at the top level that binds the name `handler`."""
    found = None
    for statement in body:
        if _binds(statement):
            found = statement
        for block in _blocks(statement):
            found = _find(block) or found
    return found


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The statements inside if, try, with, for and match, which run at the top level too."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        blocks.append(part.body)
    return blocks


def _binds(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == _ENTRY_POINT
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((n.asname or n.name) in (_ENTRY_POINT, "*") for n in statement.names)
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return any(
        isinstance(node, ast.Name) and node.id == _ENTRY_POINT
        for target in targets
        for node in ast.walk(target)
    )


def _fault(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.ClassDef):
        return "handler is a class; it must be a function that takes the request"
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None if statement.decorator_list else arity_fault(_required_and_most(statement))
    value = getattr(statement, "value", None)
    if isinstance(value, (ast.Constant, ast.Dict, ast.List, ast.Set, ast.Tuple, ast.JoinedStr)):
        targets = getattr(statement, "targets", [])
        if not isinstance(value, ast.Tuple) or all(isinstance(t, ast.Name) for t in targets):
            return "handler is a value; it must be a function that takes the request"
    return None


def _required_and_most(function: Definition) -> tuple[int, int | None, list[str]]:
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
