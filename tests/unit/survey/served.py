"""Functions that a child process serves in tests of isolation."""

from __future__ import annotations

import os
import signal
import threading

from stressbench.errors import SetupError


def behave(request, progress):
    match request["do"]:
        case "answer":
            progress(1)
            print("noise on standard output")  # noqa: T201 - what a library might do
            return {"pid": os.getpid(), "said": request.get("say")}
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(7)
        case "hang":
            threading.Event().wait()
        case "memory":
            return {"bytes": len(bytearray(1 << 50))}
        case "panic":
            raise BaseException("native code gave up")  # noqa: TRY002
        case "setup":
            raise SetupError("nothing there", where="here", hint="install it")
    return {}
