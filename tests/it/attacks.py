"""Tries, from inside a sandbox, what a hostile patch could try. Prints as JSON what came of each attempt.

Each attempt runs in a process of its own. It is "open" when it got what it wanted, "blocked" when it was refused, and
"absent" when this machine has nothing to try it on. Attempts that would harm the machine stop one step short of it.
"""

import array, ctypes, fcntl, json, mmap, os, platform, pty, resource, signal, socket, stat, struct, sys, time

world = json.loads(sys.argv[1])
COPY, OUT, HOME = world["copy"], world["outside"], world["home"]
HEALER, SECRET = world["healer"], world["secret"].encode()
libc = ctypes.CDLL(None, use_errno=True)
ATTEMPTS = {}

NUMBERS = {
    "x86_64": dict(ptrace=101, process_vm_readv=310, pidfd_open=434, pidfd_getfd=438, mount=165, umount2=166,
                   unshare=272, clone=56, clone3=435, setns=308, open_by_handle_at=304, io_uring_setup=425, bpf=321,
                   perf_event_open=298, userfaultfd=323, keyctl=250, add_key=248, reboot=169, init_module=175,
                   kexec_load=246, syslog=103, clock_settime=227, fsopen=430, open_tree=428, sethostname=170,
                   chroot=161, swapon=167, linkat=265, setxattr=188, pivot_root=155, seccomp=317),
    "aarch64": dict(ptrace=117, process_vm_readv=270, pidfd_open=434, pidfd_getfd=438, mount=40, umount2=39,
                    unshare=97, clone=220, clone3=435, setns=268, open_by_handle_at=265, io_uring_setup=425, bpf=280,
                    perf_event_open=241, userfaultfd=282, keyctl=219, add_key=217, reboot=142, init_module=105,
                    kexec_load=104, syslog=116, clock_settime=112, fsopen=430, open_tree=428, sethostname=161,
                    chroot=51, swapon=224, linkat=37, setxattr=5, pivot_root=41, seccomp=277),
}[platform.machine()]


class Absent(Exception):
    """There is nothing to try it on."""


def attempt(function):
    ATTEMPTS[function.__name__] = function
    return function


