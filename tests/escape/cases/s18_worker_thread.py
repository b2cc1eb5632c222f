"""A worker thread with code of its own.

id: S18
canary: code
"""

import asyncio

import js
from pyodide.ffi import create_once_callable, to_js


async def attack(target):
    threads = js.process.getBuiltinModule("worker_threads")
    code = f"require('node:worker_threads').parentPort.postMessage({target.code})"
    options = to_js({"eval": True}, dict_converter=js.Object.fromEntries)
    worker = threads.Worker.new(code, options)
    said = asyncio.get_running_loop().create_future()
    worker.once("message", create_once_callable(said.set_result))
    worker.once("error", create_once_callable(said.set_result))
    return await asyncio.wait_for(said, 3)
