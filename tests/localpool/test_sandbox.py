"""What code in a session can see and do; one suite judges every kind of sandbox."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dynamic_sessions_kernel.errors import LocalPoolError
from dynamic_sessions_kernel.localpool.sandbox import choose, layout
from dynamic_sessions_kernel.localpool.sandbox.limits import Limits
from dynamic_sessions_kernel.localpool.sandbox.python import SessionPython
from dynamic_sessions_kernel.localpool.sessions.interpreter import Interpreter

KINDS = ["bwrap", "util-linux"]
SECRET = "a-secret-of-the-pool"


class Session:
    """A session of which questions are asked in Python."""

    def __init__(self, runner, folder, kind):
        self._runner = runner
        self.folder = folder
        self.interpreter = runner.run(Interpreter.start(folder, choose.choose(kind)))

    def ask(self, code):
        """Run code whose last line is an expression of JSON values; returns that value."""
        *lines, last = code.strip().splitlines()
        source = "\n".join([*lines, "import json", f"print(json.dumps({last}))"])
        outcome = self._runner.run(self.interpreter.execute(source, time_limit=30))
        assert outcome.reply.get("status") == "ok", outcome
        texts = [content["text"] for kind, content in outcome.messages if kind == "stream"]
        return json.loads("".join(texts))

    def failure(self, code):
        """Run code that must raise; returns the name of what it raised."""
        outcome = self._runner.run(self.interpreter.execute(code, time_limit=30))
        assert outcome.reply.get("status") == "error", outcome
        return outcome.reply["ename"]

    def close(self):
        self._runner.run(self.interpreter.close())


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def session(runner, kind, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", SECRET)
        session = Session(runner, tmp_path_factory.mktemp("session"), kind)
    yield session
    session.close()


def test_it_reaches_no_server_of_the_host(session):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert session.failure(
            f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=5)"
        ) in {"ConnectionRefusedError", "OSError"}


def test_it_has_no_network_but_its_own_loopback(session):
    names = session.ask("import socket\n[name for _, name in socket.if_nameindex()]")
    assert names == ["lo"]
    assert session.failure("socket.create_connection(('192.0.2.1', 80), timeout=5)") == "OSError"


def test_it_reaches_no_socket_of_the_host(session, tmp_path):
    for name in (str(tmp_path / "s"), f"\0{tmp_path}"):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
            server.listen()
            error = session.failure(
                f"import socket\nsocket.socket(socket.AF_UNIX).connect({name!r})"
            )
            assert error in {"FileNotFoundError", "ConnectionRefusedError"}


def test_it_sees_the_system_and_the_interpreter_and_nothing_else(session):
    wanted = {"bin", "dev", "etc", "home", "mnt", "proc", "sbin", "session", "tmp", "usr"}
    system = {"lib", "lib32", "lib64", "libx32", "nix"}
    prefixes = {Path(path).parts[1] for path in (sys.prefix, sys.base_prefix, *sys.path) if path}
    found = set(session.ask("import os\nos.listdir('/')"))
    assert wanted <= found <= wanted | system | prefixes


def test_it_sees_no_home_of_the_host(session):
    seen = session.ask(f"import os\n[*os.walk({str(Path.home())!r})][:200]")
    place = layout.Place(session.folder, Path(), Limits.from_environment(), SessionPython.own())
    needed = [Path(mount.target) for mount in layout.mounts(place)]
    for folder, _, files in seen:
        # Only the way to the interpreter, and the interpreter itself.
        inside = any(Path(folder).is_relative_to(target) for target in needed)
        assert inside or {Path(folder, file) for file in files} <= {*needed}
        assert inside or any(target.is_relative_to(folder) for target in needed)


def test_it_sees_no_file_of_the_pool(session, tmp_path):
    (tmp_path / "file").write_text("the pool's")
    paths = [str(tmp_path), str(session.folder), str(Path(__file__)), "/run", "/var", "/sys"]
    assert session.ask(f"import os\n[os.path.exists(path) for path in {paths}]") == [False] * 6


def test_of_etc_it_sees_nothing_that_identifies_the_machine(session):
    names = ("shadow", "machine-id", "ssh", "fstab", "hostname", "resolv.conf", "sudoers")
    assert session.ask(f"import os\n[n for n in {names} if os.path.exists('/etc/' + n)]") == []
    assert session.ask("import socket\nsocket.gethostname()") == layout.HOST_NAME


def test_its_environment_is_the_table_alone(session):
    process = session.ask(
        "lines = open('/proc/self/environ').read()[:-1].split('\\0')\n"
        "dict(line.split('=', 1) for line in lines)"
    )
    process.pop("PWD", None)
    assert process == layout.variables(SessionPython.own())
    assert SECRET not in str(session.ask("import os\ndict(os.environ)"))


def test_it_sees_its_own_processes_only(session):
    lines = session.ask("import glob\n[open(f).read() for f in glob.glob('/proc/[0-9]*/cmdline')]")
    assert any("kernel_main.py" in line for line in lines)
    assert not any("pytest" in line or "bwrap" in line for line in lines)
    assert len(lines) == 2


def test_it_sees_nothing_of_another_session(session, runner, kind, tmp_path):
    other = Session(runner, tmp_path, kind)
    try:
        other.ask(
            "import subprocess\n"
            "places = ('/mnt/data', '/tmp', '/dev/shm')\n"
            "child = subprocess.Popen(['sleep', '4321'], start_new_session=True)\n"
            "[open(f'{place}/other', 'w').write('x') for place in places]"
        )
        assert not session.ask(
            "import glob\n"
            "[f for f in glob.glob('/proc/[0-9]*/cmdline') if '4321' in open(f).read()]"
        )
        assert session.ask(
            "[glob.glob(f'{p}/other') for p in ('/mnt/data', '/tmp', '/dev/shm')]"
        ) == [
            [],
            [],
            [],
        ]
    finally:
        other.close()


def test_it_has_no_capability_and_can_gain_none(session):
    status = session.ask(
        "dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())"
    )
    sets = {name: int(value, 16) for name, value in status.items() if name.startswith("Cap")}
    assert sets == dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)
    assert status["NoNewPrivs"].strip() == "1"


def test_it_is_the_services_user_and_not_root(session):
    user = session.ask("import os, getpass\n[os.getuid(), os.getgid(), getpass.getuser()]")
    assert user == [1000, 1000, "ubuntu"]


def test_it_can_change_no_mount_and_make_no_namespace(session):
    errors = session.ask(
        "import ctypes, errno\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def error(done): return 'done' if done == 0 else errno.errorcode[ctypes.get_errno()]\n"
        "MS_REMOUNT, MS_BIND, MNT_DETACH, NEWNS = 32, 4096, 2, 0x20000\n"
        "remount = libc.mount(b'none', b'/usr', None, MS_REMOUNT | MS_BIND, None)\n"
        "[error(remount),"
        " error(libc.mount(b'/tmp', b'/mnt', None, MS_BIND, None)),"
        " error(libc.umount2(b'/usr', MNT_DETACH)),"
        " error(libc.unshare(NEWNS))]"
    )
    assert errors == ["EPERM"] * 4
    again = "subprocess.run(['unshare', '--user', 'true'], capture_output=True, text=True).stderr"
    assert "unshare failed" in session.ask(f"import subprocess\n{again}")


def test_it_writes_to_its_own_places_only(session):
    places = [
        *("/", "/usr", "/usr/bin", "/etc", "/home", "/mnt", "/dev", "/session", "/proc"),
        *{f"{sys.prefix}/lib", f"{sys.base_prefix}/lib", str(Path(os.__file__).parent)},
        *("/tmp", layout.HOME, layout.DATA, "/dev/shm"),
    ]
    could = session.ask(
        "import tempfile\n"
        "def can(folder):\n"
        "    try: tempfile.TemporaryFile(dir=folder).close()\n"
        "    except OSError: return False\n"
        "    return True\n"
        f"[place for place in {places} if can(place)]"
    )
    assert could == places[-4:]


def test_its_processes_stay_the_first_to_end_when_memory_runs_out(session):
    lowered = session.ask(
        "def lowered():\n"
        "    try: open('/proc/self/oom_score_adj', 'w').write('0')\n"
        "    except OSError: pass\n"
        "    return open('/proc/self/oom_score_adj').read().strip()\n"
        "lowered()"
    )
    assert lowered == "1000"


def test_every_other_mount_is_read_only(session):
    writable = session.ask(
        "fields = [line.split() for line in open('/proc/self/mountinfo')]\n"
        "[f[4] for f in fields if 'ro' not in f[5].split(',')]"
    )
    devices = {f"/dev/{name}" for name in layout.DEVICES}
    own = {"/tmp", layout.HOME, f"{layout.HOME}/.sockets", layout.DATA}
    assert set(writable) - devices == own | {"/dev/pts", "/dev/shm"}


def test_it_cannot_set_what_concerns_the_whole_machine(session):
    for path in (
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/user/max_user_namespaces",
    ):
        assert session.failure(f"open('{path}', 'w')") in {"OSError", "PermissionError"}
    # An empty file where a device can be mounted, and else one that cannot be opened.
    words = session.ask(
        "import contextlib\n"
        "words = ''\n"
        f"for name in {layout.PROC_MASKED}:\n"
        "    with contextlib.suppress(OSError): words += open(f'/proc/{name}').read(1)\n"
        "words"
    )
    assert words == ""


def test_it_cannot_touch_its_init(session):
    assert session.failure("import os\nos.readlink('/proc/1/fd/3')") == "PermissionError"
    assert session.failure("open('/proc/1/mem', 'rb')") == "PermissionError"
    session.ask("[os.kill(1, number) for number in range(1, 32)]")
    assert session.interpreter.alive
    assert session.ask("1") == 1


def test_it_has_no_terminal_of_the_pool_and_no_file_of_it(session):
    assert session.failure("open('/dev/tty')") == "OSError"
    links = session.ask("[os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)]")
    assert links[0] == "/dev/null"
    assert all(link.startswith("pipe:") for link in links[1:])


def test_programs_terminals_and_shared_memory_work(session):
    assert session.ask("words = !echo hello; stty size\n[*words]")[0] == "hello"
    assert session.ask("import multiprocessing\nmultiprocessing.Lock().acquire()")


def test_files_are_shared_with_the_pool(session):
    (session.folder / "data" / "in.txt").write_text("from the pool")
    assert session.ask("open('/mnt/data/in.txt').read()") == "from the pool"
    session.ask("open('/mnt/data/out.txt', 'w').write('from the session')")
    assert (session.folder / "data" / "out.txt").read_text() == "from the session"


def test_a_session_of_a_long_path_starts(runner, kind, tmp_path):
    folder = tmp_path / ("a folder 'quoted' $HOME " + "x" * 120)
    session = Session(runner, folder, kind)
    session.ask("open('/mnt/data/file', 'w').write('x')")
    session.close()
    assert [path.name for path in folder.rglob("*")] == ["data", "file"]


def test_without_bubblewrap_util_linux_is_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose.choose().name == "util-linux"
    with pytest.raises(LocalPoolError, match=r"The sandbox bwrap does not work .*not installed"):
        choose.choose("bwrap")


def test_bubblewrap_is_preferred():
    assert choose.choose().name == "bwrap"


def test_none_is_chosen_with_the_reason_where_nothing_works(monkeypatch, tmp_path):
    for name in ("bwrap", "setpriv"):
        (tmp_path / name).write_text("#!/bin/sh\necho Operation not permitted >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        "dynamic_sessions_kernel.localpool.sandbox.utillinux._SYSTEM_PROGRAMS", str(tmp_path)
    )
    chosen = choose.choose()
    assert chosen.name == "none"
    assert chosen.reason == ("bwrap: Operation not permitted; util-linux: unshare is not installed")


def test_an_unknown_kind_is_refused():
    with pytest.raises(LocalPoolError, match="no sandbox named 'docker'; choose one of auto"):
        choose.choose("docker")


def family(pid):
    """Every descendant of a process."""
    return set(psutil.Process(pid).children(recursive=True))


def all_end(processes):
    return not psutil.wait_procs(processes, timeout=10)[1]


SPAWN = """
import subprocess
for own in (True, False):
    shell = subprocess.Popen(
        ["sh", "-c", "trap '' TERM HUP; sleep 1000 & "
         "until read name < /proc/$!/comm && [ $name = sleep ]; do :; done; echo; wait"],
        stdout=subprocess.PIPE,
        start_new_session=own,
    )
    _ = shell.stdout.readline()  # the sleep is there now
