"""How a process ends, as its supervisor sees it: in a process of its own, because signals and exit codes are."""

import json
import subprocess
import sys
import textwrap

import pytest

END_S = 30.0


def run_service(body: str) -> tuple[int, str, str]:
    """Run a service whose `start` and `stop` are given; exit code, standard output and error."""
    program = textwrap.dedent(
        """
        import asyncio, os, signal, sys
        from stator.model.errors import StartupError
        from stator.runtime.lifecycle import Tasks
        from stator.runtime.process import run_process

        class Service:
            def __init__(self, on_failure):
                self.tasks = Tasks(on_failure)
            async def stop(self):
                print("stopped")
                await self.tasks.close()
        {body}
        sys.exit(run_process(Service))
        """
    ).format(body=textwrap.indent(textwrap.dedent(body), "    "))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=END_S, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_service_in_order_and_with_zero(number: str) -> None:
    code, out, err = run_service(
        f"""
        async def start(self):
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.{number})
        """
    )
    assert (code, out.split(), err) == (0, ["stopped"], "")


def test_what_an_operator_must_change_is_one_line_and_code_2() -> None:
    code, out, err = run_service(
        """
        async def start(self):
            raise StartupError("port 8000 is in use")
        """
    )
    assert (code, out.split(), err) == (2, ["stopped"], "stator: port 8000 is in use\n")


def test_settings_that_cannot_be_used_are_one_line_and_code_2() -> None:
    code, out, err = run_service(
        """
        def __init__(self, on_failure):
            raise StartupError("STATOR_NODE is not set")
        """
    )
    assert (code, out, err) == (2, "", "stator: STATOR_NODE is not set\n")


def test_a_task_that_fails_ends_the_process_with_code_1_so_that_it_is_started_anew() -> None:
    code, out, err = run_service(
        """
        async def start(self):
            self.tasks.spawn("doomed", self.fail())
        async def fail(self):
            raise ZeroDivisionError("a bug")
        """
    )
    assert (code, out.split()) == (1, ["stopped"])
    assert '"event": "task_failed"' in err
    assert "ZeroDivisionError" in err


def test_a_signal_during_a_start_that_does_not_end_ends_it() -> None:
    code, out, _ = run_service(
        """
        async def start(self):
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            await asyncio.get_running_loop().create_future()
        """
    )
    assert (code, out.split()) == (0, ["stopped"])


def test_a_second_signal_ends_a_stop_that_does_not_end() -> None:
    code, _, err = run_service(
        """
        async def start(self):
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        async def stop(self):
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            await asyncio.get_running_loop().create_future()
        """
    )
    assert (code, err) == (-9, "stopped at once\n")


def test_what_libraries_log_is_one_event_on_a_line_like_our_own() -> None:
    program = (
        "import logging\n"
        "from stator.runtime.process import configure_logs\n"
        "configure_logs()\n"
        "logging.getLogger('stator.kafka').warning('broker %s is\\n down', 3)\n"
        "logging.getLogger('faust').info('chatter')\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    ).stderr
    (line,) = said.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["logger"]) == ("library_log", "warning", "stator.kafka")
    assert told["message"] == "broker 3 is\n down"