def call(name, *arguments):
    """Makes a system call; refused ones raise."""
    number = NUMBERS[name] if isinstance(name, str) else name
    words = [a if isinstance(a, (bytes, ctypes.Array)) or a is None else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def own(name):
    """The file outside that is this attempt's own to damage."""
    return f"{OUT}/{name}"


def opens(path, flags):
    os.close(os.open(path, flags))
    return True


# --- writing outside the copy ---------------------------------------------------------------------------------------


@attempt
def write_a_file():
    with open(own("write_a_file"), "r+") as file:
        return file.write("x") == 1


@attempt
def append_to_a_file():
    with open(own("append_to_a_file"), "a") as file:
        return file.write("x") == 1


@attempt
def create_a_file():
    return opens(f"{OUT}/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


@attempt
def remove_a_file():
    os.unlink(own("remove_a_file"))
    return True


@attempt
def make_a_folder():
    os.mkdir(f"{OUT}/new-folder")
    return True


@attempt
def remove_a_folder():
    os.rmdir(f"{OUT}/empty")
    return True


@attempt
def rename_out_of_the_copy():
    opens(f"{COPY}/renamed", os.O_CREAT | os.O_WRONLY)
    os.rename(f"{COPY}/renamed", own("rename_out_of_the_copy"))
    return True


@attempt
def rename_into_the_copy():
    os.rename(own("rename_into_the_copy"), f"{COPY}/taken")
    return True


@attempt
def exchange_with_the_copy():
    opens(f"{COPY}/exchanged", os.O_CREAT | os.O_WRONLY)
    at, exchange = -100, 2
    if libc.renameat2(at, f"{COPY}/exchanged".encode(), at, own("exchange_with_the_copy").encode(), exchange) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")
    return True


@attempt
def link_into_the_copy_and_write():
    os.link(own("link_into_the_copy_and_write"), f"{COPY}/linked")
    with open(f"{COPY}/linked", "w") as file:
        return file.write("x") == 1


@attempt
def link_out_of_the_copy():
    opens(f"{COPY}/link", os.O_CREAT | os.O_WRONLY)
    os.link(f"{COPY}/link", f"{OUT}/link")
    return True


@attempt
def write_through_a_symlink():
    os.symlink(own("write_through_a_symlink"), f"{COPY}/symlink")
    with open(f"{COPY}/symlink", "r+") as file:
        return file.write("x") == 1


@attempt
def write_through_a_symlinked_folder():
    os.symlink(OUT, f"{COPY}/folder")
    return opens(f"{COPY}/folder/through-folder", os.O_CREAT | os.O_WRONLY)


@attempt
def symlink_outside():
    os.symlink("/etc/passwd", f"{OUT}/symlink")
    return True


@attempt
def write_by_proc_self_root():
    return opens("/proc/self/root" + own("write_by_proc_self_root"), os.O_WRONLY)


@attempt
def write_by_proc_self_cwd():
    os.chdir(OUT)
    return opens("/proc/self/cwd/write_by_proc_self_cwd", os.O_WRONLY)


@attempt
def write_by_an_open_folder():
    folder = os.open(OUT, os.O_RDONLY | os.O_DIRECTORY)
    os.close(os.open("write_by_an_open_folder", os.O_WRONLY, dir_fd=folder))
    return True


@attempt
def reopen_for_writing():
    handle = os.open(own("reopen_for_writing"), os.O_RDONLY)
    return opens(f"/proc/self/fd/{handle}", os.O_WRONLY)


@attempt
def write_by_mapping():
    handle = os.open(own("write_by_mapping"), os.O_RDWR)
    with mmap.mmap(handle, 4) as mapping:
        mapping[0:1] = b"x"
    return True


@attempt
def link_an_unnamed_file():
    handle = os.open(COPY, os.O_TMPFILE | os.O_RDWR)
    call("linkat", -100, f"/proc/self/fd/{handle}".encode(), -100, f"{OUT}/unnamed".encode(), 0x400)
    return True


@attempt
def make_a_fifo():
    os.mkfifo(f"{OUT}/fifo")
    return True


@attempt
def bind_a_socket():
    socket.socket(socket.AF_UNIX).bind(f"{OUT}/bound")
    return True


@attempt
def write_beside_the_copy():
    return opens(f"{COPY}/../new", os.O_CREAT | os.O_WRONLY)


@attempt
def write_a_startup_file():
    return opens(f"{HOME}/.bashrc", os.O_WRONLY | os.O_APPEND)


@attempt
def write_a_git_hook():
    return opens(f"{OUT}/.git/hooks/pre-commit", os.O_CREAT | os.O_WRONLY)


@attempt
def write_git_configuration():
    return opens(f"{OUT}/.git/config", os.O_WRONLY | os.O_APPEND)


@attempt
def write_by_proc_pid_root():
    return opens(f"/proc/{HEALER}/root{own('write_by_proc_pid_root')}", os.O_WRONLY)


@attempt
def write_by_proc_pid_fd():
    return opens(f"/proc/{HEALER}/fd/1", os.O_WRONLY)


@attempt
def truncate_a_file():
    os.truncate(own("truncate_a_file"), 0)
    return True


@attempt
def change_a_mode():
    os.chmod(own("change_a_mode"), 0o777)
    return True


@attempt
def change_times():
    os.utime(own("change_times"), (1, 1))
    return True


@attempt
def set_an_attribute():
    try:
        os.setxattr(f"{COPY}", "user.heal", b"x")
    except OSError:
        raise Absent
    os.setxattr(own("set_an_attribute"), "user.heal", b"x")
    return True


@attempt
def make_a_device():
    os.mknod(f"{COPY}/device", stat.S_IFCHR | 0o666, os.makedev(1, 1))
    return True


@attempt
def open_a_block_device():
    devices = [f"/dev/{name}" for name in os.listdir("/sys/block")]
    if not devices:
        raise Absent
    return any(opens(device, os.O_RDONLY) for device in devices if os.path.exists(device))


@attempt
def fill_the_disk():
    with open(f"{COPY}/large", "wb") as file:
        file.seek(world["file_bytes_max"])
        file.write(b"x")
        file.flush()
    return True


# --- reading what is hidden -----------------------------------------------------------------------------------------


def reads_secret(path):
    with open(path, "rb") as file:
        return SECRET in file.read()


@attempt
def read_a_key():
    return reads_secret(f"{HOME}/.ssh/id_ed25519")


@attempt
def read_a_netrc():
    return reads_secret(f"{HOME}/.netrc")


@attempt
def read_a_cloud_credential():
    return reads_secret(f"{HOME}/.aws/credentials")


@attempt
def read_a_registry_token():
    return reads_secret(f"{HOME}/.cargo/credentials.toml")


@attempt
def read_a_named_secret():
    return reads_secret(f"{OUT}/hidden.env")


@attempt
def read_beside_the_copy():
    return reads_secret(f"{COPY}/../memories")


@attempt
def read_a_key_by_symlink():
    os.symlink(f"{HOME}/.ssh", f"{COPY}/keys")
    return reads_secret(f"{COPY}/keys/id_ed25519")


@attempt
def read_a_key_by_link():
    os.link(f"{HOME}/.ssh/id_ed25519", f"{COPY}/key")
    return reads_secret(f"{COPY}/key")


@attempt
def read_a_key_by_rename():
    os.rename(f"{HOME}/.ssh/old_key", f"{COPY}/old_key")
    return reads_secret(f"{COPY}/old_key")


@attempt
def read_a_key_by_proc_self_root():
    return reads_secret(f"/proc/self/root{HOME}/.ssh/id_ed25519")


@attempt
def read_a_key_by_an_open_folder():
    folder = os.open(HOME, os.O_PATH | os.O_DIRECTORY)
    handle = os.open(".ssh/id_ed25519", os.O_RDONLY, dir_fd=folder)
    return SECRET in os.read(handle, 4096)


@attempt
def run_a_hidden_program():
    return os.spawnl(os.P_WAIT, f"{HOME}/.ssh/program", "program") == 0


@attempt
def read_shadow():
    if os.geteuid() != 0:
        raise Absent
    with open("/etc/shadow") as file:
        return "root" in file.read()


@attempt
def read_environments():
    found = False
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found = found or (int(pid) != os.getpid() and reads_secret(f"/proc/{pid}/environ"))
        except OSError:
            pass
    return found


@attempt
def read_memory():
    with open(f"/proc/{HEALER}/maps") as file:
        start = next(int(line.split("-")[0], 16) for line in file if "[stack]" in line or "r--p" in line)
    with open(f"/proc/{HEALER}/mem", "rb") as memory:
        memory.seek(start)
        return len(memory.read(16)) == 16


@attempt
def read_by_proc_pid_fd():
    return reads_secret(f"/proc/{HEALER}/fd/0")


@attempt
def copy_memory():
    with open(f"/proc/{HEALER}/maps") as file:
        start = next(int(line.split("-")[0], 16) for line in file if "r--p" in line)
    buffer = ctypes.create_string_buffer(16)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    remote = (ctypes.c_size_t * 2)(start, 16)
    return call("process_vm_readv", HEALER, local, 1, remote, 1, 0) == 16


@attempt
def read_shared_memory():
    return reads_secret(f"/dev/shm/{world['shared']}")


# --- the network ----------------------------------------------------------------------------------------------------


@attempt
def connect_by_tcp():
    with socket.create_connection(("127.0.0.1", world["tcp"]), timeout=5):
        return True


@attempt
def send_by_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.sendto(b"ping", ("127.0.0.1", world["udp"]))
        return client.recv(16) == b"pong"


@attempt
def find_a_way_out():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("192.0.2.1", 9))
        return True


@attempt
def connect_to_an_abstract_socket():
    socket.socket(socket.AF_UNIX).connect(b"\0" + world["abstract"].encode())
    return True


@attempt
def connect_to_a_local_socket():
    socket.socket(socket.AF_UNIX).connect(f"{OUT}/engine.sock")
    return True


@attempt
def connect_to_a_late_socket():
    opens(f"{COPY}/please-listen", os.O_CREAT | os.O_WRONLY)
    for _ in range(100):
        if os.path.exists(f"{OUT}/late.sock"):
            break
        time.sleep(0.02)
    socket.socket(socket.AF_UNIX).connect(f"{OUT}/late.sock")
    return True


@attempt
def use_a_packet_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    return True


@attempt
def use_a_raw_socket():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    return True


@attempt
def use_a_machine_socket():
    vsock = 40
    socket.socket(vsock, socket.SOCK_STREAM)
    return True


@attempt
def use_a_crypto_socket():
    alg = 38
    socket.socket(alg, socket.SOCK_SEQPACKET)
    return True


@attempt
def change_an_interface():
    request = struct.pack("=IHHIIBxHiII", 32, 16, 5, 1, 0, 0, 0, 1, 0, 1)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        route.send(request)
        (error,) = struct.unpack_from("=i", route.recv(256), 16)
        return error == 0


# --- other processes ------------------------------------------------------------------------------------------------


@attempt
def signal_the_healer():
    os.kill(HEALER, 0)
    return True


@attempt
def see_the_healer():
    with open(f"/proc/{HEALER}/cmdline") as file:
        return world["healer_name"] in file.read()


@attempt
def slow_the_healer():
    os.setpriority(os.PRIO_PROCESS, HEALER, 1)
    return True


@attempt
def limit_the_healer():
    resource.prlimit(HEALER, resource.RLIMIT_CORE, (0, 0))
    return True


@attempt
def trace_the_healer():
    seize = 0x4206
    return call("ptrace", seize, HEALER, 0, 0) == 0


@attempt
def trace_a_child():
    return call("ptrace", 0, 0, 0, 0) == 0


@attempt
def take_a_descriptor():
    handle = call("pidfd_open", HEALER, 0)
    return call("pidfd_getfd", handle, 0, 0) >= 0


@attempt
def fork_without_end():
    children = []
    try:
        for _ in range(world["n_processes_far_too_many"]):
            pid = os.fork()
            if pid == 0:
                time.sleep(30)
                os._exit(0)
            children.append(pid)
        return True
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


# --- the system -----------------------------------------------------------------------------------------------------


def capabilities():
    with open("/proc/self/status") as file:
        return {line.split(":")[0]: line.split()[1] for line in file if line.startswith(("Cap", "NoNewPrivs"))}


@attempt
def have_capabilities():
    return any(int(value, 16) for name, value in capabilities().items() if name in ("CapPrm", "CapEff", "CapAmb"))


@attempt
def gain_privileges():
    return capabilities()["NoNewPrivs"] != "1"


@attempt
def write_the_core_pattern():
    return opens("/proc/sys/kernel/core_pattern", os.O_WRONLY)


@attempt
def write_the_system_request():
    return opens("/proc/sysrq-trigger", os.O_WRONLY)


@attempt
def write_a_kernel_setting():
    return opens("/sys/kernel/mm/transparent_hugepage/enabled", os.O_WRONLY)


@attempt
def move_to_another_group_of_control():
    groups = ["/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"]
    groups = [group for group in groups if os.path.exists(group)]
    if not groups:
        raise Absent
    return any(opens(group, os.O_WRONLY) for group in groups)


@attempt
def map_another_user():
    return opens("/proc/self/uid_map", os.O_WRONLY)


@attempt
def name_the_host():
    name = socket.gethostname().encode()
    return call("sethostname", name, len(name)) == 0


@attempt
def set_the_clock():
    now = (ctypes.c_long * 2)(int(time.time()), 0)
    return call("clock_settime", 0, now) == 0


@attempt
def mount_a_file_system():
    return call("mount", b"none", COPY.encode(), b"tmpfs", 0, None) == 0


@attempt
def mount_the_new_way():
    return call("fsopen", b"tmpfs", 0) >= 0


@attempt
def hold_a_tree():
    return call("open_tree", -100, b"/", 1) >= 0


@attempt
def uncover_a_hidden_folder():
    return call("umount2", f"{HOME}/.ssh".encode(), 2) == 0


@attempt
def change_the_root():
    return call("chroot", COPY.encode()) == 0


@attempt
def swap_the_root():
    return call("pivot_root", b".", b".") == 0


@attempt
def make_a_user_namespace():
    return call("unshare", 0x10000000) == 0


@attempt
def clone_into_a_namespace():
    pid = call("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return True


@attempt
def clone_with_hidden_flags():
    flags = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, signal.SIGCHLD)
    pid = call("clone3", flags, 88)
    if pid == 0:
        os._exit(0)
    return True


@attempt
def enter_a_namespace():
    return call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0) == 0