True
"""


@pytest.mark.parametrize("any_kind", [*KINDS, "none"])
def test_closing_leaves_no_process_and_no_folder(runner, tmp_path, any_kind):
    others = family(os.getpid())
    session = Session(runner, tmp_path / "one", any_kind)
    session.ask(SPAWN)
    session.ask(
        "from pathlib import Path\n"
        "folder = Path.home() / 'a'\n"
        "[(folder / 'b').mkdir(parents=True), folder.chmod(0)]"
    )
    processes = family(os.getpid()) - others
    assert [each.name() for each in processes].count("sleep") == 2
    words = [Path(word) for each in processes for word in each.cmdline()]
    sockets = [word for word in words if word.name.startswith("dsk-")]
    assert len(sockets) == (any_kind == "none")
    session.close()
    session.close()
    assert not session.interpreter.alive
    assert all_end(processes)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["data"]
    assert not any(folder.exists() for folder in sockets)


POOL = """
import asyncio, sys
from pathlib import Path
from dynamic_sessions_kernel.localpool.sessions.interpreter import Interpreter
from dynamic_sessions_kernel.localpool.sandbox.choose import choose

async def main():
    session = await Interpreter.start(Path(sys.argv[1]), choose(sys.argv[2]))
    await session.execute(sys.argv[3], time_limit=30)
    print("ready", flush=True)
    await session.execute("while True: pass", time_limit=600)

asyncio.run(main())
"""


@pytest.mark.parametrize("any_kind", [*KINDS, "none"])
def test_a_killed_pool_leaves_no_process(tmp_path, any_kind):
    with subprocess.Popen(
        [sys.executable, "-c", POOL, str(tmp_path), any_kind, SPAWN],
        stdout=subprocess.PIPE,
    ) as pool:
        try:
            assert pool.stdout.readline() == b"ready\n"
            processes = family(pool.pid)
            assert [each.name() for each in processes].count("sleep") == 2
        finally:
            pool.kill()
    assert all_end(processes)