@attempt
def open_by_handle():
    handle = (ctypes.c_uint32 * 4)(8, 1, 0, 0)
    return call("open_by_handle_at", os.open("/", os.O_RDONLY), handle, 0) >= 0


@attempt
def use_an_io_ring():
    return call("io_uring_setup", 4, (ctypes.c_uint8 * 120)()) >= 0


@attempt
def load_a_program_into_the_kernel():
    return call("bpf", 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72) >= 0


@attempt
def count_events():
    return call("perf_event_open", (ctypes.c_uint32 * 28)(1, 112), 0, -1, -1, 0) >= 0


@attempt
def handle_page_faults():
    return call("userfaultfd", 1) >= 0


@attempt
def look_for_keys():
    return call("keyctl", 0, -3, 0, 0, 0) >= 0


@attempt
def add_a_key():
    return call("add_key", b"user", b"heal", b"x", 1, -3) >= 0


@attempt
def restart_the_machine():
    try:
        return call("reboot", 0, 0, 0, 0) == 0
    except OSError as error:
        return error.errno == 22  # It was wrong magic that it failed by, not a right.


@attempt
def load_a_module():
    return call("init_module", b"", 0, b"") == 0


@attempt
def load_a_kernel():
    return call("kexec_load", 0, 0, None, 0) == 0


@attempt
def swap_to_a_file():
    return call("swapon", f"{COPY}/none".encode(), 0) == 0


@attempt
def read_the_kernel_log():
    return call("syslog", 10, None, 0) >= 0


@attempt
def call_by_the_second_numbering():
    if platform.machine() != "x86_64":
        raise Absent
    return call(0x40000000 | 39) > 0


@attempt
def type_for_the_user():
    _, slave = pty.openpty()
    fcntl.ioctl(slave, 0x5412, b"x")
    return True


@attempt
def open_the_users_terminal():
    return opens("/dev/tty", os.O_RDWR)


# --------------------------------------------------------------------------------------------------------------------


def outcome(function):
    """Runs an attempt in a process of its own, because some change it or die."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            came_of_it = "open" if function() else "blocked"
        except Absent:
            came_of_it = "absent"
        except OSError as error:
            came_of_it = f"blocked: {error.strerror}"
        except BaseException as error:
            came_of_it = f"failed: {error!r}"
        os.write(writer, came_of_it.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read().decode()
    os.waitpid(pid, 0)
    return said or "died"


wanted = world["only"] or list(ATTEMPTS)
print(json.dumps({name: outcome(ATTEMPTS[name]) for name in wanted}))
